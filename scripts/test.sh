#!/usr/bin/env bash
# Runs every test that this machine can run. The last line says with what they ran and
# which were left out; with CI=true leaving out is failing.
set -uo pipefail
cd "$(dirname "$0")/.."

notes="$(mktemp -d)"
trap 'rm -rf "$notes"' EXIT
export SWITCHYARD_LEFT_OUT="$notes/left" SWITCHYARD_RAN_WITH="$notes/ran"
: >"$SWITCHYARD_LEFT_OUT"
: >"$SWITCHYARD_RAN_WITH"

race=()
if [ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" >/dev/null; then
  race=(-race)
  echo "the race detector" >>"$SWITCHYARD_RAN_WITH"
else
  echo "the race detector (no C compiler on the PATH)" >>"$SWITCHYARD_LEFT_OUT"
fi

# What runs whole nodes comes last, one package after the other: tests beside it would
# take the time that its nodes need.
run() { go test ${race[@]+"${race[@]}"} -timeout 20m "$@" 2>&1 | tee -a "$notes/output"; }
heavy=(./internal/broker ./internal/siotest ./transport/socketio ./transport/socketio/sockets ./tests/parity ./tests/faults)
go vet ./... && run "$@" $(go list ./... | grep -vxFf <(go list "${heavy[@]}" ./tests))
code=$?
run -p 1 "$@" "${heavy[@]}" || code=1
# Other programs read the pages, scripts and images: Go's cache would not see that they changed.
run -count 1 "$@" ./tests || code=1
# A module of its own, and what it reads is outside of it.
if [ -d deployments/k8s/test ]; then
  (cd deployments/k8s/test && go vet ./... && run -count 1 ./...) || code=1
else
  echo "deployments/k8s/test is not here (gonew copies no module inside of another): the manifests are not tested"
fi

if [ $code != 0 ]; then
  echo "What failed, from above:"
  grep -E '^ *--- FAIL|^ +[a-z0-9_]+_test\.go:[0-9]+:|^(FAIL|panic:|WARNING: DATA RACE)|\[build failed\]' "$notes/output" | cut -c1-400 | tail -60
fi

list() { sort -u "$1" | paste -sd ';' | sed 's/;/; /g'; }
left="$(list "$SWITCHYARD_LEFT_OUT")"
if [ -n "$left" ] && [ "${CI:-}" = true ] && [ $code = 0 ]; then
  code=1
fi
result=passed
[ $code = 0 ] || result=FAILED
echo "$result, with $(list "$SWITCHYARD_RAN_WITH"); left out: ${left:-nothing}"
exit $code
