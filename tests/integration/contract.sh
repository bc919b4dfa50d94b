#!/bin/bash
# What real Docker clients rely on over the socket, a check for each line, over raw sockets (contract.py): in root's engine and in a
# user's. CONTRACT_ENGINES says in which others than both.
. "$(dirname "$0")/../lib.sh"
if [ -z "${POSTERN_SOCKET:-}" ]; then
	status=0
	for kind in ${CONTRACT_ENGINES:-system rootless}; do
		POSTERN_ENGINE=$kind "$top/tests/with-engine" bash "$0" | sed -u "s/ - contract: / - contract, $kind: /"
		[ "${PIPESTATUS[0]}" -eq 0 ] || status=1
	done
	exit $status
fi
here=$top/tests/integration
gcc -O1 -static -o "$POSTERN_BASE/probe" "$here/probe.c" || fail "contract: the probe is built"
controller=$(pgrep -P "$POSTERN_LAUNCHER" -x posternd)
/usr/bin/python3 "$here/contract.py" "$controller" "$POSTERN_BASE/probe" || fail "contract: ends as it should"
finish
