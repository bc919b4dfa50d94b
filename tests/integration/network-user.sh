#!/bin/bash
# Networks of an ordinary user's engine: inside a network namespace of its own, out by pasta, ports by postern-forward.
# The host is a network namespace with one neighbour, the outside; the engine's user may open /dev/net/tun there.
# Engines: rootless single
. "$(dirname "$0")/../lib.sh"
is_users || { skip "networks of users' engines" "this one is root's"; finish; }
. "$(dirname "$0")/../netlib.sh"
# from a container in a network: a half-close is not every uplink's to pass on
from() { docker run --rm --network "$1" busybox sh -c "(printf 'GET / HTTP/1.0\r\n\r\n'; sleep 1) | timeout 4 nc -w 3 $2 80 | tail -n 1 | grep ."; }
mkdir -p "$POSTERN_BASE/www"; echo outside >"$POSTERN_BASE/www/index.html"
nsenter --net="/run/netns/$W" /bin/busybox httpd -f -p 192.0.2.2:80 -h "$POSTERN_BASE/www" & server=$!
# The test's own end, whatever happens.
trap 'kill $server 2>/dev/null' EXIT

ok "a network" docker network create net1
serve='mkdir -p /tmp/w; dd if=/dev/zero of=/tmp/w/large bs=1M count=64 2>/dev/null; echo hello $HOSTNAME >/tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w'
ok "a server with published ports" docker run -d --name web --hostname web --network net1 -p 8080:80 -p 7000:7/udp busybox sh -c "$serve"
until_true 20 from net1 web
address=$(docker inspect -f '{{.NetworkSettings.Networks.net1.IPAddress}}' web)
ns() { readlink "/proc/$1/ns/net"; }
[ "$(ns "$(helper_pid veth)")" != "$(in_h readlink /proc/self/ns/net)" ] && pass "veth is not in the host's network namespace" || fail "veth is not in the host's network namespace"
is "firewall and forward are where veth is" "$(ns "$(helper_pid veth)") $(ns "$(helper_pid veth)")" echo "$(ns "$(helper_pid firewall)") $(ns "$(helper_pid forward)")"
is "posternd, ports and the resolver are in the host's" "$(for i in 1 2 3; do in_h readlink /proc/self/ns/net; done)" \
	bash -c "for p in $(helper_pid controller) $(helper_pid ports) $(helper_pid resolver); do readlink /proc/\$p/ns/net; done"
is "no link is made on the host" "lo up0" bash -c "nsenter --net=/run/netns/$H ip -o link | awk -F'[ :@]+' '{print \$2}' | sort | xargs"
is "no table is made on the host" "" in_h nft list tables

is "the way out" "outside" from net1 192.0.2.2

# --- ports ---
is "a published port at 127.0.0.1" "hello web" in_h curl -sS -m 5 http://127.0.0.1:8080/
is "at an address of the host's" "hello web" in_h curl -sS -m 5 http://192.0.2.1:8080/
is "from outside" "hello web" in_w curl -sS -m 5 http://192.0.2.1:8080/
nsenter --net="/proc/$(docker inspect -f '{{.State.Pid}}' web)/ns/net" python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 7)); s.settimeout(30)
while True:
    data, who = s.recvfrom(65536); s.sendto(data.upper(), who)' 2>/dev/null & echo=$!
trap 'kill $server $echo 2>/dev/null' EXIT
datagrams() { in_h python3 -c '
import socket
all = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for i in range(20)]
for i, s in enumerate(all): s.settimeout(2); s.connect(("127.0.0.1", 7000)); s.send(b"a%d" % i)
print(sum(s.recv(65536) == b"A%d" % i for i, s in enumerate(all)))'; }
until_true 20 datagrams
is "datagrams of 20 clients, each answered" 20 datagrams
like "SCTP" "Bind for 0.0.0.0:5000 failed: Protocol not supported" docker run --rm -p 5000:5000/sctp busybox true
is "comes whole" "67108864" bash -c "nsenter --net=/run/netns/$H curl -sS -m 30 http://127.0.0.1:8080/large | wc -c"
# A half-close: everything is sent and ended, then the answer comes.
ok "one that answers at the end of what it is told" docker run -d --name count --network net1 -p 9000:9 busybox sh -c 'while true; do nc -l -p 9 -e wc -c; done'
half() { in_h python3 -c '
import socket
s = socket.create_connection(("127.0.0.1", 9000), 5)
s.sendall(b"x" * 1000000); s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode().strip())'; }
until_true 60 half
is "a half-closed connection is answered" 1000000 half
docker rm -f count >/dev/null
ok "50 clients at once" bash -c "for i in \$(seq 50); do nsenter --net=/run/netns/$H curl -sS -m 10 http://127.0.0.1:8080/ & done | grep -c 'hello web' | grep -qx 50"

