#!/bin/bash
# Docker's own clients against the engine: version 28 where PATH has it, Debian's 20.10.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"

image=$top/build/images/busybox.tar
clients=()
[ -x "$(command -v docker)" ] && clients+=("$(command -v docker)") || skip "docker from PATH" "there is none"
debian=$(command -v docker-debian || echo "$top/build/debs/usr/bin/docker")
[ -x "$debian" ] && clients+=("$debian") || skip "docker.io 20.10" "the package cannot be had"

for docker in "${clients[@]}"; do
	v=$("$docker" --version | sed 's/Docker version \([0-9.]*\).*/\1/')
	like "$v: version shows both sides" "Server:.*API version: *1\.47" "$docker" version
	like "$v: info" "Server Version: 0" "$docker" info
	like "$v: load" "Loaded image: busybox:latest" "$docker" load -i "$image"
	like "$v: images" "busybox +latest" "$docker" images
	is "$v: run --rm" "hi" "$docker" run --rm busybox echo hi
	is "$v: run -i takes standard input" "in" bash -c "echo in | '$docker' run -i --rm busybox cat"
	is "$v: a megabyte through standard input" "1048576" bash -c "head -c 1048576 /dev/zero | '$docker' run -i --rm busybox wc -c"
	is "$v: standard error is apart" "" bash -c "'$docker' run --rm busybox sh -c 'echo x >&2' 2>/dev/null"
	fails "$v: exit code 0" 0 "$docker" run --rm busybox true
	fails "$v: exit code 7" 7 "$docker" run --rm busybox sh -c 'exit 7'
	fails "$v: exit code 125, no such image" 125 "$docker" run --rm --pull never no-such-image true
	fails "$v: exit code 126, not executable" 126 "$docker" run --rm busybox /etc/passwd
	fails "$v: exit code 126, a directory" 126 "$docker" run --rm busybox /etc
	fails "$v: exit code 127, not found" 127 "$docker" run --rm busybox no-such-command
	like "$v: and Docker's words for it" 'exec: "no-such-command": executable file not found in \$PATH' "$docker" run --rm busybox no-such-command
	fails "$v: exit code 137, killed" 137 "$docker" run --rm busybox sh -c 'sh -c "kill -9 \$\$"; exit $?'

	ok "$v: run -d" "$docker" run -d --name d1 busybox sh -c 'echo one; sleep 0.3; echo two; exit 3'
	is "$v: logs -f follows to the end" $'one\ntwo' "$docker" logs -f d1
	is "$v: wait" 3 "$docker" wait d1
	is "$v: logs --tail" two "$docker" logs --tail 1 d1
	like "$v: ps -a" "Exited \(3\)" "$docker" ps -a --filter name=d1
	is "$v: inspect" "exited 3 /d1" "$docker" inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.Name}}' d1
	ok "$v: start again" "$docker" start d1
	is "$v: and wait again" 3 "$docker" wait d1
	ok "$v: rm" "$docker" rm d1
	fails "$v: it is gone" 1 "$docker" container inspect d1

	ok "$v: a sleeper" "$docker" run -d --name d2 busybox sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
	like "$v: rm of a running one is refused" "container is running|cannot remove|stop the container" "$docker" rm d2
	like "$v: its name is taken" 'Conflict. The container name "/d2" is already in use' "$docker" create --name d2 busybox
	ok "$v: stop" "$docker" stop -t 5 d2
	is "$v: stopped by its signal" 5 "$docker" inspect -f '{{.State.ExitCode}}' d2
	ok "$v: start, kill" "$docker" start d2
	ok "$v: kill" "$docker" kill d2
	is "$v: killed is 137" 137 "$docker" wait d2
	ok "$v: rm -f" "$docker" rm -f d2
	ok "$v: rm -f of a running one" bash -c "'$docker' run -d --name d3 busybox sleep 100 && '$docker' rm -f d3"
	is "$v: nothing is left" "" "$docker" ps -aq
	ok "$v: create, start -a" bash -c "'$docker' create --name c1 busybox echo attached && [ \"\$('$docker' start -a c1)\" = attached ]"
	ok "$v: rm c1" "$docker" rm c1
	# rmi while a container has it
	ok "$v: a stopped container" "$docker" create --name c2 busybox true
	like "$v: rmi is refused while it is used" "unable to (remove|delete)|conflict" "$docker" rmi busybox
	ok "$v: rm c2" "$docker" rm c2
	like "$v: rmi" "Untagged: busybox:latest" "$docker" rmi busybox
	ok "$v: load again from standard input" bash -c "'$docker' load < '$image'"
	ok "$v: import of a root file system" bash -c "tar -xOf '$image' ./layer.tar | '$docker' import - mine:1"
	is "$v: and it runs" root "$docker" run --rm mine:1 id -un
	ok "$v: rmi mine:1" "$docker" rmi mine:1
	like "$v: events of a container" "container start" bash -c "'$docker' run --rm --name ev busybox true; '$docker' events --since 1h --until 0s"
done
finish
