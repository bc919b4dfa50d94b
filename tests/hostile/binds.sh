#!/bin/bash
# A bind mount of what holds the engine's own directories: they are covered, and no root of a container gets below. Threats 7, 21, 29, 31.
. "$(dirname "$0")/../lib.sh"
if [ -z "${POSTERN_SOCKET:-}" ]; then
	work=$(mktemp -d /var/tmp/postern-binds.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	export POSTERN_UNCOVER=$work/uncover
	gcc -static -O1 -D_GNU_SOURCE -o "$POSTERN_UNCOVER" "$top/tests/hostile/inside/uncover.c" || { fail "the attacker can be built"; finish; }
	chmod 755 "$work" "$work/uncover"
	# All that a policy can let a container have.
	jq '.security.seccomp_unconfined = true | .binds |= map(.submounts = true) | .capabilities[0].caps += ["DAC_READ_SEARCH", "SYS_RESOURCE"] |
		.capabilities |= map(if .name == "caps-without-effect" then .caps -= ["SYS_RESOURCE"] else . end)' \
		"$top/policy/default.json" >"$work/policy.json"
	unshare --mount --propagation shared "$top/tests/with-engine" --policy "$work/policy.json" bash "$0" "$@"
	exit $?
fi

home=$(dirname "$POSTERN_DATA")
# Root's engine: what a user owns is mapped, and the cover with it.
is_users || chown 1000:1000 "$home"
caps="--cap-add SYS_ADMIN --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH --cap-add SYS_RESOURCE --security-opt seccomp=unconfined"
out=$(docker run --rm $caps -v "$POSTERN_UNCOVER:/uncover:ro" -v "$home:/h" busybox /uncover /h /h/data /h/run 2>"$POSTERN_BASE/err")
[ "$(grep -c ': held' <<<"$out")" -ge 80 ] && pass "each way was tried, on both covers, from both namespaces" || fail "each way was tried" "$out" "$(cat "$POSTERN_BASE/err")"
is "and none is open" "" grep OPEN <<<"$out"
is "every mount of the tree has the flags that it must have" "3 3" docker run --rm -v "$home:/h" busybox \
	awk '$5 ~ "^/h" {n++; if ($6 ~ "nosuid,nodev") good++} END {print n, good}' /proc/self/mountinfo
is "asked read-only it is read-only as a whole" 3 docker run --rm -v "$home:/h:ro" busybox \
	awk '$5 ~ "^/h" && $6 ~ "^ro,nosuid,nodev" {n++} END {print n}' /proc/self/mountinfo
ok "what is not ours is there to be written" docker run --rm -v "$home:/h" busybox sh -c 'echo hi >/h/mine && rm /h/mine'
# without what is mounted below, as a client may ask: without covers it must not be
flat() { docker run --rm --mount "type=bind,source=$home,target=/h,bind-nonrecursive=true" busybox "$@"; }
is "a bind that is not recursive has its covers" "" flat ls /h/data
is "and nothing else of what is mounted below" "3" flat awk '$5 ~ "^/h" {n++} END {print n}' /proc/self/mountinfo
ok "a source that is missing is made beside them" docker run --rm -v "$home/made/deep:/h" busybox touch /h/x
fails "not in what they cover" 125 docker run --rm -v "$home/data/made:/h" busybox true
mkdir "$home/other"; chown --reference "$home" "$home/other"
mount -t tmpfs t "$home/other"
if awk -v p="$home/other" '$5 == p {f = 1} END {exit !f}' "/proc/$(jq -r '.helpers[] | select(.name == "mount") | .pid' "$POSTERN_RUN/helpers.json")/mountinfo"; then
	like "with both, what is asked flat is refused" "covers" flat true
	ok "and recursive has both" docker run --rm -v "$home:/h:ro" busybox sh -c '[ -z "$(ls /h/data)" ] && grep -q " /h/other " /proc/self/mountinfo'
	ok "where a missing source is made it does not matter" docker run --rm -v "$home/made2:/h" busybox touch /h/x
else
	skip "covers beside another mount" "mounts of the host do not spread here"
fi
umount "$home/other"

# by other names
for way in data data/store data/audit run run/monitors; do
	like "$way itself is refused" "rule denied" docker run --rm -v "$home/$way:/h" busybox true
done
# Somebody renames the state while the engine runs: its cover goes along, and what holds it is refused until it is back.
mkdir "$home/between"; chown --reference "$home" "$home/between"
mv "$home/data" "$home/between/data"
like "state that was renamed is not bound with what held it" "rule denied" docker run --rm -v "$home:/h" busybox ls /h
is "with what holds it its cover comes along" "" docker run --rm -v "$home/between:/h" busybox ls /h/data
is "also where the bind is asked without what is mounted below" "" docker run --rm --mount "type=bind,source=$home/between,target=/h,bind-nonrecursive=true" \
	busybox ls /h/data
like "nor its cover by the new name" "rule denied" docker run --rm -v "$home/between/data:/h" busybox ls /h
like "nor what is below" "No such file|is not allowed|does not exist" docker run --rm -v "$home/between/data/store:/h:ro" busybox ls /h
mv "$home/between/data" "$home/data"
is "back in its place it is covered as before" "" docker run --rm -v "$home:/h" busybox ls /h/data
# under another path of the host's, where no cover lies, its keeper is nobody that a container has
other=/var/tmp/postern-alias.$$
mkdir "$other"
mount --bind "$home" "$other"
case $engine in
rootless) fails "under another path the store is closed" 1 docker run --rm $caps -v "$other:/h" busybox ls /h/data/store ;;
single) skip "under another path of the host's the store is closed" "one id is all there is: what the user may, its containers' root may" ;;
*) fails "under another path the store is closed" 1 docker run --rm $caps -v "$other:/h:ro" busybox ls /h/data/store ;;
esac
umount "$other"; rmdir "$other"
ok "the audit log verifies" "$bin/postern" audit verify
finish
