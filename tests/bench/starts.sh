# starts.sh - part of run: memory at rest, one container after another and many at once, logs, what a container keeps, calls of helpers.
pss() { awk '/^Pss:/ {s += $2} END {print s + 0}' "/proc/$1/smaps_rollup"; }

# Before anything else was done.
memory_bench() {
	local total=0 name pid kb p dmem=
	while read -r name pid; do
		kb=$(pss "$pid"); total=$((total + kb))
		row "memory at rest: $name" kB "$kb" null
	done < <(jq -r '.helpers[] | "\(.name) \(.pid)"' "$POSTERN_RUN/helpers.json")
	if [ -n "$dockerd" ]; then dmem=0; for p in $dockerd $(pgrep -P "$dockerd"); do dmem=$((dmem + $(pss "$p"))); done; fi
	row "memory at rest, all processes" kB "$total" null dockerd="$dmem" "@ours<=12288"
}

starts_bench() {
	local s ours cli dcli
	for s in 1 2 3; do # in turns with the floor, so that a busy moment of the machine is not one's alone
		floor_again
		our_api "$n" none >>"$work/ours" || return
	done
	docker_api 20 none >"$work/docker"
	for s in create start wait remove; do row "API: $s" us "$(stage $s 2 ours)" null dockerd="$(stage $s 2 docker)"; done
	row "API: create+start+wait+remove, minimum" us "$(stage total 2 ours)" "$floor" \
		dockerd="$(stage total 2 docker)" "@floor<=4" "@dockerd>=30"
	row "API: create+start+wait+remove, median" us "$(stage total 3 ours)" "$floor_med" dockerd="$(stage total 3 docker)"
	row "the same with the data on disk, minimum" us "$(stage total 2 disk)" "$floor"
	unshare --mount --propagation private "$top/tests/bench/peers" "$work" "$rootfs" "$top/build/images/busybox.tar"
	ours=$("$work/repeat" 100 "$bin/postern" run --rm --network none busybox true | first)
	floor_again
	cli=$("$work/repeat" 20 docker run --rm --network none busybox true | first)
	dcli=$([ -z "$dockerd" ] || "$work/repeat" 5 docker -H "unix://$dsock" run --rm --network none busybox true | first)
	row "postern run --rm" us "$ours" "$floor" dockerd="$dcli" podman="$(least peer-podman)" runc="$(least peer-runc)" \
		crun="$(least peer-crun)" bwrap="$(least peer-bwrap)"
	row "docker run --rm (client 28)" us "$cli" "$floor" dockerd="$dcli"
	row "a user's engine: API, minimum" us "$(stage total 2 rootless-api)" "$floor" podman-rootless="$(stage total 2 podman-api)" \
		"root's-engine=$(stage total 2 ours)" "@floor<=5" "@podman-rootless>=10"
	row "a user's engine: API, median" us "$(stage total 3 rootless-api)" "$floor_med"
	row "a user's engine: postern run --rm" us "$(least rootless-cli)" "$floor" podman-rootless="$(least podman-cli)" \
		"@floor<=5" "@podman-rootless>=10"
	row "one without subordinate ids: API, minimum" us "$(stage total 2 single-api)" "$floor"
	row "one without them: postern run --rm" us "$(least single-cli)" "$floor"
	ours=$(our_api 200 none 8 | awk '{printf "%.1f", 200 / $2}')
	row "starts in parallel (8 clients)" 1/s "$ours" null dockerd="$(docker_api 24 none 8 | awk '{printf "%.1f", 24 / $2}')"
}

# --- logs ----------------------------------------------------------------------------------------------------------------
throughput() { # DOCKER-HOST: MB/s of a container that writes lines, as fast as they are taken
	local t0 t1 id
	id=$(docker -H "$1" create --network none busybox sh -c \
		'yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c 10000000 >/l; for i in $(seq 20); do cat /l; done')
	t0=$(date +%s%N)
	docker -H "$1" start "$id" >/dev/null; docker -H "$1" wait "$id" >/dev/null; t1=$(date +%s%N)
	docker -H "$1" rm "$id" >/dev/null
	awk -v ns=$((t1 - t0)) 'BEGIN {printf "%.1f\n", 200 / (ns / 1e9)}'
}
logs_bench() {
	for _ in 1 2 3; do # in turns, and the best of each
		throughput "$DOCKER_HOST" >>"$work/log-ours"
		[ -z "$dockerd" ] || throughput "unix://$dsock" >>"$work/log-docker"
	done
	row "log throughput" MB/s "$(most log-ours)" null dockerd="$(most log-docker)" "@dockerd>=2"
}

# --- memory of a container --------------------------------------------------------------------------------------------------
keeper() { # DOCKER-HOST COUNT: kB of that which keeps a container, the mean of so many
	local sum=0 id init
	for _ in $(seq "$2"); do docker -H "$1" run -d --network none busybox sleep 1000 >/dev/null; done
	for id in $(docker -H "$1" ps -q); do
		init=$(docker -H "$1" inspect -f '{{.State.Pid}}' "$id")
		sum=$((sum + $(pss "$(awk '/^PPid:/ {print $2}' "/proc/$init/status")")))
	done
	docker -H "$1" ps -q | xargs docker -H "$1" rm -f >/dev/null
	echo $((sum / $2))
}
monitors_bench() { row "memory of a monitor" kB "$(keeper "$DOCKER_HOST" 10)" null dockerd="$([ -z "$dockerd" ] || keeper "unix://$dsock" 3)"; }

# --- each helper by itself, beside that many containers ------------------------------------------------------------------------
calls_bench() {
	local op least
	while read -r op; do
		row "calls: $op" 1/s "$(awk -v o="$op" '$1 == 1 && $2 == o {print $3}' "$work/calls")" null \
			beside-100="$(awk -v o="$op" '$1 == 100 && $2 == o {print $3}' "$work/calls")" \
			beside-1000="$(awk -v o="$op" '$1 == 1000 && $2 == o {print $3}' "$work/calls")"
	done < <(awk '!/nothing/ {print $2}' "$work/calls" | sort -u)
	# Of either the least; what asks for no port takes the same way but for checks and tables.
	for least in 1 1000; do
		row "a port in the firewall's helper, audit aside, beside $least" us "$(awk -v n=$least '$1 == n && $2 ~ /PUBLISH(-nothing)?$/ {u[$2] = $4}
			END {printf "%.0f", u["firewall.PUBLISH"] - u["firewall.PUBLISH-nothing"]}' "$work/calls")" null "@ours<=100"
	done
}
