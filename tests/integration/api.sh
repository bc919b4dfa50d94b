#!/bin/bash
# What the API tells of the engine and of containers: info, version, df, events, top, lists by every filter, and what is not there.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
as=(); is_users && as=(setpriv --reuid "$POSTERN_UID" --regid "$(id -g "$POSTERN_USER")" --clear-groups)
api() { "${as[@]}" curl -s -m 20 --unix-socket "$POSTERN_SOCKET" -X "$1" "http://d$2" "${@:3}"; }
code() { api "$@" -o /dev/null -w '%{http_code}'; }
field() { api GET "$1" | jq -rc "$2"; }
json_body() { printf '%s\n' -H 'Content-Type: application/json' -d "$1"; }

# --- top
docker run -d --name top1 --network none busybox sh -c 'sleep 1001 & sleep 1002' >/dev/null 2>&1
pid=$(docker inspect -f '{{.State.Pid}}' top1)
until_true 100 bash -c "[ \$(docker top top1 | wc -l) = 3 ]"
is "top: ps -ef, users as the container has them" "root sleep 1001, root sleep 1002" bash -c "docker top top1 | awk 'NR > 1 {print \$1, \$8, \$9}' | sort | paste -sd, | sed 's/,/, /'"
is "top: titles" "UID PID PPID C STIME TTY TIME CMD" bash -c "docker top top1 | head -1 | xargs"
is "top: aux" "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND" bash -c "docker top top1 aux | head -1 | xargs"
like "top: numbers are the host's" "^$pid " bash -c "docker top top1 -o pid,args | tail -n +2 | sort -n | head -1"
is "top: the same as ps of the host" "$(ps -o pid=,ppid=,nice=,nlwp=,sid=,vsz= -p "$pid" | xargs)" bash -c "docker top top1 -o pid,ppid,ni,nlwp,sid,vsz | awk '\$1 == $pid' | xargs"
like "top: what ps does not know" 'unknown user-defined format specifier "nosuch"' docker top top1 -o pid,nosuch
like "top: without process numbers" "Couldn't find PID field in ps output" docker top top1 -o comm
like "top: options that are none" "unsupported option" docker top top1 -Z --forest
like "top: too many columns" "too many columns|bad parameter" docker top top1 -o "$(printf 'pid,%.0s' $(seq 40))pid"
[ "$engine" = single ] || is "top: users as the container has them" "33" bash -c "docker run -d --name top2 --network none -u 33 busybox sleep 1003 >/dev/null 2>&1; docker top top2 | awk 'NR == 2 {print \$1}'; docker rm -f top2 >/dev/null"
docker run -d --name top3 -t --network none busybox sleep 1004 >/dev/null 2>&1
is "top: a terminal" "pts/0" bash -c "docker top top3 -o pid,tty | awk 'NR == 2 {print \$2}'"
ok "and its end" docker rm -f top3
docker create --name made --network none -l color=red -v vol1:/v --expose 80 -p 9000-9001:90/udp busybox true >/dev/null 2>&1
like "top: not running" "container [0-9a-f]+ is not running" docker top made
is "top: no such container" 404 code GET /containers/nothing/top

# --- lists by filters
docker run --name ended --network none busybox sh -c 'exit 7' >/dev/null 2>&1
names() { docker ps -a --format '{{.Names}}' "$@" | sort | xargs; }
while IFS='|' read -r filter want; do
	is "ps --filter $filter" "$want" names --filter "$filter"
done <<T
status=created|made
status=running|top1
status=exited|ended
exited=7|ended
exited=0|
ancestor=busybox|ended made top1
ancestor=busybox:latest|ended made top1
ancestor=nothing|
name=op|top1
name=^made\$|made
name=^/made\$|made
label=color|made
label=color=red|made
label=color=blue|
volume=vol1|made
volume=/v|made
network=none|ended made top1
network=bridge|
health=none|ended made top1
health=healthy|
before=top1|
before=made|top1
since=made|ended
since=top1|ended made
expose=80|made
expose=79-81/tcp|made
expose=80/udp|
publish=90/udp|made
publish=90|
is-task=false|ended made top1
is-task=true|
id=$(docker ps -aq --no-trunc --filter name=made | cut -c1-12)|made
T
docker create --name nets busybox true >/dev/null 2>&1
is "ps --filter network=bridge, for the default one" nets names --filter network=bridge
is "by the beginning of a network's id" "ended made top1" names --filter network="$(docker network inspect -f '{{.Id}}' none | cut -c1-10)"
like "info: drivers of networks" '^\[(bridge )?host null\]$' docker info -f '{{.Plugins.Network}}'
if [[ $(docker info -f '{{.Plugins.Network}}') = *bridge* ]]; then
	docker network create more >/dev/null; docker network connect more nets
	is "ps --filter network=, one that was connected later" "nets nets" bash -c "$(declare -f names); echo \$(names --filter network=more) \$(names --filter network=bridge)"
	docker rm nets >/dev/null; docker network rm more >/dev/null
