#!/bin/bash
# docker attach: many clients, slow ones and such that never read, before and after the start, detach keys, standard input.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
run() { docker run --name "$@" 2>/dev/null; }
# A raw client: hijacks, then reads nothing for so many seconds, then all; prints how many bytes came.
cat >"$POSTERN_BASE/client.py" <<'P'
import os, socket, sys, time
path, query, wait = sys.argv[1], sys.argv[2], float(sys.argv[3])
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["POSTERN_SOCKET"])
upgrade = "" if len(sys.argv) > 4 else "Connection: Upgrade\r\nUpgrade: tcp\r\n"
s.sendall(f"POST /v1.43/containers/{path}/attach?{query} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n".encode())
head = b""
while b"\r\n\r\n" not in head:
    head += s.recv(1)
print(head.split(b"\r\n")[0].decode(), flush=True)
if wait < 0: # never reads
    time.sleep(-wait)
    sys.exit()
time.sleep(wait)
data, n = b"", 0
while True:
    b = s.recv(1 << 16)
    if not b: break
    n += len(b)
    if n < 10000: data += b
print(n)
print(data[:200])
P
chmod 644 "$POSTERN_BASE/client.py"
own=(); is_users && own=(setpriv --reuid "$POSTERN_UID" --regid "$POSTERN_UID" --clear-groups)
client() { exec timeout -k 1 40 "${own[@]}" /usr/bin/python3 /dev/fd/3 "$@" 3<"$POSTERN_BASE/client.py"; }

# --- a client that never reads, and one that reads late
lines() { echo "yes 0123456789012345678901234567890123456789 | head -c $1"; }
docker create --name fast -i busybox sh -c "$(lines 60000000)" >/dev/null 2>&1
client fast "stream=1&stdout=1" -30 >"$POSTERN_BASE/never" & never=$! # timeout itself, which passes a signal on
client fast "stream=1&stdout=1" 2 >"$POSTERN_BASE/late" & late=$!
until_true 100 test -s "$POSTERN_BASE/never" -a -s "$POSTERN_BASE/late"
t0=$(date +%s%N)
docker start fast >/dev/null; timeout 60 docker wait fast >/dev/null
ms=$((($(date +%s%N) - t0) / 1000000))
[ $ms -lt 8000 ] && pass "a client that never reads does not hold the container back" || fail "a client that never reads does not hold the container back" "$ms ms"
ok "its log has all" test "$(docker logs fast | wc -c)" = 60000000
wait $late
like "one that reads late misses nothing" '^6[0-9]{7}$' sed -n 2p "$POSTERN_BASE/late"
kill $never; wait $never 2>/dev/null
docker rm fast >/dev/null

# --- several
docker create --name many busybox sh -c 'sleep 0.3; seq 1 20000' >/dev/null 2>&1
for i in 1 2 3 4 5; do timeout -k 1 20 docker attach --no-stdin many >"$POSTERN_BASE/many.$i" 2>/dev/null & done
timeout -k 1 20 docker start -a many >"$POSTERN_BASE/many.0"
wait
seq 1 20000 >"$POSTERN_BASE/wanted"
ok "attached with the start" cmp "$POSTERN_BASE/many.0" "$POSTERN_BASE/wanted"
docker rm many >/dev/null
docker create --name first busybox echo the first line >/dev/null 2>&1
waiting=(); for i in $(seq 20); do client first "stream=1&stdout=1" 0 >"$POSTERN_BASE/first.$i" & waiting+=($!); done
until_true 200 bash -c '[ "$(grep -l UPGRADED "$POSTERN_BASE"/first.* | wc -l)" = 20 ]'
docker start first >/dev/null
wait "${waiting[@]}"
is "many before the start: all have what came first" 20 bash -c 'grep -l "the first line" "$POSTERN_BASE"/first.* | wc -l'
docker rm first >/dev/null
run two -d busybox sh -c 'sleep 1.5; seq 1 20000; echo e >&2' >/dev/null
for i in 1 2 3; do timeout -k 1 20 docker attach --no-stdin --sig-proxy=false two >"$POSTERN_BASE/two.$i" 2>"$POSTERN_BASE/two.err.$i" & done
wait
for i in 1 2 3; do ok "client $i has it all" cmp "$POSTERN_BASE/two.$i" "$POSTERN_BASE/wanted"; done
is "standard error is apart" e cat "$POSTERN_BASE/two.err.2"
docker rm two >/dev/null

# --- how it is answered
run at -d -i busybox sh -c 'while read -r l; do echo "got $l"; done; echo over' >/dev/null
like "with an upgrade" "^HTTP/1.1 101 " client at "stream=1&stdin=1" -0.01
like "without one: plain" "^HTTP/1.1 200 " client at "stream=1&stdin=1" -0.01 plain
is "input of one, output to it" "got x" bash -c 'echo x | timeout -k 1 5 docker attach --sig-proxy=false at | head -n 1'
is "standard input stays open for the next" "got y" bash -c 'echo y | timeout -k 1 5 docker attach --sig-proxy=false at | head -n 1'
like "logs and stream at once: what was comes first" "got x.*got y" client at "logs=1&stdout=1" 0
docker rm -f at >/dev/null
is "stdinOnce: its end is the program's" $'got x\nover' bash -c "printf 'x\n' | timeout -k 1 10 docker run -i --rm busybox sh -c 'while read -r l; do echo \"got \$l\"; done; echo over' 2>/dev/null"
like "attach to one that has ended" "cannot attach to a stopped container|stopped container" bash -c 'docker create --name ended busybox true >/dev/null 2>&1; docker attach ended'
docker rm ended >/dev/null
run keys -dit busybox sh -c 'trap "stty size" WINCH; while :; do sleep 0.1; done' >/dev/null
api() { timeout 10 "${own[@]}" curl -s --unix-socket "$POSTERN_SOCKET" "$@"; }
like "bad detach keys" "Invalid detach keys" api -X POST "http://x/containers/keys/attach?stream=1&detachKeys=ctrl-%2B"
like "a bad size" "invalid syntax" api -X POST "http://x/containers/keys/resize?h=x&w=1"
ok "resize" api -X POST "http://x/containers/keys/resize?h=33&w=77"
if [ -n "$(command -v script)" ]; then
	is "the default detach keys leave the container running" true bash -c "(sleep 0.5; printf '\020\021') | timeout -k 1 10 script -qec 'docker attach keys' /dev/null >/dev/null; docker inspect -f '{{.State.Running}}' keys"
	is "others" true bash -c "(sleep 0.5; printf 'xy') | timeout -k 1 10 script -qec 'docker attach --detach-keys x,y keys' /dev/null >/dev/null; docker inspect -f '{{.State.Running}}' keys"
fi
resized() { api -X POST "http://x/containers/keys/resize?h=30&w=70"; api -X POST "http://x/containers/keys/resize?h=33&w=77"; docker logs keys | grep -q "33 77"; }
until_true 60 resized
like "its size is what was said" "33 77" docker logs keys
docker rm -f keys >/dev/null
finish
