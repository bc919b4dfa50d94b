#!/bin/bash
# Who reaches whom: containers, the host, the world; what is published and what is not. What is special to users' engines is in network-user.sh.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netlib.sh"
published="a container sees the forwarder behind a published port, not the client: the bytes are passed on by a program without privilege"
hosts_own="in the network namespace of a user's engine the host's own addresses are the uplink's"

# --- the default network, and networks of the user's ---
serving aa
serving ab --network bridge
is "default network: from one to another, with its own address" "$(ip_of ab)" ask ab tcp "$(ip_of aa)" 80
is "and by UDP" "$(ip_of ab)" ask ab udp "$(ip_of aa)" 80
if is_users; then
	fails "the host does not reach what is not published" 1 in_h "$peer" ask tcp "$(ip_of aa)" 80
	is "its namespace does" 172.17.0.1 in_n "$peer" ask tcp "$(ip_of aa)" 80
	skip "the client's address behind a published port" "$published"
else
	is "the host reaches it" 172.17.0.1 in_h "$peer" ask tcp "$(ip_of aa)" 80
fi
in_w ip route add 172.16.0.0/12 via 192.0.2.1
fails "the world does not reach what is not published" 1 in_w "$peer" ask tcp "$(ip_of aa)" 80
docker network create one >/dev/null; docker network create two >/dev/null
serving n1a --network one --network-alias first
serving n1b --network one
serving n2a --network two
is "two on a network of the user's, by address" "$(ip_of n1b one)" ask n1b tcp "$(ip_of n1a one)" 80
is "by name" "$(ip_of n1a one)" docker run --rm --network one peer sh -c 'peer ask tcp n1a 80 >/dev/null && nslookup -type=a n1a 127.0.0.11 | sed -n "s/^Address: //p"'
ok "by alias" docker run --rm --network one peer peer ask tcp first 80
ok "by short id" docker run --rm --network one peer peer ask tcp "$(docker inspect -f '{{slice .Id 0 12}}' n1a)" 80
fails "no name of another network's" 1 docker run --rm --network two peer peer ask tcp n1a 80
fails "no alias of another network's" 1 docker run --rm --network two peer peer ask tcp first 80
like "backwards" "n1a\.one" docker run --rm --network one peer nslookup -type=ptr "$(ip_of n1a one | awk -F. '{print $4 "." $3 "." $2 "." $1 ".in-addr.arpa"}')" 127.0.0.11
fails "not from another network" 1 ask n2a tcp "$(ip_of n1a one)" 80
fails "not by UDP" 1 ask n2a udp "$(ip_of n1a one)" 80
fails "nor from the default network" 1 ask aa tcp "$(ip_of n1a one)" 80
fails "nor to it" 1 ask n1a tcp "$(ip_of aa)" 80

# --- internal, and without talk between containers ---
docker network create --internal in >/dev/null
serving ia --network in
serving ib --network in
is "internal: one another" "$(ip_of ib in)" ask ib tcp "$(ip_of ia in)" 80
is "internal: no default route" "" in_c ia ip route show default
world 70
is "the world answers others" 192.0.2.1 ask aa tcp 192.0.2.2 70
fails "internal: no way out" 1 ask ia tcp 192.0.2.2 70
docker run --rm --network in --cap-add NET_ADMIN peer sh -c "ip route add default via $(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' in) && peer ask tcp 192.0.2.2 70" >/dev/null 2>&1 &&
	fail "internal: no way out with a route of its own either" || pass "internal: no way out with a route of its own either"
fails "internal: nor to another network" 1 ask ia tcp "$(ip_of aa)" 80
docker network create -o com.docker.network.bridge.enable_icc=false quiet >/dev/null
serving qa --network quiet -p 8099:80
serving qb --network quiet
fails "icc off: not to one another" 1 ask qb tcp "$(ip_of qa quiet)" 80
fails "icc off: nor by IPv6 link-local addresses" 1 ask qb tcp "fe80::42:$(printf '%02x%02x:%02x%02x' $(ip_of qa quiet | tr . ' '))%eth0" 80
is "icc off: but to the world" 192.0.2.1 ask qa tcp 192.0.2.2 70
is "icc off: what is published is reached" "$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' quiet)" in_h "$peer" ask tcp 127.0.0.1 8099
docker network create -o com.docker.network.bridge.enable_ip_masquerade=false plain >/dev/null
in_w ip route add "$(docker network inspect -f '{{(index .IPAM.Config 0).Subnet}}' plain)" via 192.0.2.1 2>/dev/null
serving pa --network plain
# An uplink speaks for one address.
is "without masquerade: with its own address" "$(is_users && echo 192.0.2.1 || ip_of pa plain)" ask pa tcp 192.0.2.2 70
kill $world

