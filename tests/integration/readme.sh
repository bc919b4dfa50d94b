#!/bin/bash
# What README.md shows a new user, line by line as it stands there: everyday use and networks, pasted into a shell.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
[ -x "$(command -v docker)" ] || { skip "README.md, line by line" "there is no docker client"; finish; }
export PATH=$POSTERN_BIN:$PATH
walk=$POSTERN_BASE/walk
install -D -m 644 "$top/build/images/busybox.tar" "$walk/build/images/busybox.tar"
cd "$walk" || exit 1
# The host of this engine is a network namespace.
on_host() { nsenter -t "$POSTERN_LAUNCHER" -n "$@"; }
on_host ip link set lo up
blocks() { awk -v section="## $1" '/^## / {on = $0 == section} on && /^    / {sub(/^    /, ""); print}' "$top/README.md"; }

lines=0
while IFS= read -r line <&3; do
	lines=$((lines + 1))
	case $line in *wget* | curl*) want=hello tries=100 ;; *-v*) want=/work tries=1 ;; *) want= tries=1 ;; esac
	for ((i = 0; i < tries; i++)); do # a server in a container may not listen yet
		out=$(on_host bash -c "set -e; ${line/ -it / -i }" 2>&1 <<<'ls -d /work') && [[ $out == *$want* ]] && break # no terminal here
		sleep 0.1
	done
	[ $i -lt $tries ] && status=0 || status=$out
	is "$line" 0 printf %s "$status"
done 3< <(blocks "Everyday use"; blocks Networks)
is "these were lines" yes bash -c "[ $lines -ge 8 ] && echo yes"
is "and nothing is left of them" "" bash -c "docker ps -aq; docker network ls -q --filter type=custom; docker volume ls -q"
finish
