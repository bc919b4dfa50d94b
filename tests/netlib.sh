# netlib.sh - for scripts about networks: an engine in a network namespace of its own, $H, and a world outside, $W, joined to it by a
# veth: 192.0.2.1 and 2001:db8::1 are the engine's host, 192.0.2.2 and 2001:db8::2 the world. Image `peer` is busybox with peer.c.
# Sourced after lib.sh; starts the script again within with-engine.
if [ -z "${POSTERN_SOCKET:-}" ]; then
	H=pst-test-h$$ W=pst-test-w$$
	trap 'ip netns del "$H"; ip netns del "$W"' EXIT
	ip netns add "$H" && ip netns add "$W" && ip -n "$H" link set lo up && ip -n "$W" link set lo up &&
		ip -n "$H" link add up0 type veth peer name up0 netns "$W" || exit 125
	for side in "$H 1" "$W 2"; do
		read -r ns i <<<"$side"
		ip -n "$ns" addr add "192.0.2.$i/24" dev up0 && ip -n "$ns" addr add "2001:db8::$i/64" dev up0 nodad && ip -n "$ns" link set up0 up
	done
	export H W
	"$top/tests/with-engine" --netns "$H" "${with[@]}" bash "$0" "$@"
	exit
fi
in_h() { nsenter --net="/run/netns/$H" "$@"; }
in_w() { nsenter --net="/run/netns/$W" "$@"; }
peer=$POSTERN_BASE/peer
peer_image() {
	local root=$POSTERN_BASE/peer-root
	gcc -O2 -static -D_GNU_SOURCE -o "$peer" "$top/tests/integration/peer.c" 2>/dev/null && mkdir "$root" &&
		tar -xOf "$top/build/images/busybox.tar" ./layer.tar | tar -C "$root" -xf - && cp "$peer" "$root/bin/" &&
		tar -C "$root" -c . | docker import - peer >/dev/null
}
peer_image || fail "the image of the tests"
# serving NAME ARGUMENTS...: a container that serves at 80 and 90; waits until it does
serves() { docker logs "$1" 2>&1 | grep -q '^serves'; }
serving() {
	local name=$1 out; shift
	out=$(docker run -d --name "$name" "$@" peer peer serve 80 90 2>&1) && until_true 60 serves "$name" || fail "$name serves" "$out"
}
ip_of() { docker inspect -f "{{with index .NetworkSettings.Networks \"${2:-bridge}\"}}{{.IPAddress}}{{end}}" "$1"; }
ip6_of() { docker inspect -f "{{with index .NetworkSettings.Networks \"${2:-bridge}\"}}{{.GlobalIPv6Address}}{{end}}" "$1"; }
mac_of() { docker inspect -f "{{with index .NetworkSettings.Networks \"${2:-bridge}\"}}{{.MacAddress}}{{end}}" "$1"; }
# in_c NAME COMMAND...: a program of the host's in the network namespace of a running container
in_c() { local pid; pid=$(docker inspect -f '{{.State.Pid}}' "$1") || return; shift; nsenter -t "$pid" -n "$@"; }
# ask NAME ARGUMENTS: as that container
ask() { local name=$1; shift; in_c "$name" "$peer" ask "$@"; }
# world PORT: serves outside; `kill $world` ends it
world() {
	nsenter --net="/run/netns/$W" "$peer" serve "$1" >/dev/null 2>&1 & world=$!
	until_true 40 in_w "$peer" ask tcp 192.0.2.2 "$1"
}
