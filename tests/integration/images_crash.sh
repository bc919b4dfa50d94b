#!/bin/bash
# A load that is interrupted leaves nothing that can be seen and nothing on the disk, whoever goes away.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
store=$POSTERN_DATA/store/tree tmp=$POSTERN_BASE/t; mkdir "$tmp"
pid_of() { jq -r ".helpers[] | select(.name == \"$1\") | .pid" "$POSTERN_RUN/helpers.json"; }
places() { for d in layers splits work trash; do (cd "$store/$d" && find . -maxdepth 1 -mindepth 1 -printf "$d/%f\n"); done | sort; }
settled() { [ "$(places)" = "$before" ]; }
# Many files, so that unpacking takes its time.
python3 - "$tmp/many.tar" <<'P'
import io, tarfile, sys
with tarfile.open(sys.argv[1], "w") as t:
	for i in range(15000):
		t.addfile(tarfile.TarInfo("d%d/f%d" % (i % 100, i)))
P
before=$(places) images=$(docker images -aq)
check() { # NAME
	until_true 100 settled
	is "$1: nothing is on the disk" "$before" places
	is "$1: no image can be seen" "$images" docker images -aq
	is "$1: no spooled archive stays open" "" bash -c "ls -l /proc/$(pid_of controller)/fd 2>/dev/null | grep spool"
	is "$1: nor by name" "" bash -c "find '$POSTERN_DATA' -name 'spool.*'"
	ok "$1: the engine goes on" "$bin/postern" run --rm busybox true
}
# kill -9 of what the command prints, as soon as it prints something
kill_soon() {
	local pid
	for _ in $(seq 2000); do pid=$("$@"); [ -n "$pid" ] && { kill -9 $pid; return 0; }; done
	return 1
}
worker() { [ -n "$(ls "$store/work")" ] && pgrep -P "$(pid_of layer)"; }
helper() { [ -n "$(ls "$store/work")" ] && pid_of layer; }
daemon() { [ -n "$(ls "$store/work")" ] && pid_of controller; }

# the client, in the middle of the body
mkfifo "$tmp/in"; docker import - gone:1 <"$tmp/in" >"$tmp/out" 2>&1 & client=$!
exec 7>"$tmp/in"; head -c 4000000 "$tmp/many.tar" >&7
until_true 100 bash -c "ls -l /proc/$(pid_of controller)/fd | grep -q spool"
pass "the client sends"; kill -9 "$client"; wait "$client" 2>/dev/null; exec 7>&-
until_true 100 bash -c "! ls -l /proc/$(pid_of controller)/fd | grep -q spool"
check "the client goes away"

for who in worker helper daemon; do
	docker import - "gone:$who" <"$tmp/many.tar" >"$tmp/out" 2>&1 & client=$!
	ok "$who is killed while it unpacks" kill_soon $who
	wait "$client"; [ $? -ne 0 ] && pass "$who killed: the client is told" || fail "$who killed: the client is told" "$(cat "$tmp/out")"
	until_true 100 docker version
	check "$who killed"
done
is "and at last it loads" 1 bash -c "docker import - gone:no <'$tmp/many.tar' | wc -l"
is "all of it" 15000 bash -c "docker create --name all gone:no true >/dev/null; docker export all | tar -tf - | grep -c f; docker rm all >/dev/null"
ok "rmi" docker rmi gone:no
until_true 100 settled
is "nothing is left" "$before" places

# one that is removed while it is being saved
docker import - slow:1 <"$tmp/many.tar" >/dev/null
mkfifo "$tmp/pipe"; docker save slow:1 >"$tmp/pipe" & saver=$!
exec 7<"$tmp/pipe"; head -c 1000 <&7 >"$tmp/saved"
like "rmi while it is saved" "Untagged: slow:1" docker rmi slow:1
cat <&7 >>"$tmp/saved"; exec 7<&-
wait $saver && pass "the archive is whole" || fail "the archive is whole"
until_true 100 settled
is "its layers go when that has ended" "$before" places
like "and it loads again" "Loaded image: slow:1" bash -c "docker load <'$tmp/saved'"
docker rmi slow:1 >/dev/null
finish
