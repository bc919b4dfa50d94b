#!/bin/bash
# kill -9 of each program while a container runs: it goes on, its log is whole, the engine answers again.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"

is_users && [ "$engine" = rootless ] && POSTERN_IDS=$((POSTERN_SUBS + 65512)) # helpers/user/ids.c
export layer_uid=${POSTERN_UID:-2147352576}
# layer's id is that of every engine of root's: those are told apart by their cgroup.
set_of() {
	ps -ww -eo ruid=,cgroup=,args= | awk -v i="$POSTERN_IDS" -v l="$layer_uid" -v u="${POSTERN_UID:-}" -v c="/$POSTERN_CGROUP/" '{mine = index($2, c); $2 = ""}
		(($1 >= i && $1 < i + 24) || ($1 == l && (u || mine))) && /postern/ && !/defunct/ && !/launcher/' | sort | uniq -c
}
export -f set_of
settled() { first_set=$(set_of); sleep 0.2; [ "$first_set" = "$(set_of)" ]; } # layer's workers of the load have gone
until_true 40 settled
pid_of() { jq -r ".helpers[] | select(.name == \"$1\") | .pid" "$POSTERN_RUN/helpers.json"; }
docker run -d --name long busybox sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo $i; sleep 0.01; done' >/dev/null
container=$(docker inspect -f '{{.State.Pid}}' long)
privileged="cgroup device"; ! is_users || privileged=${POSTERN_DELEGATED:+cgroup}
[ -n "$privileged" ] || skip "cgroup and device killed" "the kernel gives users neither cgroups that are not delegated nor BPF"
for program in audit seal mount lookup idmap netns $privileged spawn layer controller; do
	old=$(pid_of "$program")
	kill -9 "$old"
	start=$(date +%s%N)
	until_true 100 "$bin/postern" run --rm busybox true
	ms=$((($(date +%s%N) - start) / 1000000))
	ok "$program killed: the engine runs containers again" "$bin/postern" run --rm busybox true
	[ $ms -lt 2000 ] && pass "$program killed: within 2 s" || fail "$program killed: within 2 s" "$ms ms"
	ok "$program killed: another took its place" bash -c "p=\$(jq -r '.helpers[] | select(.name == \"$program\") | .pid' '$POSTERN_RUN/helpers.json'); [ \$p != $old ] && kill -0 \$p"
	ok "$program killed: the container goes on" kill -0 "$container"
	is "$program killed: and is known to run" running docker inspect -f '{{.State.Status}}' long
done
ok "it can be stopped" docker stop -t 0 long
docker logs long >"$POSTERN_BASE/lines"
ok "its log is whole" bash -c "n=\$(wc -l <'$POSTERN_BASE/lines'); [ \$n -gt 10 ] && [ \"\$(cat '$POSTERN_BASE/lines')\" = \"\$(seq 1 \$n)\" ]"
docker rm long >/dev/null
ok "the audit log verifies after all that" "$bin/postern" audit verify

# during a start: killed at random moments, sampled; an error or a success, and nothing left
for program in netns idmap mount spawn $privileged controller; do
	for i in 1 2 3; do
		docker run --rm busybox true >/dev/null 2>"$POSTERN_BASE/err" & run=$!
		sleep 0.0$((i * 2))
		kill -9 "$(pid_of "$program")" 2>/dev/null
		wait $run
	done
	until_true 100 "$bin/postern" run --rm busybox true
	ok "$program killed during starts: the engine goes on" "$bin/postern" run --rm busybox true
done

# a container that removes itself, in the middle of that: its row says that it runs
docker run -d --rm --name cut busybox sleep 100 >/dev/null
layer=$(pid_of layer)
kill -STOP "$layer"
docker kill cut >/dev/null
until_true 100 bash -c "docker inspect -f '{{.State.Status}}' cut | grep -q removing"
is "a removal waits for layer" removing docker inspect -f '{{.State.Status}}' cut
kill -9 "$(pid_of controller)"; kill -CONT "$layer"
until_true 100 docker version
until_true 40 bash -c '[ -z "$(docker ps -aqf name=cut)" ]'
is "cut off by a crash, it is finished" "" docker ps -aqf name=cut
if ! is_users; then
	docker run -d --name ends busybox sleep 100 >/dev/null
	cgroup=$(pid_of cgroup)
	kill -STOP "$cgroup"
	kill -9 "$(docker inspect -f '{{.State.Pid}}' ends)"
	until_true 100 bash -c '! kill -0 '"$(docker inspect -f '{{.State.Pid}}' ends)"
	sleep 0.1
	kill -9 "$cgroup"
	ok "cgroup killed while a container ends: it has ended" until_true 100 bash -c "docker inspect -f '{{.State.Status}}' ends | grep exited"
	until_true 40 bash -c "[ -z \"\$(find /sys/fs/cgroup -path '*$POSTERN_CGROUP/containers/*' -maxdepth 6 -type d ! -name spawn)\" ]"
	is "and its cgroups go" "" bash -c "find /sys/fs/cgroup -path '*$POSTERN_CGROUP/containers/*' -maxdepth 6 -type d ! -name spawn"
fi
docker ps -aq | xargs -r docker rm -f >/dev/null
left() { find /sys/fs/cgroup -path "*$POSTERN_CGROUP/containers/*" -maxdepth 6 -type d ! -name spawn; ls "$POSTERN_DATA/store/tree/containers" "$POSTERN_RUN/monitors"; }
until_true 40 bash -c "[ -z \"\$(find /sys/fs/cgroup -path '*$POSTERN_CGROUP/containers/*' -maxdepth 6 -type d ! -name spawn)\" ]"
is "nothing is left of them" "" bash -c "find /sys/fs/cgroup -path '*$POSTERN_CGROUP/containers/*' -maxdepth 6 -type d ! -name spawn; ls '$POSTERN_DATA/store/tree/containers'"
until_true 100 bash -c "[ \"\$(set_of)\" = \"$first_set\" ]"
is "no second set of helpers" "$first_set" set_of
finish
