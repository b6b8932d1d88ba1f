#!/usr/bin/env bash
# From a clone to a command of one's own that a real client has answered: in a copy of this
# repository it follows the README's walkthrough word by word, runs its test, starts a node
# with `make run`, and sends it the command with socket.io-client. The last line says how
# many seconds of machine time that took. What it made it removes.
#
#   bash scripts/first-command.sh [NODE_MODULES]   a folder that has socket.io-client; else npm gets it
set -euo pipefail
cd "$(dirname "$0")/.."
modules="${1:+$(cd "$1" && pwd)}"

work="$(mktemp -d)" server=
cleanup() {
  if [ -n "$server" ]; then # with all that make has started
    kill -- "-$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  chmod -R u+w "$work" && rm -rf "$work"
}
trap cleanup EXIT
now() { node -p 'Date.now() / 1000'; }
begin="$(now)"
seconds() { awk "BEGIN { printf \"%.1f\", $(now) - $begin }"; }
step() { printf '%6s s  %s\n' "$(seconds)" "$1"; }

# As a clone would be, but with what is not committed yet, so that the README can be tried.
# tar ends with 1 when a folder changes meanwhile: tests beside this one install in .install-*.
mkdir "$work/clone"
{ tar -c --exclude=./.git --exclude=./bin --exclude=./.env --exclude=node_modules --exclude='.install-*' . || [ $? = 1 ]; } | tar -x -C "$work/clone"
cd "$work/clone"
git init --quiet
git add --all
step "copied"

# Each block of the walkthrough is a file to write, or a diff to apply. Somebody may have
# written it all by hand already: then what is there is tried. gonew has renamed the module in
# Go, and not in the README.
if [ -e usecases/chat/wave.go ]; then
  step "written before"
else
  awk -v module="$(go list -m)" '/<!-- walkthrough -->/ { on = 1 } /<!-- \/walkthrough -->/ { on = 0 }
    on && /^```go / { file = $2; next }
    on && /^```diff/ { file = "../walkthrough.diff"; next }
    /^```/ { file = "" }
    file { gsub("github.com/example/switchyard", module); print > file }' README.md
  git apply --recount ../walkthrough.diff
  written="$(git ls-files --modified --others --exclude-standard)"
  step "written: $(echo $written)"
  if [ "$(echo "$written" | wc -l)" -ne 3 ] || [ -n "$(gofmt -l $written)" ]; then
    echo "the walkthrough must be three files, in the form of gofmt" >&2
    exit 1
  fi
fi

go test ./usecases/...
step "tested"

make --no-print-directory build
step "built"
port="$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')"
set -m # a process group of its own
HTTP_ADDR="127.0.0.1:$port" ADMIN_ADDR=off REDIS_URL='' LOG_LEVEL=error make --no-print-directory run &
server=$!
set +m

mkdir "$work/client"
cd "$work/client"
if [ -n "$modules" ]; then
  ln -s "$modules" node_modules
else
  npm install --silent --no-audit --no-fund --ignore-scripts socket.io-client@4.8.4
fi
cat >wave.mjs <<'JS'
import assert from "node:assert/strict";
import { io } from "socket.io-client";

setTimeout(() => assert.fail("nothing came of it within two minutes"), 120_000).unref();
const connect = (user) => io(`http://127.0.0.1:${process.argv[2]}/chat`, { auth: { user }, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 50 });
const [alice, bob] = [connect("alice"), connect("bob")];
await bob.emitWithAck("join", { room: "lobby" });
const heard = new Promise((resolve) => bob.once("user.waved", resolve));
assert.deepEqual(await alice.emitWithAck("wave", { room: "lobby", with: "flag" }), { waved: true });
assert.deepEqual(await heard, { room: "lobby", user: "alice", with: "flag" });
console.log("alice's wave was answered with { waved: true }, and bob has heard it");
alice.close();
bob.close();
JS
node wave.mjs "$port"
step "answered"
echo "from a clone to the answer: $(seconds) s of machine time"
