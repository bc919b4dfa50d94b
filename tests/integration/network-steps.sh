#!/bin/bash
# kill -9 of each program at each step of what makes and takes away networks: the command fails or succeeds, nothing is left of it, and
# the same command succeeds next. The steps are those that the command takes (tests/fault.c); here some of each, and all of them with
# STEPS=all (tests/full/network-steps.sh).
if [ -z "${POSTERN_FAULTY:-}" ]; then
	top=$(cd "$(dirname "$0")/../.." && pwd)
	base=$(mktemp -d /var/tmp/postern-test.XXXXXX)
	trap 'rm -rf "$base"' EXIT
	chmod 755 "$base" && cp "$top"/build/bin/* "$base" && cp "$top"/build/faulty/* "$base" && printf '%-128s' '0 none 0 0 ' >"$base/fault"
	POSTERN_FAULTY=1 POSTERN_BIN=$base bash "$0" "$@"
	exit
fi
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"

pid_of() { jq -r ".helpers[] | select(.name == \"$1\") | .pid" "$POSTERN_RUN/helpers.json"; }
exec 7<"/proc/$(pid_of veth)/ns/net" # a user's engine has one of its own
engine_ns=/proc/$$/fd/7
in_engine() { nsenter --net="$engine_ns" "$@"; }
in_c() { nsenter -t "$inside" -n "$@"; }
elements() { in_engine nft -j list ruleset | jq -c '.nftables[] | .set, .map | select(.) | {n: .name, e: (.elem // [] | sort)}'; }
links() { in_engine ip -br link | awk '{print $1}' | sort; in_c ip -br addr | awk '{print $1, $3}'; in_c ip route; }
rows() { docker network ls -q --no-trunc | xargs docker network inspect -f '{{.Name}}{{range .Containers}} {{.Name}} {{.IPv4Address}}{{end}}'; }
names() { in_c busybox nslookup -type=a moves 127.0.0.11 2>&1 | sed -n 's/^Address: //p' | sort; }
sockets() { nsenter --net="$host_ns" ss -Htuln | awk '$5 ~ /:880[0-9]$/ {print $1, $5}' | sort; }
state() { elements; links; rows; names; sockets; }
host_ns=/proc/$POSTERN_LAUNCHER/ns/net
export host_ns engine_ns POSTERN_BASE POSTERN_RUN
export -f pid_of in_engine in_c elements links rows names sockets state

nsenter --net="$host_ns" ip link set lo up

serial=0
arm() { serial=$((serial + 1)); printf '%-128s' "$1 $2 $3 $serial " 1<>"$POSTERN_PROGRAMS/fault"; }
is_as_before() { state | cmp -s - "$POSTERN_BASE/before"; }
export -f is_as_before
came_again() { [ "$(pid_of "$1")" != "$2" ] && docker version; }
export -f came_again

docker network create one >/dev/null; docker network create two >/dev/null
docker run -d --name stays --network one -p 8800:80 busybox httpd -f -p 80 >/dev/null
docker run -d --name moves --network one busybox sleep 10000 >/dev/null
export inside; inside=$(docker inspect -f '{{.State.Pid}}' moves)
docker network connect two moves; docker network disconnect two moves

# Each: what is asked, and how it is undone.
connect() { docker network connect --alias moved two moves; }
connect_undo() { docker network disconnect two moves; }
disconnect_do() { docker network connect two moves; }
disconnect() { docker network disconnect two moves; }
disconnect_undo() { :; }
start() { docker run --rm --network one -p 8801:80 -p 8802:80/udp busybox true; }
start_undo() { :; }
create() { docker network create three; }
create_undo() { docker network rm three; }
of_networks='^(controller\.(row\.|(veth|firewall|netns|ports|resolver|forward)-|spawn-(create|start|namespaces)\.)|(veth|firewall|netns|ports|resolver)\.)'

# steps ACTION: "STEP N" a line, N counting the same ones from 0
steps() {
	local from; from=$(stat -c %s "$POSTERN_LOG")
	arm 0 all 0
	"$1" >/dev/null 2>&1; sleep 0.3
	arm 0 none 0
	tail -c "+$((from + 1))" "$POSTERN_LOG" | sed -n 's/^step //p' | grep -iE "$of_networks" | grep -vE '^(netns.kernel|.*\.refused)$' | awk '{print $1, n[$1]++}'
}
# Programs take turns: each comes again later and later, and after ten ends within ten seconds the engine gives up.
in_turns() { awk '{p = $1; sub(/\..*/, "", p); print turn[p]++, $0}' | sort -n -s -k 1,1 | cut -d' ' -f2-; }
some() { if [ "${STEPS:-}" = all ]; then cat; else grep -iE "$1"; fi; }

declare -A ends=()
# The controller takes its helpers with it.
pace() {
	local program=$1 p all now at
	for p in "${!ends[@]}" "$program"; do
		[ "$program" = controller ] || [ "$p" = "$program" ] || [ "$p" = controller ] || continue
		while :; do
			now=${EPOCHREALTIME/[.,]/} all=0
			for at in ${ends[$p]:-} $([ "$p" = controller ] || echo "${ends[controller]:-}"); do
				[ $((now - at)) -gt 10500000 ] || all=$((all + 1))
			done
			[ $all -gt 7 ] || break
			sleep 0.2
		done
	done
	ends[$program]="${ends[$program]:-} $now"
}

