#!/usr/bin/env bash
# The story of story.md through the AWS CLI.
set -euo pipefail
. ./checks.sh
account=000000000000
app=arn:aws:iam::$account:role/app
trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"'$account'"},"Action":"sts:AssumeRole"}]}'

# 1
aws iam create-user --user-name bob >"$dir/user"
read -r key secret < <(aws iam create-access-key --user-name bob --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
equal "$(aws iam create-role --role-name app --assume-role-policy-document "$trust" --query Role.Arn --output text)" $app

# 2
bob() { with "$key" "$secret" -- aws "$@"; }
equal "$(bob sts get-caller-identity --query Arn --output text)" "arn:aws:iam::$account:user/bob"
refused "user/bob is not authorized to perform: sts:AssumeRole on resource: $app" bob sts assume-role --role-arn $app --role-session-name story

# 3
aws iam put-user-policy --user-name bob --policy-name assume --policy-document \
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"'$app'"}}'
read -r akid asecret token < <(bob sts assume-role --role-arn $app --role-session-name story \
  --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
session() { with "$akid" "$asecret" "$token" -- aws "$@"; }
equal "$(session sts get-caller-identity --query Arn --output text)" "arn:aws:sts::$account:assumed-role/app/story"

# 4
keyarn=$(aws kms create-key --query KeyMetadata.Arn --output text)
aws kms create-alias --alias-name alias/story --target-key-id "$keyarn"
printf hello >"$dir/plain"
encrypt() {
  session kms encrypt --key-id alias/story --plaintext "fileb://$dir/plain" --encryption-context app=story --query CiphertextBlob --output text
}
refused "not authorized to perform: kms:Encrypt on resource: $keyarn" encrypt
aws iam put-role-policy --role-name app --policy-name crypt --policy-document \
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:Sign","kms:Verify"],"Resource":"*"}}'

# 5
encrypt | base64 -d >"$dir/blob"
equal "$(session kms decrypt --ciphertext-blob "fileb://$dir/blob" --encryption-context app=story --query Plaintext --output text | base64 -d)" hello
refused InvalidCiphertextException session kms decrypt --ciphertext-blob "fileb://$dir/blob" --encryption-context app=other

# 6
rsa=$(aws kms create-key --key-spec RSA_2048 --key-usage SIGN_VERIFY --query KeyMetadata.KeyId --output text)
session kms sign --key-id "$rsa" --message "fileb://$dir/plain" --signing-algorithm RSASSA_PSS_SHA_256 \
  --query Signature --output text | base64 -d >"$dir/signature"
verify() {
  session kms verify --key-id "$rsa" --message "fileb://$1" --signature "fileb://$dir/signature" \
    --signing-algorithm RSASSA_PSS_SHA_256 --query SignatureValid --output text
}
equal "$(verify "$dir/plain")" True
refused KMSInvalidSignatureException verify "$dir/blob"

# 7
for n in $(seq -w 4); do aws iam create-role --role-name "role-$n" --assume-role-policy-document "$trust" >"$dir/role"; done
equal "$(aws iam list-roles --page-size 2 --query 'length(Roles)' --output text | paste -sd+ | bc)" 5
refused NoSuchEntity aws iam get-role --role-name missing

# 8
refused SignatureDoesNotMatch with test wrong -- aws sts get-caller-identity
refused InvalidSignatureException with test wrong -- aws kms list-keys
