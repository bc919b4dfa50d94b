#!/bin/bash
# Engines: system
# What grows with containers that publish ports, and what does not. POSTERN_COUNT: how many (30).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netlib.sh"
n=${POSTERN_COUNT:-30}
rules() { in_h nft -j list ruleset | jq '[.nftables[] | select(.rule)] | length'; }
start() { docker run -d --name "c$1" -p "$((20000 + $1)):80" busybox sleep 1000 >/dev/null; }
start 1
one=$(rules)
for i in $(seq 2 "$n"); do start "$i" || break; done
is "$n containers with a port each run" "$n" bash -c "docker ps -q | wc -l"
is "as many rules as with one" "$one" rules
is "an element for each port" "$n" bash -c "nsenter --net=/run/netns/$H nft -j list map inet postern_$POSTERN_IDS any4 | jq '[.nftables[] | .map | select(.) | .elem | length] | add'"
us=$(cat "$POSTERN_DATA"/audit/*.log | jq -r 'select(.op == "PUBLISH" and .kind == "outcome") | .us' | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}')
echo "# PUBLISH: median $us us, audit included"
docker ps -aq | xargs docker rm -f >/dev/null
is "nothing of them is left" 0 bash -c "nsenter --net=/run/netns/$H nft -j list map inet postern_$POSTERN_IDS any4 | jq '[.nftables[] | .map | select(.) | .elem // [] | length] | add'"
finish
