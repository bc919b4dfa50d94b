# netlib.sh - for scripts about networks: an engine in a network namespace of its own, $H, and a world outside, $W, joined to it by a
# veth: 192.0.2.1 and 2001:db8::1 are the engine's host, 192.0.2.2 and 2001:db8::2 the world. Image `peer` is busybox with peer.c.
# A user's engine has its bridges in a further namespace, and reaches the world by pasta through the host's sockets: it needs a default
# route there, and a /dev/net/tun that users may open. Sourced after lib.sh; starts the script again within with-engine.
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
	start=("$top/tests/with-engine" --netns "$H" "${with[@]}" bash "$0" "$@")
	if ! is_users; then "${start[@]}"; exit; fi
	ip -n "$H" route add default via 192.0.2.2 && ip -n "$H" -6 route add default via 2001:db8::2 || exit 125
	unshare --mount --propagation private bash -c 'mount -t tmpfs -o mode=755 tun /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"' - "${start[@]}"
	exit
fi
helper_pid() { jq -r ".helpers[] | select(.name == \"$1\") | .pid" "$POSTERN_RUN/helpers.json"; }
in_h() { nsenter --net="/run/netns/$H" "$@"; }
in_w() { nsenter --net="/run/netns/$W" "$@"; }
# where the engine's bridges and tables are
in_n() { if [ "$engine" = system ]; then in_h "$@"; else nsenter --net="/proc/$(helper_pid veth)/ns/net" "$@"; fi; }
# gateway_of NETWORK [6]: of IPv4, or of IPv6
gateway_of() { docker network inspect -f '{{range .IPAM.Config}}{{println .Gateway}}{{end}}' "$1" | grep "$([ "${2:-4}" = 6 ] && echo : || echo '\.')"; }
# seen CLIENT NETWORK: whom a container sees behind a published port: the client, or in a user's engine the gateway of its network,
# since postern-forward passes the bytes on.
seen() {
	is_users || { echo "$1"; return; }
	case $1 in *:*) gateway_of "${2:-bridge}" 6 ;; *) gateway_of "${2:-bridge}" ;; esac
}
links() { in_n ip -br link | awk '{print $1}' | sort; }
no_veths() { ! links | grep '^pst.*v[0-9a-f]\{7\}@'; }
elements() { [ $# -gt 0 ] || set -- ruleset; in_n nft -j list "$@" | jq '[.nftables[] | .set, .map | select(.) | .elem // [] | length] | add'; }
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
# What cannot be reached, or is tried again, is waited for shortly: what can be comes even when a first packet is lost (on a busy host
# the kernel may take a second until a new link sends).
for f in fails until_true; do eval "$(declare -f $f | sed "1s/$f/${f}_waiting/"); $f() { PEER_SECONDS=1 ${f}_waiting \"\$@\"; }"; done
# world PORT: serves outside; `kill $world` ends it
world() {
	nsenter --net="/run/netns/$W" "$peer" serve "$1" >/dev/null 2>&1 & world=$!
	until_true 40 in_w "$peer" ask tcp 192.0.2.2 "$1"
}
export engine peer POSTERN_RUN
export -f is_users helper_pid in_h in_w in_n in_c ask links no_veths elements gateway_of
