#!/bin/bash
# The same command lines against dockerd (Debian's 20.10, unpacked, in namespaces of its own) and Postern: same output, exit code and
# error text. Ids, times and sizes are blanked; what differs otherwise stands in the table with its reason, and in tests/README.md.
# Engines: system
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec unshare --mount --propagation private "$top/tests/with-engine" bash "$0" "$@"
peer=$top/build/debs dsock=$POSTERN_BASE/d.sock dockerd=
docker=$peer/usr/bin/docker
[ -x "$docker" ] && [ -x "$peer/usr/sbin/dockerd" ] || { skip "the same as dockerd" "docker.io cannot be had"; finish; }
end_peer() {
	[ -n "$dockerd" ] || return
	kill "$dockerd"; wait "$dockerd" 2>/dev/null
	find /sys/fs/cgroup -depth -type d -path "*$POSTERN_CGROUP-peer*" -exec rmdir {} \; 2>/dev/null
	grep -o "$POSTERN_BASE/d[de][^ ]*" /proc/self/mountinfo | sort -ru | xargs -r umount -l 2>/dev/null
}
trap end_peer EXIT
PATH=$peer/usr/bin:$peer/usr/sbin:$PATH unshare --net "$peer/usr/sbin/dockerd" --data-root "$POSTERN_BASE/dd" --exec-root "$POSTERN_BASE/de" \
	-H "unix://$dsock" -p "$POSTERN_BASE/d.pid" --bridge none --iptables=false --cgroup-parent "/$POSTERN_CGROUP-peer" >"$POSTERN_BASE/d.log" 2>&1 &
dockerd=$!
if ! until_true 400 "$docker" -H "unix://$dsock" version; then skip "the same as dockerd" "it cannot start here: $(tail -n 1 "$POSTERN_BASE/d.log" | cut -c1-150)"; finish; fi
"$docker" -H "unix://$dsock" load -q -i "$top/build/images/busybox.tar" >/dev/null

