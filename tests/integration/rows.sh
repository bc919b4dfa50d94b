#!/bin/bash
# Each program has exactly its row, as the kernel says. A test that fails on any more.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"

# seal's capability is of its own user namespace; device gives BPF up once its program is loaded.
# name, uid offset, effective uid offset, permitted capabilities, bounding set, no_new_privs, seccomp, user namespace
rows="controller 0 0 0 0 1 2 host
audit 12 12 0 0 1 2 host
seal 7 7 200000 any 1 2 own
mount 6 6 200000 200000 1 2 host
lookup 5 5 4 4 1 2 host
idmap 1 1 c0 c0 1 2 range
netns 2 20 0 0 1 2 range
cgroup 8 8 0 0 1 2 host
device 9 9 1000 8000001000 1 2 host
spawn 10 20 0 0 0 0 range
veth 3 3 1000 1000 1 2 host
firewall 4 4 1000 1000 1 2 host
resolver 15 15 0 0 1 2 host
forward 16 16 0 0 1 2 host
ports 17 17 0 0 1 2 host"
is_users || rows=$(grep -v '^forward ' <<<"$rows") # the kernel forwards
one=; setfcap=0
if is_users; then
	# Of the host's view: ids are the user's subordinate ones (helpers/user/ids.c), or all the user's own.
	without='cgroup|device'; [ -z "${POSTERN_DELEGATED:-}" ] || without=device
	skip "rows of ${without/|/ and }" "the kernel gives users neither cgroups that are not delegated nor BPF"
	rows=$(grep -Ev "^($without) " <<<"$rows")
	POSTERN_IDS=$((POSTERN_SUBS + 65512))
	[ "$engine" = rootless ] || one=$POSTERN_UID
fi
id_of() { echo "${one:-$((POSTERN_IDS + $1))}"; }
gid_of() { if [ -n "$one" ]; then id -g "$POSTERN_USER"; else id_of "$1"; fi; }
field() { awk -v k="$2:" -v n="${3:-2}" '$1 == k {print $n}' "/proc/$1/status"; }
hex() { sed 's/^0*//; s/^$/0/'; }
host=$(readlink "/proc/$(jq -r '.launcher' "$POSTERN_RUN/helpers.json")/ns/user")
is_users || is "the launcher is in the host's user namespace" "$(readlink /proc/self/ns/user)" echo "$host"
while read -r name uid euid caps bound nnp seccomp userns; do
	pid=$(jq -r ".helpers[] | select(.name == \"$name\") | .pid" "$POSTERN_RUN/helpers.json")
	is "$name: uid" "$(id_of $uid) $(id_of $euid)" echo "$(field $pid Uid 2) $(field $pid Uid 3)"
	is "$name: saved uid" "$(id_of $uid)" field $pid Uid 4
	is "$name: gid" "$(gid_of $uid)" field $pid Gid
	is "$name: groups" "$([ -z "$one" ] && { [ $name = spawn ] || [ $name = cgroup ]; } && id_of 21)" field $pid Groups
	is "$name: permitted capabilities" "$caps" bash -c "awk '\$1 == \"CapPrm:\" {print \$2}' /proc/$pid/status | sed 's/^0*//; s/^\$/0/'"
	is "$name: effective capabilities" "$caps" bash -c "awk '\$1 == \"CapEff:\" {print \$2}' /proc/$pid/status | sed 's/^0*//; s/^\$/0/'"
	is "$name: inheritable, ambient" "0000000000000000 0000000000000000" echo "$(field $pid CapInh) $(field $pid CapAmb)"
	[ "$bound" = any ] || is "$name: bounding set" "$bound" bash -c "awk '\$1 == \"CapBnd:\" {print \$2}' /proc/$pid/status | sed 's/^0*//; s/^\$/0/'"
	is "$name: no_new_privs" "$nnp" field $pid NoNewPrivs
	is "$name: seccomp" "$seccomp" field $pid Seccomp
	# Its files in /proc are root's then: of the user namespace that it was executed in.
	owner=0; is_users && owner=$POSTERN_UID; [ "$userns$engine" = rangerootless ] && owner=0
	[ -n "$one" ] || is "$name: not dumpable" "$owner" stat -c %u "/proc/$pid/environ"
	is "$name: empty environment" "" bash -c "tr -d '\\0' < /proc/$pid/environ"
	ns=$(readlink "/proc/$pid/ns/user")
	case $userns in
	host) is "$name: user namespace" "$host" echo "$ns" ;;
	*) [ "$ns" != "$host" ] && pass "$name: a user namespace of its own" || fail "$name: a user namespace of its own" "$ns" ;;
	esac
	{ is_users && [ -z "${POSTERN_DELEGATED:-}" ]; } || case $name in
	spawn) like "$name: cgroup" "/$POSTERN_CGROUP/containers/spawn$" grep '^0::' "/proc/$pid/cgroup" ;;
	*) like "$name: cgroup is beside the delegated root" "^0::/$POSTERN_CGROUP/helpers$" grep '^0::' "/proc/$pid/cgroup" ;;
	esac
