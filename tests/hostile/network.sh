#!/bin/bash
# Engines: system
# A container with every capability over its own network: others' addresses, the resolver, the host.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netlib.sh"

docker network create --ipv6 --subnet 10.88.0.0/24 --subnet fd00:8::/64 yard >/dev/null
serving victim --network yard --ip 10.88.0.10 --ip6 fd00:8::10
serving other --network yard --ip 10.88.0.11 --ip6 fd00:8::11
docker run -d --name evil --network yard --ip 10.88.0.66 --ip6 fd00:8::66 --cap-add NET_ADMIN --cap-add NET_RAW peer sleep 1000 >/dev/null
victim=$(mac_of victim yard) other=$(mac_of other yard) own=$(mac_of evil yard)
bridge=$(in_h ip -br link | awk '/^pst-/ {print $1; exit}')
gateway=$(in_h ip -br link show "$bridge" | awk "{print \$3}")
hears() { docker logs victim 2>&1 | grep -c "$1"; }
in_evil() { in_c evil "$@"; }

# --- addresses ---
is "it reaches the victim as itself" 10.88.0.66 ask evil tcp 10.88.0.10 80
ask other tcp 10.88.0.10 80 >/dev/null
neighbours() { in_c victim ip neigh show 10.88.0.11; }
in_evil "$peer" forge eth0 "$own" 10.88.0.66 "$victim" 10.88.0.10 90
until_true 20 bash -c 'docker logs victim 2>&1 | grep -q "udp 90 10.88.0.66"'
is "a packet of its own, made by hand, arrives" 1 hears "udp 90 10.88.0.66"
in_evil "$peer" forge eth0 "$own" 10.88.0.11 "$victim" 10.88.0.10 90
in_evil "$peer" forge eth0 "$other" 10.88.0.11 "$victim" 10.88.0.10 90
in_evil "$peer" forge eth0 "$other" 10.88.0.66 "$victim" 10.88.0.10 90
in_evil "$peer" forge eth0 "$gateway" 10.88.0.1 "$victim" 10.88.0.10 90
in_evil "$peer" forge eth0 "$own" 10.88.0.1 "$victim" 10.88.0.10 90
in_evil "$peer" forge eth0 "$own" 8.8.8.8 "$victim" 10.88.0.10 90
in_evil "$peer" forge eth0 "$own" 10.88.0.66 "$victim" 10.88.0.10 90
until_true 20 bash -c '[ "$(docker logs victim 2>&1 | grep -c "udp 90 10.88.0.66")" = 2 ]'
is "with another's address nothing arrives" 0 hears "udp 90 10.88.0.11"
is "nor with the gateway's" 0 hears "udp 90 10.88.0.1$"
is "nor with the world's" 0 hears "udp 90 8.8.8.8"
is "nor with another's MAC address" 2 hears "udp 90 10.88.0.66"
like "its ARP answers change no neighbour" "lladdr $other" neighbours
is "the gateway is who it was" "" bash -c "nsenter -t $(docker inspect -f '{{.State.Pid}}' victim) -n ip neigh show 10.88.0.1 | grep -i '$own'"
in_evil ip addr add 10.88.0.11/24 dev eth0
fails "another's address on its interface: nothing goes out with it" 1 in_evil sh -c "ip route add 10.88.0.10/32 dev eth0 src 10.88.0.11 && '$peer' ask udp 10.88.0.10 80"
in_evil ip route del 10.88.0.10/32
is "who asks for that address gets its owner" "10.88.0.10" ask victim tcp 10.88.0.11 80
in_evil ip addr del 10.88.0.11/24 dev eth0
in_evil ip -6 addr add fd00:8::11/64 dev eth0 nodad
in_evil sh -c "ip -6 route add fd00:8::10/128 dev eth0 src fd00:8::11 metric 1"
fails "IPv6: the same" 1 ask evil tcp fd00:8::10 80
is "IPv6: who asks for that address gets its owner" fd00:8::10 ask victim tcp fd00:8::11 80
in_evil ip -6 addr del fd00:8::11/64 dev eth0
in_evil ip link set eth0 down; in_evil ip link set eth0 address "$other"; in_evil ip link set eth0 up
fails "another's MAC address on its interface" 1 ask evil tcp 10.88.0.10 80
is "and what is for the other still gets there" 10.88.0.10 ask victim tcp 10.88.0.11 80
in_evil ip link set eth0 down; in_evil ip link set eth0 address "$own"; in_evil ip link set eth0 up
is "as itself again" 10.88.0.66 ask evil tcp 10.88.0.10 80

# --- the host's loopback ---
in_h sh -c "'$peer' serve 6000 >/dev/null 2>&1 & echo \$!" >"$POSTERN_BASE/server"
python3 - <<P &
import socket, os, ctypes
fd = os.open("/run/netns/$H", os.O_RDONLY); ctypes.CDLL(None).setns(fd, 0)
s = socket.socket(); s.bind(("127.0.0.1", 6001)); s.listen(8)
s.settimeout(30)
try:
    while True: s.accept()[0].close()
except TimeoutError: pass
P
local=$!
until_true 60 bash -c "nsenter --net=/run/netns/$H ss -tln | grep -q 127.0.0.1:6001"
in_evil ip route add default via 10.88.0.1 2>/dev/null
in_evil sh -c 'ip addr flush dev lo; ip route add 127.0.0.1/32 via 10.88.0.1 src 10.88.0.66; echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet' 2>/dev/null
before=$(in_h nft list table inet "postern_$POSTERN_IDS" | wc -l)
fails "127.0.0.1 of the host is not reached by way of the gateway" 1 in_evil "$peer" ask tcp 127.0.0.1 6001
fails "nor what listens at 127.0.0.1 by the gateway's address" 1 in_evil "$peer" ask tcp 10.88.0.1 6001
is "and no rule came of that" "$before" bash -c "nsenter --net=/run/netns/$H nft list table inet postern_$POSTERN_IDS | wc -l"
kill $local "$(cat "$POSTERN_BASE/server")"; wait $local 2>/dev/null

# --- others' frames ---
is "VLANs do not pass" 1 bash -c "nsenter -t $(docker inspect -f '{{.State.Pid}}' evil) -n sh -c 'ip link add link eth0 name v9 type vlan id 9 2>/dev/null; ip addr add 10.89.0.1/24 dev v9; ip link set v9 up; $peer ask tcp 10.89.0.2 80' >/dev/null 2>&1; echo \$?"
ok "all the others are as well as before" ask other tcp 10.88.0.10 80
finish
