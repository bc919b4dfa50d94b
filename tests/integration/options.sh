#!/bin/bash
# What `docker run` can say here, each with its effect read from inside or from the kernel.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
run() { docker run --rm "$@"; }

is "-e" "v" run -e K=v busybox sh -c 'echo $K'
is "-w, made when missing" /a/b run -w /a/b busybox pwd
if [ "$engine" != single ]; then
	is "-u number" "1234 0" run -u 1234 busybox sh -c 'echo $(id -u) $(id -g)'
	is "-u name" "1000 1000 50" run -u user busybox sh -c 'echo $(id -u) $(id -g) $(id -G | cut -d" " -f2)'
	is "-u name:group" "1000 50" run -u user:staff busybox sh -c 'echo $(id -u) $(id -g)'
	is "HOME of the user" /home/user run -u user busybox sh -c 'echo $HOME'
	is "a user has no capabilities" "0000000000000000" run -u 1000 busybox sh -c 'grep CapEff /proc/self/status | cut -f2'
else
	skip "-u of another than root" "without subordinate ids the kernel maps one id only"
	like "-u of another than root is refused" "not mapped" run -u 1234 busybox true
fi
like "-u unknown" "unable to find user nobodyhere" run -u nobodyhere busybox true
is "--hostname" box run --hostname box busybox hostname
is "the default hostname is the id" 12 bash -c 'docker run --rm busybox hostname | tr -d "\n" | wc -c'
is "--entrypoint" "x y" run --entrypoint echo busybox x y
is "pid 1" 1 run busybox sh -c 'echo $$'
is "--init: another pid 1" "no" run --init busybox sh -c '[ $$ = 1 ] && echo yes || echo no'
is "--label" yes bash -c 'docker create --name lab --label a=yes busybox >/dev/null; docker inspect -f "{{.Config.Labels.a}}" lab; docker rm lab >/dev/null'
is "network none: loopback only" lo run --network none busybox sh -c 'ls /sys/class/net | tr -d "\n"'
ok "and it is up" run busybox ping -c 1 -W 1 127.0.0.1
is "--network none" lo run --network none busybox sh -c 'ls /sys/class/net | tr -d "\n"'
like "--network host is refused" "network|host" run --network host busybox true
like "--userns host is refused" "userns|user namespace" run --userns host busybox true
is "--privileged: all capabilities over its own user namespace" 000001ffffffffff run --privileged busybox sh -c "grep CapEff /proc/self/status | cut -f2"
fails "--read-only" 1 run --read-only busybox touch /x
ok "--read-only leaves --tmpfs writable" run --read-only --tmpfs /run:size=1m busybox touch /run/x
like "--tmpfs size" "1\.0M" run --tmpfs /run:size=1m busybox df -h /run
is "/dev/shm" "65536" run busybox sh -c 'df -k /dev/shm | tail -n 1 | awk "{print \$2}"'
is "default capabilities" "00000000a80425fb" run busybox sh -c 'grep CapEff /proc/self/status | cut -f2'
is "--cap-drop ALL" "0000000000000000" run --cap-drop ALL busybox sh -c 'grep CapEff /proc/self/status | cut -f2'
is "--cap-add" "0000000000001000" run --cap-drop ALL --cap-add NET_ADMIN busybox sh -c 'grep CapEff /proc/self/status | cut -f2'
like "--cap-add outside policy" "caps|policy|capab" run --cap-add SYS_MODULE busybox true
is "no_new_privs off" 0 run busybox sh -c 'grep NoNewPrivs /proc/self/status | cut -f2'
is "--security-opt no-new-privileges" 1 run --security-opt no-new-privileges busybox sh -c 'grep NoNewPrivs /proc/self/status | cut -f2'
is "seccomp is on" 2 run busybox sh -c 'grep Seccomp: /proc/self/status | cut -f2'
fails "seccomp refuses unshare" 1 run busybox unshare -U true
cat >/tmp/postern-profile.$$ <<'J'
{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}
J
like "--security-opt seccomp=FILE" "Operation not permitted" run --security-opt seccomp=/tmp/postern-profile.$$ busybox mkdir /x
rm -f /tmp/postern-profile.$$
like "seccomp=unconfined is policy's" "seccomp" run --security-opt seccomp=unconfined busybox true

# limits, read from the container's own cgroups on the host
if is_users; then
	skip "limits" "no cgroup is delegated to this user"
	like "a limit is warned of" "memory limit capabilities .*discarded" run --memory 64m busybox true
