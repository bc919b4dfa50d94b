#!/bin/bash
# What real Docker clients rely on over the socket, a check for each line, over raw sockets (contract.py).
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
here=$top/tests/integration
gcc -O1 -static -o "$POSTERN_BASE/probe" "$here/probe.c" || fail "contract: the probe is built"
controller=$(pgrep -P "$POSTERN_LAUNCHER" -x posternd)
/usr/bin/python3 "$here/contract.py" "$controller" "$POSTERN_BASE/probe" || fail "contract: ends as it should"
finish
