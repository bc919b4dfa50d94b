#!/bin/bash
# The log driver journald, with a journal of our own (journal.py): fields, options, what docker logs shows, a journal that is behind or
# not there.
. "$(dirname "$0")/../lib.sh"
if [ -z "${POSTERN_SOCKET:-}" ]; then
	dir=$(mktemp -d /tmp/postern-journal.XXXXXX); chmod 755 "$dir"
	"$top/tests/with-engine" --launcher-option --journal --launcher-option "$dir/s" bash "$0" "$dir"; status=$?
	rm -rf "$dir"
	exit $status
fi
dir=$1 journal=
run() { docker run --log-driver journald --name "$@" 2>/dev/null; }
listen() { rm -f "$dir/s"; python3 "$top/tests/integration/journal.py" "$dir/s" "$dir/got" "$@" & journal=$!; until_true 100 test -S "$dir/s"; }
stop() { kill "$journal" 2>/dev/null; wait "$journal" 2>/dev/null; }
trap stop EXIT
entries() { until_true 100 bash -c "[ \$(jq -rs 'map(select(.CONTAINER_NAME == \"$1\")) | length' '$dir/got') -ge $2 ]"; }
field() { jq -rs --arg n "$1" "map(select(.CONTAINER_NAME == \$n)) | $2" "$dir/got"; } # NAME FILTER

like "no journal: Docker's words and what to do" "failed to initialize logging driver: journald is not enabled on this host \(no such file or directory\): its socket is the launcher's --journal" \
	docker run --log-driver journald busybox true
: >"$dir/s"; chmod 666 "$dir/s"
like "something else in its place" "journald is not enabled on this host \(connection refused\)" docker run --log-driver journald busybox true
is "nothing is left of these" "" bash -c 'docker ps -q'
listen

run j1 -l color=red -l com.example/x-y=2 -l container_name=other -e SHADE=dark --log-opt labels=color,com.example/x-y,container_name --log-opt env=SHADE \
	--log-opt tag='{{.Name}}/{{.ImageName}}' busybox sh -c 'echo out; echo err >&2; printf "a\377\nPRIORITY=0\n"; printf end' >/dev/null
entries j1 5
is "each line is an entry" "out|err|a$(printf '\303\277')|PRIORITY=0|end" field j1 'sort_by(.CONTAINER_LOG_ORDINAL | tonumber) | [sort_by(.MESSAGE == "err" | not) | .[]] | map(.MESSAGE) | (["out","err"] + (map(select(. != "out" and . != "err")))) | join("|")'
is "its priority is 6 or 3" '["3","6"]' field j1 '[(map(select(.MESSAGE == "err"))[0].PRIORITY), (map(select(.MESSAGE == "PRIORITY=0"))[0].PRIORITY)] | tojson'
id=$(docker inspect -f '{{.Id}}' j1)
is "whose it is" "$id|${id:0:12}|j1|busybox" field j1 '.[0] | [.CONTAINER_ID_FULL, .CONTAINER_ID, .CONTAINER_NAME, .IMAGE_NAME] | join("|")'
is "--log-opt tag" "j1/busybox|j1/busybox" field j1 '.[0] | [.CONTAINER_TAG, .SYSLOG_IDENTIFIER] | join("|")'
is "--log-opt labels and env, as names of fields" "red|2|dark" field j1 '.[0] | [.COLOR, .COM_EXAMPLE_X_Y, .SHADE] | join("|")'
is "a label does not become whose it is" 0 jq -s 'map(select(.CONTAINER_NAME == "other")) | length' "$dir/got"
like "the time" "^20[0-9-]+T[0-9:.]+Z$" field j1 '.[0].SYSLOG_TIMESTAMP'
is "a last line without its end is a piece" "true|1|false" field j1 'map(select(.MESSAGE == "end"))[0] | [.CONTAINER_PARTIAL_MESSAGE, .CONTAINER_PARTIAL_ORDINAL, .CONTAINER_PARTIAL_LAST] | join("|")'
is "ordinals are without a gap" '["1","2","3","4","5"]' field j1 'map(.CONTAINER_LOG_ORDINAL) | sort | tojson'
is "docker logs reads what is kept beside it, whatever the bytes" "6f75740a61ff0a5052494f524954593d300a656e64" bash -c "docker logs j1 2>/dev/null | od -An -tx1 | tr -d ' \n'"
is "and standard error apart" err bash -c 'docker logs j1 2>&1 >/dev/null'
is "--details" "SHADE=dark,color=red,com.example%2Fx-y=2,container_name=other,tag=j1%2Fbusybox end" docker logs --details --tail 1 j1
is "--since and --timestamps" 0 bash -c "docker logs -t --since 2200-01-01T00:00:00Z j1 2>&1 | wc -l"
is "it has no path" "" docker inspect -f '{{.LogPath}}' j1
is "the driver is told" journald docker inspect -f '{{.HostConfig.LogConfig.Type}}' j1
is "the sender is neither the controller nor root of the host" 0 bash -c "jq -s 'map(select(._PID == $(jq '.helpers[] | select(.name == "controller") | .pid' "$POSTERN_RUN/helpers.json") or (\"$engine\" == \"system\" and ._UID == 0))) | length' '$dir/got'"
like "info names it" journald docker info -f '{{.Plugins.Log}}'