# --- published ports ---
serving pub -p 8080:80 -p 127.0.0.1:8081:80 -p 192.0.2.1:8082:90 -p 8083:80/udp -p 8090-8091:80-81 -p 9000-9010:90 -p 90
is "published: from the host's loopback" 172.17.0.1 in_h "$peer" ask tcp 127.0.0.1 8080
is "from another address of 127.0.0.0/8" 172.17.0.1 in_h "$peer" ask tcp 127.9.9.9 8080
is "from the host's own address" "$(seen 192.0.2.1)" in_h "$peer" ask tcp 192.0.2.1 8080
is "from the world, with the client's address, or the forwarder's" "$(seen 192.0.2.2)" in_w "$peer" ask tcp 192.0.2.1 8080
is "UDP from the world, with the client's address" "$(seen 192.0.2.2)" in_w "$peer" ask udp 192.0.2.1 8083
is "UDP from the host's loopback" 172.17.0.1 in_h "$peer" ask udp 127.0.0.1 8083
fails "what is UDP's is not TCP's" 1 in_w "$peer" ask tcp 192.0.2.1 8083
is "one at 127.0.0.1: from there" 172.17.0.1 in_h "$peer" ask tcp 127.0.0.1 8081
fails "one at 127.0.0.1: not from the world" 1 in_w "$peer" ask tcp 192.0.2.1 8081
in_w ip route add 127.0.0.1/32 via 192.0.2.1 2>/dev/null
fails "one at 127.0.0.1: not by a route of the world's" 1 in_w "$peer" ask tcp 127.0.0.1 8081
is "one at an address: from the world" "$(seen 192.0.2.2)" in_w "$peer" ask tcp 192.0.2.1 8082
fails "one at an address: not at another" 1 in_h "$peer" ask tcp 127.0.0.1 8082
is "a range" "$(seen 192.0.2.2)" in_w "$peer" ask tcp 192.0.2.1 8090
like "one of a range" "0.0.0.0:9000" docker port pub 90/tcp
like "a random one" "0.0.0.0:[1-9][0-9]{3,4}" docker port pub 90/tcp
random=$(docker port pub 90/tcp | sed -n 's/^0.0.0.0://p' | grep -v '^90[01]' | head -n 1)
is "a random one answers" "$(seen 192.0.2.2)" in_w "$peer" ask tcp 192.0.2.1 "$random"
if is_users; then
	skip "a published port from a container, by way of the host" "$hosts_own"
else
	is "a published port by another network's container, by way of the host" "$(ip_of n1a one)" ask n1a tcp 192.0.2.1 8080
	# Where bridges pass packets by the rules of IP (br_netfilter), such a packet never leaves the bridge.
	nf=/proc/sys/net/bridge/bridge-nf-call-iptables
	for on in 1 0; do
		[ -e $nf ] || [ $on = 0 ] || { skip "ports by way of the host, with br_netfilter" "the kernel has none"; continue; }
		[ ! -e $nf ] || in_h sh -c "echo $on >$nf"
		is "by a container of its own network, by way of the host (br_netfilter $on)" 172.17.0.1 ask aa tcp 192.0.2.1 8080
		is "by itself (br_netfilter $on)" 172.17.0.1 ask pub tcp 192.0.2.1 8080
		is "the world is seen as it is (br_netfilter $on)" 192.0.2.2 in_w "$peer" ask tcp 192.0.2.1 8080
		is "and so is the host (br_netfilter $on)" 192.0.2.1 in_h "$peer" ask tcp 192.0.2.1 8080
	done
fi
fails "not by 127.0.0.1 of the host from a container" 1 ask aa tcp 127.0.0.1 8080
docker create --name all -P --expose 80 --expose 90/udp peer peer serve 80 90 >/dev/null; docker start all >/dev/null
until_true 60 serves all
like "-P" "80/tcp -> 0.0.0.0:[0-9]+.90/udp -> 0.0.0.0:[0-9]+" docker port all
is "-P: reached" "$(seen 192.0.2.2)" in_w "$peer" ask tcp 192.0.2.1 "$(docker port all 80 | head -n 1 | cut -d: -f2)"
is "-P: reached by UDP" "$(seen 192.0.2.2)" in_w "$peer" ask udp 192.0.2.1 "$(docker port all 90/udp | head -n 1 | cut -d: -f2)"

