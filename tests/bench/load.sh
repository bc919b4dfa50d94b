# load.sh - part of run: loading images, a 240 MB Debian against dockerd, skopeo with umoci, and plain tar; peak memory.
debian=$top/build/images/debian.tar archive=$top/build/images/debian-archive.tar
busybox_once() { local t0; docker -H "$1" rmi busybox >/dev/null; t0=$(date +%s%N); docker -H "$1" load -q -i "$top/build/images/busybox.tar" >/dev/null; echo $((($(date +%s%N) - t0) / 1000)); }
load_bench() {
	local tmp=$POSTERN_BASE/load tools peak=0 sum client
	row "load of busybox (2 MB)" us "$(busybox_once "$DOCKER_HOST")" null dockerd="$([ -z "$dockerd" ] || busybox_once "unix://$dsock")"
	"$top/tests/images/debian" "$debian" && "$top/tests/images/wrap" "$debian" debian:bench "$archive" || return
	mkdir -p "$tmp"
	once() { local t0; t0=$(date +%s%N); "$@" >/dev/null 2>&1 || return; echo $((($(date +%s%N) - t0) / 1000)); }
	load_once() { once docker -H "$1" load -q -i "$archive"; docker -H "$1" rmi debian:bench >/dev/null; }
	plain_once() { mkdir "$tmp/x"; once tar -C "$tmp/x" -xf "$debian"; rm -rf "$tmp/x"; }
	both() { skopeo copy -q --insecure-policy "docker-archive:$archive" "oci:$tmp/oci:x" && umoci unpack --image "$tmp/oci:x" "$tmp/bundle"; }
	tools_once() { once both; rm -rf "$tmp/oci" "$tmp/bundle"; }
	tree() { local p=$1; while [ -n "$p" ]; do echo "${p//,/ }"; p=$(pgrep -d, -P "$p"); done; }
	# In turns, so that a busy moment of the machine does not fall on one of them only.
	for _ in 1 2 3; do
		load_once "$DOCKER_HOST" >>"$work/ours-load"
		[ -z "$dockerd" ] || load_once "unix://$dsock" >>"$work/docker-load"
		plain_once >>"$work/plain-load"
	done
	[ ! -x "$(command -v skopeo)" ] || [ ! -x "$(command -v umoci)" ] || tools_once >"$tmp/tools"
	tools=$(cat "$tmp/tools" 2>/dev/null)
	row "load of Debian ($(($(stat -c %s "$archive") / 1000000)) MB)" us "$(least ours-load)" null \
		dockerd="$(least docker-load)" skopeo+umoci="$tools" tar="$(least plain-load)" "@dockerd>=2.5" "@skopeo+umoci>=2.5"
	# Once more, looking at all of our processes meanwhile.
	docker load -q -i "$archive" >/dev/null & client=$!
	while kill -0 $client 2>/dev/null; do
		sum=$(awk '/^Pss:/ {s += $2} END {print s + 0}' $(printf '/proc/%s/smaps_rollup ' $(tree "$POSTERN_LAUNCHER")) 2>/dev/null)
		[ "${sum:-0}" -le "$peak" ] || peak=$sum
	done
	docker rmi debian:bench >/dev/null
	row "memory while it loads, all processes" kB "$peak" null "@ours<=65536"
	rm -rf "$tmp"
}