done <<<"$rows"
pid_of() { jq -r ".helpers[] | select(.name == \"$1\") | .pid" "$POSTERN_RUN/helpers.json"; }
# What the network programs have open: their channels and files that all have, then their own.
kinds_of() { for fd in $(ls "/proc/$1/fd" | sort -n); do readlink "/proc/$1/fd/$fd" | sed "s|^$POSTERN_LOG\$|log|; s|^/memfd:||; s| (deleted)||; s|^anon_inode:||; s|[][]||g; s|:.*||"; done | xargs; }
all="/dev/null /dev/null log socket socket policy keep"
while read -r name own; do
	[ -n "$(pid_of "$name")" ] && is "$name: open files" "$all${own:+ $own}" kinds_of "$(pid_of "$name")"
done <<<"veth user socket /proc/sys/net /proc/sys/net/ipv6/conf
firewall socket socket
resolver eventpoll timerfd
forward eventpoll timerfd socket socket socket
ports"
# The next monitor is made beside the containers that run, whose fds spawn has.
"$POSTERN_BIN/postern" run -d --name beside busybox sleep 1000 >/dev/null
spare_of() { for p in $(cat /proc/$1/task/*/children); do [ "$(cat "/proc/$p/comm")" != postern-spare ] || echo "$p"; done; }
has_spare() { [ -n "$(spare_of "$(pid_of spawn)")" ]; }
until_true 40 has_spare
is "spawn's spare: open files" "/dev/null /dev/null log socket socket" kinds_of "$(spare_of "$(pid_of spawn)")"
"$POSTERN_BIN/postern" rm -f beside >/dev/null
# Where the engine's network is: on the host, or in a namespace of its own.
net() { readlink "/proc/$(pid_of "$1")/ns/net"; }
networks=$(net launcher); ! is_users || networks=$(net veth)
while read -r name of; do
	want=$(net launcher); [ "$of" = host ] || want=$networks
	[ -n "$(pid_of "$name")" ] && is "$name: network namespace of the $of" "$want" net "$name"
done <<<"controller host
ports host
resolver host
veth engine
firewall engine
forward engine"
if is_users; then
	[ "$networks" != "$(net launcher)" ] && pass "the engine's networks are not in the host's namespace" || fail "the engine's networks are not in the host's namespace"
	keeper=$(pgrep -r S -u "$POSTERN_UID" -x postern-network)
	is "keeper: open files" "/dev/null /dev/null log $POSTERN_RUN socket signalfd socket net socket socket" kinds_of "$keeper"
	is "keeper: not dumpable" 0 stat -c %u "/proc/$keeper/environ"
	is "keeper: its user namespace is the engine's" "$host" readlink "/proc/$keeper/ns/user"
	is "keeper: its network namespace is the host's" "$(net launcher)" readlink "/proc/$keeper/ns/net"
	[ "$(readlink "/proc/$keeper/ns/mnt")" != "$(readlink "/proc/$(pid_of launcher)/ns/mnt")" ] && pass "keeper: a mount namespace of its own" || fail "keeper: a mount namespace of its own"
fi
pid=$(pid_of layer)
store=2147352576 map="0 2147352576 65536" # and what a user's store has: the ids that containers see
[ "$engine" != rootless ] || { store=$POSTERN_UID; map=$(printf '0 %s 1\n1 %s 65511\n65534 %s 1' "$POSTERN_UID" "$POSTERN_SUBS" $((POSTERN_SUBS + 65511))); }
[ "$engine" != single ] || { store=$POSTERN_UID; map="0 $POSTERN_UID 1"; }
is "layer: uid is the store's" "$store" field $pid Uid
is "layer: maps the store's range only" "$map" bash -c "awk '{print \$1, \$2, \$3}' /proc/$pid/uid_map"
is "layer: seccomp, no_new_privs" "2 1" echo "$(field $pid Seccomp) $(field $pid NoNewPrivs)"
for name in idmap netns spawn; do
	pid=$(jq -r ".helpers[] | select(.name == \"$name\") | .pid" "$POSTERN_RUN/helpers.json")
	is "$name: its namespace maps no host user" "" bash -c "awk -v user=${POSTERN_UID:-0} '\$2 < 60000 && \$2 != user' /proc/$pid/uid_map"
done
for name in mount lookup; do
	pid=$(jq -r ".helpers[] | select(.name == \"$name\") | .pid" "$POSTERN_RUN/helpers.json")
	fails "$name: there is no /etc in its mount namespace" 2 ls "/proc/$pid/root/etc"
done
like "postern helpers shows the same" "controller .*$(id_of 0)" "$bin/postern" helpers
finish