else
	docker rm nets >/dev/null
	skip "ps --filter network=, one that was connected later" "this engine makes no networks"
fi
is "ps -n 2" "ended made" names -n 2
is "ps without -a" top1 docker ps --format '{{.Names}}'
for f in nosuch=1 status=x exited=x health=x expose=x publish=90-80; do fails "ps --filter $f is refused" 1 docker ps -a --filter "$f"; done
like "before a container that is not there" "No such container: x" docker ps -a --filter before=x
like "ps -s" "top1.*virtual" docker ps -s
is "inspect without sizes" "null null" field /containers/top1/json '"\(.SizeRw) \(.SizeRootFs)"'
like "inspect with sizes" "^[0-9]+ [1-9][0-9]+$" field "/containers/top1/json?size=1" '"\(.SizeRw) \(.SizeRootFs)"'

# --- info, version, df
is "info: counts" "3 1 0 2" field /info '"\(.Containers) \(.ContainersRunning) \(.ContainersPaused) \(.ContainersStopped)"'
is "info: the host" "linux $(uname -m) $(uname -n) $(uname -r) $(nproc)" field /info '"\(.OSType) \(.Architecture) \(.Name) \(.KernelVersion) \(.NCPU)"'
is "info: forwarding as it is" "$(grep -q 1 /proc/sys/net/ipv4/ip_forward && echo true || echo false)" field /info .IPv4Forwarding
like "info: the file system" "Backing Filesystem" field /info '.DriverStatus[0][0]'
is "info: types" "array array array object object object null string boolean" field /info \
	'[.Warnings, .SecurityOptions, .DriverStatus, .Plugins, .Runtimes, .Swarm, .GenericResources, .ID, .Debug] | map(type) | join(" ")'
is "info: files of devices, drivers of logs" "/etc/cdi /var/run/cdi journald json-file local" field /info '(.CDISpecDirs + .Plugins.Log) | join(" ")'
is "info: OomKillDisable as the kernel has it" "$(is_users || ! ls /sys/fs/cgroup/memory/memory.oom_control >/dev/null 2>&1 && echo false || echo true)" field /info .OomKillDisable
docker events >/dev/null & listening=$!
ok "info: who listens to events" until_true 100 bash -c "$(declare -f api field); $(declare -p as); [ \"\$(field /info .NEventsListener)\" = 1 ]"
kill $listening; wait $listening 2>/dev/null
is "version: what there is" "linux $(uname -r) 1.24 Engine" field /version '"\(.Os) \(.KernelVersion) \(.MinAPIVersion) \(.Components[0].Name)"'
like "docker info prints without an error" "Storage Driver: overlay2" docker info
is "docker info --format" "overlay2 json-file" docker info --format '{{.Driver}} {{.LoggingDriver}}'
is "version: types" "string string string string string array" field /version '[.Version, .ApiVersion, .MinAPIVersion, .KernelVersion, .Arch, .Components] | map(type) | join(" ")'
ok "docker version" docker version
is "df: what there is" "1 3 1 0" field /system/df '"\(.Images | length) \(.Containers | length) \(.Volumes | length) \(.BuildCache | length)"'
is "df: one kind" "null null 1" field "/system/df?type=volume" '"\(.Images) \(.Containers) \(.Volumes | length)"'
is "df: uses" "3 1" field /system/df '"\(.Images[0].Containers) \(.Volumes[0].UsageData.RefCount)"'
is "df: an unknown kind" 400 code GET "/system/df?type=x"
like "docker system df -v" "vol1 +1 " docker system df -v

# --- events
now=$(date +%s.%N)
id=$(docker ps -aq --filter name=ended); docker start ended >/dev/null; docker wait ended >/dev/null; docker rename ended over; docker volume create ev >/dev/null; docker volume rm ev >/dev/null
docker tag busybox ev:1; docker rmi ev:1 >/dev/null
events() { docker events --since "$now" --until "$(date +%s.%N)" "$@"; }
is "events of a container" "start die rename" bash -c "$(declare -f events); now=$now; events --filter container=$id --format '{{.Action}}' | xargs"
is "events by type and event" "ev" bash -c "$(declare -f events); now=$now; events --filter type=volume --filter event=destroy --format '{{.Actor.ID}}'"
is "events of an image" "tag untag" bash -c "$(declare -f events); now=$now; events --filter type=image --format '{{.Action}}' | xargs"
like "events as JSON" '"Action":"die".*"exitCode":"7"' bash -c "$(declare -f events); now=$now; events --filter event=die --format '{{json .}}'"
docker run --rm -v evm:/there:ro -v "$POSTERN_BASE":/b:ro busybox true >/dev/null 2>&1; docker run --rm --mount type=volume,src=evm,dst=/here busybox true >/dev/null 2>&1
is "events of a volume" "create mount:/there:false:local unmount::: mount:/here:true:local unmount:::" bash -c "$(declare -f events); now=$now; events --filter volume=evm --format '{{if eq .Action \"create\"}}create{{else}}{{.Action}}:{{.Actor.Attributes.destination}}:{{index .Actor.Attributes \"read/write\"}}:{{if eq .Action \"mount\"}}{{.Actor.Attributes.driver}}{{end}}{{end}}' | sed 's/<no value>//g' | xargs"
docker volume rm evm >/dev/null
docker create --name evc --label el=2 busybox true >/dev/null 2>&1
while IFS='|' read -r filter want; do
	is "events --filter $filter" "$want" bash -c "$(declare -f events); now=$now; events --filter '$filter' --format '{{.Type}}:{{.Action}}' | xargs"