else
	docker run -d --name lim --memory 64m --cpus 0.5 --pids-limit 50 busybox sleep 100 >/dev/null
	id=$(docker inspect -f '{{.Id}}' lim)
	limit() { # FILES...: the first that exists
		for f; do f=/sys/fs/cgroup/$f; [ -e "$f" ] && cat "$f" && return; done
	}
	is "--memory" 67108864 limit "memory/$POSTERN_CGROUP/containers/$id/memory.limit_in_bytes" "$POSTERN_CGROUP/containers/$id/memory.max"
	is "--pids-limit" 50 limit "pids/$POSTERN_CGROUP/containers/$id/pids.max" "$POSTERN_CGROUP/containers/$id/pids.max"
	like "--cpus" "^50000" limit "cpu/$POSTERN_CGROUP/containers/$id/cpu.cfs_quota_us" "$POSTERN_CGROUP/containers/$id/cpu.max"
	pid=$(docker inspect -f '{{.State.Pid}}' lim)
	like "its process is in each of them" "memory:/$POSTERN_CGROUP/containers/$id" cat "/proc/$pid/cgroup"
	docker rm -f lim >/dev/null
	fails "a container beyond its memory is killed" 137 run --memory 16m busybox sh -c 'tail /dev/zero'
fi
like "a limit that cannot be is refused" "inimum memory limit" run --memory 1m busybox true

# binds: a user's directory, a root-owned one, what policy does not name
uid=${POSTERN_UID:-1000} gid=$(id -g "${POSTERN_USER:-nobody}"); is_users || gid=1000
user=$(mktemp -d /var/tmp/postern-bind.XXXXXX); echo data >"$user/f"; chown -R "$uid:$gid" "$user"
is "-v: root of the container is the owner" "0 0" run -v "$user:/b" busybox sh -c 'echo $(stat -c "%u %g" /b/f)'
ok "-v: writes" run -v "$user:/b" busybox sh -c 'echo x > /b/by-root'
is "a file by container root belongs to the user" "$uid" stat -c %u "$user/by-root"
if [ "$engine" = single ]; then
	skip "a file by another id" "without subordinate ids the kernel maps one id only"
else
	other=$((2147352576 + 5)); is_users && other=$((POSTERN_SUBS + 4))
	ok "-v: gives away" run -v "$user:/b" busybox sh -c 'touch /b/by-other; chown 5:5 /b/by-other'
	is "one by another id to that of the range" "$other" stat -c %u "$user/by-other"
fi
fails "-v ro" 1 run -v "$user:/b:ro" busybox touch /b/x
if is_users; then
	skip "-u: the run user is the owner" "the kernel gives users no id-mapped mounts of the host's files: the owner is container root"
else
	is "-u: the run user is the owner" 77 run -u 77 -v "$user:/b" busybox stat -c %u /b/f
fi
ok "--mount type=bind" run --mount "type=bind,source=$user,target=/b" busybox cat /b/f
like "--mount of a missing source" "bind source path does not exist" run --mount "type=bind,source=$user/none,target=/b" busybox true
fails "set-id programs of a bind have no effect" 1 run -v "$user:/b" busybox sh -c 'cp /bin/busybox /b/su; chmod 4755 /b/su; grep -q nosuid /proc/self/mountinfo && exit 1'
rootdir=$(mktemp -d /var/tmp/postern-root.XXXXXX); chmod 755 "$rootdir"; echo r >"$rootdir/f"
if is_users; then
	fails "a root-owned source cannot be written to" 1 run -v "$rootdir:/b" busybox touch /b/x
else
	like "a root-owned source is refused" "owner|denied|not permitted" run -v "$rootdir:/b" busybox true
fi
is "read-only it has no owner" "r 65534" run -v "$rootdir:/b:ro" busybox sh -c 'echo $(cat /b/f) $(stat -c %u /b/f)'
like "/etc is outside policy" "polic|denied|not permitted" run -v /etc:/b:ro busybox true
like "our own state is outside policy" "polic|denied|not permitted" run -v "$POSTERN_DATA:/b:ro" busybox true
ln -s /etc "$user/link"
like "a link in the way is refused" "symlink|symbolic|link|denied" run -v "$user/link:/b:ro" busybox true
rm -rf "$user" "$rootdir"

# volumes
ok "a named volume" run -v vol1:/v busybox sh -c 'echo kept > /v/f'
is "is kept" kept run -v vol1:/v busybox cat /v/f
is "and shared by ids" 0 run -v vol1:/v busybox stat -c %u /v/f
like "volume ls" vol1 docker volume ls
ok "volume rm" docker volume rm vol1

# devices
is "default devices" "null" run busybox sh -c 'echo x > /dev/null && echo null'
fails "no others" 1 run busybox sh -c 'mknod /dev/kmsg2 c 1 11 && cat /dev/kmsg2'
ok "--device of policy" run --device /dev/fuse busybox test -c /dev/fuse
like "--device outside policy" "polic|denied|not permitted" run --device /dev/kmsg busybox true
# a terminal
is "-t" yes bash -c 'docker run --rm -t busybox sh -c "[ -t 0 ] && [ -t 1 ] && printf yes"'
finish
