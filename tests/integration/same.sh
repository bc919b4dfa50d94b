#!/bin/bash
# The same command lines against dockerd (Debian's 20.10, unpacked, in namespaces of its own) and Postern: same output, exit code and
# error text. Ids, times and sizes are blanked; what differs otherwise stands in the table with its reason, and in tests/README.md.
# Engines: system
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec unshare --mount --propagation private "$top/tests/with-engine" bash "$0" "$@"
. "$top/tests/samelib.sh"
start_peer --iptables=false
printf 'A=1\n#no\nB\nC=x y\n' >"$work/env"
N="--network none" parallel=1
# Groups of lines, parted by empty ones: those of the first, the third and so on need nothing of each other, and go four at a time.
while IFS= read -r line; do
	if [ -z "$line" ]; then others; parallel=$((1 - parallel)); continue; fi
	n=$((n + 1)) out=$work/out.$(printf %03d $n)
	if [ $parallel = 0 ]; then row "${line//NONE/$N}" "$out"; continue; fi
	row "${line//NONE/$N}" "$out" &
	[ $((n % 4)) -ne 0 ] || others
done <<'T'
| $D run --rm NONE busybox echo hello
| $D run --rm NONE busybox sh -c 'echo out; exit 3'
| $D run --rm NONE busybox sh -c 'echo err >&2; exit 5' 2>/dev/null
words of Docker 28| $D run --rm NONE busybox no-such-command
words of Docker 28| $D run --rm NONE busybox /etc/passwd
words of Docker 28| $D run --rm NONE busybox /etc
words of Docker 28| $D run --rm NONE --entrypoint /no/such busybox x
| $D run --rm NONE -w /a/b busybox pwd
| $D run --rm NONE -w relative busybox pwd
| $D run --rm NONE -u 1000:50 busybox id
| $D run --rm NONE -u nosuch busybox id
| $D run --rm NONE -u root:nogroupatall busybox id
| $D run --rm NONE -e A=b -e HOME=/x --env-file env busybox env | sort | grep -v HOSTNAME
| $D run --rm NONE -h myhost busybox sh -c 'hostname; cat /etc/hostname'
| $D run --rm NONE --read-only busybox touch /x
| $D run --rm NONE --tmpfs /t:size=1m busybox sh -c 'df -k /t | tail -1'
| echo data | $D run -i --rm NONE busybox cat
| $D run --rm NONE --ulimit nofile=100:200 busybox sh -c 'ulimit -Sn; ulimit -Hn'
| $D run --rm NONE --cap-drop ALL busybox chown 1 /tmp
| $D run --rm NONE --cap-add NO_SUCH busybox true
| $D run --rm NONE --memory 1m busybox true
| $D run --rm NONE --memory 64m --memory-swap 32m busybox true
| $D run --rm NONE --cpus 10000 busybox true
| $D run --rm NONE -v relative:/x busybox ls /x
| $D run --rm NONE -v /x busybox sh -c 'ls -d /x; grep -c " /x " /proc/mounts'
a path outside policy and a missing one are answered alike| $D run --rm NONE --mount type=bind,source=/no/such/thing,target=/x busybox true
| $D run --rm NONE --mount type=bind,source=/var/tmp/no-such-thing,target=/x busybox true
| $D run --rm NONE --mount type=bind,target=/x busybox true
| $D run --rm NONE -v bad/name:/x busybox true
| $D run --rm NONE -v vol:relative busybox true
| $D run --rm NONE --name -bad busybox true
| $D run --rm NONE --restart sometimes busybox true
there are no plugins| $D run --rm NONE --log-driver nosuch busybox true
| $D run --rm NONE --log-opt max-size=x busybox true
| $D create --log-driver journald --log-opt max-size=1m busybox true
words of Docker 28| $D run --rm NONE --stop-signal NOSIG busybox true
| $D run --rm NONE --security-opt nosuch=1 busybox true
| $D run --rm NONE --shm-size 1m busybox sh -c 'df -k /dev/shm | tail -1'
| $D run --rm NONE --oom-score-adj 5000 busybox true
| $D run --rm NONE --sysctl kernel.hostname=x busybox true
words of Docker 28| $D run --rm NONE --runtime nosuch busybox true
| $D run --rm --pull never no/such:image true
| $D run --rm --pull never Bad:Name true

