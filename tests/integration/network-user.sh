#!/bin/bash
# Networks of an ordinary user's engine: inside a network namespace of its own, out by pasta, ports by postern-forward.
# The host is a network namespace with one neighbour, the outside; the engine's user may open /dev/net/tun there.
# Engines: rootless single
inside=postern-nu-in-$$ outside=postern-nu-out-$$
if [ -z "${POSTERN_NETWORK_USER:-}" ]; then
	export POSTERN_NETWORK_USER=$$
	kind=${POSTERN_ENGINE:-rootless}; [ "$kind" = system ] && { echo "skip - networks of users' engines (this is root's)"; exit 0; }
	base=$(mktemp -d /var/tmp/postern-test.XXXXXX)
	trap 'ip netns del $inside 2>/dev/null; ip netns del $outside 2>/dev/null; rm -rf "$base"' EXIT
	ip netns add $inside; ip netns add $outside
	ip -n $inside link add up0 type veth peer name down0 netns $outside
	ip -n $inside link set lo up; ip -n $inside addr add 192.0.2.2/24 dev up0; ip -n $inside link set up0 up
	ip -n $outside link set lo up; ip -n $outside addr add 192.0.2.1/24 dev down0; ip -n $outside link set down0 up
	ip -n $inside route add default via 192.0.2.1
	mkdir -p "$base/www"; echo outside >"$base/www/index.html"; chmod -R 755 "$base"
	export POSTERN_OUTSIDE=$base
	unshare --mount --propagation private bash -c 'mount -t tmpfs -o mode=755 tun /dev/net && mknod -m 666 /dev/net/tun c 10 200 &&
		"$1" --netns "$2" bash "$3"' - "$(dirname "$0")/../with-engine" "$inside" "$0"
	exit $?
fi
inside=postern-nu-in-$POSTERN_NETWORK_USER outside=postern-nu-out-$POSTERN_NETWORK_USER
. "$(dirname "$0")/../lib.sh"
on_host() { ip netns exec $inside "$@"; }
beyond() { ip netns exec $outside "$@"; }
# from a container in a network: a half-close is not every uplink's to pass on
from() { docker run --rm --network "$1" busybox sh -c "(printf 'GET / HTTP/1.0\r\n\r\n'; sleep 1) | timeout 4 nc -w 3 $2 80 | tail -n 1 | grep ."; }
helper() { jq -r ".helpers[] | select(.name == \"$1\") | .pid" "$POSTERN_RUN/helpers.json"; }
busybox=/bin/busybox
ip netns exec $outside $busybox httpd -f -p 192.0.2.1:80 -h "$POSTERN_OUTSIDE/www" & server=$!
# The test's own end, whatever happens.
trap 'kill $server 2>/dev/null' EXIT

ok "a network" docker network create net1
ok "a second one" docker network create net2
serve='mkdir -p /tmp/w; dd if=/dev/zero of=/tmp/w/large bs=1M count=64 2>/dev/null; echo hello $HOSTNAME >/tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w'
ok "a server with published ports" docker run -d --name web --hostname web --network net1 -p 8080:80 -p 127.0.0.1:8081:80 -p 7000:7/udp busybox sh -c "$serve"
ok "one in another network" docker run -d --name other --hostname other --network net2 busybox sh -c "$serve"
until_true 20 from net1 web
address=$(docker inspect -f '{{.NetworkSettings.Networks.net1.IPAddress}}' web) far=$(docker inspect -f '{{.NetworkSettings.Networks.net2.IPAddress}}' other)
ns() { readlink "/proc/$1/ns/net"; }
[ "$(ns "$(helper veth)")" != "$(on_host readlink /proc/self/ns/net)" ] && pass "veth is not in the host's network namespace" || fail "veth is not in the host's network namespace"
is "firewall and forward are where veth is" "$(ns "$(helper veth)") $(ns "$(helper veth)")" echo "$(ns "$(helper firewall)") $(ns "$(helper forward)")"
is "posternd, ports and the resolver are in the host's" "$(for i in 1 2 3; do on_host readlink /proc/self/ns/net; done)" \
	bash -c "for p in $(helper controller) $(helper ports) $(helper resolver); do readlink /proc/\$p/ns/net; done"
is "no link is made on the host" "lo up0" bash -c "ip netns exec $inside ip -o link | awk -F'[ :@]+' '{print \$2}' | sort | xargs"
is "no table is made on the host" "" on_host nft list tables

is "by address, in one network" "hello web" from net1 $address
is "by name" "hello web" from net1 web
fails "not from another network" 1 from net2 $address
is "by the default network" "outside" from bridge 192.0.2.1
is "the way out" "outside" from net1 192.0.2.1
ok "an internal network" docker network create --internal closed
fails "has no way out" 1 from closed 192.0.2.1

