#!/bin/bash
# Networks, ports, links and names: the same command lines against dockerd (Debian's 20.10 with its bridges, iptables and proxy, in
# namespaces of its own) and Postern: same output, exit code and error text. What differs stands in the table with its reason, and in
# tests/README.md. Blanked: addresses and MACs of default pools; ports of [::], which Postern publishes for containers with IPv6 only.
# Engines: system
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec unshare --mount --propagation private "$top/tests/with-engine" bash "$0" "$@"
. "$top/tests/samelib.sh"
start_peer
blanks=(-e 's/\b(172|192)\.(1[6-9]|2[0-9]|3[01]|168)(\.[0-9]+){2}(\/[0-9]+)?/ADDRESS/g; s/02:42:(ac|c0)(:[0-9a-f]{2}){3}/MAC/g; s/(f[ef]00::)0\b/\1/'
	-e 's/(^|, ):::[0-9A-Z-]+->[0-9a-z/-]+//g; /^([0-9]+.* -> )?(:::|\[::\]:)[0-9A-Z]+$/d; s/,\{"HostIp":"::","HostPort":"[0-9]+"\}//g')
# Groups of lines, parted by empty ones, need nothing of each other and go four at a time; the lines of one, one after the other.
# $N is a shape of a container's networks.
export N='{{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{json $e.IPAMConfig}} {{json $e.Links}} {{json $e.Aliases}} {{$e.NetworkID}} {{$e.EndpointID}} {{$e.IPAddress}}/{{$e.IPPrefixLen}} {{$e.Gateway}} {{$e.IPv6Gateway}} {{$e.GlobalIPv6Address}}/{{$e.GlobalIPv6PrefixLen}} {{$e.MacAddress}} {{json $e.DriverOpts}};{{end}}'
export S='-d busybox sleep 1000'
group=()
run_group() { local i; for i in "${!group[@]}"; do row "${group[i]}" "$work/out.$(printf %03d $((n + i + 1)))"; done; }
go() {
	while [ "$(jobs -rp | grep -cv "^$dockerd$")" -ge 4 ]; do sleep 0.05; done
	run_group & n=$((n + ${#group[@]})) group=()
}
while IFS= read -r line; do
	[ -n "$line" ] && group+=("$line") || go
done <<'T'
| $D network create --subnet 10.70.0.0/24 --ip-range 10.70.0.128/25 --gateway 10.70.0.200 --aux-address a=10.70.0.5 --aux-address b=10.70.0.130 --label x=y --label z --attachable ca1 | wc -c; $D network inspect -f '{{json .IPAM}} {{json .Labels}} {{json .Options}} {{.Attachable}} {{json .Containers}} {{json .ConfigFrom}} {{.Created}} {{.Id}}' ca1
| $D network create --subnet 10.70.1.0/24 -o com.docker.network.driver.mtu=1400 -o com.docker.network.bridge.enable_icc=false -o com.docker.network.bridge.enable_ip_masquerade=false -o com.docker.network.bridge.name=pstca2 -o other=thing ca2 | wc -c; $D network inspect -f '{{range $k, $v := .Options}}{{$k}}={{$v}} {{end}}' ca2
| $D network create -o com.docker.network.bridge.name=pstca2 ca3
| $D network create --ipv6 --subnet fd00:70::/64 --subnet 10.70.4.0/24 ca4 | wc -c; $D network inspect -f '{{.EnableIPv6}} {{len .IPAM.Config}}' ca4
| $D network create --internal ca5 | wc -c; $D network inspect -f '{{.Internal}} {{json .Options}} {{json .Labels}}' ca5
words of Docker 28| $D network create --subnet 10.70.0.0/16 ca6
| $D network create --subnet 10.70.6.0/24 --subnet 10.70.7.0/24 ca6
| $D network create --subnet 10.70.6.0/24 --ip-range 10.71.0.0/25 ca6
| $D network create --subnet 10.70.6.0/24 --ip-range 10.70.0.0/16 ca6
words of Docker 28| $D network create --subnet 10.70.6.0/24 --ip-range 10.70.6.0 ca6
| $D network create --subnet 10.70.6.0/24 --gateway 10.70.6.0.1 ca6
| $D network create --subnet 10.70.6.0/24 --gateway 10.70.6.1 --gateway 10.70.6.2 ca6
| $D network create --subnet 10.70.6.0/24 --aux-address a=10.71.0.1 ca6
| $D network create --subnet 10.70.6.0/24 --aux-address a=zz ca6
| $D network create --aux-address a=10.71.0.1 ca6
| $D network create --ip-range 10.71.0.0/25 ca6
words of Docker 28| $D network create --subnet 10.70.6.0/33 ca6
words of Docker 28| $D network create --subnet 10.70.6.0 ca6
| $D network create --subnet '' ca6 | wc -c
| $D network create -o com.docker.network.bridge.enable_ip_masquerade=x ca7
| $D network create -o com.docker.network.bridge.host_binding_ipv4=x ca7
before it is tried| $D network create -o com.docker.network.bridge.name=waytoolongabridgename ca7
| $D network create -o com.docker.network.driver.mtu=-1 ca7
there are no plugins| $D network create --ipam-driver nosuch ca7
networks are bridges| $D network create -d overlay ca7
networks are bridges| $D network create -d ipvlan -o parent=lo ca7
| $D network create --scope swarm ca7
networks are bridges| $D network create --ingress ca7
| $D network create -d bridge --internal -d bridge
| $D network create ca1 ca2
words of Docker 28| $D network create ''
| $D network create default
| $D network create --subnet 10.70.8.0/30 ca8 >/dev/null; $D run -d --name ca8a --network ca8 busybox sleep 1000 | wc -c; $D run --rm --network ca8 busybox true
| $D rm -f ca8a; $D network rm ca1 ca2 ca4 ca5 ca6 ca8

| $D network create --label one=1 --label two --subnet 10.72.0.0/24 lb1 >/dev/null; $D network create --internal lb2 >/dev/null; $D network ls --filter name=lb
| $D network ls --filter name=lb --format '{{.ID}} {{.Name}} {{.Driver}} {{.Scope}} {{.IPv6}} {{.Internal}} {{.Label "one"}} {{.Label "no"}}'
| $D network ls --filter name=lb --no-trunc
| $D network ls -q --filter name=lb
| $D network ls --filter label=one=1 -q; $D network ls --filter label=one=2 -q; $D network ls --filter label=two --filter label=one=1 --format '{{.Name}}'
| $D network ls --filter driver=bridge --filter driver=null --filter name=b --format '{{.Name}}' | grep -v c; $D network ls --filter driver=nosuch -q
| $D network ls --filter scope=local --filter name=lb1 --filter name=lb2 --format '{{.Name}}'; $D network ls --filter scope=nosuch -q
| $D network ls --filter id=$($D network ls -q --filter name=lb1) --format '{{.Name}}'
| $D network ls --format '{{json .}}' --filter name=lb2 | sed -E 's/"CreatedAt":"[^"]*"/C/'
| $D network ls --format '{{.Nosuch}}'
| $D network ls --format '{{.Name'
| $D network ls --format 'table {{.ID}}\t{{.Internal}}' --filter name=lb2
| $D network ls --filter name
| $D network ls extra
fields of Docker 28; the gateway is told| $D network inspect lb1
| $D network inspect lb1 nothing lb2 -f '{{.Name}}'
| $D network inspect -f '{{.Nosuch}}' lb1
| $D network inspect $($D network ls -q --no-trunc --filter name=lb1 | cut -c1-5) -f '{{.Name}}'
| $D network inspect bridge -f '{{.Name}} {{.Driver}} {{.EnableIPv6}} {{.Internal}} {{json .Labels}} {{json .IPAM.Options}} {{index .Options "com.docker.network.bridge.default_bridge"}} {{len .Options}}'
| $D network inspect -v lb1 -f '{{json .Services}} {{json .Peers}}'
| $D inspect lb1 -f '{{.Name}}'; $D inspect --type network lb2 -f '{{.Name}}'; $D inspect --type network nothing; $D inspect --type container lb1
| $D network rm lb1 nothing bridge none lb2 lb1

| $D network create --label p=1 pr1 >/dev/null; $D network create --label p=2 pr2 >/dev/null; $D network create --label p=1 --label q pr3 >/dev/null; $D run --name prc --network pr1 $S | wc -c
| $D network prune -f --filter label=p=2
| $D network prune -f --filter label=p --filter label!=q
| $D network prune -f --filter label=p --filter until=1h
| $D network prune -f --filter until=x
words of Docker 28| $D network prune -f --filter nosuch=1
| echo n | $D network prune --filter label=p
| $D network ls --filter label=p --format '{{.Name}}'; $D network prune -f --filter label=p
| $D network rm pr1; $D stop -t 0 prc; $D network rm pr1; $D start prc; $D inspect -f '{{.State.Status}}' prc
| $D network create pr1 >/dev/null; $D start prc; $D rm -f prc; $D network rm pr1
| $D network create pr5 >/dev/null; $D create --name pre --network pr5 busybox true | wc -c; $D network disconnect pr5 pre; $D network rm pr5; $D start -a pre; $D rm pre
what a stopped container will want is in use, as the manual says| $D network create --label r pr4 >/dev/null; $D create --name prd --network pr4 busybox true >/dev/null; $D network ls --filter dangling=true --filter label=r --format '{{.Name}}'; $D network prune -f --filter label=r
| $D rm prd; $D network rm pr4 2>/dev/null | wc -l >/dev/null

| $D network create --subnet 10.73.0.0/24 --gateway 10.73.0.1 co1 >/dev/null; $D network create co2 >/dev/null; $D run --name co -h coh --network co1 $S | wc -c; $D inspect -f "$N" co
| $D network connect --alias a1 --alias a2 co2 co; $D inspect -f "$N" co
| $D network connect co2 co
any network of a user's has addresses to ask for| $D network disconnect co2 co; $D network connect --ip 172.31.77.9 co2 co
words of Docker 28| $D network connect --ip zz co2 co
words of Docker 28| $D network connect --ip6 fd00::9 co2 co
| $D network connect --link nothing:x co2 co
| $D network connect --link co co2 co; $D inspect -f '{{json .NetworkSettings.Networks.co2.Links}}' co; $D network disconnect co2 co
| $D network connect --driver-opt a=b co2 co; $D inspect -f '{{json .NetworkSettings.Networks.co2.DriverOpts}}' co; $D network disconnect -f co2 co
| $D network connect --link-local-ip 169.254.7.7 co2 co; $D inspect -f '{{json .NetworkSettings.Networks.co2.IPAMConfig}}' co; $D network disconnect co2 co
| $D network connect none co
| $D network disconnect none co
| $D network connect bridge co; $D inspect -f '{{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{end}}{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}}' co; $D network disconnect bridge co
| $D network disconnect bridge co
| $D pause co; $D network connect co2 co; $D network disconnect co2 co; $D unpause co
the id of its network is told of every container| $D stop -t 0 co; $D inspect -f "$N" co; $D network connect --alias st co2 co; $D inspect -f "$N" co
an address is not given again at once| $D network inspect -f '{{json .Containers}}' co1 co2; $D start co; $D inspect -f "$N" co
| $D network disconnect co1 co; $D network disconnect co2 co; $D inspect -f "$N {{json .NetworkSettings.Ports}}" co
| $D network connect --ip 10.73.0.50 co1 co; $D run --rm --network co1 --ip 10.73.0.50 busybox true
| $D network rm co1
| $D network disconnect co1; $D network connect co1
| $D network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}} {{.MacAddress}} {{.EndpointID}}{{end}}' co1
the id of its network is told of every container| $D create --name cocr --network co1 --ip 10.73.0.60 busybox true | wc -c; $D inspect -f "$N {{json .NetworkSettings.Ports}} {{.NetworkSettings.SandboxKey}}" cocr; $D network disconnect co1 cocr; $D inspect -f "$N" cocr; $D start -a cocr
| $D network disconnect co1 cocr
| $D run -d --name con --network none busybox sleep 1000 | wc -c; $D network connect co1 con; $D inspect -f "$N" con
| $D run -d --name coc --network container:co busybox sleep 1000 | wc -c; $D network connect co2 coc; $D network disconnect co1 coc; $D inspect -f "$N" coc
| $D rm -f co cocr con coc; $D network rm co1 co2

| $D network create --subnet 10.74.0.0/24 --gateway 10.74.0.1 ru1 >/dev/null; $D run --name ru -h ruh --network ru1 --network-alias al1 --network-alias al2 --ip 10.74.0.40 --mac-address 02:42:aa:bb:cc:dd $S | wc -c; $D inspect -f "$N {{.Config.Hostname}} {{.Config.MacAddress}}" ru
| $D inspect -f '{{json .NetworkSettings}}' ru | sed -E 's/"(EndpointID|NetworkID|SandboxID|SandboxKey)":"[^"]*"/\1/g'
| $D run --rm --network ru1 busybox sh -c 'for n in ru al1 al2 ruh $(hostname); do nslookup -type=a $n 127.0.0.11 | tail -n +3 | grep -e Address -e Name -e find; done'
| $D run --rm --network ru1 busybox nslookup 10.74.0.40 127.0.0.11 | grep name
| $D run --rm --network ru1 busybox nslookup -type=aaaa ru 127.0.0.11 | tail -n +3
| $D run --rm --network ru1 -h h1 --domainname d.example busybox sh -c 'hostname; hostname -f; cat /etc/hostname; tail -1 /etc/hosts | cut -f2'
| $D run --rm --network ru1 -h h1.d.example busybox sh -c 'hostname; cat /etc/hostname; tail -1 /etc/hosts | cut -f2'
the gateway of its own network| $D run --rm --network ru1 --add-host x:1.2.3.4 --add-host y:host-gateway --add-host z:::1 busybox sed -n '/[xyz]$/p' /etc/hosts
| $D run --rm --network ru1 --add-host x busybox true
| $D run --rm --network ru1 --add-host x:y busybox true
| $D run --rm --network ru1 --dns 9.9.9.9 --dns 8.8.8.8 --dns-search . busybox cat /etc/resolv.conf
| $D run --rm --dns 9.9.9.9 --dns-search a.example --dns-search b.example --dns-opt timeout:1 busybox sort /etc/resolv.conf
| $D run --rm --network none busybox cat /etc/hosts; $D run --rm --network none --dns 9.9.9.9 busybox cat /etc/resolv.conf
before it is tried| $D run --rm --network ru1 --mac-address 01:00:00:00:00:01 busybox true
| $D run --rm --network ru1 --ip 10.74.0.1 busybox true
| $D run --rm --network ru1 --ip 10.74.0.0 busybox true; $D run --rm --network ru1 --ip 10.74.0.255 busybox true
words of Docker 28| $D run --rm --network ru1 --ip6 fd00::5 busybox true
words of Docker 28| $D run --rm --network ru1 --ip6 1.2.3.4 busybox true
| $D run --rm --network ru1 --link-local-ip 169.254.1.1 busybox ip -4 -o addr show eth0 | grep -c 169.254.1.1
| $D run --rm --network name=ru1,alias=na1,ip=10.74.0.70 busybox sh -c 'ip -4 -o addr show eth0 | grep -o "10.74.0.70/24"'
| $D run --rm --network name=nothing,alias=x busybox true; $D run --rm --network name=ru1,nosuch=x busybox true
| $D run --rm --network ru1 --network bridge busybox true
| $D run --rm --network $($D network ls -q --filter name=ru1) busybox hostname -i | cut -d. -f1-3
| $D run --rm --network default busybox sh -c 'ip -o link | wc -l'; $D create --name rud --network default busybox; $D inspect -f '{{.HostConfig.NetworkMode}} {{range $n, $e := .NetworkSettings.Networks}}{{$n}}{{end}}' rud
| $D run --rm --network '' busybox sh -c 'ip -o link | wc -l'
| $D run --rm --network container: busybox true
| $D run --rm --network container:rud busybox true
| $D run --rm --network container:ru --expose 80 busybox true; $D run --rm --network container:ru --link ru busybox true; $D run --rm --network container:ru -P busybox true
| $D run --rm --network container:ru --network-alias x busybox true
| $D run --rm --network container:ru busybox sh -c 'hostname; cat /etc/hostname; grep -c ruh /etc/hosts; cat /etc/resolv.conf | grep -v options'
| $D run --rm --network none -p 18199:80 busybox true; $D run --rm --network none --network-alias x busybox true; $D run --rm --network none --mac-address 02:42:aa:bb:cc:dd busybox true; $D run --rm --network none --link ru busybox true
the id of its network is told of every container| $D create --name runone --network none -p 18199:80 busybox true >/dev/null; $D port runone; $D ps -a --filter name=runone --format '{{.Ports}}|{{.Networks}}'; $D inspect -f "$N {{json .NetworkSettings.Ports}}" runone
words of Docker 28| $D run --rm --network ru1 --sysctl net.ipv4.ip_forward=1 busybox cat /proc/sys/net/ipv4/ip_forward; $D run --rm --network none --sysctl net.nosuch=1 busybox true
| $D restart -t 0 ru; $D inspect -f "$N" ru; $D run --rm --network ru1 busybox nslookup -type=a al2 127.0.0.11 | tail -n +3
| $D rename ru ru9; $D run --rm --network ru1 busybox sh -c 'nslookup -type=a ru9 127.0.0.11 | tail -n +3 | grep Address'; $D network inspect -f '{{range .Containers}}{{.Name}}{{end}}' ru1; $D inspect -f "$N" ru9
a MAC address that was asked for is told| $D stop -t 0 ru9; $D inspect -f "$N {{json .NetworkSettings.Ports}} {{.NetworkSettings.IPAddress}}" ru9; $D network rm ru1; $D start ru9; $D inspect -f '{{.State.Status}}' ru9
| $D rm -f ru9 rud runone

| $D run --name po -p 18301:80 -p 127.0.0.1:18302:81/udp -p 18303-18304:90-91 --expose 99 --expose 100-101/udp $S | wc -c; $D port po | sort
| $D port po 80; $D port po 80/tcp; $D port po 80/udp; $D port po 90/tcp
| $D port po 99; $D port po 81; $D port po 80/nosuch; $D port po x/tcp; $D port po 80 81; $D port
| $D ps --format '{{.Ports}}' --filter name=po
| $D inspect -f '{{json .NetworkSettings.Ports}} {{json .HostConfig.PortBindings}} {{json .Config.ExposedPorts}} {{.HostConfig.PublishAllPorts}}' po
| $D ps --filter publish=18301 --format '{{.Names}}'; $D ps --filter publish=80 --format '{{.Names}}'; $D ps --filter expose=99 --format '{{.Names}}'; $D ps --filter expose=90-91/tcp --format '{{.Names}}'
in words of our own| $D ps --filter publish=x
| $D run --rm --name pox -p 18301:80 busybox true
| $D run --name po2 -p 18304:80 busybox true; $D inspect -f '{{.State.Status}} {{.State.ExitCode}}' po2; $D port po2; $D start po2; $D rm po2
| $D run --rm -p 18301:80/udp -p 127.0.0.2:18302:81/udp busybox true
| $D run --rm --name poy -p 127.0.0.1:18302:81/udp busybox true
| $D run -d --name po3 -P --expose 70 --expose 71/udp -p 18310:72 busybox sleep 1000 | wc -c; $D port po3 | sort | sed -E 's/:[3-6][0-9]{4}$/:PORT/'; $D ps --filter name=po3 --format '{{.Ports}}' | sed -E 's/:[3-6][0-9]{4}/:PORT/g'
| $D inspect -f '{{.HostConfig.PublishAllPorts}} {{json .HostConfig.PortBindings}} {{json .Config.ExposedPorts}}' po3; $D rm -f po3
| $D run -d --name po4 -p 80 -p 18320-18330:85 busybox sleep 1000 | wc -c; $D port po4 85; $D port po4 80 | grep -c 0.0.0.0; $D inspect -f '{{json .HostConfig.PortBindings}}' po4; $D rm -f po4
| $D create --name po5 -p 18340:80 --expose 9 busybox sleep 1000 | wc -c; $D port po5; $D ps -a --filter name=po5 --format '{{.Ports}}|{{.Status}}'; $D inspect -f '{{json .NetworkSettings.Ports}}' po5; $D start po5; $D port po5; $D stop -t 0 po5; $D port po5; $D ps -a --filter name=po5 --format '{{.Ports}}|'; $D inspect -f '{{json .NetworkSettings.Ports}}' po5; $D rm po5
| $D run -d --name po6 -p 18350:80 -p 18351:80 -p 127.0.0.1:18352:80 busybox sleep 1000 | wc -c; $D port po6 | sort; $D port po6 80 | sort; $D ps --filter name=po6 --format '{{.Ports}}'; $D rm -f po6
there is no proxy| $D run --rm --name pox -p 1.2.3.4:18360:80 busybox true
| $D run --rm --name pox -p 18361:80 -p 18361:81 busybox true
| $D run --rm -p 18362:0 busybox true; $D run --rm -p 0:80 busybox true; $D run --rm -p 18362:80/ busybox true; $D run --rm -p :80 busybox true; $D run --rm -p 18362: busybox true; $D run --rm -p '' busybox true
| $D run --rm -p 18363:80-81 busybox true; $D run --rm -p 18364-18363:80 busybox true; $D run --rm -p 80/TCP busybox true; $D run --rm -p 127.0.0.1:80 busybox true; $D run --rm -p published=18365,target=80,protocol=x busybox true
| $D run --rm --expose 90-80 busybox true; $D run --rm --expose 70000 busybox true
| $D run -d --name po7 -p published=18370,target=80,protocol=udp busybox sleep 1000 | wc -c; $D port po7; $D pause po7; $D port po7; $D ps --filter name=po7 --format '{{.Ports}}'; $D restart -t 0 po7; $D port po7; $D rename po7 po8; $D port po8; $D kill po8; $D port po8; $D rm po8
| $D network create po9n >/dev/null; $D run -d --name po9 --network po9n -p 18380:80 busybox sleep 1000 | wc -c; $D network connect bridge po9; $D port po9; $D network disconnect po9n po9; $D port po9; $D inspect -f '{{json .NetworkSettings.Ports}}' po9; $D rm -f po9; $D network rm po9n
| $D network create -o com.docker.network.bridge.host_binding_ipv4=127.0.0.1 po10n >/dev/null; $D run -d --name po10 --network po10n -p 18381:80 busybox sleep 1000 | wc -c; $D port po10; $D ps --filter name=po10 --format '{{.Ports}}'; $D rm -f po10; $D network rm po10n
exposed ports are told there, too| $D network create --internal po11n >/dev/null; $D run -d --name po11 --network po11n -p 18382:80 busybox sleep 1000 | wc -c; $D port po11; $D ps --filter name=po11 --format '{{.Ports}}'; $D inspect -f '{{json .NetworkSettings.Ports}}' po11; $D rm -f po11; $D network rm po11n
| $D run -d --name po12 --network container:po busybox sleep 1000 | wc -c; $D port po12; $D ps --filter name=po12 --format '{{.Ports}}|{{.Networks}}'; $D inspect -f "$N {{json .NetworkSettings.Ports}} {{.HostConfig.NetworkMode}}" po12 | sed 's/container:.*/C/'; $D rm -f po12 po

| $D run --name lk1 -h lkh --expose 80 -e E1=x $S | wc -c; $D run --rm --name lk2 --link lk1:al --link lk1 busybox sh -c 'env | grep -i -e ^AL -e ^LK1 | sort; grep al /etc/hosts'
a container has one name| $D create --name lk3 --link lk1:al busybox true | wc -c; $D inspect -f '{{json .HostConfig.Links}}' lk3; $D inspect -f '{{.Name}}' lk3/al; $D ps --no-trunc --filter name=lk1 --format '{{.Names}}'
| $D run --rm --link lk1:al --link lk1:al busybox true
| $D run --rm --link nothing:al busybox true; $D run --rm --link lk1:a:b busybox true; $D run --rm --link '' busybox true
a container has one name| $D rm --link lk3/al; $D inspect -f '{{json .HostConfig.Links}}' lk3; $D rm --link lk3/al
one that is gone has its id| $D create --name lk4 --link lk1:b busybox grep -c b /etc/hosts | wc -c; $D stop -t 0 lk1; $D start -a lk4; $D rm lk1; $D inspect -f '{{json .HostConfig.Links}}' lk4; $D start -a lk4
| $D network create lkn >/dev/null; $D run -d --name lk5 --network lkn busybox sleep 1000 | wc -c; $D run --rm --network lkn --link lk5:five busybox sh -c 'env | grep -i five; nslookup -type=a five 127.0.0.11 | tail -n +3 | grep -c Address; grep -c five /etc/hosts'
| $D run --rm --name lk7 --link lk5:five busybox true
| $D create --name lk6 --network lkn --link lk5:five busybox true | wc -c; $D inspect -f '{{json .HostConfig.Links}} {{json .NetworkSettings.Networks.lkn.Links}}' lk6; $D rm -f lk3 lk4 lk5 lk6; $D network rm lkn

| s=$(date +%s.%N); $D network create ev >/dev/null; $D run --name ev1 -d --network ev busybox sleep 1000 >/dev/null; $D network connect bridge ev1; $D network disconnect bridge ev1; $D stop -t 0 ev1 >/dev/null; $D rm ev1 >/dev/null; $D network rm ev >/dev/null; $D events --since $s --until $(date +%s.%N) --filter type=network --filter network=ev --format '{{.Type}} {{.Action}} {{.Scope}} {{.Actor.ID}} {{json .Actor.Attributes}}'
| $D run --rm --name hs -h hh busybox sh -c 'sed "s/\t/ /" /etc/hosts; cat /etc/hostname; stat -c "%a %u %g" /etc/hosts /etc/resolv.conf /etc/hostname; grep -c etc/ /proc/mounts'
| $D run --rm busybox sh -c 'grep -v "^#" /etc/resolv.conf | grep -v "^$" | wc -l; hostname | wc -c'
| $D run --name hs2 busybox sh -c 'grep -c mine /etc/hosts /etc/resolv.conf; echo "1.1.1.1 mine" >>/etc/hosts; echo "# mine" >>/etc/resolv.conf'; $D start -a hs2; $D rm -f hs2
| $D run -d --name hs3 --no-healthcheck --network none busybox sleep 1000 | wc -c; $D ps --filter network=none --filter name=hs3 --format '{{.Names}} {{.Networks}} {{.Ports}}|'; $D ps --filter network=nothing -q; $D network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}|{{.MacAddress}};{{end}}' none | tr ';' '\n' | grep hs3; $D inspect -f "$N" hs3; $D rm -f hs3
T
go
tell
