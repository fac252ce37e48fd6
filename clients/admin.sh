#!/usr/bin/env bash
# The story of admin.md through the AWS CLI.
set -euo pipefail
. ./checks.sh
account=000000000000
boundary=arn:aws:iam::$account:policy/boundary

quiet() { "$@" >"$dir/out"; }
# code [OFFSET]: what alice's device shows, by the emulated clock
code() { curl -sf "$AWS_ENDPOINT_URL/_emulator/clock" | python3 totp.py "$dir/seed" "${1:-0}"; }
advance() { curl -sf -d '{"advance":"'"$1"'"}' "$AWS_ENDPOINT_URL/_emulator/clock" >"$dir/out"; }

# 1
refused "failed to satisfy constraint: Member must satisfy regular expression pattern" aws iam create-account-alias --account-alias My_Company
aws iam create-account-alias --account-alias my-company
refused "NoSuchEntity" aws iam get-account-password-policy
aws iam update-account-password-policy --minimum-password-length 12 --require-numbers --require-symbols --allow-users-to-change-password --password-reuse-prevention 2
# Not even an administrator takes the boundary from those that have it, or makes users without it.
cat >"$dir/boundary" <<POLICY
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "*", "Resource": "*"},
  {"Effect": "Deny", "Action": ["iam:DeleteUserPermissionsBoundary", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"], "Resource": "*"},
  {"Effect": "Deny", "Action": ["iam:CreateUser", "iam:PutUserPermissionsBoundary"], "Resource": "*", "Condition": {"StringNotEquals": {"iam:PermissionsBoundary": "$boundary"}}}
]}
POLICY
quiet aws iam create-policy --policy-name boundary --policy-document "file://$dir/boundary"
quiet aws iam create-group --group-name staff
cat >"$dir/self" <<'POLICY'
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": ["iam:GetUser", "iam:ChangePassword", "iam:*AccessKey*", "iam:*SSHPublicKey*", "iam:EnableMFADevice", "iam:ResyncMFADevice", "iam:ListMFADevices"],
   "Resource": "arn:aws:iam::*:user/${aws:username}"},
  {"Effect": "Allow", "Action": "iam:CreateVirtualMFADevice", "Resource": "arn:aws:iam::*:mfa/${aws:username}"}
]}
POLICY
refused "Syntax errors in policy." aws iam put-group-policy --group-name staff --policy-name self --policy-document '{"Statement": []'
refused "Policy document should not specify a principal." aws iam put-group-policy --group-name staff --policy-name self \
  --policy-document '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "iam:GetUser", "Resource": "*"}}'
aws iam put-group-policy --group-name staff --policy-name self --policy-document "file://$dir/self"
aws iam put-group-policy --group-name staff --policy-name admin-with-mfa \
  --policy-document '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}}'

# 2
refused "The specified value for userName is invalid" aws iam create-user --user-name 'alice smith'
quiet aws iam create-user --user-name alice --permissions-boundary "$boundary"
refused "EntityAlreadyExists) when calling the CreateUser operation: User with name Alice already exists." aws iam create-user --user-name Alice
refused "The group with name nobodies cannot be found." aws iam add-user-to-group --group-name nobodies --user-name alice
aws iam add-user-to-group --group-name staff --user-name alice
refused "PasswordPolicyViolation) when calling the CreateLoginProfile operation: Password should have a minimum length of 12" \
  aws iam create-login-profile --user-name alice --password short-1
