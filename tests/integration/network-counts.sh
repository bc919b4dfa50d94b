#!/bin/bash
# What grows with containers that publish ports, and what does not. POSTERN_COUNT: how many (30; 8 in a user's engine,
# whose tables have no ports).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netlib.sh"
n=${POSTERN_COUNT:-$(is_users && echo 8 || echo 30)}
rules() { in_n nft -j list ruleset | jq '[.nftables[] | select(.rule)] | length'; }
listening() { in_h ss -Htln | awk '{print $4}' | grep -c '^0.0.0.0:20[0-9][0-9][0-9]$'; }
table=$(in_n nft list tables | awk '/^table inet postern/ {print $3}')
ports() { elements map inet "$table" any4; }
start() { docker run -d --name "c$1" -p "$((20000 + $1)):80" busybox sleep 1000 >/dev/null; }
start 1
one=$(rules)
for i in $(seq 2 "$n"); do start "$i" || break; done
is "$n containers with a port each run" "$n" bash -c "docker ps -q | wc -l"
is "as many rules as with one" "$one" rules
if is_users; then
	is "a socket for each port" "$n" listening
	is "and no element" 0 ports
else
	is "an element for each port" "$n" ports
	us=$(cat "$POSTERN_DATA"/audit/*.log | jq -r 'select(.op == "PUBLISH" and .kind == "outcome") | .us' | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}')
	echo "# PUBLISH: median $us us, audit included"
fi
docker ps -aq | xargs docker rm -f >/dev/null
left() { echo "$(ports) $(listening)"; }
is "nothing of them is left" "0 0" left
finish