done <<'T'
label=el|container:create
label=el=2|container:create
label=el=3|
container=evc|container:create
image=ev|image:tag
image=ev:1|image:tag
event=destroy|volume:destroy container:destroy container:destroy volume:destroy
type=daemon|
scope=swarm|
event=rename|container:rename
T
docker rm evc >/dev/null
if [[ $(docker info -f '{{.Plugins.Network}}') = *bridge* ]]; then
	docker network create evn >/dev/null; docker run --rm --network evn busybox true; docker network rm evn >/dev/null
	is "events of a network" "create connect disconnect destroy" bash -c "$(declare -f events); now=$now; events --filter network=evn --format '{{.Action}}' | xargs"
	like "whose container" "^[0-9a-f]{64} evn bridge$" bash -c "$(declare -f events); now=$now; events --filter network=evn --filter event=connect --format '{{.Actor.Attributes.container}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}'"
else
	skip "events of a network" "this engine makes no networks"
fi
is "events: an unknown filter is no error, as in Docker" "" docker events --since 1 --until 2 --filter nosuch=1
fails "events: a time that is none" 1 docker events --since yesterday --until 1

# --- rename, pause, resize, prune
like "rename to a name that is taken" "Error when allocating new name: Conflict. The container name \"/top1\" is already in use" docker rename over top1
like "rename to what is none" "Error when allocating new name: Invalid container name \(/b d\)" docker rename over 'b d'
like "rename to its own" "same name as its current name" docker rename over over
if docker pause top1 >/dev/null 2>&1; then
	is "pause" "paused" docker inspect -f '{{.State.Status}}' top1
	like "ps of a paused one" "\(Paused\)" docker ps --filter status=paused
	like "pause again" "already paused" docker pause top1
	like "start of a paused one" "cannot start a paused container" docker start top1
	ok "unpause" docker unpause top1
	like "unpause again" "is not paused" docker unpause top1
else
	like "pause: why not" "Cannot pause container [0-9a-f]+: this engine has no cgroups" docker pause top1
fi
is "resize of a stopped one" 409 code POST "/containers/over/resize?h=1&w=1"
is "prune by label" "made" bash -c "docker container prune -f --filter label=color=red >/dev/null; docker ps -aq --filter name=made | grep . || echo made"
is "prune" 0 bash -c "docker container prune -f >/dev/null; docker ps -aq --filter status=exited | wc -l"

# --- what there is not
while read -r want method path words; do
	is "$method $path: $want" "$want" code "$method" "$path"
	[ -z "$words" ] || like "$method $path: the words" "$words" api "$method" "$path"
done <<'T'
404 POST /grpc page not found
404 POST /session page not found
404 GET /plugins/x/json page not found
404 GET /containers/top1/attach/ws page not found
503 POST /swarm/init swarm mode is not available
503 POST /swarm/leave This node is not part of a swarm
503 GET /nodes This node is not a swarm manager
501 POST /build does not build images
501 POST /auth registries are not available
501 GET /images/search?term=x registries are not available
501 POST /images/a/b/c:d/push registries are not available
501 POST /images/create?fromImage=a&tag=b pulling is not available
501 GET /distribution/a/b/json registries are not available
501 POST /containers/x/exec exec is not available
501 POST /v1.41/exec/x/start exec is not available
501 PUT /containers/x/archive?path=/ .cp. is not available
501 GET /v1.47/containers/x/archive?path=/ .cp. is not available
501 GET /containers/x/stats stats is not available
501 POST /containers/x/update update is not available
501 GET /containers/x/changes diff is not available
501 POST /commit?container=x commit is not available
501 GET /containers/x/checkpoints checkpoints are not available
501 POST /plugins/pull plugins are not available
404 PUT /containers/x/nothing page not found
T
like "docker build says so" "does not build images" env DOCKER_BUILDKIT=0 docker build - <<<"FROM busybox"
like "docker login says so" "registries are not available" docker login -u a -p b example.invalid
like "docker search says so" "registries are not available" docker search x
like "docker swarm init says so" "swarm mode is not available" docker swarm init
ok "rm" docker rm -f top1
finish