| $D run -d --name c1 NONE -l a=b busybox sh -c 'echo one; echo two; exit 4' >/dev/null; $D wait c1
| $D logs c1
| $D logs --tail 1 c1
| $D logs -t c1
| $D logs --since 1h --until 1m c1
| $D logs --tail x c1
| $D ps -a --format '{{.Names}} {{.Image}} {{.Command}} {{.Status}} {{.Labels}} {{.Networks}}'
| $D ps -a --filter exited=4 --format '{{.Names}}'
words of Docker 28| $D ps -a --filter nosuch=1
words of Docker 28| $D ps -a --filter status=nosuch
| $D inspect -f '{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.RestartCount}} {{.Config.Image}} {{.Config.Labels}}' c1
| $D inspect -f '{{json .Config.Cmd}} {{json .Config.Env}} {{.HostConfig.NetworkMode}} {{json .HostConfig.RestartPolicy}} {{json .HostConfig.LogConfig}}' c1
| $D inspect -f '{{.Driver}} {{.Platform}} {{.Path}} {{.Args}} {{.HostConfig.ShmSize}} {{json .HostConfig.PidsLimit}} {{json .HostConfig.Binds}}' c1
| $D inspect -f '{{.No.Such}}' c1
| $D inspect nothing
| $D rename c1 c2; $D rename c2 'b d'; $D ps -aq --filter name=c2 | wc -l
| $D start c2; $D wait c2
words of Docker 28| $D kill c2
| $D stop c2
| $D pause c2
words of Docker 28| $D top c2
| $D attach c2
| $D rm c2 nothing
words of Docker 28| $D run -d --name r1 NONE busybox sleep 1000 >/dev/null; $D rm r1; $D run --name r1 busybox true
| $D top r1 -o pid,comm,args | awk 'NR == 1 || /sleep/ {$1 = ""; print}'
| $D top r1 -o comm
words of Docker 28| $D kill -s NOSIG r1
| $D rmi busybox
| $D stop -t 0 r1; $D inspect -f '{{.State.ExitCode}}' r1; $D rm r1
| $D images --format '{{.Repository}} {{.Tag}} {{.ID}}'
words of Docker 28| $D images --filter nosuch=1
| $D tag busybox Mine:1
| $D tag nothing mine:1
| $D tag busybox mine:1; $D images -q mine | wc -l; $D rmi mine:1
| $D rmi nothing
| $D tag busybox docker.io/other/name:v1; $D image inspect -f '{{json .RepoTags}}' other/name:v1; $D images --format '{{.Repository}}' 'other/*'; $D rmi index.docker.io/other/name:v1
| $D tag busybox docker.io/library/fam:1; $D rmi fam:1; $D tag busybox localhost/fam:1; $D rmi localhost/fam:1; $D tag busybox docker.io/a:B/c
| $D image inspect -f '{{json .Parent}} {{json .RepoDigests}}' busybox
| $D image inspect -f '{{json .RepoTags}} {{.Os}} {{.Architecture}} {{json .Config.Cmd}} {{.RootFS.Type}}' busybox
| $D history --format '{{.CreatedBy}}|{{.Size}}' busybox
what is missing is named| echo junk | $D load
| $D volume create v1; $D volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{json .Labels}}' v1
Options is null when there are none| $D volume inspect -f '{{json .Options}}' v1
| $D volume ls --format '{{.Driver}} {{.Name}}' --filter name=v1
| $D volume create bad/name
| $D volume rm v1 nothing
| s=$(date +%s.%N); $D run --rm NONE -v evol:/v:ro busybox true; $D events --since $s --until $(date +%s.%N) --filter type=volume --format '{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.destination}} {{index .Actor.Attributes "read/write"}} {{.Actor.Attributes.driver}}'; $D volume rm evol
| $D system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'
| $D volume inspect nothing
| $D container prune -f; $D ps -aq
| $D events --since 0 --until 1 --filter nosuch=1
| $D info --format '{{.OSType}} {{.Architecture}} {{.Driver}} {{.LoggingDriver}} {{.Swarm.LocalNodeState}} {{.NCPU}}'
| $D version --format '{{.Server.Os}} {{.Server.Arch}}'
| $D node ls
| $D swarm leave
| $D service ls
| $D network create --subnet 10.61.0.0/24 n1 | wc -c
words of Docker 28| $D network create --subnet 10.61.0.128/25 n2
words of Docker 28| $D network create --subnet zz n3
| $D network create --subnet 10.62.0.0/24 --gateway 10.63.0.1 n3
| $D network create --gateway 10.63.0.1 n3
words of Docker 28| $D network create --subnet 10.62.0.0/24 --aux-address a=10.62.0.1 --gateway 10.62.0.1 n3
| $D network create n1
| for n in host bridge none; do $D network create $n; done
there are no plugins| $D network create -d nosuch n3
| $D network create -d host n3; $D network create -d null n3
| $D network create -o com.docker.network.bridge.enable_icc=perhaps n3
| $D network create -o com.docker.network.driver.mtu=x n3
| $D network create --internal --attachable --label a=b --subnet 10.64.0.0/24 --gateway 10.64.0.7 n4 | wc -c
| $D network inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.EnableIPv6}} {{.Attachable}} {{.Ingress}} {{.ConfigOnly}} {{json .Labels}} {{json .IPAM}} {{json .Options}} {{json .Containers}}' n4
| $D network inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{json .Labels}} {{json .IPAM}} {{json .Options}} {{json .Containers}}' host none
| $D network ls --filter label=a --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.IPv6}} {{.Labels}}'
| $D network ls --filter type=custom --filter name=n --format '{{.Name}}' | sort
| $D network ls --filter type=builtin --format '{{.Name}} {{.Driver}}' | sort
| $D network ls --filter driver=host --format '{{.Name}}'; $D network ls -q --filter scope=swarm; $D network ls --filter id=zz -q
| $D network ls --filter dangling=true --format '{{.Name}}' | sort; $D network ls --filter dangling=false --format '{{.Name}}' | sort
| $D network ls --filter type=wrong
words of Docker 28| $D network ls --filter dangling=maybe
words of Docker 28| $D network ls --filter nosuch=1
| $D network ls --format 'table {{.Name}}\t{{.Driver}}' --filter name=n4
| $D network inspect nothing
| $D network rm nothing
| $D network rm host
at IPv6 only for containers that have IPv6| $D run -d --name w1 --network n1 -p 18080:80 -p 127.0.0.1:18081:81/udp busybox sleep 1000 >/dev/null; $D port w1; $D port w1 80; $D port w1 81; $D port w1 81/udp; $D port w1 x; $D port nothing
| $D network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}} {{.IPv6Address}} {{.MacAddress}}{{end}}' n1

