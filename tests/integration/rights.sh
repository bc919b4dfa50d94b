#!/bin/bash
# What clients may do by uid, gid and socket: rights of the policy, the read-only socket, a second socket, sockets passed by others.
. "$(dirname "$0")/../lib.sh"
if [ -z "${POSTERN_SOCKET:-}" ]; then
	dir=$(mktemp -d /var/tmp/postern-rights.XXXXXX); chmod 1777 "$dir"
	trap 'rm -rf "$dir"' EXIT
	jq '.users = [ { "name": "root", "uid": 0, "rights": "admin", "why": "-" }, { "name": "reader", "uid": 1601, "rights": "read", "why": "-" },
		{ "name": "runner", "uid": 1602, "rights": "run", "why": "-" }, { "name": "guests", "gid": 1703, "rights": "exec", "why": "-" },
		{ "name": "admin", "uid": 1604, "rights": "admin", "why": "-" } ]' "$top/policy/default.json" >"$dir/policy.json"
	RIGHTS_DIR=$dir "$top/tests/with-engine" --policy "$dir/policy.json" --launcher-option --also --launcher-option "$dir/also.sock" \
		--launcher-option --read --launcher-option "$dir/read.sock" bash "$0"
	exit
fi
also=$RIGHTS_DIR/also.sock read=$RIGHTS_DIR/read.sock
image=$top/build/images/busybox.tar
mode_uid=${POSTERN_UID:-0}

# WHO is UID:GID:GROUPS
as() { # WHO COMMAND...
	local uid gid groups; IFS=: read -r uid gid groups <<<"$1"; shift
	local g=(--clear-groups); [ -z "$groups" ] || g=(--groups "$groups")
	setpriv --reuid "$uid" --regid "$gid" "${g[@]}" "$@"
}
status() { # WHO SOCKET METHOD PATH [BODY]
	as "$1" curl -s -o /dev/null -m 10 -w '%{http_code}' --unix-socket "$2" -X "$3" ${5:+-H 'Content-Type: application/json' -d "$5"} "http://d$4"
}
body() { # the same, its text
	as "$1" curl -s -m 10 --unix-socket "$2" -X "$3" ${5:+-H 'Content-Type: application/json' -d "$5"} "http://d$4"
}

# --- each right: who has less gets 403, who has it gets on (404: there is no such thing)
routes="none GET /_ping
none GET /version
read GET /info
read GET /containers/json
read GET /images/json
read GET /containers/none/json
read GET /containers/none/logs
read POST /containers/none/wait
read GET /events?until=1
read GET /system/df
run POST /containers/none/start
run POST /containers/none/kill
run POST /containers/none/attach
run DELETE /containers/none
run DELETE /images/none
run POST /images/none/tag
run DELETE /volumes/none"
order="none read run exec admin"
rank() { local i=0 x; for x in $order; do [ "$x" = "$1" ] && echo $i; i=$((i + 1)); done; }
matrix() { # WHO SOCKET RIGHT: prints what is not as it should be
	local need method path got
	while read -r need method path; do
		got=$(status "$1" "$2" "$method" "$path")
		if [ "$(rank "$3")" -ge "$(rank "$need")" ]; then
			[ "$got" != 403 ] && [ "$got" != 000 ] || echo "$method $path: $got, though $need is there"
		else
			[ "$got" = 403 ] || echo "$method $path: $got, though $need is not there"
		fi
	done <<<"$routes"
}
if is_users; then
	who="$mode_uid:$mode_uid" # in a user's engine there is only its user: names of others are not known in there
	is "the user has every right" "" matrix "$who" "$POSTERN_SOCKET" admin
else
	who=0:0
	is "uid 0 is admin" "" matrix "$who" "$POSTERN_SOCKET" admin
	is "a uid that no rule names has none" "" matrix 1600:1600 "$POSTERN_SOCKET" none
	is "a uid with read" "" matrix 1601:1601 "$POSTERN_SOCKET" read
	is "a uid with run" "" matrix 1602:1602 "$POSTERN_SOCKET" run
	is "a primary group with exec" "" matrix 1600:1703 "$POSTERN_SOCKET" exec
	is "a supplementary group with exec" "" matrix 1600:1600:1800,1703,1801 "$POSTERN_SOCKET" exec
	is "a uid with admin" "" matrix 1604:1604 "$POSTERN_SOCKET" admin
	is "the higher of uid's and group's" "" matrix 1601:1601:1703 "$POSTERN_SOCKET" exec
	is "an id of the engine's own has none, even in a group that has" "" matrix "$POSTERN_IDS:1703:1703" "$POSTERN_SOCKET" none
	like "the message: what is missing, what is there, who grants it, where" \
		"permission denied: POST /containers/create takes the right ..run.., and user id 1601 has ..read.. on this engine; root can grant it in the section ..users.. of $POSTERN_POLICY" \
		body 1601:1601 "$POSTERN_SOCKET" POST /containers/create '{"Image":"busybox"}'
	like "docker shows it" "Error response from daemon: permission denied: POST /containers/create takes the right .run., and user id 1601 has" \
		as 1601:1601 env HOME=/nonexistent docker run busybox true
	is "a client with run runs a container (helpers prove it themselves)" hi as 1602:1602 env HOME=/nonexistent docker run --rm busybox echo hi
	is "and one of the group" hi as 1600:1600:1703 env HOME=/nonexistent docker run --rm busybox echo hi
