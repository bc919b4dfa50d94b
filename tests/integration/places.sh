#!/bin/bash
# Where a user's engine may live: data directories that cannot hold one, run directories that are another's, several engines of one
# user, what a killed one leaves. Each refusal says the way out.
# Engines: system
[ "${POSTERN_PLACES:-}" ] || POSTERN_PLACES=1 exec unshare --mount --propagation private bash "$0" "$@"
. "$(dirname "$0")/../lib.sh"
. "$top/tests/throwaway.sh"

exec 7>/run/postern-tests/places; flock -w 300 7 || exit 125 # its user has a fixed name
base=$(mktemp -d /var/tmp/postern-test.XXXXXX); chmod 755 "$base"
u=ptestc home=$base/home fs=$base/fs image=$top/build/images/busybox.tar
add_user $u 1562 311000000 || exit 125
install -d -m 700 -o $u -g $u "$home" "$home/run"; mkdir "$fs"
"$top/tests/images/busybox" "$image"
as() { setpriv --reuid 1562 --regid "$(id -g $u)" --clear-groups env -i PATH="$PATH" HOME="$home" XDG_RUNTIME_DIR="$home/run" "$@" 7>&-; }
end() {
	as "$bin/postern" system stop 2>/dev/null
	as "$bin/postern-user" --purge 2>/dev/null
	for i in 1 2; do as "$bin/postern-user" --purge --data "$home/data$i" --run "$home/run$i" 2>/dev/null; done
	umount "$fs" 2>/dev/null
	rm -rf "$base" /tmp/postern-1562
	remove_user $u || fail "user $u is removed"
}
trap end EXIT
start() { as timeout 20 "$bin/postern-user" "$@"; }
on() { # NAME PATTERN MOUNT-ARGUMENTS...: the start on such a file system
	local name=$1 pattern=$2; shift 2
	mount "$@" "$fs" || { skip "$name" "cannot be mounted here"; return; }
	chown $u "$fs"
	like "$name: said at start" "$pattern" start --data "$fs/data"
	is "$name: and nothing left there" "" find "$fs" -name '.probe*'
	umount "$fs"
}
mkdir "$base"/{lower,upper,work}; chown $u "$base"/{lower,upper,work}
on "an overlay" "is on an overlay that cannot be the upper layer.*--data DIR, or XDG_DATA_HOME" -t overlay -o "lowerdir=$base/lower,upperdir=$base/upper,workdir=$base/work" none
on "a read-only file system" "Read-only file system: set XDG_DATA_HOME, or use --data DIR" -t tmpfs -o ro none
on "too little room" "room for [0-9]+ kB only: keep the data elsewhere: --data DIR" -t tmpfs -o size=4m none
# A file system that has neither other owners nor attributes, as NFS and FAT have not: a FUSE one that answers like them.
cat >"$base/poor.py" <<'P'
import ctypes, os, struct, sys
# Directories only; everything is the user's; setattr of owners and setxattr are refused. fuse(4), include/uapi/linux/fuse.h
what, target, uid = sys.argv[1], sys.argv[2], int(sys.argv[3])
fd = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"poor", target.encode(), b"fuse", 6, b"fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions" % fd): sys.exit(1)
nodes, names = {1: 0o40755}, {}
def attr(n): return struct.pack("<QQQQQQIIIIIIIIII", n, 0, 0, 0, 0, 0, 0, 0, 0, nodes[n], 2, uid, uid, 0, 4096, 0)
def entry(n): return struct.pack("<QQQQII", n, 0, 0, 0, 0, 0) + attr(n)
def out(unique, error, data=b""): os.write(fd, struct.pack("<IiQ", 16 + len(data), -error, unique) + data)
if os.fork(): sys.exit(0)
os.setsid()
for f in (0, 1, 2): os.close(f)
while True:
	try: m = os.read(fd, 1 << 17)
	except OSError: sys.exit(0)
	n, op, unique, node = struct.unpack("<IIQQ", m[:24]); body = m[40:]
	text = lambda at: body[at:].split(b"\0")[0]
	if op == 26: out(unique, 0, struct.pack("<IIIIHHII", 7, 31, 1 << 16, 0, 12, 12, 1 << 16, 1) + bytes(32))
	elif op == 1: out(unique, 0, entry(names[node, text(0)])) if (node, text(0)) in names else out(unique, 2)
	elif op == 3: out(unique, 0, struct.pack("<QII", 0, 0, 0) + attr(node))
	elif op == 4:
		if what == "owner" and struct.unpack("<I", body[:4])[0] & 6: out(unique, 1)
		else: out(unique, 0, struct.pack("<QII", 0, 0, 0) + attr(node))
	elif op in (8, 9, 35):
		at = {8: 16, 9: 8, 35: 16}[op]
		names[node, text(at)] = new = max(nodes) + 1; nodes[new] = 0o40700 if op == 9 else 0o100600
		out(unique, 0, entry(new) + (struct.pack("<QII", 0, 0, 0) if op == 35 else b""))
	elif op in (10, 11): out(unique, 0 if names.pop((node, text(0)), None) else 2)
	elif op in (14, 27): out(unique, 0, struct.pack("<QII", 0, 0, 0))
	elif op == 17: out(unique, 0, struct.pack("<QQQQQIIII", 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 4096, 255, 4096, 0) + bytes(24))
	elif op in (18, 25, 29, 34): out(unique, 0)
	elif op == 2 or op == 42 or op == 36: pass
	elif op == 28: out(unique, 0)
	else: out(unique, 95 if op in (21, 22, 23, 24) else 38)
