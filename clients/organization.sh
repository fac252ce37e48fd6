#!/usr/bin/env bash
# The story of organization.md through the AWS CLI.
set -euo pipefail
. ./checks.sh

org() { aws organizations "$@"; }
# one QUERY COMMAND…: a single value of the answer
one() { org "${@:2}" --query "$1" --output text; }
# as ACCOUNT COMMAND…: as the root user of an account
as() { with "$1" test -- "${@:2}"; }
# policy TYPE NAME DOCUMENT: a new policy's ID
policy() { one Policy.PolicySummary.Id create-policy --type "$1" --name "$2" --description "$2" --content "$3"; }
# attach POLICY TARGET
attach() { org attach-policy --policy-id "$1" --target-id "$2"; }

# 1
organization=$(one Organization.Id create-organization)
root=$(one 'Roots[0].Id' list-roots)
apps=$(one OrganizationalUnit.Id create-organizational-unit --parent-id "$root" --name apps)
prod=$(one OrganizationalUnit.Id create-organizational-unit --parent-id "$apps" --name prod)
refused DuplicateOrganizationalUnitException org create-organizational-unit --parent-id "$apps" --name prod
# account NAME PARENT: a new account's ID, below the parent
account() {
  local request id
  request=$(one CreateAccountStatus.Id create-account --email "$1@example.com" --account-name "$1")
  equal "$(one CreateAccountStatus.State describe-create-account-status --create-account-request-id "$request")" SUCCEEDED
  id=$(one CreateAccountStatus.AccountId describe-create-account-status --create-account-request-id "$request")
  [ "$2" = "$root" ] || org move-account --account-id "$id" --source-parent-id "$root" --destination-parent-id "$2"
  echo "$id"
}
tools=$(account tools "$root")
dev=$(account dev "$apps")
shop=$(account shop "$prod")
bank=$(account bank "$prod")
equal "$(one 'length(Children)' list-children --parent-id "$prod" --child-type ACCOUNT)" 2
equal "$(one 'Parents[0].Id' list-parents --child-id "$shop")" "$prod"
refused OrganizationalUnitNotEmptyException org delete-organizational-unit --organizational-unit-id "$prod"

# 2
key() { as "$1" aws kms create-key --query KeyMetadata.Arn --output text "${@:2}"; }
region='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"us-east-1"}}}]}'
region=$(policy SERVICE_CONTROL_POLICY region "$region")
refused PolicyTypeNotEnabledException attach "$region" "$apps"
org enable-policy-type --root-id "$root" --policy-type SERVICE_CONTROL_POLICY >"$dir/out"
attach "$region" "$apps"
refused "with an explicit deny in a service control policy" key "$shop" --region eu-west-1
key "$shop" >"$dir/out"
key "$tools" --region eu-west-1 >"$dir/out"      # it is not below apps
key 000000000000 --region eu-west-1 >"$dir/out" # the management account

# 3
org enable-policy-type --root-id "$root" --policy-type RESOURCE_CONTROL_POLICY >"$dir/out"
key=$(key "$bank")
as "$bank" aws kms put-key-policy --key-id "$key" --policy-name default --policy '{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Principal":{"AWS":"'"$bank"'"},"Action":"kms:*","Resource":"*"},
  {"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:DescribeKey","Resource":"*"}]}'
describe() { as "$1" aws kms describe-key --key-id "$key"; }
describe 999999999999 >"$dir/out" # a stranger
ours=$(policy RESOURCE_CONTROL_POLICY ours '{"Version":"2012-10-17","Statement":[
  {"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"'"$organization"'"}}}]}')
attach "$ours" "$root"
refused AccessDeniedException describe 999999999999
describe "$tools" >"$dir/out"

# 4
org enable-policy-type --root-id "$root" --policy-type TAG_POLICY >"$dir/out"
stages=$(policy TAG_POLICY stages '{"tags":{"stage":{"tag_key":{"@@assign":"stage"},"tag_value":{"@@assign":["live"]},"enforced_for":{"@@assign":["kms:*"]}}}}')
attach "$stages" "$prod"
equal "$(as "$bank" aws organizations describe-effective-policy --policy-type TAG_POLICY --query 'contains(EffectivePolicy.PolicyContent, `live`)')" true
tag() { as "$bank" aws kms tag-resource --key-id "$key" --tags "TagKey=stage,TagValue=$1"; }
refused TagException tag test
tag live

# 5
outside=222222222222
handshake=$(one Handshake.Id invite-account-to-organization --target "Id=$outside,Type=ACCOUNT")
refused HandshakeNotFoundException as 333333333333 aws organizations accept-handshake --handshake-id "$handshake"
describe "$tools" >"$dir/out"
refused AccessDeniedException describe "$outside"
equal "$(as $outside aws organizations accept-handshake --handshake-id "$handshake" --query Handshake.State --output text)" ACCEPTED
describe "$outside" >"$dir/out" # it belongs to us at once
org move-account --account-id "$outside" --source-parent-id "$root" --destination-parent-id "$prod"
refused "with an explicit deny in a service control policy" key "$outside" --region eu-west-1
org close-account --account-id "$dev"
equal "$(one 'Account.[Status,State]' describe-account --account-id "$dev")" "SUSPENDED	CLOSED"
if key "$dev" >"$dir/out" 2>&1; then fail "a suspended account works"; fi
