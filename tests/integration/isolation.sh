#!/bin/bash
# What the host sees of many runs: no mount, no foreign file, no shared id, nothing left.
. "$(dirname "$0")/../lib.sh"
# A mount namespace that is the host's for this engine, and that no other test mounts into.
[ -n "${POSTERN_SOCKET:-}" ] || exec unshare --mount --propagation private bash -c 'mount --make-rshared / && exec "$@"' _ \
	"$top/tests/with-engine" bash "$0" "$@"

before=$(sort /proc/self/mountinfo; ls /sys/class/net)
watch() { while [ ! -e "$POSTERN_BASE/stop" ]; do sort /proc/self/mountinfo; ls /sys/class/net; echo; done | sort -u >"$POSTERN_BASE/seen"; }
watch & watcher=$!
bad=0
for i in $(seq 1 100); do
	"$bin/postern" run --rm busybox true || bad=$((bad + 1)) &
	"$bin/postern" run --rm busybox true || bad=$((bad + 1))
	wait $! || bad=$((bad + 1))
done
touch "$POSTERN_BASE/stop"; wait $watcher
is "200 runs succeed" 0 echo $bad
is "over 200 runs the host's mount table never changed" "" bash -c "sort -u <<<\"\$1\" | sed '/^$/d' >/tmp/iso.$$; sed '/^$/d' '$POSTERN_BASE/seen' | comm -13 /tmp/iso.$$ -; rm -f /tmp/iso.$$" _ "$before"

docker run -d --name aa busybox sleep 100 >/dev/null; docker run -d --name bb busybox sleep 100 >/dev/null
base() { awk '{print $2}' "/proc/$(docker inspect -f '{{.State.Pid}}' "$1")/uid_map"; }
a=$(base aa) b=$(base bb) owner=$(stat -c %u "/proc/$(docker inspect -f '{{.State.Pid}}' aa)")
if is_users; then
	skip "two containers have disjoint ranges" "a user has one range; files bound from the host must be the user's"
	is "a container's root is the user" "$POSTERN_UID" echo "$owner"
else
	ok "two containers have disjoint ranges" test $((a > b ? a - b : b - a)) -ge 65536
	is "a container's root is nobody on the host" "$a" echo "$owner"
fi
fails "a container cannot signal the other's processes" 1 docker run --rm busybox sh -c 'kill -0 2'
docker rm -f aa bb >/dev/null

root=${POSTERN_UID:-0} ids=$POSTERN_IDS store=2147352576
[ "$engine" != rootless ] || ids=$POSTERN_SUBS store=$POSTERN_SUBS
[ "$engine" != single ] || ids=$POSTERN_UID store=$POSTERN_UID
strangers() { find "$POSTERN_DATA" "$POSTERN_RUN" -printf '%U %p\n' | awk -v r="$root" -v i="$ids" -v s="$store" \
	'!($1 == r || ($1 >= i && $1 < i + 24) || ($1 >= s && $1 < s + 65536))'; }
is "every file belongs to the store's range or to the engine's ids" "" strangers
is "no cgroup of a container is left" "" bash -c "find /sys/fs/cgroup -path '*$POSTERN_CGROUP/containers/*' -maxdepth 6 -type d ! -name spawn"
is "no directory of a container is left" "" bash -c "ls '$POSTERN_DATA'/store/tree/containers"
is_users && POSTERN_RANGES=$POSTERN_SUBS-$((POSTERN_SUBS + 65511)) # the engine's own are above
is "no process has an id of the containers'" "" bash -c 'ps -eo uid,args | awk -v f=${POSTERN_RANGES%-*} -v l=${POSTERN_RANGES#*-} "\$1 >= f && \$1 <= l"'

# a set-id program in the store is reached by no path
docker create --name ss busybox true >/dev/null
fails "a local user reaches nothing in the store" 2 setpriv --reuid 1000 --regid 1000 --clear-groups ls "$POSTERN_DATA/store/tree"
fails "nor the state" 2 setpriv --reuid 1000 --regid 1000 --clear-groups ls "$POSTERN_DATA/state"
fails "nor the audit log" 1 setpriv --reuid 1000 --regid 1000 --clear-groups cat "$POSTERN_DATA/audit/audit.log"
docker rm ss >/dev/null
# failed starts leave nothing
docker run --name f1 busybox no-such >/dev/null 2>&1
is "a failed start says so" "127" docker inspect -f '{{.State.ExitCode}}' f1
like "and why" "executable file not found" docker inspect -f '{{.State.Error}}' f1
docker rm f1 >/dev/null
is "and leaves no cgroup" "" bash -c "find /sys/fs/cgroup -path '*$POSTERN_CGROUP/containers/*' -maxdepth 6 -type d ! -name spawn"
# no rights without a rule
if is_users; then
	like "another user does not even get to the socket" "Failed to connect" setpriv --reuid 1000 --regid 1000 --clear-groups curl -sS --unix-socket "$POSTERN_SOCKET" http://d/version
else
	like "a user that policy does not name is refused" "policy" setpriv --reuid 1000 --regid 1000 --clear-groups env HOME=/tmp docker ps
fi
finish
