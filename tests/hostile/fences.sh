#!/bin/bash
# Fences that hold a single helper that was taken over, and the log when audit is attacked.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
pid_of() { jq -r ".helpers[] | select(.name == \"$1\") | .pid" "$POSTERN_RUN/helpers.json"; }
as() { # HELPER COMMAND...: with the helper's user namespace, mount namespace, ids and capabilities, as its code would run
	local p; p=$(pid_of "$1"); shift
	nsenter -t "$p" -U --preserve-credentials "$@"
}

groups=--clear-groups
if is_users; then
	POSTERN_IDS=$((POSTERN_SUBS + 65512)) # helpers/launcher/user.c
	[ "$engine" = rootless ] || groups=--keep-groups # without subordinate ids the kernel lets nobody drop any
fi

# 18 idmap: CAP_SETUID reaches only ids that are mapped in the range namespace
p=$(pid_of idmap)
fails "18: no user of the host can be become from the range namespace" 1 nsenter -t "$p" -U setpriv --reuid 1000 $groups true
fails "18: nor root" 1 nsenter -t "$p" -U setpriv --reuid ${POSTERN_SUBS:-0} $groups true
# 19, 20 mount and lookup: there is nothing of the host in their mount namespace
for h in mount lookup; do
	p=$(pid_of $h)
	for path in etc root var/lib proc sys run boot usr; do
		[ -e "/proc/$p/root/$path" ] && fail "19: $h sees /$path" || pass "19: $h does not see /$path"
	done
done
is "21: every mount in spawn's namespace is nosuid, and none is the host's to add to" 0 bash -c "awk '\$6 !~ /nosuid/ || / (shared|master):/' /proc/$(pid_of spawn)/mountinfo | wc -l"
for path in etc root home var run/netns boot "$POSTERN_DATA" "$POSTERN_RUN"; do
	[ -e "/proc/$(pid_of spawn)/root/$path" ] && fail "21: spawn sees /$path" || pass "21: spawn does not see /$path"
done
# 21 spawn, 12 cgroup: their ids against the store by path and the host's cgroups
id=$((POSTERN_IDS + 10)) owner=$((POSTERN_IDS + 20)) share=$((POSTERN_IDS + 21)) cg=$((POSTERN_IDS + 8))
spawnlike() { setpriv --reuid "$owner" --regid "$id" --groups "$share" --inh-caps=-all --bounding-set=-all "$@"; }
cgrouplike() { setpriv --reuid "$cg" --regid "$cg" --clear-groups --inh-caps=-all --bounding-set=-all "$@"; }
if [ "$engine" = single ]; then
	skip "21: spawn's ids do not reach the store" "without subordinate ids they are the user's, who owns it"
else
	fails "21: spawn's ids do not reach the store" 2 spawnlike ls "$POSTERN_DATA/store"
	fails "21: nor the controller's state" 2 spawnlike ls "$POSTERN_DATA/state"
fi
v2=$(awk '/ - cgroup2 /{print $5; exit}' /proc/self/mountinfo)
if is_users; then
	skip "12: cgroup cannot kill or freeze the helpers" "no cgroup is delegated to this user"
else
	fails "21: nor the helpers' cgroup" 2 spawnlike sh -c "echo 0 > '$v2/$POSTERN_CGROUP/helpers/cgroup.procs'"
	fails "21: nor the host's root cgroup" 2 spawnlike sh -c "echo 0 > '$v2/cgroup.procs'"
	fails "12: cgroup cannot kill the helpers" 2 cgrouplike sh -c "echo 1 > '$v2/$POSTERN_CGROUP/helpers/cgroup.kill'"
	fails "12: nor the whole engine" 2 cgrouplike sh -c "echo 1 > '$v2/$POSTERN_CGROUP/cgroup.kill'"
	fails "12: nor freeze it" 2 cgrouplike sh -c "echo 1 > '$v2/$POSTERN_CGROUP/cgroup.freeze'"
fi
# 23 the monitor of a container, and what container root may do to it
docker run -d --name mon --cap-add SYS_PTRACE --cap-add SYS_ADMIN busybox sleep 100 >/dev/null
init=$(docker inspect -f '{{.State.Pid}}' mon)
monitor=$(awk '/^PPid:/ {print $2}' "/proc/$init/status")
# CAP_KILL over its own container: the kernel sends the death signal of a monitor with the monitor's rights
is "23: the monitor has no capability but over its own container's processes" "0000000000000020" awk '/^CapPrm:/ {print $2}' "/proc/$monitor/status"
is "23: and none in its bounding set" 2 awk '/^Seccomp:/ {print $2}' "/proc/$monitor/status"
is "23: no_new_privs" 1 awk '/^NoNewPrivs:/ {print $2}' "/proc/$monitor/status"
is "32: container root sees no process of the host" 1 docker run --rm busybox sh -c 'ls /proc | grep -c "^[0-9]*$" | awk "{print (\$1 <= 5)}"'
fails "32: container root that sees its monitor cannot look into it" 1 nsenter -t "$init" -U setpriv --reuid 0 --regid 0 $groups cat "/proc/$monitor/maps"
if [ "$engine" = single ]; then
	skip "32: nor signal another container's monitor, nor spawn" "one id is all there is: that none is seen is what holds (container.sh)"
else
	docker run -d --name other busybox sleep 100 >/dev/null
	other=$(awk '/^PPid:/ {print $2}' "/proc/$(docker inspect -f '{{.State.Pid}}' other)/status")
	fails "32: nor signal another container's monitor" 1 nsenter -t "$init" -U setpriv --reuid 0 --regid 0 $groups kill -0 "$other"
	docker rm -f other >/dev/null
	fails "32: nor spawn" 1 nsenter -t "$init" -U setpriv --reuid 0 --regid 0 $groups kill -0 "$(pid_of spawn)"
fi
# 34 what a container may not write
for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/uevent_helper /sys/fs/cgroup/cgroup.procs /proc/sys/vm/panic_on_oom; do
	fails "34: $f is not writable by container root" 1 docker run --rm --cap-add SYS_ADMIN busybox sh -c "echo 1 > $f"
done
# 33 as the default profile says
fails "33: no new user namespace in a container" 1 docker run --rm busybox unshare -U true
fails "33: no mount in a container" 1 docker run --rm busybox mount -t tmpfs t /tmp
# 28 the environment reaches nothing of ours
ok "28: LD_PRELOAD of an image reaches no helper" docker run --rm -e LD_PRELOAD=/lib/evil.so -e LD_LIBRARY_PATH=/evil busybox true
docker rm -f mon >/dev/null

# 16 audit: killed, frozen, full, cut
audit=$(pid_of audit)
kill -STOP "$audit"
start=$(date +%s)
like "16: with audit frozen nothing is started" "audit|timed out" timeout 60 docker run --rm busybox true
kill -CONT "$audit"
[ $(($(date +%s) - start)) -lt 50 ] && pass "16: and the refusal comes in bounded time" || fail "16: and the refusal comes in bounded time"
until_true 100 docker run --rm busybox true
ok "16: it goes on when audit does" docker run --rm busybox true
docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1
if is_users; then
	skip "16: the log cannot be cut or removed by its owner" "the kernel gives users no append-only flag; verify tells (audit.sh)"
else
	fails "16: the log cannot be cut by root without saying so" 1 truncate -s 0 "$POSTERN_DATA/audit/audit.log"
	fails "16: nor removed" 1 rm -f "$POSTERN_DATA/audit/audit.log"
fi
ok "16: it verifies" "$bin/postern" audit verify
finish
