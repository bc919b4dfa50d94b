#!/bin/bash
# A container's root with every capability and no filter (container/main.c) against the engine that runs it, and another user of
# the host against a user's engine.
. "$(dirname "$0")/../lib.sh"
if [ -z "${POSTERN_SOCKET:-}" ]; then
	policy=$(mktemp)
	caps=$(sed -n '/define CAPABILITIES/,/^$/p' "$top/helpers/shared/caps.h" | grep -o 'C([A-Z_]*)' | sed 's/C(\(.*\))/"\1"/' | paste -sd,)
	jq --argjson caps "[$caps]" '.capabilities += [{ name: "all", caps: ($caps - [.capabilities[].caps[]]), why: "test" }]
		| .security.seccomp_unconfined = true | .security.unmasked_paths = true' "$top/policy/default.json" >"$policy"
	"$top/tests/with-engine" --policy "$policy" --own-programs bash "$0" "$@"
	status=$?
	rm -f "$policy"
	exit $status
fi
postern() { "$bin/postern" "$@"; }
uid=${POSTERN_UID:-1000} gid=$(id -g "${POSTERN_USER:-nobody}") attack=$top/build/hostile-container
is_users || gid=1000
program_pids() { jq -r '.launcher, .helpers[].pid' "$POSTERN_RUN/helpers.json"; }
sums() { sha256sum "$POSTERN_PROGRAMS"/*; stat -c '%n %a %u' "$POSTERN_PROGRAMS"/*; }
store() { find "$POSTERN_DATA/store/tree/layers" -printf '%p %U %m %s %T@\n' | sort; }
programs_before=$(program_pids) sums_before=$(sums)

# An image whose loader is the attacker's, and what is to be reached.
image=$POSTERN_BASE/image
mkdir -p "$image/lib64" && tar -xf "$top/build/images/busybox.tar" -O ./layer.tar | tar -xf - -C "$image"
cp "$attack/interp" "$image/lib64/ld-linux-x86-64.so.2"
cp "$attack/attack" "$image/attack"
tar -C "$image" -cf "$POSTERN_BASE/evil.tar" .
ok "the hostile image" bash -c "docker import - evil:1 <'$POSTERN_BASE/evil.tar'"
work=$(mktemp -d /var/tmp/postern-work.XXXXXX) socket_name=postern-abstract-$$
chown "$uid:$gid" "$work"
trap 'rm -rf "$work"; [ -z "${listener:-}" ] || kill "$listener"' EXIT
echo host >"$POSTERN_BASE/marker"; chmod 644 "$POSTERN_BASE/marker"
docker run -d --name victim busybox sh -c 'echo mine >/own; sleep 1000' >/dev/null 2>&1
upper() { find "$POSTERN_DATA/store/tree/containers" -path '*upper/own'; }
until_true 40 bash -c "[ -n \"\$(find '$POSTERN_DATA/store/tree/containers' -path '*upper/own')\" ]"
victim=$(docker inspect -f '{{.State.Pid}}' victim)
monitors=$(for c in $(docker ps -q); do awk '/^PPid:/ {print $2}' "/proc/$(docker inspect -f '{{.State.Pid}}' "$c")/status"; done)
pids=$(echo $programs_before $monitors "$victim" $$ | tr ' ' ,)
layer=$(find "$POSTERN_DATA/store/tree/layers" -path '*bin/busybox' | head -n 1)
nsenter -t "$POSTERN_LAUNCHER" -n /usr/bin/python3 -c "import socket,time; s=socket.socket(socket.AF_UNIX); s.bind('\\0$socket_name'); s.listen(); time.sleep(600)" &
listener=$!
handles=$(/usr/bin/python3 - "$POSTERN_BASE/marker" "$layer" "$(upper)" "$POSTERN_DATA" / "/proc/$POSTERN_LAUNCHER/ns/mnt" "/proc/$victim/ns/user" <<'P'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def handle(fd, path, flags):
    buf = ctypes.create_string_buffer(8 + 128); buf[0:4] = (128).to_bytes(4, "little")
    if libc.name_to_handle_at(fd, path, buf, ctypes.byref(ctypes.c_int()), flags): return None
    n = int.from_bytes(buf[0:4], "little")
    return "%d:%s" % (int.from_bytes(buf[4:8], "little"), buf[8:8 + n].hex())
found = [handle(-100, p.encode(), 0x400) for p in sys.argv[1:]] + [handle(os.pidfd_open(os.getppid()), b"", 0x1000)]
print(",".join(f for f in found if f))
P
)
like "there are file handles to try" "^[0-9-]+:[0-9a-f]+,[0-9-]+:" echo "$handles"
markers=$POSTERN_BASE/marker,$POSTERN_DATA/store,$POSTERN_RUN/helpers.json,$POSTERN_SOCKET,/etc/debian_version,/boot,/usr/share

free=(--rm --cap-add ALL --security-opt seccomp=unconfined --security-opt systempaths=unconfined -v "$work:/b")
layers_before=$(store)
hostile() { docker run "${free[@]}" "$@" 2>&1 | grep -v '^WARNING'; }
like "it has every capability" "^CapEff:.*1ffffffffff$" bash -c "docker run ${free[*]} busybox grep CapEff /proc/self/status 2>/dev/null"
hostile evil:1 /attack "$pids" "$markers" "$handles" "$POSTERN_SOCKET" "$socket_name" >"$POSTERN_BASE/out"; cat "$POSTERN_BASE/out"
grep -q '^ok - 34' "$POSTERN_BASE/out" || fail "the attacks come to an end"
if [ "$(uname -m)" = x86_64 ]; then
	hostile evil:1 /proc/self/exe >"$POSTERN_BASE/out"; cat "$POSTERN_BASE/out"
	grep -q '^ok - 30' "$POSTERN_BASE/out" || fail "30: the attack on /proc/self/exe comes to an end"
else
	skip "30: /proc/self/exe of spawn" "the attacker's loader is for x86-64"
fi
hostile --init evil:1 /attack init >"$POSTERN_BASE/out"; cat "$POSTERN_BASE/out"
grep -q '^not ok' "$POSTERN_BASE/out" && failed=1
is "30: the engine's programs are as before" "$sums_before" sums
is "7: the layers are as before" "$layers_before" store
is "7: and another container's files" mine cat "$(upper)"
is "the engine runs on, in the same processes" "$programs_before" program_pids
spawn=$(jq -r '.helpers[] | select(.name == "spawn") | .pid' "$POSTERN_RUN/helpers.json")
kill -9 "$spawn"
ok "30: spawn starts again, whatever was done to its executable" until_true 60 docker run --rm busybox true

# what a bind shows: never what is the engine's (and what holds that: binds.sh)
for path in "$POSTERN_DATA" "$POSTERN_DATA/store/tree" "$POSTERN_RUN" "$POSTERN_SOCKET"; do
	fails "20: no bind of ${path#"$POSTERN_BASE"/}" 125 docker run --rm -v "$path:/b:ro" busybox true
done
# a container swaps what is bound next for a link
ln -s "$POSTERN_DATA" "$work/link"
fails "29: nor through a link that a container left" 125 docker run --rm -v "$work/link:/b:ro" busybox true
docker rm -f victim >/dev/null

# another user of the host
if is_users; then
	other() { setpriv --reuid 1499 --regid 1499 --clear-groups "$@"; }
	for path in "$POSTERN_DATA" "$POSTERN_RUN" "$POSTERN_DATA/audit/audit.log" "$POSTERN_SOCKET"; do
		fails "another user does not get to ${path#"$POSTERN_BASE"/}" 1 other test -e "$path"
	done
	chmod 755 "$POSTERN_BASE/home" # even with the home open to all
	fails "nor, with the home open, to the state" 2 other ls "$POSTERN_DATA/state"
	fails "nor to the audit log" 1 other cat "$POSTERN_DATA/audit/audit.log"
	fails "nor to the store" 2 other ls "$POSTERN_DATA/store/tree"
	like "nor may it ask for anything" "403|denied|refused|policy|Failed to connect|Permission" other curl -sS --max-time 5 --unix-socket "$POSTERN_SOCKET" http://d/containers/json
	for p in $programs_before; do other kill -0 "$p" 2>/dev/null && fail "another user can signal $p"; done
	is "no program listens on an abstract socket" "" bash -c "awk '\$8 ~ /^@/ && \$8 !~ /$socket_name/' /proc/$POSTERN_LAUNCHER/net/unix"
fi
ok "the audit log verifies" postern audit verify
finish
