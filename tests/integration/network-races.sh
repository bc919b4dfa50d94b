#!/bin/bash
# Requests about one network that meet: each has an answer, and what one of them waits for is still there afterwards.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netlib.sh"

as=(); is_users && as=(setpriv --reuid "$POSTERN_UID" --regid "$(id -g "$POSTERN_USER")" --clear-groups)
# api METHOD PATH: the status of the answer
api() { "${as[@]}" curl -s -o /dev/null -w '%{http_code}\n' --unix-socket "$POSTERN_SOCKET" -X "$1" "http://d/$2"; }

# --- the first containers of the default network, where the host has another use for its first subnets ---
in_n ip link add taken type bridge && in_n ip link set taken up && in_n ip addr add 172.17.0.1/16 dev taken &&
	in_n ip addr add 172.18.0.1/16 dev taken || fail "a host with other uses for the subnets"
for i in 1 2 3 4 5 6; do docker create --name "d$i" busybox sleep 600 >/dev/null; done
for i in 1 2 3 4 5 6; do api POST "containers/d$i/start" >"$POSTERN_BASE/code$i" & started+=($!); done
wait "${started[@]}"
is "the first containers at once: all start" "204 204 204 204 204 204" bash -c "cat $POSTERN_BASE/code? | paste -sd' '"
is "all of them in the subnet that was found" 6 bash -c \
	'docker network inspect -f "{{range .Containers}}{{println .IPv4Address}}{{end}}" bridge | grep -c "^172\.19\."'
is "which the bridge has" 172.19.0.1 gateway_of bridge
for i in 1 6; do is "and d$i knows" 172.19.0.1 bash -c "in_c d$i ip route | sed -n 's/^default via \([^ ]*\).*/\1/p'"; done
docker rm -f d1 d2 d3 d4 d5 d6 >/dev/null

# --- a network that several remove ---
done_once=0
for round in 1 2 3 4 5; do
	docker network create "gone$round" >/dev/null
	removing=()
	for i in 1 2 3 4; do api DELETE "networks/gone$round" >"$POSTERN_BASE/gone$i" & removing+=($!); done
	wait "${removing[@]}"
	[ "$(cat "$POSTERN_BASE"/gone? | sort | uniq -c | tr -s ' ' | paste -sd,)" = " 1 204, 3 404" ] && done_once=$((done_once + 1))
done
is "several remove a network: one does, the others find none" 5 echo "$done_once"

# --- a network that goes while a container starts in it ---
sane=0
for round in 1 2 3 4 5 6; do
	docker network create "n$round" >/dev/null && docker create --name "c$round" --network "n$round" busybox sleep 600 >/dev/null
	api POST "containers/c$round/start" >/dev/null & starting=$!
	[ $((round % 2)) = 0 ] || sleep 0.02
	code=$(api DELETE "networks/n$round")
	wait "$starting"
	there=$(docker network inspect -f 1 "n$round" 2>/dev/null | grep -c 1)
	ip=$(ip_of "c$round" "n$round")
	# Removed, and not in it; or refused.
	case $code:$there:${ip:+address} in 204:0: | 403:1:address | 409:1:address) sane=$((sane + 1)) ;; *) echo "  $code $there $ip" ;; esac
done
is "removed while a container starts: one of both is refused" 6 echo "$sane"
docker rm -f c1 c2 c3 c4 c5 c6 >/dev/null
docker network prune -f >/dev/null
is "no network is left" "bridge host none" bash -c "docker network ls --format '{{.Name}}' | sort | paste -sd' '"
until_true 100 no_veths && pass "no interface is left" || fail "no interface is left" "$(links)"
is "no element but the default network's four" 4 elements
finish
