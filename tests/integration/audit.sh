#!/bin/bash
# The audit log: what it records, and what verify finds.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"

docker run --name rr busybox true
id=$(docker inspect -f '{{.Id}}' rr)
ok "verify" "$bin/postern" audit verify
"$bin/postern" audit receipt "$id" >"$POSTERN_BASE/receipt"
for act in "cgroup CREATE" "mount ROOTFS" "device ATTACH" "spawn CREATE" "spawn START" "layer CREATE"; do
	like "the receipt has $act" "${act% *}.*${act#* }" cat "$POSTERN_BASE/receipt"
done
like "it names the client" "uid[^0-9]*0" cat "$POSTERN_BASE/receipt"
docker rm rr >/dev/null
docker run --name snooper busybox sh -c 'mknod /tmp/k c 1 11; cat /tmp/k' >/dev/null 2>&1
denied() { "$bin/postern" audit list | grep -q 'snooper'; }
ok "a denied device appears with the container's name" until_true 40 denied
docker rm snooper >/dev/null
ok "export as JSON lines" bash -c "'$bin/postern' audit export json | jq -e . >/dev/null"
ok "export as OCSF" bash -c "'$bin/postern' audit export ocsf | jq -e '.class_uid' >/dev/null"
fails "root cannot cut the file" 1 bash -c ": > '$POSTERN_DATA/audit/audit.log'"

# copies that were tampered with; the last anchor is made when it gets quiet
ok "anchors follow when it gets quiet" until_true 100 bash -c "tail -n 1 '$POSTERN_DATA/audit/anchors' | grep -q \"\$(tail -n 1 '$POSTERN_DATA/audit/audit.log' | jq -r .hash)\""
dir=$POSTERN_BASE/copy
copy() { rm -rf "$dir"; mkdir "$dir"; cp "$POSTERN_DATA"/audit/* "$dir/"; }
tampered() { fails "verify finds $1" 1 "$bin/postern" audit verify --dir "$dir"; }
copy; ok "a faithful copy verifies" "$bin/postern" audit verify --dir "$dir"
copy; sed -i '5s/"pid":[0-9]/"pid":9/' "$dir/audit.log"; tampered "an edited record"
copy; sed -i '6d' "$dir/audit.log"; tampered "a dropped record"
copy; awk 'NR==5{h=$0;next} NR==6{print;print h;next} {print}' "$dir/audit.log" >"$dir/x" && mv "$dir/x" "$dir/audit.log"; tampered "reordered records"
copy; head -n 5 "$dir/audit.log" >"$dir/x"; mv "$dir/x" "$dir/audit.log"; tampered "a truncated file"
finish
