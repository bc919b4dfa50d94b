#!/bin/bash
# What the owner of a user's engine can do to its audit log, and what `verify` shows of it: the table of helpers/audit/README.md.
# Engines: rootless single
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"

docker run --rm busybox true >/dev/null 2>&1
work=$POSTERN_BASE/home/audit
as() { setpriv --reuid "$POSTERN_UID" --regid "$(id -g "$POSTERN_USER")" --clear-groups "$@"; }
# A clean end anchors all.
kill -TERM "$POSTERN_LAUNCHER"; until_true 200 bash -c "! kill -0 $POSTERN_LAUNCHER"
fresh() { as rm -rf "$work"; as cp -r "$POSTERN_DATA/audit" "$work"; log=$work/audit.log; }
verify() { "$bin/postern" audit verify --dir "$work"; }
fresh
ok "the owner can copy the log, and it verifies" verify
lines=$(wc -l <"$log")
[ "$lines" -gt 20 ] && pass "there are records" || fail "there are records" "$lines"
as sed -i '5s/"errno":0/"errno":1/; 5s/"seq":5,/"seq":5, /' "$log"
fails "a record that was changed shows" 1 verify
fresh; as sed -i 7d "$log"
fails "one that was dropped" 1 verify
fresh; as sed -i '7{h;d};8{G}' "$log"
fails "two in another order" 1 verify
fresh; as sed -i '$d' "$log"
fails "an end that was cut off, by its anchor" 1 verify
fresh; as bash -c ": >'$log'"
fails "the whole log taken away" 1 verify
# what does not show: said in the README, so it must be so
fresh
seq=$(jq -s '.[0].seq' "$work/anchors")
as bash -c "sed -i '1q' '$work/anchors'; awk -F'[:,]' -v n=$seq '\$2 <= n' '$log' >'$log.new'; mv '$log.new' '$log'"
ok "log and anchors cut off together do not" verify
before=$(tail -n 1 "$POSTERN_DATA/audit/anchors" | jq -r .hash)
is "but an anchor that is kept elsewhere does: its hash is gone" 0 bash -c "grep -c '$before' '$log'; true"
is "which the true log has" 1 grep -c "\"hash\":\"$before\"" "$POSTERN_DATA/audit/audit.log"
finish
