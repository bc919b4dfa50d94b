#!/bin/bash
# --pid, --ipc, --uts, --network, --cgroupns, --userns, --privileged: whose namespaces a container has, read from the kernel.
. "$(dirname "$0")/../lib.sh"
if [ -z "${POSTERN_SOCKET:-}" ]; then
	# The second run is against a policy that allows what the default one does not.
	open=$(mktemp); trap 'rm -f "$open"' EXIT
	sed 's/\("host_[a-z]*\|"seccomp_unconfined"\|"unmasked_paths"\)\(": \|: \)false/\1\2true/g' "$top/policy/default.json" >"$open"
	"$top/tests/with-engine" bash "$0" closed; a=$?
	"$top/tests/with-engine" --policy "$open" bash "$0" open; b=$?
	exit $((a | b))
fi
run() { timeout 30 docker run --rm "$@"; }
start() { docker run -d "$@" >/dev/null 2>&1; } # its network's warning is no matter here
pid() { docker inspect -f '{{.State.Pid}}' "$1"; }
ns() { readlink "/proc/$(pid "$1")/ns/$2"; }
host_ns() { readlink "/proc/$POSTERN_LAUNCHER/ns/$1"; }
same() { [ "$(ns "$1" "$3")" = "$(ns "$2" "$3")" ]; }
differ() { ! same "$@"; }
modes="pid ipc uts network cgroupns"

if [ "$1" = closed ]; then
	for m in $modes; do
		like "--$m host: policy says no, by name" "cannot share the host.*rule security.host_(pid|ipc|uts|network|cgroup)\)" run "--$m" host busybox true
	done
	like "--userns host is always refused" "user namespace" run --userns host busybox true
	start --name donor --ipc shareable --hostname donor busybox sh -c 'echo shared >/dev/shm/f; exec sleep 600'
	start --name closed --ipc private busybox sleep 600
	for n in user pid net ipc uts mnt cgroup; do ok "a container has its own: $n" differ donor closed $n; done

	start --name pp --pid container:donor busybox sleep 600
	ok "--pid container:X" same donor pp pid
	ok "and with it X's user namespace" same donor pp user
	ok "and X's ids" cmp "/proc/$(pid donor)/uid_map" "/proc/$(pid pp)/uid_map"
	for n in net ipc uts mnt cgroup; do ok "but its own: $n" differ donor pp $n; done
	like "its processes see each other" "sleep 600.*sleep 600" bash -c 'docker run --rm --pid container:donor busybox ps 2>/dev/null | tr "\n" " "'
	ok "a network of its own there, which is up" run --pid container:donor busybox ping -c 1 -W 1 127.0.0.1
	start --name left --pid container:donor busybox sh -c 'sleep 601 & exec sleep 600'
	if is_users; then skip "what it leaves in X's pid namespace ends with it" "no cgroup is delegated to this user"; else
		docker rm -f left >/dev/null
		like "what it leaves in X's pid namespace ends with it" "^ *0$" bash -c 'docker run --rm --pid container:donor busybox ps 2>/dev/null | grep -c "slee[p] 601"'
	fi
	start --name ii --ipc container:donor busybox sleep 600
	ok "--ipc container:X" same donor ii ipc
	is "its /dev/shm is X's" shared cat "/proc/$(pid ii)/root/dev/shm/f"
	like "--ipc container:X: X must be shareable" "non-shareable IPC \(hint: use IpcMode:shareable for the donor container\)" run --ipc container:closed busybox true
	is "--ipc none: no /dev/shm" 0 run --ipc none busybox sh -c 'grep -c /dev/shm /proc/mounts'
	start --name nn --network container:donor busybox sleep 600
	ok "--network container:X" same donor nn net
	is "with X's host name" donor cat "/proc/$(pid nn)/root/etc/hostname"
	ok "but its own pid namespace" differ donor nn pid
	ok "what joined keeps the network when X is gone" run --network container:nn busybox true

	like "no such container" "No such container: nope" run --pid container:nope busybox true
	docker create --name still busybox true >/dev/null 2>&1
	like "one that does not run: pid" "is not running" run --pid container:still busybox true
	like "one that does not run: network" "cannot join network of a non running container" run --network container:still busybox true
	like "two of different user namespaces" "conflicting options" run --pid container:donor --network container:closed busybox true
	ok "two of one" run --pid container:donor --network container:nn --ipc container:ii busybox true
	like "with a host name" "conflicting options: hostname and the network mode" run --network container:donor --hostname h busybox true
	like "with ports" "conflicting options: port publishing and the container type network mode" run --network container:donor -p 80:80 busybox true
	like "with hosts" "conflicting options: custom host-to-IP mapping" run --network container:donor --add-host a:1.2.3.4 busybox true
	like "a net sysctl in X's network" "another container's" run --network container:donor --sysctl net.ipv4.ip_forward=1 busybox true
	docker rm -f donor >/dev/null
	ok "X's end is that of its pid namespace" until_true 60 bash -c '[ "$(docker inspect -f "{{.State.ExitCode}} {{.State.Running}}" pp)" = "137 false" ]'
	is "and not of its network" true docker inspect -f '{{.State.Running}}' nn
	ok "which others still join" run --network container:nn busybox true

	is "--privileged: every capability over its user namespace" 000001ffffffffff run --privileged busybox sh -c 'grep CapEff /proc/self/status | cut -f2'
	is "and a filter still, as policy has it" 2 run --privileged busybox sh -c 'grep Seccomp: /proc/self/status | cut -f2'
	is "nothing of /proc is masked or read-only" 0 run --privileged busybox sh -c 'grep -c " /proc/" /proc/mounts'
	ok "/proc/sys is its own network's" run --privileged busybox sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	ok "it mounts" run --privileged busybox mount -t tmpfs none /var
	fails "the host's own settings are not its" 1 run --privileged busybox sh -c 'echo x >/proc/sys/kernel/core_pattern'
	fails "nor are its keys" 1 run --privileged busybox sh -c 'cat /proc/kcore'
	if is_users; then skip "the devices of policy" "this user may open none"; else
		ok "the devices of policy are there" run --privileged busybox test -c /dev/net/tun
	fi
	ok "its own are as ever" run --privileged busybox sh -c 'echo x >/dev/null'
	docker rm -f closed pp ii nn still >/dev/null
	finish
