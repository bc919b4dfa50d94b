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
spawn 10 20 0 0 0 0 range"
field() { awk -v k="$2:" -v n="${3:-2}" '$1 == k {print $n}' "/proc/$1/status"; }
hex() { sed 's/^0*//; s/^$/0/'; }
host=$(readlink /proc/self/ns/user)
while read -r name uid euid caps bound nnp seccomp userns; do
	pid=$(jq -r ".helpers[] | select(.name == \"$name\") | .pid" "$POSTERN_RUN/helpers.json")
	is "$name: uid" "$((POSTERN_IDS + uid)) $((POSTERN_IDS + euid))" echo "$(field $pid Uid 2) $(field $pid Uid 3)"
	is "$name: saved uid" "$((POSTERN_IDS + uid))" field $pid Uid 4
	is "$name: gid" "$((POSTERN_IDS + uid))" field $pid Gid
	is "$name: groups" "$([ $name = spawn ] || [ $name = cgroup ] && echo $((POSTERN_IDS + 21)))" field $pid Groups
	is "$name: permitted capabilities" "$caps" bash -c "awk '\$1 == \"CapPrm:\" {print \$2}' /proc/$pid/status | sed 's/^0*//; s/^\$/0/'"
	is "$name: effective capabilities" "$caps" bash -c "awk '\$1 == \"CapEff:\" {print \$2}' /proc/$pid/status | sed 's/^0*//; s/^\$/0/'"
	is "$name: inheritable, ambient" "0000000000000000 0000000000000000" echo "$(field $pid CapInh) $(field $pid CapAmb)"
	[ "$bound" = any ] || is "$name: bounding set" "$bound" bash -c "awk '\$1 == \"CapBnd:\" {print \$2}' /proc/$pid/status | sed 's/^0*//; s/^\$/0/'"
	is "$name: no_new_privs" "$nnp" field $pid NoNewPrivs
	is "$name: seccomp" "$seccomp" field $pid Seccomp
	is "$name: not dumpable" 0 stat -c %u "/proc/$pid/environ"
	is "$name: empty environment" "" bash -c "tr -d '\\0' < /proc/$pid/environ"
	ns=$(readlink "/proc/$pid/ns/user")
	case $userns in
	host) is "$name: user namespace" "$host" echo "$ns" ;;
	*) [ "$ns" != "$host" ] && pass "$name: a user namespace of its own" || fail "$name: a user namespace of its own" "$ns" ;;
	esac
	case $name in
	spawn) like "$name: cgroup" "/$POSTERN_CGROUP/containers/spawn$" grep '^0::' "/proc/$pid/cgroup" ;;
	*) like "$name: cgroup is beside the delegated root" "^0::/$POSTERN_CGROUP/helpers$" grep '^0::' "/proc/$pid/cgroup" ;;
	esac
done <<<"$rows"
pid=$(jq -r '.helpers[] | select(.name == "layer") | .pid' "$POSTERN_RUN/helpers.json")
is "layer: uid is of the foreign range" 2147352576 field $pid Uid
is "layer: maps the foreign range only" "0 2147352576 65536" bash -c "awk '{print \$1, \$2, \$3}' /proc/$pid/uid_map"
is "layer: seccomp, no_new_privs" "2 1" echo "$(field $pid Seccomp) $(field $pid NoNewPrivs)"
for name in idmap netns spawn; do
	pid=$(jq -r ".helpers[] | select(.name == \"$name\") | .pid" "$POSTERN_RUN/helpers.json")
	is "$name: its namespace maps no host user" "" bash -c "awk '\$2 < 60000' /proc/$pid/uid_map"
done
for name in mount lookup; do
	pid=$(jq -r ".helpers[] | select(.name == \"$name\") | .pid" "$POSTERN_RUN/helpers.json")
	fails "$name: there is no /etc in its mount namespace" 2 ls "/proc/$pid/root/etc"
done
like "postern helpers shows the same" "controller .*${POSTERN_IDS}" "$bin/postern" helpers
finish
