#!/bin/bash
# Engines: rootless single
# A user's networks: from containers to the host, which is beyond an uplink there, and from outside against the forwarder of ports.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netlib.sh"

# --- the host's loopback, and addresses that uplinks use for it ---
# not in_h: $! is to be the server
nsenter --net="/run/netns/$H" python3 -c '
import socket, selectors
s = selectors.DefaultSelector()
for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
    for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
        x = socket.socket(family, kind); x.bind((address, 6001))
        if kind == socket.SOCK_STREAM: x.listen(8)
        s.register(x, selectors.EVENT_READ, kind)
print("ready", flush=True)
while True:
    for key, events in s.select():
        if key.data == socket.SOCK_STREAM: c, who = key.fileobj.accept(); c.sendall(b"host\n"); c.close()
        else: key.fileobj.sendto(b"host\n", key.fileobj.recvfrom(100)[1])' >"$POSTERN_BASE/server" & server=$!
world 9000
trap 'kill $server $world $also $(cat "$POSTERN_RUN/launcher.pid") 2>/dev/null' EXIT
until_true 100 grep -q ready "$POSTERN_BASE/server"
like "a server at the host's loopback" "host" in_h "$peer" ask tcp 127.0.0.1 6001
docker network create --ipv6 --subnet fd00:8::/64 --subnet 10.88.0.0/24 one >/dev/null
host="127.0.0.1 192.0.2.1 192.0.2.2 10.88.0.1 10.0.2.1 10.0.2.2 10.0.2.3 169.254.1.1 169.254.2.1 255.255.255.255 ::1 2001:db8::1 2001:db8::2 fd00:8::1 fd00::2 fd00::3 fe80::1%eth0"
try="export PEER_SECONDS=1; for a in $host; do for p in tcp udp; do { peer ask \$p \$a 6001 >/dev/null 2>&1 && echo reached \$p \$a; } & done; done; wait"
reach_host() {
	is "$1: from a network nothing reaches the host itself" "" docker run --rm --network one --cap-add NET_RAW --cap-add NET_ADMIN peer sh -c "$try"
	is "$1: nor with routes of its own" "" docker run --rm --network one --cap-add NET_RAW --cap-add NET_ADMIN peer sh -c "
		for a in 127.0.0.0/8 10.0.2.0/24 169.254.0.0/16 192.0.2.0/24; do ip route add \$a via 10.88.0.1 table 7; done
		ip rule add pref 1 table 7; ip rule del pref 0; ip rule add pref 32000 table local; $try"
	is "$1: the world is reached" 192.0.2.1 docker run --rm --network one peer peer ask tcp 192.0.2.2 9000
}
reach_host pasta

# --- clients of published ports ---
serving web --network one --ip 10.88.0.5 -p 8800:80 -p 8800:90/udp
serving other --network one -p 8801:80 -p 8801:90/udp
fds() { ls "/proc/$(helper_pid forward)/fd" | wc -l; }
few() { [ "$(fds)" -le "$1" ]; }
before=$(fds)
clients() { # a thousand connections that say nothing, datagrams from 3,000 ports; then what others get
	in_w python3 -c '
import socket, subprocess, sys, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
held = [socket.create_connection(("192.0.2.1", 8800), 10) for i in range(1000)]
for i in range(3000):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); held.append(s); s.sendto(b"x", ("192.0.2.1", 8800))
for port in "8800", "8801":
    for kind in "tcp", "udp":
        subprocess.run([sys.argv[1], "ask", kind, "192.0.2.1", port], stdout=subprocess.DEVNULL, check=port == "8801")
print(len(subprocess.run(["ls", "/proc/%s/fd" % sys.argv[2]], capture_output=True, text=True).stdout.split()) < 2 * 2048 + 2048 + 100)' "$peer" "$(helper_pid forward)"
}
is "a thousand silent connections and 3,000 senders: others are served, and sockets are bounded" True clients
ok "their connections end with them" until_true 100 few $((before + 2060)) # sessions of datagrams stay for a minute
ok "the port goes on" in_w "$peer" ask tcp 192.0.2.1 8800

# --- the bridge goes: another host is at the container's address now ---
bridge=$(in_n ip -o -4 addr show to 10.88.0.1/32 | awk '{print $2}')
in_n ip link del "$bridge"
in_n ip addr add 10.88.0.5/32 dev lo
nsenter --net="/proc/$(helper_pid veth)/ns/net" "$peer" serve 80 90 >/dev/null 2>&1 & also=$!
until_true 40 in_n "$peer" ask tcp 10.88.0.5 80
ok "another serves at the container's address" in_n "$peer" ask tcp 10.88.0.5 80
fails "the port does not lead to it" 1 in_w "$peer" ask tcp 192.0.2.1 8800
fails "nor do datagrams" 1 in_w "$peer" ask udp 192.0.2.1 8800
kill $also; wait $also 2>/dev/null
in_n ip addr del 10.88.0.5/32 dev lo
docker rm -f web other >/dev/null

# --- the same with slirp4netns ---
launcher=$(cat "$POSTERN_RUN/launcher.pid"); kill "$launcher"; until_true 200 bash -c "! kill -0 $launcher"
mkdir "$POSTERN_BASE/path"; for p in newuidmap newgidmap slirp4netns; do ln -s "$(command -v $p)" "$POSTERN_BASE/path/$p"; done
# shellcheck disable=SC2086
in_h setpriv --reuid "$POSTERN_UID" --regid "$POSTERN_UID" --clear-groups env "HOME=$POSTERN_BASE/home" PATH="$POSTERN_BASE/path" \
	"$POSTERN_PROGRAMS/postern-user" $POSTERN_ARGS --daemon --log "$POSTERN_BASE/home/log2"
until_true 200 docker version
like "slirp4netns where there is no pasta" "reach the outside by slirp4netns" cat "$POSTERN_BASE/home/log2"
reach_host slirp4netns
finish