fi

# Allowed.
for m in "uts uts" "ipc ipc" "network net"; do
	set -- $m
	start --name hh "--$1" host busybox sleep 600
	ok "--$1 host, where policy allows" [ "$(ns hh "$2")" = "$(host_ns "$2")" ]
	docker rm -f hh >/dev/null
done
is "--uts host: its name" "$(hostname)" run --uts host busybox hostname
like "--uts host with a name" "conflicting options: hostname and the UTS mode" run --uts host --hostname x busybox true
is "--ipc host: its /dev/shm" "$(stat -c %i /dev/shm)" run --ipc host busybox stat -c %i /dev/shm
is "--network host: its name" "$(hostname)" run --network host busybox hostname
host_net() { nsenter --net="/proc/$POSTERN_LAUNCHER/ns/net" "$@"; } # of a user's engine, too: that of the user's own processes
host_net ip link set lo up
like "--network host: ports are not published" "Published ports are discarded when using host network mode" \
	docker run -d --name hn --network host -p 8080:80 --add-host me:host-gateway --add-host you:1.2.3.4 busybox httpd -f -p 127.0.0.1:8123 -h /etc
ok "--network host: what it serves is the host's" until_true 40 host_net curl -sSf http://127.0.0.1:8123/hosts
is "--network host: its hosts are those that were asked for" "me 127.0.0.1,you 1.2.3.4," bash -c "host_net() { nsenter --net=/proc/$POSTERN_LAUNCHER/ns/net \"\$@\"; }
	host_net curl -sSf http://127.0.0.1:8123/hosts | awk '/me\$|you\$/ {printf \"%s %s,\", \$2, \$1}'"
is "--network host: without any they are the host's" "$(md5sum </etc/hosts)" run --network host busybox sh -c 'md5sum </etc/hosts'
is "--network host: port" "" docker port hn
is "--network host: network inspect names it" hn docker network inspect -f '{{range .Containers}}{{.Name}}{{end}}' host
like "--network host: stays there" "cannot be disconnected from host network" docker network disconnect host hn
like "--network host: and only there" "container sharing network namespace with another container or host cannot be connected" docker network connect bridge hn
like "--network host: low ports are root's" "Permission denied" run --network host busybox httpd -f -p 80
docker rm -f hn >/dev/null
like "--network host: no net sysctls" "not allowed in host network namespace" run --network host --sysctl net.ipv4.ip_forward=1 busybox true
like "--network host: nothing of it can be changed" "not permitted" run --network host --cap-add NET_ADMIN busybox ip link set lo down
if is_users; then
	like "--pid host without cgroups" "no cgroup is delegated" run --pid host busybox true
else
	start --name hh --pid host busybox sleep 600
	ok "--pid host, where policy allows" [ "$(ns hh pid)" = "$(host_ns pid)" ]
	is "its /proc is the host's" "$(stat -c %i /proc/$POSTERN_LAUNCHER)" bash -c "stat -c %i /proc/$(pid hh)/root/proc/$POSTERN_LAUNCHER"
	docker rm -f hh >/dev/null
	fails "--pid host: processes of the host get no signal" 1 run --pid host busybox kill -0 "$POSTERN_LAUNCHER"
	fails "--pid host: nor can they be looked into" 1 run --pid host --cap-add SYS_PTRACE busybox cat "/proc/$POSTERN_LAUNCHER/environ"
	start --name hh --cgroupns host busybox sleep 600
	ok "--cgroupns host, where policy allows" [ "$(ns hh cgroup)" = "$(host_ns cgroup)" ]
	like "its own path is the host's" "$POSTERN_CGROUP/containers/" cat "/proc/$(pid hh)/cgroup"
	docker rm -f hh >/dev/null
fi
is "seccomp=unconfined, where policy allows" 0 run --security-opt seccomp=unconfined busybox sh -c 'grep Seccomp: /proc/self/status | cut -f2'
is "--privileged without a filter then" 0 run --privileged busybox sh -c 'grep Seccomp: /proc/self/status | cut -f2'
is "systempaths=unconfined, where policy allows" 0 run --security-opt systempaths=unconfined busybox sh -c 'grep -c " /proc/" /proc/mounts'
ok "all of it at once" run --privileged --ipc host --network host --uts host busybox true
finish
