#!/bin/bash
# Engines: system
# kill -9 of the launcher, and with it all helpers, while a container is in a network: it goes on, and nothing is left in the end. The
# other programs: network-steps.sh.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netlib.sh"

elements() { in_h nft -j list ruleset | jq -c '[.nftables[] | .set, .map | select(.) | {n: .name, e: (.elem // [] | tostring)}]'; }
rules() { in_h nft -j list ruleset | jq '[.nftables[] | select(.rule)] | length'; }
links() { in_h ip -br link | awk '{print $1}' | sort; }
state() { elements; rules; links; }
clean() { docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1; }
export -f elements rules links state in_h; export H
docker network create one >/dev/null; docker network create two >/dev/null
docker run --rm --network one peer true; docker run --rm peer true
serving stays --network one --network-alias stay -p 8800:80
until_true 40 bash -c "[ \$(nsenter --net=/run/netns/$H ip -br link | grep -c '^pstv') = 1 ]"
state >"$POSTERN_BASE/before"
works() { docker run --rm --network one -p 8801:80 peer peer ask tcp stay 80; }

is "one name, one answer" 1 bash -c "docker run --rm --network one peer nslookup -type=a stay 127.0.0.11 | grep -c '^Address: 172'"

# the launcher, and with it all; the container stays
kill -9 "$POSTERN_LAUNCHER"
until_true 100 bash -c '! docker version'
nsenter --net="/run/netns/$H" "$POSTERN_PROGRAMS/postern-launcher" $POSTERN_ARGS 2>>"$POSTERN_LOG" & again=$!
ok "the launcher killed: another takes over" until_true 200 docker version
ok "the container goes on and is reached" until_true 40 in_w "$peer" ask tcp 192.0.2.1 8800
is "and has its address" true docker inspect -f '{{.State.Running}}' stays
until_true 60 bash -c 'state | cmp -s - "$POSTERN_BASE/before"'
is "no address, link or element more than before" "$(cat "$POSTERN_BASE/before")" state
like "its port is kept from others" "port is already allocated" docker run --rm -p 8800:80 peer true
ok "names are answered" until_true 40 works
clean
docker network rm one two >/dev/null
until_true 60 bash -c "! nsenter --net=/run/netns/$H ip -br link | grep -q '^pstv'"
is "in the end only the default bridge" 1 bash -c "nsenter --net=/run/netns/$H ip -br link | grep -c '^pst'"
ok "the audit log verifies" "$bin/postern" audit verify
kill $again; wait $again 2>/dev/null
finish