# --- conflicts, and nothing changed by them ---
rules() { in_n nft -s list ruleset; }
rules >"$POSTERN_BASE/rules"; links >"$POSTERN_BASE/links"
like "a port of another container's" "driver failed programming external connectivity on endpoint .*: Bind for 0.0.0.0:8080 failed: port is already allocated" \
	docker run --rm --name loser -p 8080:80 busybox true
like "of every address, where one is taken" "Bind for 0.0.0.0:8082 failed: port is already allocated" docker run --rm -p 8082:80 busybox true
nsenter --net="/run/netns/$H" "$peer" hold 7777 >/dev/null 2>&1 & holder=$!
until_true 40 bash -c 'in_h ss -tln | grep -q :7777'
like "a port of another program's" "Bind for 0.0.0.0:7777 failed: port is already allocated" docker run --rm -p 7777:80 busybox true
serving ranged -p 7777-7779:80
is "in a range: the next that is free" 0.0.0.0:7778 docker port ranged 80
docker rm -f ranged >/dev/null
kill "$(in_h ss -Htlnp 'sport = 7777' | grep -o 'pid=[0-9]*' | cut -d= -f2)"; wait "$holder" 2>/dev/null
if is_users; then
	like "a port of root's" "cannot expose privileged port 80, .*net.ipv4.ip_unprivileged_port_start=80.*permission denied" docker run --rm -p 80:80 busybox true
else
	like "a low port that policy does not name" "port|policy" docker run --rm -p 81:80 busybox true
	fails "is refused" 125 docker run --rm -p 81:80 busybox true
	serving low -p 80:80
	is "a low port that policy names" 192.0.2.2 in_w "$peer" ask tcp 192.0.2.1 80
	docker rm -f low >/dev/null
fi
fails "an address that is not the host's" 125 docker run --rm -p 203.0.113.9:8088:80 busybox true
is "rules are as before" "$(cat "$POSTERN_BASE/rules")" rules
until_true 40 bash -c 'links | cmp -s - "$POSTERN_BASE/links"'
is "links are as before" "$(cat "$POSTERN_BASE/links")" links
if ! is_users; then # whose forwarder refuses it: network-user.sh
	# There need not be SCTP in this kernel: what its packets would meet.
	sctp() { in_n nft list ruleset | grep -E "sctp \. 9999 : [0-9.]+ \. 80( |,|$)" | wc -l; }
	docker run -d --name sctp -p 9999:80/sctp peer sleep 1000 >/dev/null
	is "SCTP: port" "80/sctp -> 0.0.0.0:9999" docker port sctp
	is "SCTP: an element of the map" 1 sctp
	docker rm -f sctp >/dev/null
	is "SCTP: which goes with the container" 0 sctp
fi

# --- IPv6 ---
docker network create --ipv6 --subnet fd00:6::/64 --subnet 10.66.0.0/24 six >/dev/null
serving s1 --network six -p 8600:80 -p '[::1]:8601:80' -p '[2001:db8::1]:8602:90/udp'
serving s2 --network six --ip6 fd00:6::77 --ip 10.66.0.77
is "IPv6: one another" fd00:6::77 ask s2 tcp "$(ip6_of s1 six)" 80
is "IPv6: no address is taken for another's" 0 bash -c "nsenter -t $(docker inspect -f '{{.State.Pid}}' s1) -n ip -6 addr | grep -c dadfailed"
# What an interface listens to, as its container sees it: "disable_ipv6 accept_ra".
ipv6_of() { in_c "$1" sh -c "cd /proc/sys/net/ipv6/conf/$2 && echo \$(cat disable_ipv6 accept_ra)"; }
is "IPv6: without an address none, and no router is listened to" "1 0" ipv6_of aa eth0
is "IPv6: nor by an interface that comes later" "1 0" ipv6_of aa default
is "IPv6: with one it is on, and no router is listened to" "0 0" ipv6_of s1 eth0
is "IPv6: but not by the host at a bridge's port" "1" bash -c "$(declare -f in_n in_h helper_pid links); in_n cat $(links | sed -n 's,^\(pst.*v[0-9a-f]\{7\}\)@.*,/proc/sys/net/ipv6/conf/\1/disable_ipv6,p' | xargs) | sort -u"
docker network create -o com.docker.network.driver.mtu=1000 narrow >/dev/null
is "an MTU that is too small for IPv6" 1000 docker run --rm --network narrow busybox cat /sys/class/net/eth0/mtu
docker network rm narrow >/dev/null
is "bridges do not snoop" "mcast_snooping 0" bash -c "$(declare -f in_n in_h helper_pid); in_n ip -d link show type bridge | grep -o 'mcast_snooping [01]' | sort -u"
is "IPv6: --ip6 and --ip" "10.66.0.77 fd00:6::77" echo "$(ip_of s2 six) $(ip6_of s2 six)"
world 70
is "IPv6: to the world, as the host" 2001:db8::1 ask s1 tcp 2001:db8::2 70
kill $world
is "IPv6: published, from the world with the client's address" "$(seen 2001:db8::2 six)" in_w "$peer" ask tcp 2001:db8::1 8600
is "IPv6: and by IPv4" "$(seen 192.0.2.2 six)" in_w "$peer" ask tcp 192.0.2.1 8600
is "IPv6: UDP at an address" "$(seen 2001:db8::2 six)" in_w "$peer" ask udp 2001:db8::1 8602
ok "IPv6: from the host's own address" in_h "$peer" ask tcp 2001:db8::1 8600
in_w ip -6 route add fd00:6::/64 via 2001:db8::1
fails "IPv6: the world does not reach what is not published" 1 in_w "$peer" ask tcp fd00:6::77 80
like "docker port of both versions" "80/tcp -> 0.0.0.0:8600.(80/tcp -> \[::1\]:8601.)?80/tcp -> \[::\]:8600" docker port s1