# --- ports ---
is "a published port at 127.0.0.1" "hello web" on_host curl -sS -m 5 http://127.0.0.1:8080/
is "at an address of the host's" "hello web" on_host curl -sS -m 5 http://192.0.2.2:8080/
is "from outside" "hello web" beyond curl -sS -m 5 http://192.0.2.2:8080/
is "one of 127.0.0.1's own" "hello web" on_host curl -sS -m 5 http://127.0.0.1:8081/
fails "which is not there from outside" 7 beyond curl -sS -m 5 http://192.0.2.2:8081/
nsenter --net="/proc/$(docker inspect -f '{{.State.Pid}}' web)/ns/net" python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 7)); s.settimeout(30)
while True:
    data, who = s.recvfrom(65536); s.sendto(data.upper(), who)' 2>/dev/null & echo=$!
trap 'kill $server $echo 2>/dev/null' EXIT
datagrams() { on_host python3 -c '
import socket
all = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for i in range(20)]
for i, s in enumerate(all): s.settimeout(2); s.connect(("127.0.0.1", 7000)); s.send(b"a%d" % i)
print(sum(s.recv(65536) == b"A%d" % i for i, s in enumerate(all)))'; }
until_true 20 datagrams
is "datagrams of 20 clients, each answered" 20 datagrams
is "port" "80/tcp -> 0.0.0.0:8080
80/tcp -> 127.0.0.1:8081
7/udp -> 0.0.0.0:7000" bash -c 'docker port web | sort -t/ -k2,2 -s'
like "a port that is taken" "Bind for 0.0.0.0:8080 failed: port is already allocated" docker run --rm -p 8080:80 busybox true
like "a port of root's" "cannot expose privileged port 80, .*net.ipv4.ip_unprivileged_port_start=80.*permission denied" docker run --rm -p 80:80 busybox true
like "SCTP" "Bind for 0.0.0.0:5000 failed: Protocol not supported" docker run --rm -p 5000:5000/sctp busybox true
is "comes whole" "67108864" bash -c "ip netns exec $inside curl -sS -m 30 http://127.0.0.1:8080/large | wc -c"
# A half-close: everything is sent and ended, then the answer comes.
ok "one that answers at the end of what it is told" docker run -d --name count --network net1 -p 9000:9 busybox sh -c 'while true; do nc -l -p 9 -e wc -c; done'
half() { on_host python3 -c '
import socket
s = socket.create_connection(("127.0.0.1", 9000), 5)
s.sendall(b"x" * 1000000); s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode().strip())'; }
until_true 60 half
is "a half-closed connection is answered" 1000000 half
docker rm -f count >/dev/null
ok "50 clients at once" bash -c "for i in \$(seq 50); do ip netns exec $inside curl -sS -m 10 http://127.0.0.1:8080/ & done | grep -c 'hello web' | grep -qx 50"

like "the receipt says who leads a port to it, and by which rule" "forward.SERVE: .* port=80 socket=inet.* done by rule private-172" "$bin/postern" audit receipt web

# --- restarts ---
old=$(helper forward); kill -9 "$old"
until_true 100 on_host curl -sS -m 1 http://127.0.0.1:8080/
is "after the end of forward its ports are served again" "hello web" on_host curl -sS -m 5 http://127.0.0.1:8080/
kill -9 "$(helper controller)"
until_true 200 docker ps
until_true 100 on_host curl -sS -m 1 http://127.0.0.1:8080/
is "after the end of the controller" "hello web" on_host curl -sS -m 5 http://127.0.0.1:8080/
before=$(ns "$(helper veth)")
kill -9 "$POSTERN_LAUNCHER"; until_true 100 bash -c "! kill -0 $POSTERN_LAUNCHER"
# The next engine; the first one's is a zombie of with-engine's until that ends.
user=(setpriv --reuid "$POSTERN_UID" --regid "$POSTERN_UID" --clear-groups env "HOME=$POSTERN_BASE/home")
# shellcheck disable=SC2086
until_true 100 on_host "${user[@]}" "$POSTERN_PROGRAMS/postern-user" $POSTERN_ARGS --daemon --log "$POSTERN_BASE/home/log2"
until_true 200 docker ps
is "a new engine finds the namespace" "$before" ns "$(helper veth)"
until_true 100 on_host curl -sS -m 1 http://127.0.0.1:8080/
is "and serves the ports of containers that run" "hello web" on_host curl -sS -m 5 http://127.0.0.1:8080/
is "which still reach each other" "hello web" from net1 $address
is "and the outside" "outside" from net1 192.0.2.1

# --- the end ---
docker rm -f web other >/dev/null
fails "an ended container's port leads nowhere" 7 on_host curl -sS -m 2 http://127.0.0.1:8080/
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
on_host setpriv --reuid "$POSTERN_UID" --regid "$POSTERN_UID" --clear-groups env "HOME=$POSTERN_BASE/home" PATH="$POSTERN_BASE/path" \
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
