#!/bin/bash
# A user's engine with cgroups that root has given away: limits hold, pause and stats work, containers live on; and without any.
# Engines: rootless single
. "$(dirname "$0")/../lib.sh"
is_users || { skip "delegated" "of users' engines only"; finish; }
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" --delegated bash "$0" "$@"

v2=$(awk '/ - cgroup2 /{print $5; exit}' /proc/self/mountinfo)
dir_of() { # CONTROLLER ID: version 1 or 2
	for d in "/sys/fs/cgroup/$1/$POSTERN_CGROUP/containers/$2" "$v2/$POSTERN_CGROUP/containers/$2"; do
		if ls "$d" 2>/dev/null | grep -q "^$1\."; then echo "$d"; return; fi
	done
}
first() { for f; do [ ! -e "$f" ] || { cat "$f"; return; }; done; }

docker run -d --name lim --memory 64m --cpus 0.5 --pids-limit 20 busybox sleep 1000 >/dev/null
id=$(docker inspect -f '{{.Id}}' lim)
pid=$(docker inspect -f '{{.State.Pid}}' lim)
memory=$(dir_of memory "$id") pids=$(dir_of pids "$id") cpu=$(dir_of cpu "$id")
is "--memory" 67108864 first "$memory/memory.limit_in_bytes" "$memory/memory.max"
is "--pids-limit" 20 cat "$pids/pids.max"
like "--cpus" "^50000" first "$cpu/cpu.cfs_quota_us" "$cpu/cpu.max"
like "its process is in its own cgroup" "^0::/$POSTERN_CGROUP/containers/$id$" grep '^0::' "/proc/$pid/cgroup"
fails "a container beyond its memory is killed" 137 docker run --name oom --memory 16m busybox tail /dev/zero
is "and said to have been so" true docker inspect -f '{{.State.OOMKilled}}' oom
like "more processes than allowed cannot be" "can't fork|Resource temporarily" docker run --rm --pids-limit 5 busybox sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
ok "pause" docker pause lim
is "it is frozen" "frozen 1" grep frozen "$v2/$POSTERN_CGROUP/containers/$id/cgroup.events"
ok "unpause" docker unpause lim
is "a missing device filter is the only warning of cgroups" "WARNING: No device filter" bash -c "docker info 2>&1 | grep WARNING | grep -v network | cut -c1-25"
pid_of() { jq -r ".helpers[] | select(.name == \"$1\") | .pid" "$POSTERN_RUN/helpers.json"; }
is "helpers are beside what the user's cgroup helper owns" "0::/$POSTERN_CGROUP/helpers" grep '^0::' "/proc/$(pid_of mount)/cgroup"
is "spawn is in it" "0::/$POSTERN_CGROUP/containers/spawn" grep '^0::' "/proc/$(pid_of spawn)/cgroup"
[ "$engine" != rootless ] || is "that is the helper's own" $((POSTERN_SUBS + 65512 + 8)) stat -c %u "$v2/$POSTERN_CGROUP/containers"

kill -9 "$(pid_of cgroup)"
ok "its helper killed: another goes on" until_true 100 docker pause lim
ok "and the container with it" docker unpause lim

start() { # OPTION...: the engine again, as with-engine does
	# shellcheck disable=SC2086
	bash -c "echo \$\$ >'$v2/${in:-$POSTERN_CGROUP/launcher}/cgroup.procs'; exec unshare --net '$POSTERN_BIN/postern-user' $POSTERN_ARGS $* --daemon" >>"$POSTERN_LOG" 2>&1
	until_true 200 "$bin/postern" version
}
end() { "$bin/postern" system stop >/dev/null; }
kill -9 "$POSTERN_LAUNCHER"; until_true 100 bash -c "! kill -0 $POSTERN_LAUNCHER"
ok "the launcher killed: its container goes on" kill -0 "$pid"
start
is "and the next one finds it" running docker inspect -f '{{.State.Status}}' lim
ok "and its cgroup: it can be paused" docker pause lim
ok "and unpaused" docker unpause lim
is "and can kill it" lim docker kill lim
until_true 40 test ! -d "$v2/$POSTERN_CGROUP/containers/$id"
fails "its cgroup goes with it" 1 test -d "$v2/$POSTERN_CGROUP/containers/$id"
docker rm lim oom >/dev/null

# while a container runs the engine keeps to its cgroup, wherever it is started
docker run -d --name stays --memory 64m busybox sleep 1000 >/dev/null
id=$(docker inspect -f '{{.Id}}' stays) pid=$(docker inspect -f '{{.State.Pid}}' stays)
end
POSTERN_ARGS_GIVEN=$POSTERN_ARGS POSTERN_ARGS=${POSTERN_ARGS/--cgroup $POSTERN_CGROUP/}
start
ok "without --cgroup: it goes back to where its containers are" docker pause stays
docker unpause stays >/dev/null
end
unshare --net "$POSTERN_BIN/postern-user" $POSTERN_ARGS --daemon >>"$POSTERN_LOG" 2>&1; until_true 200 "$bin/postern" version
is "where it may not go back to it knows the container all the same" running docker inspect -f '{{.State.Status}}' stays
is "and can kill it" stays docker kill stays
until_true 100 bash -c "! kill -0 $pid"
docker rm -f stays >/dev/null
like "without a cgroup info says why" "without cgroups.*No memory limit" bash -c "docker info 2>&1 | tr '\n' ' '"
like "a limit is discarded with Docker's words" "does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded" docker run --rm --memory 64m busybox true
like "and one of processors refused with them" "NanoCPUs can not be set" docker run --rm --cpus 0.5 busybox true
fails "pause needs one" 1 docker pause nothing
end

# part of it: a hierarchy that is not given is not used
if [ -d "/sys/fs/cgroup/memory/$POSTERN_CGROUP" ]; then
	chown root "/sys/fs/cgroup/memory/$POSTERN_CGROUP"
	POSTERN_ARGS=$POSTERN_ARGS_GIVEN
	start
	like "memory not given: warned of" "memory limit capabilities" docker run --rm --memory 64m busybox true
	like "processes given: limited" "can't fork|Resource temporarily" docker run --rm --pids-limit 5 busybox sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
	end
	chown "$POSTERN_USER" "/sys/fs/cgroup/memory/$POSTERN_CGROUP"
fi
# somebody else in R
other=$POSTERN_CGROUP/launcher/shared
mkdir "$v2/$other"; chown -R "$POSTERN_USER" "$v2/$other"
bash -c "echo \$\$ >'$v2/$other/cgroup.procs'; exec sleep 100" & sleeper=$!
until_true 40 grep -q "$sleeper" "$v2/$other/cgroup.procs"
in=$other start --cgroup "$other"
like "others in the cgroup: it says what to do" "holds other processes too.*systemd-run --user --scope" cat "$POSTERN_LOG"
end
kill $sleeper; wait $sleeper 2>/dev/null
until_true 40 rmdir "$v2/$other"
finish