run j2 busybox sh -c 'head -c 40000 /dev/zero | tr "\0" x; echo; echo short' >/dev/null
entries j2 4
is "a long line comes in pieces of 16 kB that name their line" "16384 16384 7232|1 2 3|false false true|true true |1" field j2 'map(select(.CONTAINER_PARTIAL_ID)) | [(map(.MESSAGE | length | tostring) | join(" ")), (map(.CONTAINER_PARTIAL_ORDINAL) | join(" ")), (map(.CONTAINER_PARTIAL_LAST) | join(" ")), (map(.CONTAINER_PARTIAL_MESSAGE // "") | join(" ")), (map(.CONTAINER_PARTIAL_ID) | unique | length | tostring)] | join("|")'
is "the next one is whole" null field j2 'map(select(.MESSAGE == "short"))[0].CONTAINER_PARTIAL_ID'
is "the tag is the short id, unless said" "$(docker inspect -f '{{slice .Id 0 12}}' j2)" field j2 '.[0].SYSLOG_IDENTIFIER'
is "docker logs joins them" 40001 bash -c 'docker logs j2 | head -n 1 | wc -c'
run j3 -t busybox sh -c 'echo tty' >/dev/null
entries j3 1
is "a terminal's" "tty"$'\r' field j3 '.[0].MESSAGE'

# --- what is kept beside it
run j4 --log-opt cache-disabled=true busybox echo x >/dev/null
entries j4 1
is "cache-disabled: to the journal only" x field j4 '.[0].MESSAGE'
like "and docker logs says so" "configured logging driver does not support reading" docker logs j4
is "no file is there" "" bash -c "ls '$POSTERN_DATA/state/containers' | grep '$(docker inspect -f '{{.Id}}' j4)-json'"
run j5 --log-opt cache-max-size=20k --log-opt cache-max-file=2 --log-opt mode=non-blocking busybox sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "a line of some length with the number $i"; done' >/dev/null
like "cache-max-size, cache-max-file bound it" "^[0-9]{3} .*number 3000$" bash -c 'echo $(docker logs j5 | wc -l) $(docker logs --tail 1 j5)'
like "an unknown option" "unknown log opt 'max-size' for journald log driver" docker create --log-driver journald --log-opt max-size=1m busybox
like "a tag that is none" "failed to initialize logging driver: template" docker run --log-driver journald --log-opt tag='{{.Nope}}' busybox true

# --- a journal that is behind
stop
listen "$dir/go"
run b1 -d --log-opt mode=non-blocking busybox sh -c 'i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo "$i"; done; echo done' >/dev/null
ok "mode=non-blocking: it holds nothing" timeout 5 docker wait b1
is "and docker logs has all" 5001 bash -c 'docker logs b1 | wc -l'
run b2 -d busybox sh -c 'i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo "$i"; done; echo done' >/dev/null
ok "mode=blocking: it waits for it a little, once" timeout 10 docker wait b2
is "it answers all the while, and has all as well" 5001 bash -c 'docker logs b2 | wc -l'
touch "$dir/go"
run b3 busybox echo again >/dev/null
entries b3 1
is "once it reads, all goes on" again field b3 '.[0].MESSAGE'
stop
SLOW=0.0005 listen
run b5 busybox sh -c 'i=0; while [ $i -lt 1500 ]; do i=$((i+1)); echo "line $i"; done' >/dev/null
entries b5 1500
is "mode=blocking: a slow one gets all, in order" "1500 line 1500" field b5 '[(length | tostring), (sort_by(.CONTAINER_LOG_ORDINAL | tonumber) | .[-1].MESSAGE)] | join(" ")'
stop
run b4 -d --log-opt tag=x busybox sh -c 'read x; echo lost' >/dev/null 2>&1
docker rm -f j1 j2 j3 j4 j5 b1 b2 b3 b4 b5 >/dev/null 2>&1
docker ps -aq | xargs -r docker rm -f >/dev/null
is "nothing is left of the files" "" bash -c "ls '$POSTERN_DATA/state/containers'"
finish