quiet aws iam create-login-profile --user-name alice --password first-password-1
read -r akid secret < <(aws iam create-access-key --user-name alice --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
alice() { with "$akid" "$secret" -- aws "$@"; }
alice iam change-password --old-password first-password-1 --new-password second-password-2
refused "PasswordPolicyViolation" alice iam change-password --old-password second-password-2 --new-password first-password-1
second=$(alice iam create-access-key --query AccessKey.AccessKeyId --output text)
refused "LimitExceeded) when calling the CreateAccessKey operation: Cannot exceed quota for AccessKeysPerUser: 2" alice iam create-access-key
alice iam delete-access-key --access-key-id "$second"
equal "$(alice iam list-access-keys --query 'AccessKeyMetadata[].AccessKeyId' --output text)" "$akid"
refused "not authorized to perform: iam:ListAccessKeys on resource: arn:aws:iam::$account:user/bob because no identity-based policy allows" alice iam list-access-keys --user-name bob

# 3
refused "not authorized to perform: iam:CreateVirtualMFADevice" alice iam create-virtual-mfa-device --virtual-mfa-device-name bob --bootstrap-method Base32StringSeed --outfile "$dir/seed"
phone=$(alice iam create-virtual-mfa-device --virtual-mfa-device-name alice --bootstrap-method Base32StringSeed --outfile "$dir/seed" --query VirtualMFADevice.SerialNumber --output text)
read -r before now < <(code -30)
refused "InvalidAuthenticationCode" alice iam enable-mfa-device --user-name alice --serial-number "$phone" --authentication-code1 "$now" --authentication-code2 "$before"
alice iam enable-mfa-device --user-name alice --serial-number "$phone" --authentication-code1 "$before" --authentication-code2 "$now"
refused "not authorized to perform: iam:ListUsers" alice iam list-users
refused "MultiFactorAuthentication failed with invalid MFA one time pass code" alice sts get-session-token --serial-number "$phone" --token-code "$now"
advance 30s
read -r sid ssecret token < <(alice sts get-session-token --serial-number "$phone" --token-code "$(code)" --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
admin() { with "$sid" "$ssecret" "$token" -- aws "$@"; }
equal "$(admin iam list-users --query 'Users[].UserName' --output text)" alice

# 4
refused "with an explicit deny in a permissions boundary" admin iam create-user --user-name bob
quiet admin iam create-user --user-name bob --permissions-boundary "$boundary"
refused "with an explicit deny in a permissions boundary" admin iam delete-user-permissions-boundary --user-name bob
admin iam delete-user --user-name bob

# 5
refused 'Invalid principal in policy: "SERVICE":"nothing.amazonaws.com"' admin iam create-role --role-name app \
  --assume-role-policy-document '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "nothing.amazonaws.com"}, "Action": "sts:AssumeRole"}}'
quiet admin iam create-role --role-name app \
  --assume-role-policy-document '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}}'
quiet admin iam create-instance-profile --instance-profile-name app
admin iam add-role-to-instance-profile --instance-profile-name app --role-name app
refused "LimitExceeded) when calling the AddRoleToInstanceProfile operation: Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1" \
  admin iam add-role-to-instance-profile --instance-profile-name app --role-name app
refused "DeleteConflict) when calling the DeleteRole operation: Cannot delete entity, must remove roles from instance profile first." admin iam delete-role --role-name app
refused "Cannot find Service Linked Role template for nothing.amazonaws.com" admin iam create-service-linked-role --aws-service-name nothing.amazonaws.com
linked=$(admin iam create-service-linked-role --aws-service-name batch.amazonaws.com --query Role.RoleName --output text)
refused "UnmodifiableEntity" admin iam delete-role --role-name "$linked"
task=$(admin iam delete-service-linked-role --role-name "$linked" --query DeletionTaskId --output text)
equal "$(admin iam get-service-linked-role-deletion-status --deletion-task-id "$task" --query Status --output text)" SUCCEEDED

# 6
refused "InvalidPublicKey" alice iam upload-ssh-public-key --user-name alice --ssh-public-key-body "ssh-rsa AAAA"
ssh-keygen -q -t rsa -b 2048 -N '' -C alice -f "$dir/ssh"
sshkey=$(alice iam upload-ssh-public-key --user-name alice --ssh-public-key-body "$(<"$dir/ssh.pub")" --query SSHPublicKey.SSHPublicKeyId --output text)
openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=site -keyout "$dir/key" -out "$dir/certificate" 2>"$dir/err"
openssl genrsa -out "$dir/other" 2048 2>"$dir/err"
refused "KeyPairMismatch" admin iam upload-server-certificate --server-certificate-name site --certificate-body "file://$dir/certificate" --private-key "file://$dir/other"
quiet admin iam upload-server-certificate --server-certificate-name site --certificate-body "file://$dir/certificate" --private-key "file://$dir/key"

# 7
refused "ReportNotPresent" admin iam get-credential-report
# until_is WANT COMMAND…: what AWS makes in the background takes seconds, by the emulated clock
until_is() {
  local want=$1; shift
  for _ in $(seq 10); do
    [ "$("$@")" = "$want" ] && return
    advance 2s
  done
  fail "$* does not come to $want"
}
until_is COMPLETE admin iam generate-credential-report --query State --output text
admin iam get-credential-report --query Content --output text | base64 -d >"$dir/report"
python3 - "$dir/report" <<'PYTHON'
import csv, sys
row = next(r for r in csv.DictReader(open(sys.argv[1])) if r["user"] == "alice")
assert (row["mfa_active"], row["password_enabled"], row["access_key_1_active"], row["access_key_2_active"]) == ("true", "true", "true", "false"), row
assert row["access_key_1_last_used_service"] in ("iam", "sts"), row
PYTHON
job=$(admin iam generate-service-last-accessed-details --arn "arn:aws:iam::$account:user/alice" --query JobId --output text)
until_is COMPLETED admin iam get-service-last-accessed-details --job-id "$job" --query JobStatus --output text
equal "$(admin iam get-service-last-accessed-details --job-id "$job" --max-items 1000 --query 'ServicesLastAccessed[?LastAuthenticated].ServiceNamespace' --output text)" "iam	sts"

# 8
refused "DeleteConflict" aws iam delete-user --user-name alice
aws iam remove-user-from-group --group-name staff --user-name alice
aws iam delete-login-profile --user-name alice
aws iam delete-ssh-public-key --user-name alice --ssh-public-key-id "$sshkey"
aws iam delete-access-key --user-name alice --access-key-id "$akid"
refused "InvalidClientTokenId" alice sts get-caller-identity
refused "MFA VirtualDevice in use. Must deactivate first." aws iam delete-virtual-mfa-device --serial-number "$phone"
aws iam deactivate-mfa-device --user-name alice --serial-number "$phone"
aws iam delete-virtual-mfa-device --serial-number "$phone"
aws iam delete-user --user-name alice
refused "The user with name alice cannot be found." aws iam get-user --user-name alice
