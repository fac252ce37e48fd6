#!/usr/bin/env bash
# The story of keys.md through the AWS CLI.
set -euo pipefail
. ./checks.sh
account=000000000000
printf hello >"$dir/plain"

# move the emulated clock
advance() { curl -sf -d '{"advance":"'"$1"'"}' "$AWS_ENDPOINT_URL/_emulator/clock" >"$dir/out"; }
describe() { aws kms describe-key --key-id "$1" --query "KeyMetadata.$2" --output text "${@:3}"; }
# encrypt KEY [OPTION…]: the blob
encrypt() { aws kms encrypt --key-id "$1" --plaintext "fileb://$dir/plain" --query CiphertextBlob --output text "${@:2}" | base64 -d; }
# decrypt BLOB [OPTION…]: plaintext and key material
decrypt() { aws kms decrypt --ciphertext-blob "fileb://$1" --query '[Plaintext,KeyMaterialId]' --output text "${@:2}"; }
plain=$(base64 <"$dir/plain")

# 1
key=$(aws kms create-key --origin EXTERNAL --query KeyMetadata.KeyId --output text)
equal "$(describe "$key" KeyState)" PendingImport
openssl rand 32 >"$dir/mine"
openssl rand 32 >"$dir/other"
# put BYTES [OPTION…]: wrap the bytes and import them
put() {
  read -r public token < <(aws kms get-parameters-for-import --key-id "$key" --wrapping-algorithm RSAES_OAEP_SHA_256 \
    --wrapping-key-spec RSA_3072 --query '[PublicKey,ImportToken]' --output text)
  base64 -d <<<"$public" >"$dir/public"
  base64 -d <<<"$token" >"$dir/token"
  openssl pkeyutl -encrypt -in "$dir/$1" -out "$dir/wrapped" -pubin -inkey "$dir/public" -keyform DER \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256
  aws kms import-key-material --key-id "$key" --import-token "fileb://$dir/token" --encrypted-key-material "fileb://$dir/wrapped" \
    "${@:2}" --query KeyMaterialId --output text
}
material=$(put mine --valid-to $(($(date +%s) + 86400)))
equal "$(describe "$key" '[KeyState,ExpirationModel]')" "Enabled	KEY_MATERIAL_EXPIRES"
encrypt "$key" >"$dir/blob"
equal "$(decrypt "$dir/blob")" "$plain	$material"
advance 48h
equal "$(describe "$key" KeyState)" PendingImport
refused "KMSInvalidStateException" decrypt "$dir/blob"
refused "IncorrectKeyMaterialException" put other --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE
equal "$(put mine --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE)" "$material"
equal "$(decrypt "$dir/blob")" "$plain	$material"

# 2
key=$(aws kms create-key --query KeyMetadata.KeyId --output text)
first=$(describe "$key" CurrentKeyMaterialId)
aws kms enable-key-rotation --key-id "$key" --rotation-period-in-days 90
encrypt "$key" >"$dir/blob"
advance 2184h
[ "$(describe "$key" CurrentKeyMaterialId)" != "$first" ] || fail "no other material after 91 days"
rotations() { aws kms list-key-rotations --key-id "$key" --query 'Rotations[].RotationType' --output text; }
equal "$(rotations)" AUTOMATIC
equal "$(decrypt "$dir/blob")" "$plain	$first"
aws kms rotate-key-on-demand --key-id "$key" >"$dir/out"
equal "$(rotations)" "AUTOMATIC	ON_DEMAND"
newest=$(describe "$key" CurrentKeyMaterialId)
equal "$(aws kms re-encrypt --ciphertext-blob "fileb://$dir/blob" --destination-key-id "$key" \
  --query '[SourceKeyMaterialId,DestinationKeyMaterialId]' --output text)" "$first	$newest"

# 3
aws iam create-user --user-name bob >"$dir/out"
read -r akid secret < <(aws iam create-access-key --user-name bob --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
aws iam put-user-policy --user-name bob --policy-name assume --policy-document \
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}'
reader=$(aws iam create-role --role-name reader --query Role.Arn --output text --assume-role-policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"'$account'"},"Action":"sts:AssumeRole"}]}')
bob() { with "$akid" "$secret" -- aws "$@"; }
read -r sid ssecret token < <(bob sts assume-role --role-arn "$reader" --role-session-name story \
  --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
session() { with "$sid" "$ssecret" "$token" -- aws "$@"; }
read_with() { session kms decrypt --ciphertext-blob "fileb://$dir/blob" --encryption-context "$1" --query Plaintext --output text; }
keyarn=$(describe "$key" Arn)
encrypt "$key" --encryption-context app=story >"$dir/blob"
refused "reader/story is not authorized to perform: kms:Decrypt" read_with app=story
grant=$(aws kms create-grant --key-id "$key" --grantee-principal "$reader" --retiring-principal "arn:aws:iam::$account:user/bob" \
  --operations Decrypt --constraints EncryptionContextEquals={app=story} --query GrantId --output text)
equal "$(read_with app=story)" "$plain"
refused "not authorized to perform: kms:Decrypt" read_with app=other
refused "not authorized to perform: kms:Encrypt" session kms encrypt --key-id "$key" --plaintext "fileb://$dir/plain" --encryption-context app=story
refused "not authorized to perform: kms:RetireGrant" session kms retire-grant --key-id "$keyarn" --grant-id "$grant"
equal "$(aws kms list-retirable-grants --retiring-principal "arn:aws:iam::$account:user/bob" --query 'Grants[].GrantId' --output text)" "$grant"
bob kms retire-grant --key-id "$keyarn" --grant-id "$grant"
refused "not authorized to perform: kms:Decrypt" read_with app=story

# 4
key=$(aws kms create-key --multi-region --query KeyMetadata.KeyId --output text)
aws kms replicate-key --key-id "$key" --replica-region eu-west-1 >"$dir/out"
encrypt "$key" >"$dir/here"
encrypt "$key" --region eu-west-1 >"$dir/there"
equal "$(decrypt "$dir/here" --region eu-west-1 | cut -f 1)" "$plain"
equal "$(decrypt "$dir/there" | cut -f 1)" "$plain"
aws kms update-primary-region --key-id "$key" --primary-region eu-west-1
equal "$(describe "$key" MultiRegionConfiguration.MultiRegionKeyType)" REPLICA
equal "$(describe "$key" MultiRegionConfiguration.MultiRegionKeyType --region eu-west-1)" PRIMARY
equal "$(aws kms schedule-key-deletion --region eu-west-1 --key-id "$key" --pending-window-in-days 7 --query KeyState --output text)" PendingReplicaDeletion
aws kms schedule-key-deletion --key-id "$key" --pending-window-in-days 7 >"$dir/out"
advance 169h
refused NotFoundException describe "$key" KeyState
equal "$(describe "$key" KeyState --region eu-west-1)" PendingDeletion
advance 169h
refused NotFoundException describe "$key" KeyState --region eu-west-1
