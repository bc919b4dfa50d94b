#!/bin/bash
# docker logs: drivers, their options, the flags, and rings that turn while somebody reads or nobody is there.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
run() { docker run --name "$@" 2>/dev/null; }
if is_users; then
	curl() { setpriv --reuid "$POSTERN_UID" --regid "$POSTERN_UID" --clear-groups curl "$@"; }
	export -f curl
fi
state=$POSTERN_DATA/state/containers
kilobytes() { du -k -c "$state/$(docker inspect -f '{{.Id}}' "$1")"-json.log* | tail -n 1 | cut -f 1; }
# The numbers that lines end with are without a gap; prints how many there are, the first and the last.
numbers() { awk '{n = $NF} NR == 1 {first = n} NR > 1 && n != last + 1 {bad = 1} {last = n} END {print bad ? "a gap" : "whole", NR, first, last}' "$@"; }

# --- flags
run l1 busybox sh -c 'echo one; echo two >&2; echo three; printf "\303\244\377 \000|\033\n"; printf end' >/dev/null
is "both streams" $'one\nthree\nend' bash -c 'docker logs l1 2>/dev/null | grep -a -v ä'
is "standard error is apart" two bash -c 'docker logs l1 2>&1 >/dev/null'
is "bytes that are no UTF-8 are U+FFFD, as Docker's" "c3a4efbfbd20007c1b0a" bash -c "docker logs l1 2>/dev/null | grep -a '|' | od -An -tx1 | tr -d ' \n'"
is "a last line without its end" end docker logs --tail 1 l1
like "--timestamps" '^20[0-9-]+T[0-9:]+\.[0-9]{9}Z end$' docker logs -t --tail 1 l1
is "--tail 0" "" docker logs --tail 0 l1
is "--tail all" 4 bash -c 'docker logs --tail all l1 2>&1 | wc -l'
is "--tail of nonsense is all, as Docker's" 4 bash -c 'docker logs --tail x l1 2>&1 | wc -l'
is "--since tomorrow" "" docker logs --since "$(($(date +%s) + 86400))" l1
is "--since an hour ago" 4 bash -c 'docker logs --since 1h l1 2>&1 | wc -l'
is "--since a date" 4 bash -c 'docker logs --since 2020-01-02 l1 2>&1 | wc -l'
is "--since seconds and fractions" 4 bash -c 'docker logs --since 1577836800.5 l1 2>&1 | wc -l'
is "--until an hour ago" "" docker logs --until 1h l1
is "--until a time of another zone" "" docker logs --until 2020-01-02T03:04:05.678+02:00 l1
like "--since of nonsense" "not a time|parse|invalid" docker logs --since yesterday l1
like "neither stream" "you must choose at least one stream" curl -s --unix-socket "$POSTERN_SOCKET" "http://x/v1.41/containers/l1/logs"
is "--details without any" " end" docker logs --details --tail 1 l1
like "an unknown container" "No such container: l9" docker logs l9
run long busybox sh -c 'head -c 100000 /dev/zero | tr "\0" a; echo; echo b' >/dev/null
is "long lines are joined" "100001 2" bash -c 'docker logs long | { read -r a; read -r b; echo ${#a}$b | tr b 1; } >/dev/null; echo $(docker logs long | head -n 1 | wc -c) $(docker logs long | wc -l)'
is "in pieces of 16 kB" 8 bash -c "docker logs -t long | grep -ao '20[0-9-]*T[0-9:.]*Z ' | wc -l"
run tty -t busybox sh -c 'echo raw' >/dev/null
is "a terminal's is raw" "7261770d0a" bash -c "curl -s --unix-socket '$POSTERN_SOCKET' 'http://x/containers/tty/logs?stdout=1' | od -An -tx1 | tr -d ' \n'"
docker rm -f l1 long tty >/dev/null

# --- drivers
like "none cannot be read" "configured logging driver does not support reading" bash -c 'docker run --name n1 --log-driver none busybox echo x >/dev/null 2>&1; docker logs n1'
is "and has no path" "" docker inspect -f '{{.LogPath}}' n1
is "but attach sees it" x bash -c 'docker run --rm --log-driver none busybox echo x 2>/dev/null'
run lo1 --log-driver local busybox printf 'a\377\200\355\260\200b\n' >/dev/null
is "local keeps all bytes" "61ff80edb080620a" bash -c "docker logs lo1 | od -An -tx1 | tr -d ' \n'"
like "an unknown driver" "logger: no log driver named 'syslog' is registered" docker create --log-driver syslog busybox
like "an unknown option" "unknown log opt 'x' for json-file log driver" docker create --log-opt x=y busybox
like "an unknown option of local" "unknown log opt 'tag' for log driver local" docker create --log-driver local --log-opt tag=y busybox
like "a bad size" "failed to initialize logging driver: invalid size: 'ten'" docker run --rm --log-opt max-size=ten busybox true
like "compress alone" "compress cannot be true when max-file is less than 2" docker run --rm --log-opt compress=true busybox true
run d1 --log-opt labels=a --log-opt env-regex=^E --log-opt 'tag={{.Name}}' --label a='1 &' -e E1=x -e F=y busybox echo hi >/dev/null
is "labels, env, tag" "E1=x,a=1+%26,tag=d1 hi" docker logs --details d1
is "as Docker writes them" '{"E1":"x","a":"1 &","tag":"d1"}' bash -c "jq -c .attrs \"\$(docker inspect -f '{{.LogPath}}' d1 | sed 's|^.*/|$state/|')\""
run d2 --log-opt labels-regex='^b' --log-opt env=E2 --label b.c=2 --label a=1 -e E2=y -e E3=z busybox echo hi >/dev/null
is "labels-regex, env" "E2=y,b.c=2 hi" docker logs --details d2
is "mode=non-blocking and max-buffer-size" whole bash -c "docker run --log-opt mode=non-blocking --log-opt max-buffer-size=1m --rm busybox echo whole 2>/dev/null"
like "max-buffer-size without that mode" "max-buffer-size option is only supported with 'mode=non-blocking'" docker create --log-opt max-buffer-size=1m busybox
docker rm -f n1 lo1 d1 d2 >/dev/null

