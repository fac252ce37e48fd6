# What the steps of Terraform have in common: a folder $dir for a while, with the configuration of the folder that the step
# is in, and the ways to run it. No registry of ours has Terraform and its provider: they are looked for on this machine.
if ! command -v terraform >/dev/null; then
  echo "  terraform: not here, left out"
  exit 0
fi
provider=$(find "${TF_PLUGINS:-/opt}" "$HOME/.terraform.d" -path '*/registry.terraform.io/hashicorp/aws/*/terraform-provider-aws_v*' -type f -print -quit 2>/dev/null || true)
if [ -z "$provider" ]; then
  echo "  terraform: its AWS provider is not here (TF_PLUGINS), left out"
  exit 0
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp ./*.tf "$dir"
cd "$dir"
cat >terraformrc <<CONFIG
provider_installation {
  filesystem_mirror { path = "${provider%/registry.terraform.io/*}" }
}
CONFIG
export TF_CLI_CONFIG_FILE=$dir/terraformrc TF_IN_AUTOMATION=1 TF_INPUT=0 CHECKPOINT_DISABLE=1

# quietly ARGUMENT…: terraform, whose words are in the file out, and shown if it fails.
quietly() {
  terraform "$@" -no-color >out 2>&1 || { local status=$?; cat out; echo "terraform $*: status $status"; exit 1; }
  # A check that does not hold is but a warning to Terraform.
  if grep -aA5 'Check block assertion failed' out; then exit 1; fi
}
# apply ARGUMENT…, after which a plan must find nothing to do. The provider asks again and again for what it made, with
# seconds between: many at once.
apply() {
  quietly apply -auto-approve -parallelism=50 "$@"
  applied=$(grep -a '^Apply complete' out)
  echo "  $applied"
  quietly plan -detailed-exitcode "$@"
}
destroy() {
  quietly destroy -auto-approve -parallelism=50
  echo "  $(grep -a '^Destroy complete' out)"
}
quietly init
