#!/bin/bash
# Networks on the command line, postern beside docker: the same words against the same engine, and the same output and status;
# what run and create make of -p and --network; links and their variables; pictures.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
export POSTERN_SOCKET
postern=$POSTERN_BIN/postern
[ -x "$(command -v docker)" ] || { skip "everything" "there is no docker client"; finish; }
outcome() { # PROGRAM ARGUMENTS...
	local out status
	out=$(timeout -k 1 20 "$@" 2>"$POSTERN_BASE/err" </dev/null); status=$?
	printf '%s\n--- %s\n' "$out" $status | sed -E 's/ +/ /g; s/ +$//'
}
same() { is "$*" "$(outcome docker "$@")" outcome "$postern" "$@"; } # ARGUMENTS...
# Both say this, whatever stands around it.
both_say() { # WORDS ARGUMENTS...
	local words=$1; shift
	like "docker $*" "$words" docker "$@"
	like "postern $*" "$words" "$postern" "$@"
}

# --- what run and create send ---
shape='{{json .HostConfig.PortBindings}} {{json .Config.ExposedPorts}} {{.HostConfig.PublishAllPorts}} {{.HostConfig.NetworkMode}} {{json .HostConfig.ExtraHosts}} {{json .HostConfig.Dns}} {{json .HostConfig.DnsSearch}} {{json .HostConfig.DnsOptions}} {{json .HostConfig.Links}} {{.Config.Hostname}} {{.Config.Domainname}} {{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{json $e.Aliases}} {{json $e.IPAMConfig}} {{json $e.Links}} {{json $e.DriverOpts}};{{end}}'
made() { # PROGRAM OPTIONS...
	local program=$1 status; shift
	"$program" create --name m -h fixed "$@" busybox >/dev/null 2>&1; status=$?
	echo "$status $(docker inspect -f "$shape" m 2>/dev/null)"
	docker rm m >/dev/null 2>&1
}
made_same() { is "create $*" "$(made docker "$@")" made "$postern" "$@"; }
docker network create n1 >/dev/null 2>&1 && networks=1 || networks= # a user's engine has none where its kernel or host lacks something
outcome docker network create --subnet 10.77.0.0/24 n2 >/dev/null
docker create --name other busybox >/dev/null
for p in 80 80/udp 8080:80 8080:80/UDP 127.0.0.1:8080:80 127.0.0.1::80 '[::1]:8080:80' '[::1]::80' 8080-8081:80-81 8000-8010:80 80-82 127.0.0.1:5000-5001:50-51/udp \
	published=8080,target=80,protocol=udp x 80/icmp 8080: 70000 2-1 1-2:3-5 1.2.3:1:2 name:1:2 8080:80/ :80 ::80 published=1 1:2:3; do
	made_same -p "$p"
done
made_same -p 1:80 -p 2:80 -p 3:81/udp -P --expose 90-92 --expose 5/udp
made_same --expose 1:2
made_same --expose x
made_same --network none
made_same --network host
made_same --network n1 --network-alias a1 --network-alias a2
made_same --network n2 --ip 10.77.0.9
made_same --network name=n2,alias=x,ip=10.77.0.10 --network n1
made_same --network n1 --network n1
made_same --network n1 --network bridge
made_same --network name=n1,colour=red
made_same --network alias=x
made_same --network-alias a
made_same --network n1 --link other:o
made_same --link other:o --link other
made_same --link a:b:c
made_same --mac-address zz
made_same --network name=n2,ip=10.77.0.9 --ip 10.77.0.8
made_same --add-host a:1.2.3.4 --add-host b=::1 --add-host c:host-gateway --dns 1.1.1.1 --dns-search x.example --dns-option ndots:2 --dns-opt timeout:1 --domainname d.example
made_same --add-host a
made_same --add-host a:b
made_same --dns x
[ -z "$networks" ] || is "a network that is not there is no image to pull" "1 Error response from daemon: network nothere not found" bash -c \
	"$postern create --network nothere busybox 2>&1 | sed 's/^postern: //' | sed \"s/^/1 /\""

# --- network ---
same network ls
same network ls -q
same network ls --no-trunc --format '{{.ID}} {{.Name}}'
same network ls --format json
same network ls --format 'table {{.Name}}\t{{.Driver}}'
same network ls --filter driver=bridge --format '{{.Name}}|{{.Labels}}|{{.Internal}}|{{.IPv6}}|{{.CreatedAt}}'
same network ls --filter type=custom -q
same network ls --filter bogus=1
same network inspect n2
same network inspect n1 nothere
same network inspect -f '{{.Name}} {{range .IPAM.Config}}{{.Subnet}}{{end}}' n1 n2
same inspect n1
same inspect --type network nothere
same network create n1
same network create
same network rm nothere
same network rm bridge
same network connect n1 nothere
same network connect nothere other
same network connect n1
same network disconnect n1 other
same port nothere
same port other
same port other 80
same port other x
[ -z "$networks" ] || both_say "network with name n1 already exists" network create n1
both_say "operation is not permitted on predefined bridge network" network create bridge
both_say "every ip-range or gateway must have a corresponding subnet" network create --gateway 1.2.3.4 q
both_say "no matching subnet for gateway 1.2.3.4" network create --subnet 10.78.0.0/24 --gateway 1.2.3.4 q
both_say "no matching subnet for range 10.79.0.0/25" network create --subnet 10.78.0.0/24 --ip-range 10.79.0.0/25 q
both_say "no matching subnet for aux-address 1.1.1.1" network create --subnet 10.78.0.0/24 --aux-address a=1.1.1.1 q
both_say "multiple overlapping subnet configuration is not supported" network create --subnet 10.78.0.0/24 --subnet 10.78.0.0/25 q
like "a subnet that is none" "invalid CIDR address: zz" "$postern" network create --subnet zz q
[ -z "$networks" ] || like "the same of docker, by the engine" "invalid subnet zz" docker network create --subnet zz q
# What each made, but for what is each one's own.
network_made() { # PROGRAM
	"$1" network create --subnet 10.80.0.0/24 --ip-range 10.80.0.128/25 --gateway 10.80.0.2 --aux-address h=10.80.0.5 --ipv6 --subnet fd00:80::/64 --internal \
		--attachable --label a=b --label c --opt com.docker.network.driver.mtu=1400 -o com.docker.network.bridge.enable_icc=false q >/dev/null || echo "failed"
	docker network inspect -f '{{json .IPAM}}{{json .Labels}}{{.Internal}}{{.Attachable}}{{.EnableIPv6}}{{index .Options "com.docker.network.driver.mtu"}}{{index .Options "com.docker.network.bridge.enable_icc"}}' q |
		sed -E 's/\{("Subnet":"fd[^}]*)\},(\{[^}]*\}[^]]*)/\2,{\1}/' # Docker sends them in any order
	"$1" network rm q
}
same_made=$(network_made docker | tr ',{}' '\n' | sort)
is "network create with everything" "$same_made" bash -c "$(declare -f network_made); network_made '$postern' | tr ',{}' '\n' | sort"

