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

# --- a network that a container leaves while its run ends and another begins, or while its names are told again: veth answers later ---
docker network create stays >/dev/null; docker network create --internal zleft >/dev/null # without the default route; nobody else is asked for names
docker run -d --name asks --network zleft busybox sleep 600 >/dev/null
docker run -d --name moves --network stays busybox sleep 600 >/dev/null
named() { in_c asks timeout 2 busybox nslookup -type=a "$1" 127.0.0.11 2>/dev/null | sed -n 's/^Address: //p' | grep .; }
pid_of() { docker inspect -f '{{.State.Pid}}' "$1"; }
leaving() { # its line has gone from /etc/hosts: veth is asked next
	local line; line=$(ip_of moves zleft)
	kill -STOP "$(helper_pid veth)"
	docker network disconnect zleft moves >"$POSTERN_BASE/left" 2>&1 & leaver=$!
	until_true 100 bash -c "! grep -q '^$line' /proc/$(pid_of moves)/root/etc/hosts"
}
goes_on() { kill -CONT "$(helper_pid veth)"; wait "$leaver"; }
export -f named pid_of ip_of
docker network connect --alias moved zleft moves
ok "one that came is known by its name" named moved
leaving
docker kill moves >/dev/null
docker start moves >"$POSTERN_BASE/started" 2>&1 & starter=$!
sleep 0.2
goes_on
is "left while a run ends and another begins: it is left" 0 bash -c "echo $?; cat $POSTERN_BASE/left"
wait $starter
is "and it runs again" "0 moves" bash -c "echo $? \$(cat $POSTERN_BASE/started)"
is "in the other network only" "stays eth0" bash -c 'echo $(docker inspect -f "{{range \$name, \$ep := .NetworkSettings.Networks}}{{\$name}} {{end}}" moves) $(in_c moves ip -br link | sed -n "s/@.*//p")'
is "which /etc/hosts has, and no other" "$(ip_of moves stays)" bash -c "sed -n 's/^\(1[70][^[:blank:]]*\).*/\1/p' /proc/$(pid_of moves)/root/etc/hosts"
fails "the other's resolver does not know it" 1 named moved
docker network connect --alias moved zleft moves
leaving
resolver=$(helper_pid resolver)
kill -9 "$resolver"
until_true 100 bash -c '[ "$(helper_pid resolver)" != '"$resolver"' ] && named asks && named moved'
goes_on
fails "left while names are told again: the name is not told" 1 named moved
docker rename moves moves2
ok "a new name is known" bash -c 'docker network connect zleft moves2 && docker rename moves2 moves3 && named moves3'
fails "and the old one is not" 1 named moves2
docker rename moves3 moves
docker network disconnect zleft moves; docker network disconnect zleft asks; docker network connect bridge asks; docker network connect --alias moved zleft moves
fails "one that has left the only network of users' asks for those in it in vain" 1 named moved
docker rm -f asks moves >/dev/null

# --- starts that fail at the last step, in a network of users' ---
mkdir "$POSTERN_BASE/late"; chmod 777 "$POSTERN_BASE/late"
docker create --name late --network stays -v "$POSTERN_BASE/late:/late:ro" busybox /late/program >/dev/null
sockets() { ls "/proc/$(helper_pid resolver)/fd" | wc -l; }
few() { [ "$(sockets)" -le "$before" ]; }
before=$(sockets)
docker start late >/dev/null 2>&1 # no such program
for i in 1 2 3; do docker run --rm --network stays busybox /late/program >/dev/null 2>&1; done
ok "the resolver keeps nothing of starts that failed" until_true 20 few
printf '#!/bin/sh\nexec sleep 600\n' >"$POSTERN_BASE/late/program"; chmod 755 "$POSTERN_BASE/late/program"
ok "another start succeeds" docker start late
is "and has names" "$(ip_of late stays)" bash -c "in_c late busybox nslookup -type=a late 127.0.0.11 | sed -n 's/^Address: //p'"
docker rm -f late >/dev/null
docker network prune -f >/dev/null
is "no network is left" "bridge host none" bash -c "docker network ls --format '{{.Name}}' | sort | paste -sd' '"
until_true 100 no_veths && pass "no interface is left" || fail "no interface is left" "$(links)"
is "no element but the default network's four" 4 elements
finish