fi
other=1699:1699 # in a user's engine: shown as the overflow id, which no rule names
is_users && chmod 711 "$(dirname "$POSTERN_RUN")" "$POSTERN_RUN"
is "another user has none" "" matrix $other "$POSTERN_SOCKET" none

# --- a second socket: the same; the read-only one: no more than read, whoever comes
is "second socket: every right" "" matrix "$who" "$also" admin
is "second socket: another user has none" "" matrix $other "$also" none
is "second socket: docker runs a container" hi env DOCKER_HOST="unix://$also" docker run --rm busybox echo hi
is "read-only socket: read" "" matrix "$who" "$read" read
is "read-only socket: who has nothing gets nothing" "" matrix $other "$read" none
like "read-only socket: the message" "takes the right ..run.., and whoever comes through this socket may read at most; the engine's other socket is $POSTERN_SOCKET" \
	body "$who" "$read" POST /containers/create '{"Image":"busybox"}'
like "read-only socket: docker ps works" "CONTAINER ID" env DOCKER_HOST="unix://$read" docker ps
fails "read-only socket: docker load does not" 1 env DOCKER_HOST="unix://$read" docker load -i "$image"
like "lookup never opens a socket of the engine" "not allowed" docker run --rm -v "$read:/s" busybox true

# --- sockets that are there before the engine, as systemd passes them
kill -TERM "$POSTERN_LAUNCHER"; until_true 200 bash -c "! kill -0 $POSTERN_LAUNCHER"
fails "its sockets go with it" 2 ls "$POSTERN_SOCKET" "$also" "$read"
passed=$POSTERN_BASE/passed.py log=$POSTERN_BASE/passed.log
cat >"$passed" <<'P'
import os, socket, sys
socks = [socket.socket(socket.AF_UNIX) for _ in range(2)]
for s, path in zip(socks, sys.argv[1:3]): s.bind(path); os.chmod(path, 0o666); s.listen(5)
high = [os.dup2(s.fileno(), 200 + i) for i, s in enumerate(socks)]
for i, fd in enumerate(high): os.dup2(fd, 3 + i)
os.environ.update(LISTEN_FDS=str(len(socks)), LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[3], sys.argv[3:])
P
real=$bin start=postern-launcher as_owner=() # what is first in a user's engine is a wrapper
is_users && real=$top/build/bin start=postern-user as_owner=(setpriv --reuid "$mode_uid" --regid "$(id -g "$POSTERN_USER")" --clear-groups env HOME="$(dirname "$POSTERN_RUN")")
# shellcheck disable=SC2086
unshare --net "${as_owner[@]}" /usr/bin/python3 "$passed" "$POSTERN_SOCKET" "$also" "$real/$start" $POSTERN_ARGS 2>"$log" & launcher=$!
until_true 200 test -S "$read"
inode=$(stat -c %i "$POSTERN_SOCKET")
is "passed sockets: a client that came early is served, on each" "200 200 200" \
	echo $(for s in "$POSTERN_SOCKET" "$also" "$read"; do status "$who" "$s" GET /info; echo; done)
is "passed sockets: they stay what they were" "$inode" stat -c %i "$POSTERN_SOCKET"
is "passed sockets: a container runs" hi docker run --rm busybox echo hi
kill -TERM $launcher; wait $launcher 2>/dev/null
ok "passed sockets: and stay when it ends" ls "$POSTERN_SOCKET" "$also"
fails "passed sockets: its own does not" 2 ls "$read"
/usr/bin/python3 -c 'import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); __import__("os").chmod(sys.argv[1], 0o666); s.listen(); time.sleep(600)' "$read" & holder=$!
until_true 100 test -S "$read"
# shellcheck disable=SC2086
like "a socket that another serves is not taken from it" "socket: Address already in use" timeout 20 "${as_owner[@]}" "$real/$start" $POSTERN_ARGS
kill $holder; wait $holder 2>/dev/null
rm -f "$also" "$read"
finish
