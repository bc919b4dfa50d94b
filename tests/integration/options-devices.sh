#!/bin/bash
# --device, --device-cgroup-rule, --gpus: by policy, and what the kernel then lets a container open.
. "$(dirname "$0")/../lib.sh"
node=/dev/autofs # no program of ours, harmless to open, and everybody may read it where it is
cdi=/etc/cdi/postern-test-$$ kind=${POSTERN_CDI_KIND:-postern.test/thing-$$} # files there are every engine's
if [ -z "${POSTERN_SOCKET:-}" ]; then
	policy=$(mktemp) data=$(mktemp -d /var/tmp/postern-cdi.XXXXXX)
	made=$([ -d /etc/cdi ] || echo yes); mkdir -p /etc/cdi
	trap 'rm -rf "$policy" "$data" "$cdi".json "$cdi"-gpu.json; [ -z "$made" ] || rmdir /etc/cdi 2>/dev/null' EXIT
	echo content >"$data/file"; chmod 755 "$data"; chmod 644 "$data/file"
	rule='{ "name": "test", "path": "'$node'", "type": "char", "major": '$((16#$(stat -c %t $node 2>/dev/null || echo a)))', "minor": '$((16#$(stat -c %T $node 2>/dev/null || echo eb)))', "access": "rwm", "why": "The tests open it." },'
	sed "s|\"devices\": \[|&\n\t\t$rule|" "$top/policy/default.json" >"$policy"
	groups='"additionalGids": [ 44 ],'; [ "$engine" != single ] || groups=
	cat >"$cdi.json" <<J
{ "cdiVersion": "0.6.0", "kind": "$kind", "containerEdits": { "env": [ "COMMON=every" ] },
  "devices": [ { "name": "one", "containerEdits": { "env": [ "ONE=yes" ], $groups
    "deviceNodes": [ { "path": "/dev/thing", "hostPath": "$node", "permissions": "r" } ],
    "mounts": [ { "hostPath": "$data/file", "containerPath": "/thing", "options": [ "ro" ] } ],
    "hooks": [ { "hookName": "createContainer", "path": "/bin/touch", "args": [ "touch", "$data/hook" ] } ] } },
    { "name": "outside", "containerEdits": { "deviceNodes": [ { "path": "/dev/kmsg" } ] } } ] }
J
	export POSTERN_CDI=$data POSTERN_CDI_KIND=$kind
	"$top/tests/with-engine" --policy "$policy" bash "$0" "$@"; exit $?
fi
run() { timeout 30 docker run --rm "$@"; }

is "default devices work" ok run busybox sh -c 'echo x >/dev/null; head -c 1 /dev/zero >/dev/null; head -c 1 /dev/urandom >/dev/null; echo x 2>/dev/null >/dev/full || echo ok'
is "no others are there" 0 run busybox sh -c 'ls /dev/mem /dev/kmsg /dev/fuse 2>/dev/null | wc -l'
like "none can be made" "not permitted" run --cap-add MKNOD busybox mknod /tmp-node c 1 11
like "--device outside policy" "is not allowed" run --device /dev/kmsg busybox true
like "one that is not there" "no such file or directory|is not allowed" run --device /dev/nodevice busybox true
like "no absolute path" "bad format for path|not an absolute path|invalid" run --device dev/fuse busybox true
like "a mode that is none" "bad mode|invalid device mode|invalid" run --device /dev/fuse:/dev/f:rx busybox true
if [ ! -r $node ]; then
	skip "--device and its permissions" "this host has no $node"
else
	is "--device" "a eb" run --device $node busybox stat -c '%t %T' $node
	is "--device HOST:CONTAINER" "a eb" run --device $node:/dev/other busybox stat -c '%t %T' /dev/other
	ok "it opens" run --device $node busybox sh -c ": <$node"
	if is_users; then skip "its permissions" "the kernel gives users no device filter"; else
		fails "--device HOST:CONTAINER:w does not open for reading" 1 run --device $node:/dev/other:w busybox sh -c ': </dev/other'
		ok "unless a --device-cgroup-rule lets it" run --device $node:/dev/other:w --device-cgroup-rule 'c 10:235 r' busybox sh -c ': </dev/other'
	fi
fi
like "--device DIRECTORY is policy's devices below it" "tun" run --device /dev/net busybox ls /dev/net
like "one without any" "is not allowed" run --device /dev/snd busybox true
if is_users; then skip "--device-cgroup-rule beyond policy" "the kernel gives users no device filter"; else
	like "--device-cgroup-rule beyond policy" "device cgroup rule 'c \*:\* rwm' is not allowed" run --device-cgroup-rule 'c *:* rwm' busybox true
	like "--device-cgroup-rule for all devices" "is not allowed" run --device-cgroup-rule 'a *:* rwm' busybox true
	ok "--device-cgroup-rule within it" run --device-cgroup-rule 'c 10:229 rw' busybox true
fi
like "--device-cgroup-rule that is none" "invalid device cgroup (rule )?format" run --device-cgroup-rule 'x 1:2 r' busybox true

# CDI
like "--gpus without any" 'could not select device driver "" with capabilities: \[\[gpu\]\]' run --gpus all busybox true
if docker run --help | grep -q 'cdi\|CDI' || docker version --format '{{.Client.Version}}' | grep -Eq '^(2[5-9]|[3-9][0-9])'; then
	if [ -r $node ]; then
		is "a device by name: environment, its own and every one's" "every yes" run --device $kind=one busybox sh -c 'echo $COMMON $ONE'
		is "its node" "a eb" run --device $kind=one busybox stat -c '%t %T' /dev/thing
		is "its mount" content run --device $kind=one busybox cat /thing
		fails "which is read-only" 1 run --device $kind=one busybox sh -c 'echo x >/thing'
		[ "$engine" = single ] || like "its groups" "44" run --device $kind=one busybox id -G
	fi
	like "one that no file has" "unresolvable CDI devices $kind=two" run --device $kind=two busybox true
	like "one that policy does not allow" "is not allowed" run --device $kind=outside busybox true
	[ ! -e "$POSTERN_CDI/hook" ] && pass "its hooks are not run" || fail "its hooks are not run"
else
	skip "devices by name" "this client knows none"
fi
finish
