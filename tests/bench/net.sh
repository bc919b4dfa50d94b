# net.sh - part of run: what networks cost, ours and dockerd's in turns: a start with a port, bytes and round trips between containers
# and through a published port (from $W, a network namespace outside), names, and what 500 containers with ports change.
# --- starts ------------------------------------------------------------------------------------------------------------------
network_bench() {
	local s
	for s in 1 2 3; do
		floor_again
		our_api "$n" bridge:$P >>"$work/ours-port" || return
	done
	docker_api 10 bridge:$P >"$work/docker-port"
	our_api "$n" bridge >"$work/ours-bridge"
	for s in create start wait remove; do row "API, bridge and port: $s" us "$(stage $s 2 ours-port)" null dockerd="$(stage "$s" 2 docker-port)"; done
	row "API, bridge and port: all four, minimum" us "$(stage total 2 ours-port)" "$floor" \
		dockerd="$(stage total 2 docker-port)" "@floor<=6" "@dockerd>=25"
	row "API, bridge and port: all four, median" us "$(stage total 3 ours-port)" "$floor_med" dockerd="$(stage total 3 docker-port)"
	row "API, bridge and no port, minimum" us "$(stage total 2 ours-bridge)" "$floor"
	row "a user's engine: bridge and port, minimum" us "$(stage total 2 rootless-port-api)" "$floor" "root's-engine=$(stage total 2 ours-port)"
}

# --- bytes, round trips, names -----------------------------------------------------------------------------------------------
. "$top/tests/bench/traffic.sh"
middle() { [ ! -s "$work/$1" ] || cut -d' ' -f2 "$work/$1" | sort -n | head -n 1; } # the least of the medians
traffic_bench() {
	serving "$DOCKER_HOST" || return
	[ -z "$dockerd" ] || serving "unix://$dsock" || return
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		one_round "$DOCKER_HOST" 192.0.2.1 net-ours
		[ -z "$dockerd" ] || one_round "unix://$dsock" 198.51.100.1 net-docker
	done
	row "TCP between two containers" MB/s "$(most net-ours-stream)" null dockerd="$(most net-docker-stream)" "@dockerd>=0.95"
	row "TCP between two containers: there and back" us "$(middle net-ours-ping)" null dockerd="$(middle net-docker-ping)" "@dockerd>=0.95"
	row "the same, minimum" us "$(least net-ours-ping)" null dockerd="$(least net-docker-ping)"
	row "TCP through a published port" MB/s "$(most net-ours-port-stream)" null dockerd="$(most net-docker-port-stream)" "@dockerd>=0.95"
	row "TCP through a published port: there and back" us "$(middle net-ours-port-ping)" null dockerd="$(middle net-docker-port-ping)" "@dockerd>=0.95"
	row "the same, minimum" us "$(least net-ours-port-ping)" null dockerd="$(least net-docker-port-ping)"
	row "a user's engine: TCP between two containers" MB/s "$(most rootless-stream)" null "root's-engine=$(most net-ours-stream)"
	row "a user's engine: TCP through postern-forward" MB/s "$(most rootless-port-stream)" null "root's-engine=$(most net-ours-port-stream)"
	row "the same: there and back" us "$(middle rootless-port-ping)" null "root's-engine=$(middle net-ours-port-ping)"
	row "names of containers answered" 1/s "$(most net-ours-dns)" null dockerd="$(most net-docker-dns)"
	for host in "$DOCKER_HOST" ${dockerd:+"unix://$dsock"}; do
		docker -H "$host" rm -f server client >/dev/null; docker -H "$host" network rm bench >/dev/null; docker -H "$host" rmi net >/dev/null
	done
}

# --- many --------------------------------------------------------------------------------------------------------------------
rules() { nsenter --net="/run/netns/$H" nft -j list ruleset | jq '[.nftables[] | select(.rule)] | length'; }
# Beside so many there are no turns to take with beside one: short series, spread over more seconds than the machine's others stay busy.
many_series() { for ((i = 0; i < $1; i++)); do our_api $((n / 2)) bridge:$P >>"$work/$2"; sleep 0.7; done; }
many_bench() {
	local many=${POSTERN_BENCH_MANY:-500} one
	"$bin/postern" run -d --name many1 -p 21001:80 busybox sleep 100000 >/dev/null || return
	one=$(rules)
	many_series 6 many-1
	seq 2 "$many" | xargs -P 4 -I{} sh -c '"$1" run -d --name "many$2" -p $((21000 + $2)):80 busybox sleep 100000' - "$bin/postern" {} >/dev/null || return
	many_series 14 many-all
	row "rules of the firewall, beside $many containers" - "$(rules)" null beside-1="$one" "@beside-1>=1"
	docker ps -aq | xargs docker rm -f >/dev/null
	many_series 8 many-1
	row "start with bridge and port, beside $many" us "$(stage start 2 many-all)" null beside-1="$(stage start 2 many-1)" "@beside-1>=0.77"
}