# --- a running container goes in and out ---
hosts_of() { sed 1,6d "/proc/$(docker inspect -f '{{.State.Pid}}' "$1")/root/etc/hosts" | xargs; }
id_n1a=$(docker inspect -f '{{.Config.Hostname}}' n1a) one_n1a=$(ip_of n1a one)
docker network connect --ip 10.66.0.9 --ip6 fd00:6::9 --alias nine six n1a
is "connected: two interfaces" 3 bash -c "nsenter -t $(docker inspect -f '{{.State.Pid}}' n1a) -n ip -br link | wc -l"
is "connected: with the addresses asked for" "10.66.0.9 fd00:6::9" echo "$(ip_of n1a six) $(ip6_of n1a six)"
is "connected: reaches its neighbours" 10.66.0.9 ask n1a tcp 10.66.0.77 80
is "connected: by IPv6" fd00:6::9 ask n1a tcp fd00:6::77 80
is "connected: keeps its way out, which is that of the first name" "$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' one)" \
	bash -c "nsenter -t $(docker inspect -f '{{.State.Pid}}' n1a) -n ip route show default | cut -d' ' -f3"
is "connected: /etc/hosts has its addresses there, too" "$one_n1a $id_n1a 10.66.0.9 $id_n1a fd00:6::9 $id_n1a" hosts_of n1a
echo -n "192.0.2.9 mine" >>"/proc/$(docker inspect -f '{{.State.Pid}}' n1a)/root/etc/hosts"
docker network disconnect one n1a
is "disconnected: /etc/hosts has only the others, and what the user wrote" "10.66.0.9 $id_n1a fd00:6::9 $id_n1a 192.0.2.9 mine" hosts_of n1a
is "disconnected: the way out moves" 10.66.0.1 bash -c "nsenter -t $(docker inspect -f '{{.State.Pid}}' n1a) -n ip route show default | cut -d' ' -f3"
fails "disconnected: not reached any more" 1 ask n1b tcp "$(ip_of n1b one | sed 's/3$/2/')" 80
docker network connect one n1a
is "connected again: /etc/hosts tells, on a line of its own" "10.66.0.9 $id_n1a fd00:6::9 $id_n1a 192.0.2.9 mine $(ip_of n1a one) $id_n1a" hosts_of n1a
is "connected again: the way out moves back" "$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' one)" \
	bash -c "nsenter -t $(docker inspect -f '{{.State.Pid}}' n1a) -n ip route show default | cut -d' ' -f3"
