#!/bin/bash
# A spawn that was taken over (spawn/main.c): layers stay as they are, no other id, no other process.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || POSTERN_BIN=$top/build/hostile-spawn exec "$top/tests/with-engine" bash "$0" "$@"
before=$(find "$POSTERN_DATA/store/tree/layers" -printf '%p %U %m %s %T@\n' | sort)
like "the container does not start" "taken over" docker run --rm --network none busybox true
until_true 100 grep -q 'HOSTILE done' "$POSTERN_LOG" || fail "the attacks come to an end" "$(tail -n 5 "$POSTERN_LOG")"
grep -aE '^HOSTILE (ok|not ok|skip) - ' "$POSTERN_LOG" | sed 's/^HOSTILE //'
grep -aq '^HOSTILE not ok' "$POSTERN_LOG" && failed=1
is "the layers are as before" "$before" bash -c "find '$POSTERN_DATA/store/tree/layers' -printf '%p %U %m %s %T@\n' | sort"
rm -f /tmp/postern-node
finish
