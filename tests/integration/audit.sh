#!/bin/bash
# The audit log: what it records, what a receipt tells, and what verify finds.
. "$(dirname "$0")/../lib.sh"
if [ -z "${POSTERN_SOCKET:-}" ]; then
	# A device that a container may get for writing only: reading it is what the device program has to refuse.
	policy=$(mktemp)
	jq '.devices += [{ name: "kmsg", path: "/dev/kmsg", type: "char", major: 1, minor: 11, access: "rw", why: "test" }]' \
		"$top/policy/default.json" >"$policy"
	"$top/tests/with-engine" --policy "$policy" bash "$0" "$@"
	status=$?
	rm -f "$policy"
	exit $status
fi
postern() { "$bin/postern" "$@"; }
log=$POSTERN_DATA/audit/audit.log
before() { # FILE FIRST SECOND: the line with FIRST stands before the one with SECOND
	[ "$(grep -n -m 1 "$2" "$1" | cut -d: -f1)" -lt "$(grep -n -m 1 "$3" "$1" | cut -d: -f1)" ]
}

# --- receipts
source=$POSTERN_BASE/source receipt=$POSTERN_BASE/receipt
mkdir "$source" && chown "${POSTERN_UID:-1000}" "$source"
postern run --name plain busybox true 2>/dev/null
id=$(postern inspect -f '{{.Id}}' plain)
ok "verify tells records, anchors and the head" bash -c "'$bin/postern' audit verify | grep -qE '^audit log is whole: [0-9]+ records, [0-9]+ anchors, head [0-9a-f]{64}'"
# Nobody waits for these two, and none of them for the other.
ok "its end comes on file" until_true 100 bash -c "[ \$('$bin/postern' audit receipt '$id' | grep -cE ' (mount.DROP|idmap.RELEASE):.* -> done') = 2 ]"
ok "a receipt" bash -c "'$bin/postern' audit receipt '$id' >'$receipt'"
privileged="cgroup.CREATE device.ATTACH cgroup.REMOVE"; is_users && privileged=
for act in netns.CREATE idmap.MAP layer.CREATE mount.ROOTFS spawn.CREATE spawn.START mount.DROP idmap.RELEASE $privileged; do
	is "the receipt has $act once" 1 grep -c " $act:.* -> done" "$receipt"
done
fails "it has no bind" 1 grep -E 'mount.BIND|idmap.OWNER' "$receipt"
ok "the namespaces come before what uses them" before "$receipt" netns.CREATE spawn.CREATE
ok "the mapping too" before "$receipt" idmap.MAP mount.ROOTFS
like "it names the client" " spawn.CREATE: uid=0 pid=[0-9]+ " cat "$receipt"
ticket=$(jq -r 'select(.kind == "intent" and .op == "MAP") | .seq' "$log" | head -n 1)
ticket=$(sed -n "${ticket}s/.*\"ticket\":\([0-9]*\).*/\1/p" "$log")
like "numbers keep all their digits" "ticket=$ticket " postern audit list --op idmap.map --kind intent
postern run --name plain2 -v "$source:/s" busybox true 2>/dev/null
postern audit receipt plain2 >"$receipt"
for act in netns.CREATE idmap.MAP lookup.OPEN idmap.OWNER mount.BIND; do
	ok "with a bind: $act" grep -q " $act:.* -> done" "$receipt"
done
userns() { grep " $1:" "$2" | grep -o 'userns=userns:[0-9:]*' | sort -u; }
is "the user namespace is the one that it was started with" "$(userns spawn.CREATE "$receipt")" userns netns.CREATE "$receipt"
postern run --name refused -v /etc:/x busybox true 2>/dev/null
refused=$(jq -r 'select(.op == "OPEN" and .decision == "denied") | .container' "$log" | tail -n 1)
like "what was denied is shown as such" "lookup.OPEN:.* path=/etc -> denied EPERM at path by rule" postern audit receipt "$refused"
postern rm plain plain2 >/dev/null
ok "one that was removed still has its receipt, by id" bash -c "'$bin/postern' audit receipt '$id' | grep -q 'layer.REMOVE:.* -> done'"
is_users && skip "and by name" "the name stands in device's record" || like "and by name" "^container $id \(plain\): " postern audit receipt plain
fails "one that never was has none" 1 postern audit receipt nobody

# --- denied devices
if is_users; then
	skip "a denied device" "the kernel gives users no device filter"
elif [ "$(stat -c '%a %t %T' /dev/kmsg 2>/dev/null)" = "644 1 b" ]; then
	postern run --name snooper --device /dev/kmsg:/dev/kmsg:w busybox sh -c 'cat /dev/kmsg' >/dev/null 2>&1
	seen() { postern audit list --denied | grep -qE 'device.denied event [0-9a-f]{12}.* container snooper was denied read of the character device 1:11'; }
	ok "a denied device is listed with name, numbers and access" until_true 40 seen
	like "and is on the receipt" "device.denied: container snooper was denied read of the character device 1:11" postern audit receipt snooper
	postern rm snooper >/dev/null
