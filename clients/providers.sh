#!/usr/bin/env bash
# What providers.md says, against the emulator at AWS_ENDPOINT_URL.
set -euo pipefail
emulator=$EMULATOR
account=000000000000
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/whoami" ./whoami
export WHOAMI_GO=$dir/whoami WHOAMI_JAVA=java/target/classes:$(cat java/target/classpath)

fail() { echo "providers.sh: $*" >&2; exit 1; }
role() { # role NAME PRINCIPAL ACTION CONDITION
  aws iam create-role --role-name "$1" --query Role.Arn --output text --assume-role-policy-document \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":'"$2"',"Action":"sts:'"$3"'","Condition":'"$4"'}]}'
}
may() { # may user|role NAME ACTION
  aws iam put-"$1"-policy --"$1"-name "$2" --policy-name may --policy-document '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"'"$3"'","Resource":"*"}}'
}

# The clients. Each prints the ARN of who it is, with a profile if one is given.
cli() { aws ${1:+--profile "$1"} sts get-caller-identity --query Arn --output text; }
python() { python3 whoami.py "$@"; }
go() { "$WHOAMI_GO" "$@"; }
javascript() { node whoami.mjs "$@"; }
java() { command java -cp "$WHOAMI_JAVA" Whoami "$@" 2>/dev/null; }
clients="cli python go javascript"
[ -s java/target/classpath ] && clients="$clients java"

# The AWS CLI caches the credentials of roles in the home directory.
export HOME=$dir AWS_CONFIG_FILE=$dir/config AWS_SHARED_CREDENTIALS_FILE=$dir/credentials
touch "$dir/config" "$dir/credentials"
aws iam create-user --user-name bob >/dev/null
may user bob 'sts:*'
read -r key secret < <(aws iam create-access-key --user-name bob --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
bob='{"AWS":"arn:aws:iam::'$account':user/bob"}'
switched=$(role switched "$bob" AssumeRole '{"StringEquals":{"sts:ExternalId":"xyz"}}')
may role switched sts:AssumeRole
chained=$(role chained '{"AWS":"'"$switched"'"}' AssumeRole '{}')
instance=$(role instance '{"Service":"ec2.amazonaws.com"}' AssumeRole '{}')
may role instance sts:AssumeRole
plain=$(role plain '{"AWS":["arn:aws:iam::'$account':user/bob","'"$instance"'"]}' AssumeRole '{}')
guarded=$(role guarded "$bob" AssumeRole '{"Bool":{"aws:MultiFactorAuthPresent":"true"}}')
aws iam create-open-id-connect-provider --url https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE \
  --client-id-list sts.amazonaws.com >"$dir/provider"
provider=$(sed -n 's/.*"OpenIDConnectProviderArn": "\(.*\)".*/\1/p' "$dir/provider")
issuer=${provider#*oidc-provider/}
web=$(role web '{"Federated":"'"$provider"'"}' AssumeRoleWithWebIdentity '{"StringEquals":{"'"$issuer"':sub":"system:serviceaccount:shop:cart"}}')
"$emulator" token --issuer eks --claim namespace=shop --claim serviceaccount=cart --endpoint "$AWS_ENDPOINT_URL" >"$dir/token"

serial=$(aws iam create-virtual-mfa-device --virtual-mfa-device-name phone --bootstrap-method Base32StringSeed --outfile "$dir/seed" --query VirtualMFADevice.SerialNumber --output text)
# code: that of the emulated time, which goes on a minute, so that it was not used yet.
code() {
  curl -sf -X POST -d '{"advance":"60s"}' "$AWS_ENDPOINT_URL/_emulator/clock" | python3 totp.py "$dir/seed" "${1:-0}"
}
codes=$(code -30)
aws iam enable-mfa-device --user-name bob --serial-number "$serial" --authentication-code1 "${codes% *}" --authentication-code2 "${codes#* }"

cat >"$dir/config" <<CONFIG
[profile bob]
aws_access_key_id = $key
aws_secret_access_key = $secret
[profile switched]
role_arn = $switched
source_profile = bob
external_id = xyz
duration_seconds = 1800
role_session_name = story
[profile unswitched]
role_arn = $switched
source_profile = bob
role_session_name = story
[profile chained]
role_arn = $chained
source_profile = switched
role_session_name = story
[profile guarded]
role_arn = $guarded
source_profile = bob
mfa_serial = $serial
role_session_name = story
[profile environment]
role_arn = $plain
credential_source = Environment
role_session_name = story
[profile web]
role_arn = $web
web_identity_token_file = $dir/token
role_session_name = story
[profile process]
credential_process = $emulator credentials --role $plain --profile bob --session-name story --endpoint $AWS_ENDPOINT_URL
[profile metadata]
role_arn = $plain
credential_source = Ec2InstanceMetadata
role_session_name = story
CONFIG
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

session() { echo "arn:aws:sts::$account:assumed-role/$1/${2:-story}"; }
# expect NAME WANT COMMAND…: each client must print WANT. A client that does not have a provider is left out by $without.
expect() {
  local name=$1 want=$2 client got
  shift 2
  for client in $clients; do
    case " ${without:-} " in *" $client "*) continue ;; esac
    got=$("$@" $client 2>"$dir/err") || fail "$name: $client: $(cat "$dir/err")"
    [ "$got" = "$want" ] || fail "$name: $client says '$got', want '$want'"
  done
  echo "  $name: ok"
}
profile() { $2 "$1"; }

expect "keys in a profile" "arn:aws:iam::$account:user/bob" profile bob
expect "role of a source profile" "$(session switched)" profile switched
expect "chained roles" "$(session chained)" profile chained
for client in $clients; do
  if $client unswitched >"$dir/out" 2>&1; then fail "without the external ID: $client: $(cat "$dir/out")"; fi
done
echo "  refused without the external ID: ok"

# Python asks on the terminal, or on standard input if there is none. Java's SDK has no way to ask.
guarded() { local now; now=$(code); MFA_CODE=$now setsid --wait bash -c "$(declare -f cli python go javascript); $1 guarded" <<<"$now"; }
without=java expect "second factor" "$(session guarded)" guarded

environment() { AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret $1 environment; }
without=java expect "credential_source = Environment" "$(session plain)" environment
expect "web identity token file" "$(session web)" profile web
environment() { AWS_ROLE_ARN=$web AWS_WEB_IDENTITY_TOKEN_FILE=$dir/token AWS_ROLE_SESSION_NAME=story $1; }
expect "web identity in the environment" "$(session web)" environment
expect "credential_process" "$(session plain)" profile process

# The command runs in another shell, which needs the clients.
container() {
  "$emulator" exec $eks --role "$plain" --profile bob --session-name story --endpoint "$AWS_ENDPOINT_URL" -- \
    bash -c "$(declare -f cli python go javascript java); $1"
}
eks= expect "container credentials" "$(session plain)" container
eks=--eks expect "EKS Pod Identity" "$(session plain)" container

export AWS_EC2_METADATA_DISABLED=false AWS_EC2_METADATA_SERVICE_ENDPOINT=$METADATA_ENDPOINT
expect "instance metadata" "$(session instance i-1234567890abcdef0)" eval
expect "credential_source = Ec2InstanceMetadata" "$(session plain)" profile metadata
