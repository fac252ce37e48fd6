# What the stories of the AWS CLI have in common: a folder $dir for a while, and the ways to check.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() { echo "$0: $*" >&2; exit 1; }
equal() { [ "$1" = "$2" ] || fail "got '$1', want '$2'"; }
# refused TEXT COMMAND…: the command must fail, and say TEXT.
refused() {
  local text=$1; shift
  if "$@" >"$dir/out" 2>"$dir/err"; then fail "not refused: $*"; fi
  grep -qF -- "$text" "$dir/err" || fail "$* says: $(cat "$dir/err")"
}
# with KEY SECRET [TOKEN] -- COMMAND…
with() {
  local key=$1 secret=$2 token=
  shift 2
  [ "$1" = -- ] || { token=$1; shift; }
  shift
  env AWS_ACCESS_KEY_ID="$key" AWS_SECRET_ACCESS_KEY="$secret" ${token:+AWS_SESSION_TOKEN="$token"} "$@"
}