at IPv6 only for containers that have IPv6| $D inspect -f '{{json .NetworkSettings.Ports}} {{json .HostConfig.PortBindings}} {{.HostConfig.NetworkMode}}' w1
| $D inspect -f '{{with index .NetworkSettings.Networks "n1"}}{{.IPAddress}} {{.Gateway}} {{.IPPrefixLen}} {{.MacAddress}} {{.Links}} {{.GlobalIPv6Address}}{{end}}' w1
at IPv6 only for containers that have IPv6| $D ps --format '{{.Names}} {{.Ports}} {{.Networks}}' --filter network=n1
| $D run --rm --network n1 --ip 10.61.0.2 busybox true
words of Docker 28| $D run --rm --network n1 --ip 10.61.9.2 busybox true
words of Docker 28| $D run --rm --network n1 --ip 10.61.0.300 busybox true
| $D network rm n1
| $D run --rm --network nothing busybox true
words of Docker 28| $D run --rm --network bridge --ip 10.1.1.1 busybox true
| $D run --rm --network bridge --network-alias x busybox true
words of Docker 28| $D run --rm --network none --ip 10.1.1.1 busybox true
| $D run --rm --network container:nothing busybox true
| $D run --rm --network container:w1 -p 81:80 busybox true
| $D run --rm --network container:w1 -h x busybox true
| $D run --rm --network container:w1 --dns 1.2.3.4 busybox true
| $D run --rm --network container:w1 --add-host a:1.2.3.4 busybox true
| $D run --rm --network container:w1 --mac-address 02:42:aa:bb:cc:dd busybox true
| $D run --rm --network container:w1 busybox sh -c "ip -4 -o addr show eth0 | awk '{print \$4}'"
| $D run --rm --network n1 --dns 1.2.3 busybox true
| $D run --rm --network n1 --mac-address zz busybox true
| $D run --rm --network n1 --link nothing:x busybox true
| $D run --rm -p x:80 busybox true
| $D run --rm -p 70000:80 busybox true
| $D run --rm -p 80/icmp busybox true
| $D run --rm -p 8000-8001:80-85 busybox true
| $D run --rm -p name:80:80 busybox true
| $D run --rm --expose x busybox true
| $D run --rm --network n1 -h me busybox sh -c 'grep me /etc/hosts | cut -f2; grep -e nameserver -e ndots /etc/resolv.conf'
words of Docker 28| $D run --rm --network n1 --dns-search a.example --dns-opt timeout:3 busybox cat /etc/resolv.conf
| $D run --rm --network n1 --add-host up:1.2.3.4 busybox grep up /etc/hosts
| $D run --rm --network n1 busybox nslookup -type=a w1 127.0.0.11 | tail -n +3
| $D run --rm --network n1 busybox ping -c 1 -q w1 | head -1
words of Docker 28| $D run --rm busybox sh -c 'cat /etc/hosts; ip route | cut -d" " -f1-5'
| $D run --rm --name w2 --network n1 -p 18080:80 busybox true
there is no proxy| $D run --rm --name w3 --network n1 -p 127.0.0.1:18080:80 busybox true
| $D run --rm --name w9 --network n1 -p 18080-18081:80 busybox true; $D run --rm --name w9 --network n1 -p 18080:80/udp busybox true
| $D network connect n1 w1
| $D network connect nothing w1
| $D network connect n1 nothing
| $D network connect host w1
| $D network disconnect nothing w1
| $D network disconnect n1 nothing
| $D network disconnect host w1
words of Docker 28| $D network connect --ip 10.64.0.300 n4 w1
words of Docker 28| $D network connect --ip 10.99.0.1 n4 w1
| $D network connect --ip 10.64.0.7 n4 w1

| $D network disconnect n4 w1
| $D network connect --ip 10.64.0.9 --alias x n4 w1; $D inspect -f '{{with index .NetworkSettings.Networks "n4"}}{{.IPAddress}} {{json .IPAMConfig}}{{end}}' w1
| $D network disconnect n4 w1; $D inspect -f '{{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{end}}' w1
| $D network disconnect n4 w1
| $D rm -f w1; $D network prune -f | sort
| $D network rm nothing n1 n4
T
tell
