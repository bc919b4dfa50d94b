# load.sh - part of run: loading a 240 MB Debian image, against dockerd, skopeo with umoci, and plain tar; peak memory.
debian=$top/build/images/debian.tar archive=$top/build/images/debian-archive.tar
load_bench() {
	local tmp=$POSTERN_BASE/load ours docker tools plain peak=0 sum client
	"$top/tests/images/debian" "$debian" && "$top/tests/images/wrap" "$debian" debian:bench "$archive" || return
	mkdir -p "$tmp"
	once() { local t0; t0=$(date +%s%N); "$@" >/dev/null 2>&1 || return; echo $((($(date +%s%N) - t0) / 1000)); }
	least() { sort -n | head -n 1; }
	load_once() { once docker -H "$1" load -q -i "$archive"; docker -H "$1" rmi debian:bench >/dev/null; }
	plain_once() { mkdir "$tmp/x"; once tar -C "$tmp/x" -xf "$debian"; rm -rf "$tmp/x"; }
	both() { skopeo copy -q --insecure-policy "docker-archive:$archive" "oci:$tmp/oci:x" && umoci unpack --image "$tmp/oci:x" "$tmp/bundle"; }
	tools_once() { once both; rm -rf "$tmp/oci" "$tmp/bundle"; }
	tree() { local p=$1; while [ -n "$p" ]; do echo "${p//,/ }"; p=$(pgrep -d, -P "$p"); done; }
	# In turns, so that a busy moment of the machine does not fall on one of them only.
	for _ in 1 2 3; do
		load_once "$DOCKER_HOST" >>"$tmp/ours"
		[ -z "$dockerd" ] || load_once "unix://$dsock" >>"$tmp/docker"
		plain_once >>"$tmp/plain"
	done
	[ ! -x "$(command -v skopeo)" ] || [ ! -x "$(command -v umoci)" ] || tools_once >"$tmp/tools"
	ours=$(least <"$tmp/ours") docker=$(least <"$tmp/docker" 2>/dev/null) plain=$(least <"$tmp/plain") tools=$(cat "$tmp/tools" 2>/dev/null)
	row "load of Debian ($(($(stat -c %s "$archive") / 1000000)) MB)" us "$ours" null dockerd="$docker" skopeo+umoci="$tools" tar="$plain"
	# Once more, looking at all of our processes meanwhile.
	docker load -q -i "$archive" >/dev/null & client=$!
	while kill -0 $client 2>/dev/null; do
		sum=$(awk '/^Pss:/ {s += $2} END {print s + 0}' $(printf '/proc/%s/smaps_rollup ' $(tree "$POSTERN_LAUNCHER")) 2>/dev/null)
		[ "${sum:-0}" -le "$peak" ] || peak=$sum
	done
	docker rmi debian:bench >/dev/null
	row "memory while it loads, all processes" kB "$peak" null
	rm -rf "$tmp"
}
load_bench