# --- running ones ---
if [ -n "$networks" ] && docker run -d --name web --network n2 --network-alias www --ip 10.77.0.20 -p 8080 -p 9000-9001:90-91/udp busybox sleep 1000 >/dev/null 2>&1; then
	same port web
	same port web 8080
	same port web 91/udp
	same port web 92
	is "network connect" 0 bash -c "'$postern' network connect --alias second n1 web; echo \$?"
	is "it is there" '["second"]' docker inspect -f '{{json .NetworkSettings.Networks.n1.Aliases}}' web
	like "a picture as text" "n2 .bridge [^ ]+, 10.77.0.0/24 via 10.77.0.1.
└── web  10.77.0.20/24  also www  published .*->8080/tcp" "$postern" network inspect --picture n2
	like "of all" "second" "$postern" network picture
	like "as DOT" 'n[0-9]+ -- c0 \[label="10.77.0.20/24\\nwww"\]' "$postern" network picture --dot
	like "as SVG" '10.77.0.20/24 \(www\)' "$postern" network picture --svg n2
	ok "SVG is XML" python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.stdin)' < <("$postern" network picture --svg)
	[ -z "$(command -v dot)" ] && skip "dot(1) reads DOT" "graphviz is not installed" || ok "dot(1) reads DOT" dot -Tplain < <("$postern" network picture --dot)
	fails "a picture of what is not there" 1 "$postern" network picture nothere
	same network rm n2
	is "network disconnect" 0 bash -c "'$postern' network disconnect n1 web; echo \$?"
	same network disconnect n1 web
	docker rm -f web >/dev/null
	docker run -d --name db --expose 5432-5433 -e PASS=word busybox sleep 1000 >/dev/null
	ip=$(docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' db)
	vars=$("$postern" run --rm --name app --link db:my-db -e MY_DB_ENV_OWN=1 -e MY_DB_NAME=mine busybox sh -c 'env; cat /etc/hosts' 2>&1)
	for line in "MY_DB_PORT=tcp://$ip:5432" "MY_DB_PORT_5432_TCP=tcp://$ip:5432" "MY_DB_PORT_5432_TCP_ADDR=$ip" "MY_DB_PORT_5432_TCP_PORT=5432" "MY_DB_PORT_5432_TCP_PROTO=tcp" \
		"MY_DB_PORT_5433_TCP=tcp://$ip:5433" "MY_DB_PORT_5432_TCP_START=tcp://$ip:5432" "MY_DB_PORT_5432_TCP_PORT_END=5433" "MY_DB_ENV_PASS=word" "MY_DB_NAME=mine"; do
		ok "link: $line" grep -qxF "$line" <<<"$vars"
	done
	like "link: a line of /etc/hosts" "$ip[[:space:]]my-db" echo "$vars"
	docker run -d --name app --link db:my-db --link db busybox sleep 1000 >/dev/null
	docker run -d --name beside --network container:app busybox sleep 1000 >/dev/null
	docker restart -t 0 db >/dev/null; short=$(docker inspect -f '{{.Config.Hostname}}' db)
	now=$(docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' db)
	[ "$now" != "$ip" ] && pass "link: the other has another address now" || fail "link: the other has another address now" "$now"
	for c in app beside; do
		is "link: and its lines in $c, which runs, have it" "$now my-db $short db $now db $short" bash -c "grep -w db /proc/$(docker inspect -f '{{.State.Pid}}' $c)/root/etc/hosts | xargs"
	done
	docker rm -f beside >/dev/null; docker rename db data
	ok "link: holds when the other has another name" docker restart -t 0 app
	like "link: shown with it" "^.?/data:/app/my-db /data:/app/db" docker inspect -f '{{.HostConfig.Links}}' app
	like "link: is not taken away" "rm --link is not available" docker rm --link app/my-db
	docker rm -f data >/dev/null
	like "link: to one that has gone" "Cannot link to a non running container: /[0-9a-f]{12} AS /app/my-db" docker restart -t 0 app
	docker rm -f app >/dev/null
else
	skip "running containers" "this engine has no networks"
fi
like "a link to none" "could not get container for gone" "$postern" create --link gone:x busybox
docker rm -f other >/dev/null
[ -z "$networks" ] || is "network prune" "Deleted Networks: n1 n2 " bash -c "'$postern' network prune -f | tr '\n' ' ' | sed 's/  / /'"
finish
