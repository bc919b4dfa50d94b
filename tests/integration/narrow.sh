#!/bin/bash
# The policy of a user's engine: the one that comes with the programs, the user's own, and root's /etc/postern/user.json, which narrows
# either. In a mount namespace with an /etc of its own, so that no other engine of this host sees root's word.
# Engines: system
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || { skip "narrow" "root's file needs root"; finish; }
if [ -z "${NARROW_DIR:-}" ]; then
	NARROW_DIR=$(mktemp -d /var/tmp/postern-narrow.XXXXXX); export NARROW_DIR; chmod 755 "$NARROW_DIR"
	trap 'rm -rf "$NARROW_DIR"' EXIT
	cp -a /etc "$NARROW_DIR/etc"
	unshare --mount --net --propagation private bash "$0"
	exit $?
fi
mount --bind "$NARROW_DIR/etc" /etc
uid=1570 home=$NARROW_DIR/home data=$NARROW_DIR/data run=$NARROW_DIR/run roots=/etc/postern/user.json
printf 'ptestn:x:%s:%s::%s:/bin/sh\n' $uid $uid "$home" >>/etc/passwd
printf 'ptestn:320000000:65536\n' | tee -a /etc/subuid >>/etc/subgid
rm -rf /etc/postern; mkdir -p -m 755 /etc/postern
install -d -m 700 -o $uid -g $uid "$home" "$home/.config" "$home/.config/postern" "$home/a" "$home/ok" "$data" "$run"
programs=$bin
# Programs beside their policy, as installed: nothing of the build tree is asked.
if ! setpriv --reuid $uid --regid $uid --clear-groups test -x "$bin/postern-user"; then
	mkdir "$NARROW_DIR/programs"; cp -L "$bin"/* "$NARROW_DIR/programs/"; programs=$NARROW_DIR/programs
	cp "$top/policy/user.json" "$programs/user.json"
fi
user=(setpriv --reuid $uid --regid $uid --clear-groups env -i PATH="$PATH" HOME="$home")
as() { "${user[@]}" "$@"; }
launch() { as timeout -s TERM 5 "$programs/postern-user" --data "$data" --run "$run" "$@"; }
postern() { as "$programs/postern" -H "$run/postern.sock" "$@"; }
pid=
start() { # the reason of a failure is in "$NARROW_DIR/log"
	"${user[@]}" "$programs/postern-user" --data "$data" --run "$run" 2>"$NARROW_DIR/log" & pid=$!
	until_true 200 test -S "$run/postern.sock" && until_true 100 postern version
}
stop() { [ -z "$pid" ] || { kill -TERM "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; pid=; }; }
end() { stop; launch --purge 2>/dev/null; rm -rf "$home" "$data" "$run"; }
trap end EXIT

"$top/tests/images/busybox" "$top/build/images/busybox.tar"
# the policy that comes with the programs
start || fail "the engine starts" "$(cat "$NARROW_DIR/log")"
ok "an image can be loaded" postern load -q -i "$top/build/images/busybox.tar"
ok "with the policy that comes along a home can be bound" postern run --rm -v "$home:/h" busybox touch /h/a/new
echo '{"defaultAction":"SCMP_ACT_ALLOW"}' >"$NARROW_DIR/allow.json"
ok "and a seccomp profile of one's own used" postern run --rm --security-opt seccomp="$NARROW_DIR/allow.json" busybox true
ok "and /tmp" postern run --rm -v /tmp:/t:ro busybox ls /t
ok "and what is on request is given" postern run --rm --cap-add NET_ADMIN busybox true
like "explain asks one file" "^allowed: writable.*rule home" bash -c "$(declare -f postern as); $(declare -p user programs run); postern policy explain bind '$home/a' --rw | tr '\\n' ' '"
fails "and denies what it does not have" 1 postern policy explain bind /etc/ssl
like "whole it says whose permissions hold" "Bind sources.* as far as you may read and write" postern policy explain
stop

# root narrows
jq '.binds = [ { "name": "r-home", "path": "~/ok", "writable": true, "why": "-" }, { "name": "r-tmp", "path": "/tmp", "writable": false, "submounts": true, "why": "-" } ] |
	.capabilities = [ { "name": "r-caps", "caps": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
		"NET_BIND_SERVICE", "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP"], "why": "-" } ] |
	.containers.max = 1 | .security.seccomp_unconfined = false | .security.seccomp_custom = false | .audit.denials_per_minute = 100000' "$top/policy/user.json" >"$roots"
chmod 644 "$roots"
check_narrowed() { # WHOSE
	start || fail "$1: the engine starts" "$(cat "$NARROW_DIR/log")"
	like "$1: the log says that root's file narrows it" "$roots narrows" cat "$NARROW_DIR/log"
	like "$1: what root's file does not name is not bound" "rule none" postern run --rm -v "$home/a:/h" busybox true
	ok "$1: what it names is" postern run --rm -v "$home/ok:/h" busybox touch /h/x
	like "$1: read-only is read-only" "not allowed .writable.*rule r-tmp" postern run --rm -v /tmp:/t busybox true
	ok "$1: and can be had so" postern run --rm -v /tmp:/t:ro busybox true
	like "$1: no capability beyond" "rule caps" postern run --rm --cap-add NET_ADMIN busybox true
	like "$1: no container without a filter" "seccomp" postern run --rm --security-opt seccomp=unconfined busybox true
	like "$1: nor with a profile of its own" "security.seccomp_custom" postern run --rm --security-opt seccomp="$NARROW_DIR/allow.json" busybox true
	postern run -d --name one busybox sleep 100 >/dev/null 2>&1
	fails "$1: no more containers at once" 125 postern run --rm busybox true
	postern rm -f one >/dev/null 2>&1
	stop
}
check_narrowed "root's file and the one that comes along"
jq '.binds |= map(.writable = (.name != "share")) | .binds += [ { "name": "mine", "path": "~/ok/deep", "writable": true, "why": "-" } ] |
	.containers.max = 4096' "$top/policy/user.json" >"$home/.config/postern/policy.json"
chown $uid "$home/.config/postern/policy.json"; chmod 644 "$home/.config/postern/policy.json"
check_narrowed "root's file and the user's own, which allows more"

# the user may have less
jq '.binds = [ { "name": "u-ok", "path": "~/ok", "writable": false, "why": "-" } ]' "$top/policy/user.json" >"$home/.config/postern/policy.json"
start
like "a user's own file narrows root's in turn" "not allowed .writable.*rule r-home" postern run --rm -v "$home/ok:/h" busybox true
like "and leaves out what it does not name" "rule none" postern run --rm -v /tmp:/t:ro busybox true
like "explain says what each of the two says" "policy.json:.*denied.*user.json:.*denied" bash -c "$(declare -f postern as); $(declare -p user programs run); postern policy explain bind /srv | tr '\\n' ' '"
like "and denies what either denies" "denied.*user.json:.*allowed" bash -c "$(declare -f postern as); $(declare -p user programs run); postern policy explain bind /tmp | tr '\\n' ' '"
fails "with the status of the stricter" 1 postern policy explain bind /tmp
ok "the audit log verifies" as "$programs/postern" -H "$run/postern.sock" audit verify
stop

# a file of root's that is not right is an error, and names it
jq '.audit.max_bytes = 5' "$top/policy/user.json" >"$roots"
like "a slip in root's file is an error with its place" "$roots: audit.max_bytes: is 5" launch
fails "and no engine starts" 1 launch
echo '{' >"$roots"
like "so is one that is no JSON" "$roots: is not valid JSON" launch
install -m 666 "$top/policy/user.json" "$roots"
like "one that others may write" "$roots: could be written by others" launch
install -m 644 -o $uid "$top/policy/user.json" "$roots"
like "one that is the user's" "$roots: could be written by others" launch
install -m 600 "$top/policy/user.json" "$roots"
like "one that cannot be read" "$roots: cannot be opened: Permission denied" launch
rm "$roots"; mkdir "$roots"
like "one that is no file" "$roots: is not a regular file" launch
rmdir "$roots"; chmod 700 /etc/postern
like "and a place that cannot be looked at" "$roots: Permission denied" launch
finish
