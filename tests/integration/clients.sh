#!/bin/bash
# dockerode and testcontainers (npm, pinned in tests/clients) run containers against the socket. python3-docker: python.sh.
. "$(dirname "$0")/../lib.sh"
npm=$top/build/npm lock=$top/tests/clients/package-lock.json
fetch() { # at the first test, and when the versions change
	exec 7>"$top/build/npm.lock"; flock 7
	cmp -s "$lock" "$npm/fetched" && return
	rm -rf "$npm"; mkdir -p "$npm"; cp "$top"/tests/clients/package*.json "$npm/"
	(cd "$npm" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) && cp "$lock" "$npm/fetched"
}
if [ -z "${POSTERN_SOCKET:-}" ]; then
	command -v node npm >/dev/null || { skip "dockerode, testcontainers" "there is no npm"; finish; }
	mkdir -p "$top/build"; why=$(fetch 2>&1) || { skip "dockerode, testcontainers" "npm cannot fetch them: ${why:0:200}"; finish; }
	exec "$top/tests/with-engine" bash "$0" "$@"
fi
as=()
is_users && as=(setpriv --reuid "$POSTERN_UID" --regid "$(id -g "$POSTERN_USER")" --clear-groups env HOME="$(dirname "$POSTERN_RUN")")
install -d -m 1777 "$POSTERN_BASE/tmp"
# Ports are published in the engine's network namespace.
nsenter --net="/proc/$POSTERN_LAUNCHER/ns/net" ip link set lo up
node() { timeout 120 nsenter --net="/proc/$POSTERN_LAUNCHER/ns/net" "${as[@]}" env TMPDIR="$POSTERN_BASE/tmp" NODE_PATH="$npm/node_modules" TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_HOST_OVERRIDE=localhost node "$@"; }
node "$top/tests/clients/dockerode.js" "$top/build/images/busybox.tar" || failed=1
node "$top/tests/clients/testcontainers.js" || failed=1
finish
