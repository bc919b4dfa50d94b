# samelib.sh - for scripts that run the same command lines against dockerd (Debian's 20.10, unpacked, in namespaces of its own) and
# Postern: same output, exit code and error text. Ids, times and sizes are blanked. Sourced after lib.sh, inside with-engine in a mount
# namespace of its own.
peer=$top/build/debs dsock=$POSTERN_BASE/d.sock dockerd= n=0
docker=$peer/usr/bin/docker
work=$POSTERN_BASE/same; mkdir -p "$work"
end_peer() {
	[ -n "$dockerd" ] || return
	{ "$docker" -H "unix://$dsock" ps -aq | xargs -r "$docker" -H "unix://$dsock" rm -f; } >/dev/null 2>&1
	kill "$dockerd"; wait "$dockerd" 2>/dev/null
	find /sys/fs/cgroup -depth -type d -path "*$POSTERN_CGROUP-peer*" -exec rmdir {} \; 2>/dev/null
	grep -o "$POSTERN_BASE/d[de][^ ]*" /proc/self/mountinfo | sort -ru | xargs -r umount -l 2>/dev/null
}
start_peer() { # OPTIONS...: of dockerd; ends the script where it cannot be had
	[ -x "$docker" ] && [ -x "$peer/usr/sbin/dockerd" ] || { skip "the same as dockerd" "docker.io cannot be had"; finish; }
	trap end_peer EXIT
	nsenter --net="/proc/$POSTERN_LAUNCHER/ns/net" ip link set lo up
	PATH=$peer/usr/bin:$peer/usr/sbin:$PATH unshare --net bash -c 'ip link set lo up; exec "$@"' - "$peer/usr/sbin/dockerd" --data-root "$POSTERN_BASE/dd" \
		--exec-root "$POSTERN_BASE/de" -H "unix://$dsock" -p "$POSTERN_BASE/d.pid" --cgroup-parent "/$POSTERN_CGROUP-peer" "$@" >"$POSTERN_BASE/d.log" 2>&1 &
	dockerd=$!
	if ! until_true 400 "$docker" -H "unix://$dsock" version; then
		skip "the same as dockerd" "it cannot start here: $(tail -n 1 "$POSTERN_BASE/d.log" | cut -c1-150)"; finish
	fi
	"$docker" -H "unix://$dsock" load -q -i "$top/build/images/busybox.tar" >/dev/null
}

blank() { # ids, digests, times, sizes, process numbers; a script may say more
	sed -E -e 's/\b[0-9a-f]{64}\b/ID/g; s/\b[0-9a-f]{12}\b/ID/g' -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)/TIME/g' \
		-e 's/(Less than a|About a|[0-9]+) (second|minute|hour|year|month|week|day)s?( ago)?/AGO/g' -e "s#$POSTERN_BASE/[a-z]+\\.sock#SOCKET#g" \
		-e 's/[0-9.]+ ?[kKMG]i?B\b/SIZE/g' -e '/error waiting for container: context canceled/d; /^See .docker run --help.\.$/d; /^$/d' "${blanks[@]}" \
		-e 's/ +$//; s/ {2,}/  /g'
}
blanks=()
# DIFFERS is empty or the reason why the two need not be the same (then both exit codes must still be as told).
one() { # DIFFERS LINE: runs it on both at once; $D is the client
	local differs=$1 line=$2 a b ca cb other out=$work/peer.$BASHPID
	(cd "$work" && D="$docker -H unix://$dsock" timeout 60 bash -c "$line" </dev/null >"$out" 2>&1) & other=$!
	b=$(cd "$work" && D="$docker" timeout 60 bash -c "$line" </dev/null 2>&1); cb=$?
	wait $other; ca=$?
	a=$(blank <"$out") b=$(blank <<<"$b")
	rm -f "$out"
	if [ "$a" = "$b" ] && [ $ca = $cb ]; then
		[ -z "$differs" ] && pass "same: ${line//\$D/docker}" || fail "no longer different, so strike it from the table: ${line//\$D/docker}"
	elif [ -n "$differs" ] && [ $ca = $cb ]; then
		pass "differs ($differs): ${line//\$D/docker}"
	else
		fail "same: ${line//\$D/docker}" "dockerd ($ca): $a" "postern ($cb): $b"
	fi
}
# row ROW: "DIFFERS| LINE" of a table; tells it in a file of its own, in order
row() {
	local differs=${1%%|*} line=${1#*|}
	one "${differs% }" "${line# }" >"$2"
}
others() { local pids; pids=$(jobs -p | grep -v "^$dockerd$"); [ -z "$pids" ] || wait $pids; }
tell() { # all that was found; the exit status of the script
	others
	cat "$work"/out.*
	! grep -qs '^not ok' "$work"/out.* || failed=1
	finish
}
