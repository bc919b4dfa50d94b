#!/bin/bash
# Hostile images and archives: each is refused with a clear error, or does no harm; nothing stays, and memory stays small.
. "$(dirname "$0")/../lib.sh"
if [ -z "${POSTERN_SOCKET:-}" ]; then
	policy=$(mktemp) && trap 'rm -f "$policy"' EXIT
	jq '.layers += {"layer_entries": 3000, "layer_bytes": "64 MiB", "layer_ratio": 200}' "$top/policy/default.json" >"$policy"
	"$top/tests/with-engine" --policy "$policy" bash "$0" "$@"
	exit $?
fi
archives=$top/build/images/hostile
archives hostile "$archives" || exit 1
store=$POSTERN_DATA/store/tree
pid_of() { jq -r ".helpers[] | select(.name == \"$1\") | .pid" "$POSTERN_RUN/helpers.json"; }
places() { for d in layers splits work containers; do (cd "$store/$d" && find . -maxdepth 1 -mindepth 1 -printf "$d/%f\n"); done | sort; }
before=$(places) image=$(docker images -q)
daemon=$(pid_of controller) layer=$(pid_of layer)
victim=/var/tmp/postern-odd; rm -rf "$victim"

# --- refused ----------------------------------------------------------------------------------------------------------------
while IFS=$'\t' read -r name pattern; do
	out=$(docker load <"$archives/$name.tar" 2>&1); status=$?
	if [ $status -eq 0 ]; then fail "$name is refused" "it was loaded: ${out:0:300}"
	elif [[ ! $out =~ $pattern ]]; then fail "$name is refused for its reason" "no match for: $pattern" "got: ${out:0:300}"
	else pass "$name is refused: ${out:0:120}"; fi
done <"$archives/expected"
is "no image came of them" "$image" docker images -aq
until_true 60 bash -c "[ -z \"\$(ls '$store/trash' '$store/work' | grep -v :)\" ]"
is "and nothing is on the disk" "$before" places
is "the daemon and its worker are those that were there" "$daemon $layer" bash -c "$(declare -f pid_of); echo \$(pid_of controller) \$(pid_of layer)"
peak() { awk '/^VmHWM:/ {print $2}' "/proc/$1/status"; }
mb=$(($(peak "$daemon") / 1024)); [ $mb -lt 64 ] && pass "the daemon took $mb MB at most" || fail "the daemon took less than 64 MB" "$mb MB"
mb=$(($(peak "$layer") / 1024)); [ $mb -lt 16 ] && pass "postern-layer took $mb MB at most" || fail "postern-layer took less than 16 MB" "$mb MB"
is "the engine goes on" ok docker run --rm --network none busybox echo ok

# --- compressors of the image's choice are never programs ----------------------------------------------------------------------
like "a layer packed by compress(1)" "EOF|digest|compression" bash -c "docker load <'$archives/xz-that-is-a-program.tar'"
is "no program was run for it" "" bash -c "ps -eo ruid=,comm= | awk -v l=\$(awk '/^Uid:/ {print \$2}' /proc/$layer/status) '\$1 == l {print \$2}' | grep -xE 'xz|compress|gzip|zstd|bzip2|lz4' || true"

# --- loaded, and harmless -------------------------------------------------------------------------------------------------------
odd() { docker load -q <"$archives/$1.tar" >/dev/null && docker run --rm --network none "odd:$2" "${@:3}"; }
is "LD_PRELOAD of the image stays inside" "/evil.so" odd env env sh -c 'echo $LD_PRELOAD'
is "and reaches no program of ours" "" bash -c "for p in \$(pgrep -P \$(cat /proc/$daemon/status | awk '/^PPid:/ {print \$2}')); do tr '\0' '\n' </proc/\$p/environ | grep -l evil; done"
for d in dev proc sys; do
	out=$(odd link-$d $d sh -c "ls -d /$d/. && echo in" 2>&1)
	[[ $out =~ in$|"$d" ]] && pass "/$d is a link out of the image: $(head -c 80 <<<"${out//$'\n'/ }")" || fail "/$d is a link" "${out:0:300}"
done
out=$(odd link-etc etc true 2>&1); pass "/etc is a link out of the image: ended (${out:0:80})"
ok "nothing was made where they lead" test ! -e "$victim"
like "passwd is a link out of the image" "unable to find user|no matching entries|no such file|symbolic" odd passwd-link passwd-link id -u
like "passwd is a FIFO" "unable to find user|no matching entries" odd passwd-fifo passwd-fifo id -u
like "passwd is a directory" "unable to find user|no matching entries" odd passwd-dir passwd-dir id -u
like "passwd is large" "unable to find user|no matching entries|too large" odd passwd-large passwd-large id -u
like "ids beyond all ids in passwd" "unable to find user|no matching entries|range|uids and gids" odd passwd-uid passwd-uid id -u
like "the working directory is a link to a descriptor" "^/|not a directory|no such file|Permission denied|chdir|cwd|working" odd workdir-link workdir-link sh -c pwd
like "the working directory is a FIFO" "not a directory|Not a directory" odd workdir-fifo workdir-fifo sh -c pwd
is "the working directory is a link upwards" / odd workdir-up workdir-up sh -c 'pwd -P'
docker load -q <"$archives/targets.tar" >/dev/null
onto() { docker run --rm --network none -v odd:"$1" odd:targets sh -c "grep -c ' $2 ' /proc/self/mountinfo" 2>&1; }
is "a volume on a link upwards is inside" 1 onto /vlink /var/tmp/postern-odd
like "a volume on a link through /proc" "^0|cannot be mounted|ot a directory|oo many|ymbolic|no such" onto /vself /var/tmp
like "a volume on a FIFO" "ot a directory" onto /vfifo /vfifo
like "a volume on what was a device" "ot a directory|^1$" onto /vnode /vnode
like "a volume on a loop of links" "oo many (levels of )?symbolic" onto /vloop /vloop
ok "nothing was made where those lead" test ! -e "$victim"
docker volume rm odd >/dev/null
is "the daemon is the same" "$daemon" pid_of controller
finish