# --- rings
slow='i=0; while [ $i -lt N ]; do i=$((i+1)); echo "a line of some length with the number $i"; [ $((i % 100)) -ne 0 ] || sleep 0.02; done'
# The writer waits for its reader every hundred lines: who falls behind by more than all parts does miss what they held.
acked='i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo "a line of some length with the number $i"; [ $((i % 100)) -ne 0 ] || read -r x; done'
run r1 -d -i --log-opt max-size=20k --log-opt max-file=5 busybox sh -c "$acked" >/dev/null
timeout 30 docker logs -f r1 | tee "$POSTERN_BASE/followed" | { n=0; while read -r _; do n=$((n + 1)); [ $((n % 100)) -ne 0 ] || echo on; done; } | timeout 30 docker attach r1 >/dev/null
is "a reader that follows misses nothing over a hundred turns" "whole 20000 1 20000" numbers "$POSTERN_BASE/followed"
like "the end is kept, no more" "^whole [0-9]{3} 19[0-9]{3} 20000$" numbers < <(docker logs r1)
is "--tail across parts" "whole 300 19701 20000" numbers < <(docker logs --tail 300 r1)
ok "on at most the disk that was given" test "$(kilobytes r1)" -le $((100 + 8 * 6))
docker rm -f r1 >/dev/null
run r1 -d --log-opt max-size=20k --log-opt max-file=5 busybox sh -c "sleep 0.3; ${slow/N/5000}" >/dev/null
docker logs -f r1 >"$POSTERN_BASE/first" & first=$!
is "one of two readers" "whole 5000 1 5000" numbers < <(docker logs -f r1)
wait $first
is "and the other" "whole 5000 1 5000" numbers <"$POSTERN_BASE/first"
docker rm -f r1 >/dev/null
run z1 -d --log-opt max-size=20k --log-opt max-file=5 --log-opt compress=true busybox sh -c "${slow/N/10000}" >/dev/null
docker wait z1 >/dev/null
packed() { ls "$state/$1"-json.log.*.gz 2>/dev/null | grep -c .; }
id=$(docker inspect -f '{{.Id}}' z1)
ok "full parts are compressed" test "$(packed "$id")" -ge 4
until_true 40 bash -c "[ \$(du -k '$state/$id-json.log' | cut -f1) -le 60 ]"
ok "and take less" until_true 100 bash -c "$(declare -f kilobytes); $(declare -p state); [ \$(kilobytes z1) -le 80 ]"
like "they are read like the others" "^whole [0-9]{3} 9[0-9]{3} 10000$" numbers < <(docker logs z1)
is "--tail into a compressed part" "whole 250 9751 10000" numbers < <(docker logs --tail 250 z1)
docker start z1 >/dev/null; docker wait z1 >/dev/null
is "a second run goes on in the same ring" "whole 200 9801 10000" numbers < <(docker logs --tail 200 z1)
docker rm z1 >/dev/null
is "nothing is left of it" "" bash -c "ls '$state' | grep '$id'"

# --- nobody is there: the monitor goes on alone
run g1 -d --log-opt max-size=20k --log-opt max-file=3 --log-opt compress=true busybox sh -c "sleep 0.3; ${slow/N/20000}" >/dev/null
monitor=$(awk '/^PPid:/ {print $2}' "/proc/$(docker inspect -f '{{.State.Pid}}' g1)/status")
controller=$(jq -r '.helpers[] | select(.name == "controller") | .pid' "$POSTERN_RUN/helpers.json")
id=$(docker inspect -f '{{.Id}}' g1)
kill -STOP "$controller"
until_true 200 bash -c "! kill -0 $monitor || grep -qa 'number 20000' '$state/$id-json.log'"
is "with the controller silent it is written to the end" 1 grep -ca 'number 20000' "$state/$id-json.log"
ok "on bounded disk" test "$(du -k "$state/$id-json.log" | cut -f 1)" -le $((60 + 8 * 5))
kill -9 "$controller"
until_true 100 docker inspect g1
like "the next controller reads it" "^whole [0-9]{3} 1[0-9]{4} 20000$" numbers < <(docker logs g1)
ok "and removes it" docker rm -f g1
finish
