#!/bin/bash
# Engines of ordinary users: on demand, beside each other and beside root's, and which set-id programs they run.
# Engines: system
. "$(dirname "$0")/../lib.sh"
. "$top/tests/throwaway.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"

# Two users, with ids that are nobody's while this engine has its slot: ptestaN with subordinate ids, ptestbN without.
a=ptesta$POSTERN_SLOT b=ptestb$POSTERN_SLOT a_uid=$((1600 + POSTERN_SLOT)) b_uid=$((1620 + POSTERN_SLOT)) subs=$((310000000 + 65536 * POSTERN_SLOT))
home=$(mktemp -d /var/tmp/postern-users.XXXXXX); chmod 755 "$home"
image=$top/build/images/busybox.tar
end() {
	for u in $a $b; do
		as $u "$bin/postern" system stop 2>/dev/null
		as $u "$bin/postern-user" --purge 2>/dev/null
		remove_user $u || fail "user $u is removed"
	done
	rm -rf "$home"
}
trap end EXIT
as() { # USER COMMAND...: as a fresh user's login would have it, without a runtime directory for b
	local u=$1; shift
	local runtime=(); [ $u = $b ] || runtime=(XDG_RUNTIME_DIR="$home/$u/run")
	unshare --net setpriv --reuid $u --regid "$(id -g $u)" --clear-groups env -i PATH="$PATH" HOME="$home/$u" "${runtime[@]}" "$@"
}
add_user $a $a_uid $subs && add_user $b $b_uid || exit 125
for u in $a $b; do install -d -m 700 -o $u -g $u "$home/$u" "$home/$u/run"; done

for u in $a $b; do
	like "${u%%[0-9]*}: a command starts the engine, and says so" "starting yours.*Loaded image" bash -c "$(declare -f as); home=$home b=$b; as $u '$bin/postern' load -q -i '$image' 2>&1 | tr '\n' ' '"
	is "${u%%[0-9]*}: run" hi as $u "$bin/postern" run --rm busybox echo hi
	is "${u%%[0-9]*}: root inside is the user" "0" as $u "$bin/postern" run --rm busybox id -u
	as $u "$bin/postern" run -d --name keeps busybox sleep 1000 >/dev/null 2>&1
	pid=$(as $u "$bin/postern" inspect -f '{{.State.Pid}}' keeps)
	is "${u%%[0-9]*}: on the host it is the user's process" "$(id -u $u)" stat -c %u "/proc/$pid"
	is "${u%%[0-9]*}: and in no group of the host but its own" "" bash -c "awk -v g=$(id -g $u) '\$1 == \"Groups:\" {for (i = 2; i <= NF; i++) if (\$i != g) print \$i}' /proc/$pid/status"
	ok "${u%%[0-9]*}: system stop" as $u "$bin/postern" system stop
	ok "${u%%[0-9]*}: its container goes on" kill -0 "$pid"
	like "${u%%[0-9]*}: and is known to the next engine" "keeps" bash -c "$(declare -f as); home=$home b=$b; as $u '$bin/postern' ps 2>&1"
	ok "${u%%[0-9]*}: the audit log verifies" as $u "$bin/postern" audit verify
done
is "root's engine runs beside them" hi "$bin/postern" run --rm busybox echo hi
is "and knows nothing of theirs" "" "$bin/postern" ps -q
fails "one user cannot reach the other's engine" 1 as $b "$bin/postern" -H "$home/$a/run/postern/postern.sock" ps
fails "nor root's store" 2 as $a ls "$POSTERN_DATA/store"
is "two users' containers have no id in common but none" "" bash -c "comm -12 <(ps -eo uid= | awk '\$1 >= $subs && \$1 < $subs + 65536' | sort -u) <(echo $b_uid)"
like "doctor: what a user without ids lacks" "less +subordinate ids.*usermod --add-subuids" bash -c "$(declare -f as); home=$home b=$b; as $b '$bin/postern' doctor | tr '\n' ' '"
like "doctor: and what one with ids has" "good +subordinate ids: 65536" as $a "$bin/postern" doctor