work=$POSTERN_BASE/same; mkdir -p "$work"; printf 'A=1\n#no\nB\nC=x y\n' >"$work/env"
blank() { # ids, digests, times, sizes, process numbers
	sed -E -e 's/\b[0-9a-f]{64}\b/ID/g; s/\b[0-9a-f]{12}\b/ID/g' -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)/TIME/g' \
		-e 's/(Less than a|About a|[0-9]+) (second|minute|hour|year|month|week|day)s?( ago)?/AGO/g' -e "s#$POSTERN_BASE/[a-z]+\\.sock#SOCKET#g" \
		-e 's/[0-9.]+ ?[kKMG]i?B\b/SIZE/g' -e 's/^WARNING: network default is not available.*$//' -e '/error waiting for container: context canceled/d; /^$/d' -e 's/ +$//; s/ {2,}/  /g'
}
# DIFFERS is empty or the reason why the two need not be the same (then both exit codes must still be as told).
one() { # DIFFERS LINE: runs it on both; $D is the client
	local differs=$1 line=$2 a b ca cb
	a=$(cd "$work" && D="$docker -H unix://$dsock" timeout 60 bash -c "$line" </dev/null 2>&1); ca=$?
	b=$(cd "$work" && D="$docker" timeout 60 bash -c "$line" </dev/null 2>&1); cb=$?
	a=$(blank <<<"$a") b=$(blank <<<"$b")
	if [ "$a" = "$b" ] && [ $ca = $cb ]; then
		[ -z "$differs" ] && pass "same: ${line//\$D/docker}" || fail "no longer different, so strike it from the table: ${line//\$D/docker}"
	elif [ -n "$differs" ] && [ $ca = $cb ]; then
		pass "differs ($differs): ${line//\$D/docker}"
	else
		fail "same: ${line//\$D/docker}" "dockerd ($ca): $a" "postern ($cb): $b"
	fi
}
N="--network none" n=0
# The lines up to the first empty one need nothing of each other: four at a time.
while IFS= read -r line; do
	if [ -z "$line" ]; then wait $(jobs -p | grep -v "^$dockerd$"); cat "$work"/out.*; n=-1; continue; fi
	differs=${line%%|*} line=${line#*|}; line=${line# }; differs=${differs% }
	if [ $n -lt 0 ]; then one "$differs" "${line//NONE/$N}"; continue; fi
	n=$((n + 1))
	one "$differs" "${line//NONE/$N}" >"$work/out.$(printf %03d $n)" &
	[ $((n % 4)) -ne 0 ] || wait $(jobs -p | grep -v "^$dockerd$")
done <<'T'
| $D run --rm NONE busybox echo hello
| $D run --rm NONE busybox sh -c 'echo out; exit 3'
| $D run --rm NONE busybox sh -c 'echo err >&2; exit 5' 2>/dev/null
words of Docker 28| $D run --rm NONE busybox no-such-command
words of Docker 28| $D run --rm NONE busybox /etc/passwd
words of Docker 28| $D run --rm NONE busybox /etc
words of Docker 28| $D run --rm NONE --entrypoint /no/such busybox x
| $D run --rm NONE -w /a/b busybox pwd
| $D run --rm NONE -w relative busybox pwd
| $D run --rm NONE -u 1000:50 busybox id
| $D run --rm NONE -u nosuch busybox id
| $D run --rm NONE -u root:nogroupatall busybox id
| $D run --rm NONE -e A=b -e HOME=/x --env-file env busybox env | sort | grep -v HOSTNAME
| $D run --rm NONE -h myhost busybox sh -c 'hostname; cat /etc/hostname'
| $D run --rm NONE --read-only busybox touch /x
| $D run --rm NONE --tmpfs /t:size=1m busybox sh -c 'df -k /t | tail -1'
| echo data | $D run -i --rm NONE busybox cat
| $D run --rm NONE --ulimit nofile=100:200 busybox sh -c 'ulimit -Sn; ulimit -Hn'
| $D run --rm NONE --cap-drop ALL busybox chown 1 /tmp
| $D run --rm NONE --cap-add NO_SUCH busybox true
| $D run --rm NONE --memory 1m busybox true
| $D run --rm NONE --memory 64m --memory-swap 32m busybox true
| $D run --rm NONE --cpus 10000 busybox true
| $D run --rm NONE -v relative:/x busybox ls /x
| $D run --rm NONE -v /x busybox sh -c 'ls -d /x; grep -c " /x " /proc/mounts'
a path outside policy and a missing one are answered alike| $D run --rm NONE --mount type=bind,source=/no/such/thing,target=/x busybox true
| $D run --rm NONE --mount type=bind,source=/var/tmp/no-such-thing,target=/x busybox true
| $D run --rm NONE --mount type=bind,target=/x busybox true
| $D run --rm NONE -v bad/name:/x busybox true
| $D run --rm NONE -v vol:relative busybox true
| $D run --rm NONE --name -bad busybox true
| $D run --rm NONE --restart sometimes busybox true
there are no plugins| $D run --rm NONE --log-driver nosuch busybox true
| $D run --rm NONE --log-opt max-size=x busybox true
| $D create --log-driver journald --log-opt max-size=1m busybox true
words of Docker 28| $D run --rm NONE --stop-signal NOSIG busybox true
| $D run --rm NONE --security-opt nosuch=1 busybox true
| $D run --rm NONE --shm-size 1m busybox sh -c 'df -k /dev/shm | tail -1'
| $D run --rm NONE --oom-score-adj 5000 busybox true
| $D run --rm NONE --sysctl kernel.hostname=x busybox true
words of Docker 28| $D run --rm NONE --runtime nosuch busybox true
| $D run --rm --pull never no/such:image true
| $D run --rm --pull never Bad:Name true

| $D run -d --name c1 NONE -l a=b busybox sh -c 'echo one; echo two; exit 4' >/dev/null; $D wait c1
| $D logs c1
| $D logs --tail 1 c1
| $D logs -t c1
| $D logs --since 1h --until 1m c1
| $D logs --tail x c1
| $D ps -a --format '{{.Names}} {{.Image}} {{.Command}} {{.Status}} {{.Labels}} {{.Networks}}'
| $D ps -a --filter exited=4 --format '{{.Names}}'
words of Docker 28| $D ps -a --filter nosuch=1
words of Docker 28| $D ps -a --filter status=nosuch
| $D inspect -f '{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.RestartCount}} {{.Config.Image}} {{.Config.Labels}}' c1
| $D inspect -f '{{json .Config.Cmd}} {{json .Config.Env}} {{.HostConfig.NetworkMode}} {{json .HostConfig.RestartPolicy}} {{json .HostConfig.LogConfig}}' c1
| $D inspect -f '{{.Driver}} {{.Platform}} {{.Path}} {{.Args}} {{.HostConfig.ShmSize}} {{json .HostConfig.PidsLimit}} {{json .HostConfig.Binds}}' c1
| $D inspect -f '{{.No.Such}}' c1
| $D inspect nothing
| $D rename c1 c2; $D rename c2 'b d'; $D ps -aq --filter name=c2 | wc -l
| $D start c2; $D wait c2
words of Docker 28| $D kill c2
| $D stop c2
| $D pause c2
words of Docker 28| $D top c2
| $D attach c2
| $D rm c2 nothing
words of Docker 28| $D run -d --name r1 NONE busybox sleep 1000 >/dev/null; $D rm r1; $D run --name r1 busybox true
| $D top r1 -o pid,comm,args | awk 'NR == 1 || /sleep/ {$1 = ""; print}'
| $D top r1 -o comm
words of Docker 28| $D kill -s NOSIG r1
| $D rmi busybox
| $D stop -t 0 r1; $D inspect -f '{{.State.ExitCode}}' r1; $D rm r1
| $D images --format '{{.Repository}} {{.Tag}} {{.ID}}'
words of Docker 28| $D images --filter nosuch=1
| $D tag busybox Mine:1
| $D tag nothing mine:1
| $D tag busybox mine:1; $D images -q mine | wc -l; $D rmi mine:1
| $D rmi nothing
| $D tag busybox docker.io/other/name:v1; $D image inspect -f '{{json .RepoTags}}' other/name:v1; $D images --format '{{.Repository}}' 'other/*'; $D rmi index.docker.io/other/name:v1
| $D tag busybox docker.io/library/fam:1; $D rmi fam:1; $D tag busybox localhost/fam:1; $D rmi localhost/fam:1; $D tag busybox docker.io/a:B/c
| $D image inspect -f '{{json .Parent}} {{json .RepoDigests}}' busybox
| $D image inspect -f '{{json .RepoTags}} {{.Os}} {{.Architecture}} {{json .Config.Cmd}} {{.RootFS.Type}}' busybox
| $D history --format '{{.CreatedBy}}|{{.Size}}' busybox
what is missing is named| echo junk | $D load
| $D volume create v1; $D volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{json .Labels}}' v1
Options is null when there are none| $D volume inspect -f '{{json .Options}}' v1
| $D volume ls --format '{{.Driver}} {{.Name}}' --filter name=v1
| $D volume create bad/name
| $D volume rm v1 nothing
| s=$(date +%s.%N); $D run --rm NONE -v evol:/v:ro busybox true; $D events --since $s --until $(date +%s.%N) --filter type=volume --format '{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.destination}} {{index .Actor.Attributes "read/write"}} {{.Actor.Attributes.driver}}'; $D volume rm evol
| $D system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'
| $D volume inspect nothing
| $D container prune -f; $D ps -aq
| $D events --since 0 --until 1 --filter nosuch=1
| $D info --format '{{.OSType}} {{.Architecture}} {{.Driver}} {{.LoggingDriver}} {{.Swarm.LocalNodeState}} {{.NCPU}}'
| $D version --format '{{.Server.Os}} {{.Server.Arch}}'
| $D node ls
| $D swarm leave
| $D service ls
T
grep -qs '^not ok' "$work"/out.* && failed=1
"$docker" -H "unix://$dsock" ps -aq | xargs -r "$docker" -H "unix://$dsock" rm -f >/dev/null
finish