# once ACTION STEP N
once() {
	local action=$1 step=$2 n=$3 program=${2%%.*} pid status out
	pace "$program"
	pid=$(pid_of "$program")
	arm "$pid" "$step" "$n"
	out=$(timeout 30 bash -c "$action" 2>&1); status=$?
	arm 0 none 0
	# What nobody waits for may come a little later.
	until_true 20 gone "$pid" || { missed="$missed $step:$n"; kill -9 "$pid"; }
	until_true 200 came_again "$program" "$pid" || { wrong "$action, $step $n: $program does not come again"; return 1; }
	reached=$((reached + 1))
	if [ $status -eq 0 ]; then
		out=$("${action}_undo" 2>&1) || wrong "$action, $step $n: it succeeded and cannot be undone: $out"
	elif [ "$action" = disconnect ]; then
		# It is connected as before, or it is not.
		"$action" >/dev/null 2>&1
	elif ! until_true 60 is_as_before; then
		wrong "$action, $step $n: left: $(diff <(cat "$POSTERN_BASE/before") <(state) | head -n 6)"
	fi
	if [ "$action" != disconnect ]; then
		if ! out=$("$action" 2>&1); then wrong "$action, $step $n: the same again: $out"; fi
		out=$("${action}_undo" 2>&1) || wrong "$action, $step $n: undone: $out"
	fi
	until_true 60 is_as_before || wrong "$action, $step $n: left in the end: $(diff <(cat "$POSTERN_BASE/before") <(state) | head -n 6)"
}
gone() { [ ! -d "/proc/$1" ]; }
wrong() { problems="$problems
$1"; }
all_of() { # ACTION PATTERN
	local action=$1 step n began=$SECONDS list
	reached=0 problems= missed=
	export -f "$action"
	[ "$action" != disconnect ] || disconnect_do
	list=$(steps "$action" | some "$2" | in_turns)
	"${action}_undo" >/dev/null 2>&1
	while read -r step n; do
		[ -n "$step" ] || continue
		[ "$action" != disconnect ] || disconnect_do
		once "$action" "$step" "$n" || break
	done <<<"$list"
	[ -z "$problems" ] && pass "$action: killed at $reached steps, nothing is left, and it succeeds next ($((SECONDS - began)) s)" ||
		fail "$action: killed at $reached steps" "$problems"
	[ -z "$missed" ] || echo "# not reached:$missed"
	[ $reached -gt 2 ] || fail "$action: steps were found"
}
# A disconnect is answered before the firewall has forgotten it.
until_true 60 bash -c '[ "$(elements | jq -c "select(.n == \"ends\") | .e[]" | wc -l)" = 2 ]'
state >"$POSTERN_BASE/before"
all_of connect 'row|^(veth.attach|firewall.endpoint|netns.configure).after'
all_of disconnect 'row|^(veth.detach|firewall.unendpoint).after'
all_of start '^(veth.attach|firewall.publish|ports.bind).after|^firewall.unpublish.before'
all_of create 'row|^veth.bridge.after|^firewall.network.before'
# What fails for another reason leaves nothing either.
same() { until_true 60 is_as_before && pass "$1: nothing is left" || fail "$1: nothing is left" "$(diff <(cat "$POSTERN_BASE/before") <(state) | head -n 6)"; }
tail="busybox true"; low=22; ! is_users || low=1
like "a port that may not be, among others" "403|policy|ermission denied|not give" docker run --rm --network one -p 8801:80 -p $low:80 -p 8802:80 $tail
same "a port that may not be, among others"
like "one that is taken, among others" "port is already allocated" docker run --rm --network one -p 8801:80 -p 8800:80 $tail
same "one that is taken, among others"
like "one that is asked for twice" "port is already allocated" docker run --rm --network one -p 8801:80 -p 8801:81 $tail
same "one that is asked for twice"
docker network create --subnet 172.29.7.0/24 fixed >/dev/null; docker run -d --name first --network fixed --ip 172.29.7.5 busybox sleep 1000 >/dev/null
state >"$POSTERN_BASE/before"
docker create --name second --network one -p 8801:80 $tail >/dev/null; docker network connect --ip 172.29.7.5 fixed second
like "the second of two networks fails: the address is taken" "Address already in use" docker start second
same "the second of two networks fails"
docker rm second >/dev/null
like "connect with an address that is taken" "Address already in use" docker network connect --ip 172.29.7.5 fixed moves
like "and with one from elsewhere" "no configured subnet or ip-range contain" docker network connect --ip 10.1.2.3 fixed moves
like "a network's name that is taken" "already exists" docker network create fixed
like "a subnet that is taken" "Pool overlaps" docker network create --subnet 172.29.7.128/25 fixed2
like "a bridge that is another network's" "have same bridge name" docker network create -o "com.docker.network.bridge.name=$(in_engine ip -br link | awk '/^pst-/{print $1; exit}')" fixed2
docker run -d --name dead --network one busybox sleep 1000 >/dev/null
kill -9 "$(docker inspect -f '{{.State.Pid}}' dead)"; docker network connect two dead >/dev/null 2>&1; docker rm -f dead >/dev/null
makers=; for i in 1 2 3; do docker network create race$i >/dev/null & makers="$makers $!"; done; wait $makers
is "networks made at once have a subnet each" 3 bash -c "docker network inspect race1 race2 race3 -f '{{(index .IPAM.Config 0).Subnet}}' | sort -u | wc -l"
docker network rm race1 race2 race3 >/dev/null
same "connect and create that fail, and a container that ends meanwhile"
arm "$(pid_of ports)" ports.bind.refused 0
like "a port of any number that nobody but root may have" "Bind for .*: Permission denied" docker run --rm --network one -p 80 $tail
arm 0 none 0
same "a port that nobody may have"
ok "a container that stays is reached as before" nsenter --net="$host_ns" bash -c "exec 3<>/dev/tcp/127.0.0.1/8800"
ok "the audit log verifies" "$bin/postern" audit verify
finish