is "and it reaches its neighbours" "$(ip_of n1a one)" ask n1a tcp "$(ip_of n1b one)" 80
like "twice" "endpoint with name n1a already exists in network one" docker network connect one n1a
docker network disconnect two n2a; docker network disconnect six n1a
# Duplicate address detection is not asked: addresses are the engine's to give, and nobody else gets a packet out with one.
docker run -d --name squatter --network six --cap-add NET_ADMIN peer sleep 1000 >/dev/null
in_c squatter ip -6 addr add fd00:6::99/64 dev eth0 nodad
ok "connected with an address that another container has taken for itself" docker network connect --ip6 fd00:6::99 six n2a
is "it is not in doubt" "" in_c n2a ip -6 -o addr show scope global tentative
is "and reaches its neighbours with it" fd00:6::99 ask n2a tcp fd00:6::77 80
ok "who reach it" ask s2 tcp fd00:6::99 80
docker network disconnect six n2a; docker rm -f squatter >/dev/null
like "once too often" "is not connected to (the )?network" docker network disconnect two n2a
# Ports lead in by one network, and by another one when that is left, or when it is the first that leads out.
docker network create --internal shut >/dev/null
serving moved --network shut -h its-host -p 8077:80
fails "no port leads into an internal network" 1 in_w "$peer" ask tcp 192.0.2.1 8077
docker network connect two moved
is "connected to one that leads out: its port does" "$(seen 192.0.2.2 two)" in_w "$peer" ask tcp 192.0.2.1 8077
docker network connect bridge moved; docker network disconnect two moved
is "that one left: the port follows to the next" "$(seen 192.0.2.2)" in_w "$peer" ask tcp 192.0.2.1 8077
is "and is told there" 0.0.0.0:8077 docker port moved 80
docker rename moved renamed
is "its new name and its host name are answered" 2 bash -c "docker run --rm --network shut peer sh -c 'for n in renamed its-host moved; do nslookup -type=a \$n 127.0.0.11; done' |
	grep -c '^Address: $(ip_of renamed shut)'"
docker network disconnect bridge renamed
fails "nothing leads in any more" 1 in_w "$peer" ask tcp 192.0.2.1 8077
docker rm -f renamed >/dev/null; docker network rm shut >/dev/null
like "an address that is taken" "Address already in use" docker network connect --ip 10.66.0.77 six n2a
like "an address outside" "no configured subnet or ip-range contain the IP address 10.99.0.1" docker network connect --ip 10.99.0.1 six n2a
is "a failed one leaves nothing" "{}" docker inspect -f '{{json .NetworkSettings.Networks}}' n2a

# --- options of an interface ---
serving mac --network six --mac-address 02:42:aa:bb:cc:dd --link-local-ip 169.254.7.7
like "--mac-address and --link-local-ip" "link/ether 02:42:aa:bb:cc:dd.*169\.254\.7\.7" in_c mac ip addr show eth0
is "a container of another's network" "$(ip_of mac six)" bash -c "docker run --rm --network container:mac peer peer ask tcp 10.66.0.77 80"
docker run -d --name lends --network six peer sleep 1000 >/dev/null; docker run -d --name borrows --network container:lends peer sleep 1000 >/dev/null
is "it has that one's interfaces" "eth0 lo" bash -c "nsenter -t $(docker inspect -f '{{.State.Pid}}' borrows) -n ip -br link | awk '{sub(/@.*/, \"\", \$1); print \$1}' | sort | xargs"
docker network connect two lends
is "what changes in its /etc/hosts does in that one's" "$(hosts_of lends)" hosts_of borrows
like "which has both addresses" "^$(ip_of lends six) .* $(ip_of lends two) " hosts_of borrows
docker rm -f lends >/dev/null
is "and nobody's when it has ended, whose address is another's then" "lo" bash -c "nsenter -t $(docker inspect -f '{{.State.Pid}}' borrows) -n ip -br link | awk '{print \$1}'"
docker rm -f borrows >/dev/null
is "--add-host host-gateway" 172.17.0.1 bash -c "docker run --rm --add-host up:host-gateway busybox grep up$ /etc/hosts | cut -f1"
is "--sysctl net.*" 1 docker run --rm --network six --sysctl net.ipv4.ip_forward=1 busybox cat /proc/sys/net/ipv4/ip_forward
is "none: loopback only" lo bash -c "docker run --rm --network none busybox ip -o link | awk '{print \$2}' | cut -d: -f1 | grep -v '^[a-z0-9]*@NONE$'"
first=$(docker run --rm busybox hostname -i); second=$(docker run --rm busybox hostname -i)
[ -n "$first" ] && [ "$first" != "$second" ] && pass "an address rests before it is given again" || fail "an address rests before it is given again" "$first $second"

# --- nothing is left ---
docker ps -aq | xargs docker rm -f >/dev/null
docker network prune -f >/dev/null
until_true 200 no_veths
is "no veth is left" "" no_veths
is "no element is left but the default network's four" 4 elements
finish