P
for what in owner attribute; do
	if [ -c /dev/fuse ] && /usr/bin/python3 "$base/poor.py" $what "$fs" 1562; then
		[ $what = owner ] && wanted="is on FUSE that cannot hold files of this user's subordinate ids" || wanted="is on FUSE that cannot hold user.\* attributes"
		like "a file system without every $what: said at start" "$wanted.*--data DIR" start --data "$fs/data"
		umount -l "$fs"
	else
		skip "a file system without every $what" "no FUSE here"
	fi
done
mount -t tmpfs -o noexec,nosuid,nodev,size=1g none "$fs"; chown $u "$fs"
start --data "$fs/data" --daemon --log "$home/log" >"$base/said" 2>&1
like "noexec: said at start" "mounted noexec: no program in a volume can be run; .*--data DIR" cat "$base/said"
until_true 200 test -S "$home/run/postern/postern.sock"
as "$bin/postern" load -q -i "$image" >/dev/null
is "noexec: containers' own programs run" "hi" as "$bin/postern" run --rm busybox sh -c 'cp /bin/busybox /busybox && /busybox echo hi'
fails "noexec: those in a volume do not" 126 as "$bin/postern" run --rm -v vol:/v busybox sh -c 'cp /bin/busybox /v/ && /v/busybox echo hi'
as "$bin/postern" system stop; start --data "$fs/data" --purge; umount "$fs"

# paths
long=$home/$(printf 'x%.0s' $(seq 1 100))
like "a run directory too long for a socket" "too long for a socket.*--run DIR, or XDG_RUNTIME_DIR" start --run "$long"
like "a data directory too long" "too long .255 bytes.*--data DIR" start --data "$long/$(printf 'y%.0s' $(seq 1 150))"
like "a data directory that is another's" "Permission denied: set XDG_DATA_HOME, or use --data DIR" start --data /root/data
none() { setpriv --reuid 1562 --regid "$(id -g $u)" --clear-groups env -i PATH="$PATH" "$@"; }
like "without HOME the user's entry tells" "/home/$u/.local/share/postern: Permission denied: set XDG_DATA_HOME" none "$bin/postern-user" --run "$home/run/none"

# run directories that are another's: in /tmp, where everybody may make them
install -d -m 777 "$base/open"
trap_dir=/tmp/postern-1562
plain() { none HOME="$home" "$@"; }
rm -rf $trap_dir
install -d -m 755 -o 1500 $trap_dir
like "/tmp/postern-UID of another user: not used" "uid 1500, mode 0755. is not yours alone.*XDG_RUNTIME_DIR" plain "$bin/postern-user"
like "nor asked" "not a directory of yours alone: set XDG_RUNTIME_DIR" plain "$bin/postern" ps
rmdir $trap_dir; install -d -m 700 -o $u "$base/own"; ln -s "$base/own" $trap_dir; chown -h $u $trap_dir
like "a link there: not followed" "$trap_dir: (Too many levels of symbolic links|Not a directory)" plain "$bin/postern-user"
like "nor asked" "not a directory of yours alone" plain "$bin/postern" ps
rm $trap_dir; install -d -m 777 -o $u $trap_dir
like "one that everybody may write to: not used" "mode 0777. is not yours alone" plain "$bin/postern-user"
rmdir $trap_dir
like "XDG_RUNTIME_DIR that everybody may write to" "is not yours alone, or others may put another in its place" none HOME="$home" XDG_RUNTIME_DIR="$base/open" "$bin/postern-user"
like "XDG_RUNTIME_DIR of another user" "Permission denied: set XDG_RUNTIME_DIR" none HOME="$home" XDG_RUNTIME_DIR=/root "$bin/postern-user"

# several engines of one user
for i in 1 2; do
	install -d -m 700 -o $u "$home/run$i"
	start --data "$home/data$i" --run "$home/run$i" --daemon --log "$home/log$i" 2>/dev/null
	until_true 200 as "$bin/postern" -H "$home/run$i/postern.sock" version
	as "$bin/postern" -H "$home/run$i/postern.sock" load -q -i "$image" >/dev/null
	as "$bin/postern" -H "$home/run$i/postern.sock" run -d --name "c$i" busybox sleep 1000 >/dev/null 2>&1
