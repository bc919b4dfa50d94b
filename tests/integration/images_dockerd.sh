#!/bin/bash
# Docker's own daemon (20.10, unpacked, in a network namespace of its own) and ours exchange images: the same ids, the same files.
# Engines: system
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
peer=$top/build/debs base=$POSTERN_BASE/peer theirs="docker -H unix://$POSTERN_BASE/peer/d.sock" dockerd=
archives=$top/build/images/friendly
archives friendly "$archives" || exit 1
mkdir "$base"
if [ ! -x "$peer/usr/sbin/dockerd" ]; then skip "dockerd" "the package cannot be had"; finish; fi
PATH=$peer/usr/bin:$peer/usr/sbin:$PATH unshare --net "$peer/usr/sbin/dockerd" --data-root "$base/data" --exec-root "$base/exec" \
	-H "unix://$base/d.sock" -p "$base/d.pid" --bridge none --iptables=false --cgroup-parent "/$POSTERN_CGROUP-peer" >"$base/log" 2>&1 &
dockerd=$!
end() {
	kill "$dockerd"; wait "$dockerd" 2>/dev/null
	find /sys/fs/cgroup -depth -type d -path "*$POSTERN_CGROUP-peer*" -exec rmdir {} \; 2>/dev/null
	grep -o "$base/[^ ]*" /proc/self/mountinfo | sort -ru | xargs -r umount -l 2>/dev/null
}
trap end EXIT
until_true 200 $theirs version || { skip "dockerd" "it does not start here: $(tail -n 1 "$base/log" | cut -c1-200)"; finish; }

for i in docker-now docker-old entries usrmerge; do docker load -q <"$archives/$i.tar" >/dev/null; done
names="plain:1 plain:2 old:1 old:2 entries:1"
ids() { local i; for i in $names; do echo "$i $("$@" inspect -f '{{.Id}} {{json .RootFS.Layers}}' "$i")"; done; }
ours=$(ids docker)
docker save $names >"$base/ours.tar"
ok "dockerd loads what we saved" bash -c "$theirs load -q <'$base/ours.tar'"
is "with the same ids and layers" "$ours" ids $theirs
is "and saves the same layers again" "$ours" bash -c "$(declare -f ids); names='$names'; $theirs save $names >'$base/theirs.tar'; docker image prune -af >/dev/null; docker load -q <'$base/theirs.tar' >/dev/null; ids docker"
mkdir "$base/context"
printf 'FROM plain:1\nCOPY a b /made/\nENV MADE=docker\nUSER 1000\nWORKDIR /made\nCMD ["/bin/sh","-c","echo $MADE; cat a"]\n' >"$base/context/Dockerfile"
echo A >"$base/context/a"; echo B >"$base/context/b"
ok "dockerd builds" env DOCKER_BUILDKIT=0 $theirs build -q -t built:1 "$base/context"
is "what it built runs here" $'docker\nA' bash -c "$theirs save built:1 | docker load -q >/dev/null; docker run --rm --network none built:1"
is "its history is Docker's" "$($theirs history --no-trunc --format '{{.CreatedBy}}' built:1)" docker history --no-trunc --format '{{.CreatedBy}}' built:1

# The same container's files. Docker makes files of its own in every container.
list() { tar --numeric-owner --full-time -tvf - | sed -E 's/ +/ /g' | grep -vE ' (\.dockerenv|dev/.*|etc/(hosts|hostname|resolv\.conf|mtab)( -> .*)?|etc/|dev/|proc/|sys/|dev1)$'; }
for i in entries:1 plain:1; do
	$theirs create --name ex "$i" true >/dev/null; docker create --name ex "$i" true >/dev/null
	is "export of $i: entry by entry what docker export gives" "$($theirs export ex | list)" bash -c "$(declare -f list); docker export ex | list"
	$theirs rm ex >/dev/null; docker rm ex >/dev/null
done
is "its words for an image that is not there" "$($theirs save nosuch 2>&1)" bash -c "docker save nosuch 2>&1"
finish