like "the receipt says who leads a port to it, and by which rule" "forward.SERVE: .* port=80 socket=inet.* done by rule private-172" "$bin/postern" audit receipt web

# --- restarts ---
old=$(helper_pid forward); kill -9 "$old"
until_true 100 in_h curl -sS -m 1 http://127.0.0.1:8080/
is "after the end of forward its ports are served again" "hello web" in_h curl -sS -m 5 http://127.0.0.1:8080/
kill -9 "$(helper_pid controller)"
until_true 200 docker ps
until_true 100 in_h curl -sS -m 1 http://127.0.0.1:8080/
is "after the end of the controller" "hello web" in_h curl -sS -m 5 http://127.0.0.1:8080/
before=$(ns "$(helper_pid veth)")
kill -9 "$POSTERN_LAUNCHER"; until_true 100 bash -c "! kill -0 $POSTERN_LAUNCHER"
# The next engine; the first one's is a zombie of with-engine's until that ends.
user=(setpriv --reuid "$POSTERN_UID" --regid "$POSTERN_UID" --clear-groups env "HOME=$POSTERN_BASE/home")
# shellcheck disable=SC2086
until_true 100 in_h "${user[@]}" "$POSTERN_PROGRAMS/postern-user" $POSTERN_ARGS --daemon --log "$POSTERN_BASE/home/log2"
until_true 200 docker ps
is "a new engine finds the namespace" "$before" ns "$(helper_pid veth)"
until_true 100 in_h curl -sS -m 1 http://127.0.0.1:8080/
is "and serves the ports of containers that run" "hello web" in_h curl -sS -m 5 http://127.0.0.1:8080/
is "which still reach each other" "hello web" from net1 $address
is "and the outside" "outside" from net1 192.0.2.2

# --- the end ---
docker rm -f web >/dev/null
refused() { in_h curl -sS -m 2 http://127.0.0.1:8080/; [ $? = 7 ]; }
ok "an ended container's port leads nowhere" until_true 40 refused # the forwarder is told, and nobody waits for it
ok "prune" docker network prune -f
like "info says nothing of a missing way out" "^ok" bash -c "docker info 2>&1 | grep -q 'No way out' || echo ok"
# Without containers nothing is left when the engine ends; the next has no way out, and says so.
launcher=$(cat "$POSTERN_RUN/launcher.pid"); kill "$launcher"; until_true 200 bash -c "! kill -0 $launcher"
mine() { pgrep -u "$POSTERN_UID" -a | grep -v defunct; }
until_true 100 bash -c "! pgrep -u $POSTERN_UID"
is "with the engine the namespace and the way out end" "" mine
is "and their names" "" bash -c "ls $POSTERN_RUN | grep -x -e netns -e network.sock"
mkdir "$POSTERN_BASE/path"; for p in newuidmap newgidmap; do ln -s "$(command -v $p)" "$POSTERN_BASE/path/$p"; done
# shellcheck disable=SC2086
in_h setpriv --reuid "$POSTERN_UID" --regid "$POSTERN_UID" --clear-groups env "HOME=$POSTERN_BASE/home" PATH="$POSTERN_BASE/path" \
	"$POSTERN_PROGRAMS/postern-user" $POSTERN_ARGS --daemon --log "$POSTERN_BASE/home/log3"
until_true 200 docker ps
like "without pasta the log names what to install" "neither pasta nor slirp4netns is installed \(apt-get install passt\)" cat "$POSTERN_BASE/home/log3"
like "and so does info" "No way out of containers' networks: pasta \(apt-get install passt\)" docker info
ok "and a network" docker network create net3
ok "a server" docker run -d --name web --hostname web --network net3 busybox sh -c "$serve"
until_true 20 from net3 web
is "containers reach each other all the same" "hello web" from net3 web
docker rm -f web >/dev/null
launcher=$(cat "$POSTERN_RUN/launcher.pid"); kill "$launcher"; until_true 200 bash -c "! kill -0 $launcher"
finish