# make run and make stop in a tree of the user's own, as built
for u in $a $b; do
	as $u "$bin/postern" rm -f keeps >/dev/null 2>&1; as $u "$bin/postern" system stop
	tree=$home/$u/tree; mkdir "$tree"
	(cd "$top" && git ls-files -z | xargs -0 cp -a --parents -t "$tree" && cp -a --parents build/bin build/obj build/gen build/*.a "$tree")
	chown -R $u: "$tree"
	said=$(as $u make -C "$tree" run 2>&1)
	like "${u%%[0-9]*}: make run" "hello from [0-9a-f]+, uid 0, which on the host is you, $(id -u $u).*container .*make stop" tr '\n' ' ' <<<"$said"
	is "${u%%[0-9]*}: how to go on, line by line" "$tree/build/bin/postern hi" as $u bash -c "$(sed -n 's/^  \(export .*\)/\1;/p' <<<"$said") echo \$(command -v postern) \$($(sed -n 's/^  \(postern run .*\)/\1/p' <<<"$said"))"
	like "${u%%[0-9]*}: make stop" "nothing is left" as $u make -C "$tree" stop
	is "${u%%[0-9]*}: nothing is" "" bash -c "ls -d '$tree/build/engine' 2>/dev/null; pgrep -u $u -f '[-]-data=$tree'"
	rm -rf "$tree"
done
like "packages missing: told what root would run" "root would run: apt-get install .*no-such-package" as $b make -C "$top" --eval='check-missing: ; $(call install_missing,no-such-package)' check-missing

# set-id programs: strace as root keeps them set-id
for u in $a $b; do
	run=$home/$u/run/postern; [ $u = $a ] || run=/tmp/postern-$b_uid
	rm -f "$run/userns" # else it may go into the namespace of the one before, which takes no map
	unshare --net strace -f -qq -u $u -e trace=execve -o "$home/trace-$u" env -i PATH="$PATH" HOME="$home/$u" "$bin/postern-user" \
		--run "$run" >/dev/null 2>&1 &
	until_true 200 test -S "$run/postern.sock" # asking would start another
	as $u "$bin/postern" -H "$run/postern.sock" run --rm busybox true >/dev/null 2>&1
	as $u "$bin/postern" -H "$run/postern.sock" system stop
	wait $!
	ran=$(grep -o 'execve("/[^"]*"' "$home/trace-$u" | cut -d'"' -f2 | sort -u | while read -r f; do
		[ -e "$f" ] || continue
		{ [ -u "$f" ] || [ -g "$f" ] || [ -n "$(getcap "$f" 2>/dev/null)" ]; } && basename "$f"
	done | tr '\n' ' ')
	[ $u = $a ] && want="newgidmap newuidmap " || want=
	is "${u%%[0-9]*}: runs no set-id program but: ${want:-none}" "$want" printf %s "$ran"
done

worse() { (echo 200 >/proc/self/oom_score_adj; as $a "$@" 2>/dev/null); } # for good, as systemd does to services of users
if worse sh -c 'echo 0 >/proc/self/oom_score_adj'; then
	skip "an engine with a worse out-of-memory score than 0" "root has no CAP_SYS_RESOURCE here: anyone may lower it again"
else
	is "an engine with a worse out-of-memory score than 0: its containers have that" 200 worse "$bin/postern" run --rm busybox cat /proc/self/oom_score_adj
	is "and may have a still worse one" 300 worse "$bin/postern" run --rm --oom-score-adj 300 busybox cat /proc/self/oom_score_adj
	fails "but no better" 125 worse "$bin/postern" run --rm --oom-score-adj 100 busybox true
	as $a "$bin/postern" system stop
fi
finish
