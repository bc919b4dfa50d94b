#!/bin/bash
# Engines: rootless single
# kill -9 of what a user's networks rest on, while a container with a published port runs.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netlib.sh"

# pasta takes another id of the user's
mine() { ps -eo pid=,uid=,stat=,comm= | awk -v u="$POSTERN_UID" -v s="${POSTERN_SUBS:-$POSTERN_UID}" -v n="$1" '$3 !~ /Z/ && ($2 == u || ($2 >= s && $2 < s + 65536)) && $4 ~ n {print $1}'; }
export -f mine
port() { in_w "$peer" ask tcp 192.0.2.1 8800; }
both() { docker run --rm --network one -p 8801:80 peer peer ask tcp web 80 && port; }
out() { ask web tcp 192.0.2.2 9000; }
world 9000; trap 'kill $world $(cat "$POSTERN_RUN/launcher.pid") 2>/dev/null' EXIT
docker network create one >/dev/null
serving web --network one -p 8800:80 -p 8800:90/udp
until_true 40 both
ok "a published port, a name" both
ok "the way out" out
again=0; for i in 1 2 3 4 5; do docker restart -t 0 web >/dev/null && again=$((again + 1)); done
is "a container that is restarted finds its ports free at once" 5 echo $again
until_true 40 both
for program in forward ports firewall veth resolver controller; do
	old=$(helper_pid $program)
	kill -9 "$old"
	until_true 100 bash -c "[ \$(jq -r '.helpers[] | select(.name == \"$program\") | .pid' '$POSTERN_RUN/helpers.json') != $old ]"
	until_true 100 docker version
	until_true 40 both
	ok "$program killed: the port is reached, others can be published, names are known" both
	ok "$program killed: datagrams too" in_w "$peer" ask udp 192.0.2.1 8800
	ok "$program killed: the way out" out
done

# --- the uplink ---
is "the uplink is one process" 1 bash -c 'mine "^pas[st]" | wc -l'
kill -9 $(mine "^pas[st]")
until_true 100 out
ok "the uplink killed: the way out is made again" out
ok "and nothing else is missed" both

# --- the keeper ---
kill -9 $(mine ^postern-network)
until_true 100 bash -c '[ -z "$(mine "^pas[st]")" ]'
ok "the keeper killed: the port is reached" both
fails "the way out has ended with it" 1 out
until_true 100 bash -c "docker info 2>&1 | grep -q 'No way out'"
like "info says so" "No way out of containers' networks" docker info
kill -9 "$POSTERN_LAUNCHER"; until_true 100 bash -c "! docker version"
as_user() { in_h setpriv --reuid "$POSTERN_UID" --regid "$POSTERN_UID" --clear-groups env "HOME=$POSTERN_BASE/home" "$@"; }
# shellcheck disable=SC2086
as_user "$POSTERN_PROGRAMS/postern-user" $POSTERN_ARGS --daemon --log "$POSTERN_BASE/home/log2"
ok "an engine that is started then has a network namespace of its own" until_true 200 docker version
is "with a way out, for new containers" 192.0.2.1 docker run --rm --network one peer peer ask tcp 192.0.2.2 9000
fails "the container has lost its networks with the namespace" 1 out
ok "until it is started again" docker restart -t 0 web
until_true 60 both
ok "then its port is reached" both
ok "and it has the way out" out

# --- the end ---
docker rm -f web >/dev/null
launcher=$(cat "$POSTERN_RUN/launcher.pid"); kill "$launcher"; until_true 200 bash -c "! kill -0 $launcher"
until_true 100 bash -c '[ -z "$(mine .)" ]'
is "with the engine everything ends" "" mine .
is "and its names" "" bash -c "ls $POSTERN_RUN | grep -x -e netns -e network.sock"
finish