else
	skip "a denied device" "others cannot read /dev/kmsg here"
fi

# --- export, follow
ok "export as JSON lines: the file" bash -c "cmp <('$bin/postern' audit export json | head -n 20) <(head -n 20 '$log')"
ok "export as OCSF" bash -c "set -o pipefail; '$bin/postern' audit export ocsf | jq -es 'length > 20 and all(.class_uid == 6003)'"
fails "no other format" 2 postern audit export xml
"$bin/postern" audit follow --tail 1 >"$POSTERN_BASE/followed" & # not through the function: a shell would be in between
follower=$!
ok "follow shows the last record" until_true 100 test -s "$POSTERN_BASE/followed"
postern create --name followed busybox >/dev/null 2>&1
ok "and a new one" until_true 100 grep -q "layer.CREATE intent $(postern inspect -f '{{.Id}}' followed | cut -c1-12)" "$POSTERN_BASE/followed"
kill "$follower"
wait "$follower" 2>/dev/null
fails "it is gone" 1 kill -0 "$follower"
postern rm followed >/dev/null

# --- verify
is_users && skip "root cannot cut the file" "the kernel gives users no append-only flag" || fails "root cannot cut the file" 1 bash -c ": > '$log'"
ok "a log that is being written verifies" bash -c "for i in 1 2 3 4 5 6 7 8; do '$bin/postern' audit verify || exit 1; '$bin/postern' run --rm busybox true; done"
# copies that were tampered with; the last anchor is made when it gets quiet
ok "anchors follow when it gets quiet" until_true 100 bash -c "tail -n 1 '$POSTERN_DATA/audit/anchors' | grep -q \"\$(tail -n 1 '$log' | jq -r .hash)\""
dir=$POSTERN_BASE/copy
copy() { rm -rf "$dir"; mkdir "$dir"; cp "$POSTERN_DATA"/audit/* "$dir/"; chmod a+r "$dir"/*; }
tampered() { # NAME PATTERN
	like "verify finds $1" "$2" postern audit verify --dir "$dir"
	fails "and says so by its status" 1 postern audit verify --dir "$dir"
}
copy; ok "a faithful copy verifies" postern audit verify --dir "$dir"
sed -i '5s/"mono":[0-9]*/"mono":7/' "$dir/audit.log"; tampered "an edited record" "line 5: its hash does not fit"
copy; sed -i '6d' "$dir/audit.log"; tampered "a dropped record" "line 6: records 6 to 6 are missing: dropped"
copy; awk 'NR==5{h=$0;next} NR==6{print;print h;next} {print}' "$dir/audit.log" >"$dir/x" && chmod a+r "$dir/x"; mv "$dir/x" "$dir/audit.log"
tampered "reordered records" "line 5: record 6 stands before record 5: reordered"
copy; sed -i '7s/^/x/' "$dir/audit.log"; tampered "a line that is no record" "line 7: "
copy; head -n 5 "$dir/audit.log" >"$dir/x"; chmod a+r "$dir/x"; mv "$dir/x" "$dir/audit.log"; tampered "a truncated file" "ends at record 5, but .* truncated"

# Somebody who can write the file and knows the format (helpers/audit/README.md): another act in line 5, or line 5 left
# out, and everything behind it with fresh numbers and hashes. Only the anchors tell.
rewrite() { # COMMAND-LINE-5
	/usr/bin/python3 - "$dir/audit.log" "$1" <<'EOF'
import hashlib, json, sys
path, how = sys.argv[1:]
lines = open(path, 'rb').read().splitlines()
if how == 'drop':
    del lines[4]
    lines = lines[:4] + [l.replace(b'{"seq":%d,' % (n + 6), b'{"seq":%d,' % (n + 5), 1) for n, l in enumerate(lines[4:])]
else:
    lines[4] = lines[4].replace(b'"op":"', b'"op":"NOT_', 1)
prev = json.loads(lines[3])['hash'].encode()
for i in range(4, len(lines)):
    text = lines[i][:lines[i].rindex(b',"hash":"')]
    text = text[:text.rindex(b',"prev":"')] + b',"prev":"' + prev + b'"'
    prev = hashlib.sha256(text).hexdigest().encode()
    lines[i] = text + b',"hash":"' + prev + b'"}'
open(path, 'wb').write(b'\n'.join(lines) + b'\n')
EOF
}
if [ -x /usr/bin/python3 ]; then
	copy; rewrite edit; tampered "a rewritten tail" "is not the one that was anchored at .*: rewritten between records"
	copy; rewrite drop; tampered "a record left out of a rewritten tail" "is not the one that was anchored|is an anchor that the anchors file does not have|truncated"
	copy; rewrite edit; : >"$dir/anchors"; tampered "a rewritten log without its anchors" "is an anchor that the anchors file does not have"
else
	skip "a rewritten tail" "there is no python3"
fi
finish