done
for i in 1 2; do is "two engines of one user: number $i has its own" "c$i" as "$bin/postern" -H "$home/run$i/postern.sock" ps --format '{{.Names}}'; done
like "a third at the same data is refused" "data1: an engine of yours has it already" start --data "$home/data1" --run "$home/run3"
like "and at the same run directory" "run1: an engine of yours has it already" start --data "$home/data3" --run "$home/run1"
pid=$(as "$bin/postern" -H "$home/run1/postern.sock" inspect -f '{{.State.Pid}}' c1)
kill -9 "$(cat "$home/run1/launcher.pid")"
until_true 100 bash -c "! kill -0 $(cat "$home/run1/launcher.pid")"
start --data "$home/data1" --run "$home/run1" --daemon --log "$home/log1" 2>/dev/null
until_true 200 as "$bin/postern" -H "$home/run1/postern.sock" version
is "one killed: the next finds its container" c1 as "$bin/postern" -H "$home/run1/postern.sock" ps --format '{{.Names}}'
is "which went on" "$pid" as "$bin/postern" -H "$home/run1/postern.sock" inspect -f '{{.State.Pid}}' c1
is "and can end it" c1 as "$bin/postern" -H "$home/run1/postern.sock" kill c1
for i in 1 2; do as "$bin/postern" -H "$home/run$i/postern.sock" system stop; done
ok "purge ends the containers of an engine that does not run" start --data "$home/data2" --run "$home/run2" --purge
is "and leaves no directory" "" bash -c "ls -d '$home/data2' '$home/run2' 2>/dev/null"
processes() { ps -eo uid=,args= | awk '!/<defunct>/ && ($1 == 1562 || ($1 >= 311000000 && $1 < 311065536))'; }
until_true 40 bash -c "$(declare -f processes); [ -z \"\$(processes)\" ]"
is "nor process" "" processes

# what an earlier one left that is not so any more: a namespace's number that is another's, a socket nobody listens at
stat -L -c %i /proc/self/ns/user >"$home/run1/userns"; printf postern-test-none/x >"$home/run1/cgroup"
start --data "$home/data1" --run "$home/run1" --daemon --log "$home/log1" 2>/dev/null
ok "a stale run directory is no hindrance" until_true 200 as "$bin/postern" -H "$home/run1/postern.sock" run --rm busybox true
as "$bin/postern" -H "$home/run1/postern.sock" system stop
# killed while it starts: whatever is half done is no hindrance either
for ms in 002 005 010 020 040 080; do
	as "$bin/postern-user" --data "$home/data1" --run "$home/run1" --log "$home/log1" 2>/dev/null & starting=$!
	sleep 0.$ms
	kill -9 $starting; wait $starting 2>/dev/null
done
start --data "$home/data1" --run "$home/run1" --daemon --log "$home/log1" 2>/dev/null
ok "nor is one that was killed while it started" until_true 200 as "$bin/postern" -H "$home/run1/postern.sock" run --rm busybox true
is "and nothing of its own is left" "" find "$home/data1" -name .probe
as "$bin/postern" -H "$home/run1/postern.sock" system stop

# started on demand where a user manager is: in a scope of its own
mkdir "$base/bin"; printf '#!/bin/sh\necho "$@" >%s/scope\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n' "$home" >"$base/bin/systemd-run"
chmod 755 "$base/bin/systemd-run"; install -d -o $u "$home/run/systemd"
/usr/bin/python3 -c "import socket,time; s=socket.socket(socket.AF_UNIX); s.bind('$home/run/systemd/private'); s.listen(); time.sleep(600)" & manager=$!
until_true 100 test -S "$home/run/systemd/private"; chmod 777 "$home/run/systemd/private"
ok "on demand with a user manager" as env PATH="$base/bin:$PATH" "$bin/postern" images
like "it was asked for a cgroup to divide" "--user --scope --quiet -p Delegate=yes -- .*/postern-user --daemon" cat "$home/scope"
as "$bin/postern" system stop
for i in 1 2 3; do as env PATH="$base/bin:$PATH" "$bin/postern" images >"$base/at-once$i" 2>&1 & at_once[i]=$!; done
for i in 1 2 3; do
	wait "${at_once[i]}"
	is "three commands at once: number $i finds an engine" 0 echo $?
done
as "$bin/postern" system stop
printf '#!/bin/sh\nexit 1\n' >"$base/bin/systemd-run"
ok "and without when that fails" as env PATH="$base/bin:$PATH" "$bin/postern" images
as "$bin/postern" system stop
kill $manager; wait $manager 2>/dev/null
like "postern system unit" "ExecStart=systemd-run --user --scope .*$bin/postern-user.*KillMode=process.*WantedBy" bash -c "'$bin/postern' system unit | tr '\n' ' '"
like "and it tells of linger" "loginctl enable-linger" "$bin/postern" system unit
finish
