#!/bin/bash
# A controller that was taken over asks the helpers for what they must refuse (controller.c).
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec unshare --mount --propagation private "$top/tests/with-engine" bash "$0" "$@"

hang=$POSTERN_DATA-hang log=$POSTERN_BASE/hostile.log pids=()
hostile=$top/build/hostile
end() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; wait "$p" 2>/dev/null; done
	umount -l "$hang/mnt" 2>/dev/null
	rm -rf "$hang"
}
trap end EXIT
owner=${POSTERN_UID:-1000}
mkdir -p "$hang"/{mnt,root-owned,user-owned}; chmod 755 "$hang"; chown "$owner:$(id -g "${POSTERN_USER:-0}" | sed s/^0$/1000/)" "$hang/user-owned"; ln -s /etc "$hang/link"; ln -s ../root-owned "$hang/user-owned/out"

# A file system that never answers: FUSE without a daemon behind it.
/usr/bin/python3 - "$hang/mnt" <<'P' &
import ctypes, os, sys, time
fd = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"hang", sys.argv[1].encode(), b"fuse", 0, b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % fd): sys.exit(1)
time.sleep(600)
P
pids+=($!)
until_true 40 grep -q "$hang/mnt" /proc/self/mountinfo || skip "3: a FUSE file system that never answers" "none can be mounted"

# The store keeps busybox; now another takes posternd's place.
kill -TERM "$POSTERN_LAUNCHER"
until_true 200 bash -c "! kill -0 $POSTERN_LAUNCHER"
layer=$(ls "$POSTERN_DATA/store/tree/layers" | head -n 1)
printf %s "$layer" >"$POSTERN_DATA/state/layer-id"; chmod 644 "$POSTERN_DATA/state/layer-id"
user=() other=(setpriv --reuid 1000 --regid 1000 --clear-groups) # who may all, and who may nothing: to a user's engine root is nobody
start=postern-launcher
is_users && start=postern-user user=(setpriv --reuid "$POSTERN_UID" --regid "$(id -g "$POSTERN_USER")" --clear-groups) other=()
read=$(dirname "$POSTERN_RUN")/read.sock
# Links of another's, where veth and firewall work: on the host, or in the network namespace of a user's engine.
links='ip link add hosteth type veth peer name hostpeer && ip addr add 10.77.0.1/24 dev hosteth && ip addr add fd77::1/64 dev hosteth nodad &&
	ip link set hosteth up && ip link set hostpeer up && ip route add default via 10.77.0.9 && ip route add default via fd77::9 && ip link add hostbr type bridge && ip link add psthost type bridge || exit 1'
ln -s /proc/self/net/dev "$POSTERN_DATA/state/links"
# shellcheck disable=SC2086
unshare --net bash -c "$links"'
	exec "$@"' - "${user[@]}" "$hostile/$start" ${POSTERN_ARGS/--bin $POSTERN_PROGRAMS/--bin $hostile} --read "$read" 2>"$log" &
launcher=$!; pids+=($launcher)
if ! until_true 100 grep -q "HOSTILE ready" "$log"; then fail "the taken-over controller starts" "$(tail -n 5 "$log")"; finish; fi
if is_users; then
	in_engine() { nsenter --net="/proc/$(jq -r '.helpers[] | select(.name == "veth") | .pid' "$POSTERN_RUN/helpers.json")/ns/net" "$@"; }
	until_true 100 in_engine true
	in_engine sh -c 'echo $$ >"$0"; exec sleep 600' "$POSTERN_BASE/inside" & pids+=($!)
	until_true 100 test -s "$POSTERN_BASE/inside"; inside=$(cat "$POSTERN_BASE/inside"); pids+=("$inside")
	ok "11: another's links are in the engine's network namespace" in_engine bash -c "$links"
	ln -sfn "/proc/$inside/net/dev" "$POSTERN_DATA/state/links"
fi
fds() { for p in $(jq -r '.helpers[] | select(.name != "launcher" and .name != "controller") | .pid' "$POSTERN_RUN/helpers.json"); do
	echo "$(jq -r ".helpers[] | select(.pid == $p) | .name" "$POSTERN_RUN/helpers.json") $(ls "/proc/$p/fd" | wc -l)"; done; }
# Of all mounts those that have to do with this engine: other tests have theirs meanwhile.
state() { sort /proc/self/mountinfo | grep -F -e "$POSTERN_BASE" -e "$POSTERN_CGROUP" | grep -v -e '-hang/mnt'; find /sys/fs/cgroup -path "*$POSTERN_CGROUP*" -type d | sort; ls "$POSTERN_DATA"/store/tree/*/; }
settled() { fds_before=$(fds); sleep 0.1; [ "$fds_before" = "$(fds)" ]; } # what a start still has open is closed
until_true 40 settled
state >"$POSTERN_BASE/state"
hold="import socket,sys,time; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); time.sleep(600)"
"${user[@]}" /usr/bin/python3 -c "$hold" "$POSTERN_SOCKET" & pids+=($!)
"${user[@]}" /usr/bin/python3 -c "$hold" "$read" & pids+=($!)
sleep 0.3
"${other[@]}" /usr/bin/python3 -c "$hold" "$POSTERN_SOCKET" & pids+=($!)

until_true 6000 grep -q "HOSTILE done" "$log" || fail "the attacks come to an end" "$(tail -n 3 "$log")"
grep -aE '^HOSTILE (ok|not ok|skip) - ' "$log" | sed 's/^HOSTILE //'
grep -aq '^HOSTILE not ok' "$log" && failed=1
sleep 0.3
is "6: what was made belongs to the owner of what was there" "$owner" stat -c %u "$hang/user-owned/made/here"
ok "6: nothing was made elsewhere" test ! -e "$hang/root-owned/made" -a ! -e /tmp/postern-hostile-made -a ! -e "$hang/user-owned/made2"
is "no helper holds an fd more than before" "$fds_before" fds
is "mounts, cgroups and store are as before" "" bash -c "$(declare -f state); state | diff '$POSTERN_BASE/state' -"
ok "the log of all that verifies" "$bin/postern" audit verify --dir "$POSTERN_DATA/audit"
like "the records name the client as the kernel does" '"client":\{"uid":0' grep -m 1 '"op":"OPEN".*"client":{"uid":0' "$POSTERN_DATA/audit/audit.log"

# 8: a crash does not bring rights back: asked by the controller before (LIMIT on a derived channel), and the keep file's
# content is the launcher's.
kill -TERM $launcher; wait $launcher 2>/dev/null
refusals=$(grep -c '"/etc/shadow"' "$POSTERN_DATA/audit/audit.log")
[ "$refusals" -lt 1500 ] && pass "15: a flood of 3,000 refusals wrote $refusals records" || fail "15: a flood of 3,000 refusals wrote $refusals records"
like "15: and says how many it left out" "suppressed" grep -m 1 suppressed "$POSTERN_DATA/audit/audit.log"
[ -z "$(find /sys/fs/cgroup -path "*$POSTERN_CGROUP/containers/*" -type d)" ] && pass "nothing is left in the cgroups" ||
	fail "nothing is left in the cgroups" "$(find /sys/fs/cgroup -path "*$POSTERN_CGROUP/containers/*" -type d)"
finish
