#!/bin/sh
# The main job on the example stack, told as it goes: check, run, look, change, undo. Ends at the first thing that is
# not as it should be, and leaves nothing behind.
set -eu
cd "$(dirname "$0")/../.."

alien=$PWD/bin/alien
work=$(mktemp -d)
export DEMO_API_KEY=not-shown-anywhere
stack=demo-$$
manager=

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# run shows a command as one would type it, then runs it.
run() { printf '\n$ alien %s\n' "$*"; (cd "$work" && "$alien" "$@"); }

# expect runs a command and wants a certain exit code.
expect() {
	want=$1; shift; got=0
	run "$@" || got=$?
	[ "$got" = "$want" ] || { echo "demo: exit code $got, not $want" >&2; exit 1; }
}

cleanup() {
	code=$?
	"$alien" daemon down --stack "$stack" --delete-data --progress quiet >/dev/null 2>&1 || true
	[ -z "$manager" ] || kill "$manager" 2>/dev/null || true
	rm -rf "$work"
	[ "$code" = 0 ] || echo "demo: failed" >&2
}
trap cleanup EXIT

say 'An image of the example daemon, built from Go source without a registry.'
go run ./examples/image -package ./examples/heartbeat -o "$work/heartbeat.tar"
go run ./examples/image -package ./examples/greeter -o "$work/greeter.tar"
sed "s/^name: demo\$/name: $stack/" examples/demo/alien.yaml >"$work/alien.yaml"
cat "$work/alien.yaml"

say 'Preflight: everything that can be known without an engine.'
expect 0 daemon preflight

say 'Up: one command, and both daemons are ready when it returns.'
expect 0 daemon up

say 'Up again: there is nothing to do, and nothing is touched.'
expect 0 daemon up

say 'What runs, and what it says.'
expect 0 daemon status
expect 0 daemon logs --tail 3

say 'A change in the file: first seen, then applied. The secret is never shown.'
sed -i 's/GREETING: echo/GREETING: louder/' "$work/alien.yaml"
expect 6 daemon diff --exit-code
expect 0 daemon up
expect 0 daemon logs echo --tail 2

say 'A change that does not work is undone: this command is not in the image.'
cp "$work/alien.yaml" "$work/good.yaml"
sed -i 's|^  echo:$|&\n    command: [/no-such-program]|' "$work/alien.yaml"
expect 4 daemon up
mv "$work/good.yaml" "$work/alien.yaml"
expect 0 daemon status

say 'Commands: a manager, and a daemon that asks it for some. No port is opened for the daemon.'
mkfifo "$work/serving"
"$alien" serve --listen 127.0.0.1:0 --state "$work/manager" --log-level error >"$work/serving" &
manager=$!
exec 3<"$work/serving"
read -r _ _ ALIEN_MANAGER_URL <&3   # it comes when the manager serves
export ALIEN_MANAGER_URL ALIEN_API_KEY_FILE="$work/manager/admin.key"
sed -i 's|^resources:|  greeter:\n    image: docker-archive:greeter.tar\n    commandsEnabled: true\n    runtime: { networkMode: host }     # the manager listens on this machine only\n\n&|' "$work/alien.yaml"
expect 0 daemon up --wait-for commands
expect 0 commands invoke --deployment "$stack" --command greet --params '{"name":"Ada"}'
expect 1 commands invoke --deployment "$stack" --command fail
expect 0 daemon status

say 'Down, with the data.'
expect 0 daemon down --delete-data
expect 0 daemon ls

say 'That was the main job.'
