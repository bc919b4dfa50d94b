#!/bin/bash
# Images as people carry them: archives of all kinds, names, lists, removal, save and export.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
archives=$top/build/images/friendly
archives friendly "$archives" || exit 1
tmp=$POSTERN_BASE/t; mkdir "$tmp"; chmod 777 "$tmp"
store=$POSTERN_DATA/store/tree
load() { docker load <"$archives/$1.tar"; }
curl=curl
if is_users; then # root is nobody to a user's engine
	curl=$tmp/curl
	printf '#!/bin/bash\nexec setpriv --reuid %s --regid %s --clear-groups curl "$@"\n' "$POSTERN_UID" "$(id -g "$POSTERN_USER")" >"$curl"; chmod 755 "$curl"
fi
api() { $curl -s --unix-socket "$POSTERN_SOCKET" "http://x/v1.47$1" "${@:2}"; }
run() { docker run --rm --network none "$@"; }
config_of() { docker inspect -f '{{.Id}}' "$1"; }
export -f load api run config_of; export archives tmp store curl

# --- every kind loads, with its names, and runs ---------------------------------------------------------------------------
like "docker-archive of today" "Loaded image: plain:1.*Loaded image: plain:2" bash -c 'load docker-now | tr "\n" " "'
like "docker-archive as it was: a directory a layer, links between them" "Loaded image: old:1.*Loaded image: old:2" bash -c 'load docker-old | tr "\n" " "'
like "layers packed by gzip" "Loaded image: packed:gzip" load docker-gzip
like "layers packed by zstd" "Loaded image: packed:zstd" load docker-zstd
like "OCI in a docker-archive" "Loaded image: both:1" load containerd
like "OCI archive, gzip" "Loaded image: oci:gzip" load oci-gzip
like "OCI archive, zstd, two images" "Loaded image: oci:zstd.*Loaded image: oci:zstd2" bash -c 'load oci-zstd | tr "\n" " "'
like "OCI archive whose name is a tag only" "Loaded image ID: sha256:" load oci-plain
like "an archive that is packed as a whole" "Loaded image: whole:gzip" load whole-gzip
for i in plain:2 old:2 packed:zstd both:1 oci:zstd2; do is "$i runs" ok run "$i" echo ok; done
is "one id for what is one image" 1 bash -c 'for i in plain:1 plain:2 packed:gzip packed:zstd both:1 oci:gzip oci:zstd2; do config_of $i; done | sort -u | wc -l'
is "its layers are there once" 2 bash -c "docker inspect -f '{{len .RootFS.Layers}}' plain:1"
is "a whiteout hides" "" run plain:1 find /bin/id
is "an opaque directory hides" "" bash -c 'run plain:1 ls /tmp'
is "and what the layer brings is there" top run plain:1 cat /etc/top

load entries >/dev/null
is "long names, names in UTF-8" "long utf" run entries:1 sh -c 'echo $(cat n*/m*) $(cat f*日本)'
is "names that are no text at all" 1 bash -c "run entries:1 sh -c 'ls -d /bad*' | grep -c bad"
if [ "$engine" != single ]; then
	is "set-id bits and owners" "6755 1000 / 65534 1777" run entries:1 sh -c 'echo $(stat -c "%a %u" /suid) / $(stat -c %u /big) $(stat -c %a /sticky)'
	is "a file capability works for a user" 0000000000000400 run -u 1000 entries:1 sh -c '/priv/grep CapEff /proc/self/status | cut -f2'
else
	skip "set-id bits and owners" "without subordinate ids the kernel maps one id only"
fi
is "devices of a layer are left out" 1 bash -c "run entries:1 sh -c 'ls /dev1 2>/dev/null; echo \$?'"
load usrmerge >/dev/null
is "entries through links, of the same layer and of one below" "2344" run usrmerge:1 sh -c 'echo $(cat /usr/lib/two /usr/lib/three /usr/lib/four /lib/five)'
is "the link stays one, and a whiteout goes through it" "usr/lib" run usrmerge:1 sh -c 'busybox readlink /lib; ls /usr/lib/one 2>/dev/null'
is "a directory that only a lower layer names keeps its mode" 700 run usrmerge:1 stat -c %a /home/bob
load twice >/dev/null
is "the same name twice: the last one counts" "newfile now" run twice:1 sh -c 'echo $(cat /f /d)'
for f in gnu posix; do
	truncate -s 3M "$tmp/sparse"; printf end >>"$tmp/sparse"
	tar -C "$tmp" --format=$f -S -cf - sparse | docker import - "sparse:$f" >/dev/null
	is "a sparse file ($f)" 3145731 bash -c "docker create --name sp sparse:$f true >/dev/null && docker export sp | tar -xOf - sparse | wc -c; docker rm sp >/dev/null"
done
for v in 0.0 0.1; do
	is "a sparse file (pax $v)" "end" bash -c "tar -C '$tmp' --format=posix --sparse-version=$v -S -cf - sparse | docker import - sparse:$v >/dev/null &&
		docker create --name sp sparse:$v true >/dev/null && docker export sp | tar -xOf - sparse | tail -c 3; docker rm sp >/dev/null"
done

# --- the stream of a load --------------------------------------------------------------------------------------------------
docker rmi plain:1 plain:2 packed:gzip packed:zstd both:1 oci:gzip oci:zstd2 oci:zstd old:1 old:2 whole:gzip >/dev/null
api /images/load -T "$archives/docker-now.tar" -X POST >"$tmp/stream"
ok "progress: JSON lines as Docker's" jq -se 'map(select(.status == "Loading layer")) | length >= 2 and all(.progressDetail.total > 0 and (.id | length) == 12 and (.progress | startswith("[")))' "$tmp/stream"
is "and its last words" '{"stream":"Loaded image: plain:2\n"}' bash -c "tail -n 1 '$tmp/stream' | tr -d '\r'"
api "/images/load?quiet=1" -T "$archives/docker-old.tar" -X POST >"$tmp/stream"
is "quiet: names only" 2 bash -c "grep -c . '$tmp/stream'"

# --- lists -----------------------------------------------------------------------------------------------------------------
load oci-zstd >/dev/null
is "digests of manifests that came under a name" 1 bash -c "docker images --digests oci | grep -c 'sha256:.*zstd2 *\|zstd2 *sha256:'"
is "RepoDigests, and the image by them" ok bash -c 'run "$(docker inspect -f "{{index .RepoDigests 0}}" oci:zstd)" echo ok'
is "filter reference" "plain:1 plain:2" bash -c "docker images --filter 'reference=pl*:*' --format '{{.Repository}}:{{.Tag}}' | sort | tr '\n' ' ' | sed 's/ $//'"
is "import: every instruction" '["A=1","B=c d"] ["/x","y"] ["/bin/sh","-c","echo hi"] {"80/tcp":{},"53/udp":{}} {"k":"v"} ["RUN x"] SIGUSR1 u:g {"/v":{}} /a/b ["CMD-SHELL","true"]' bash -c "
	tar -cf - -T /dev/null | docker import -c 'ENV A=1 B=\"c d\"' -c 'ENTRYPOINT [\"/x\", \"y\"]' -c 'CMD echo hi' -c 'EXPOSE 80 53/udp' -c 'LABEL k=v' -c 'ONBUILD RUN x' \
		-c 'STOPSIGNAL SIGUSR1' -c 'USER u:g' -c 'VOLUME /v' -c 'WORKDIR /a' -c 'WORKDIR b' -c 'HEALTHCHECK --interval=5s CMD true' -m 'a message' - imp:1 >/dev/null
	docker inspect imp:1 | jq -rc '.[0].Config | [.Env, .Entrypoint, .Cmd, .ExposedPorts, .Labels, .OnBuild, .StopSignal, .User, .Volumes, .WorkingDir, .Healthcheck.Test] | map(if type == \"string\" then . else tojson end) | join(\" \")'"
is "and the message" "a message" docker inspect -f '{{.Comment}}' imp:1
is "import --platform" "linux arm64 v8" bash -c "tar -cf - -T /dev/null | docker import --platform linux/arm64/v8 - imp:arm >/dev/null; docker inspect -f '{{.Os}} {{.Architecture}} {{.Variant}}' imp:arm"
like "import of what it cannot" "is not a valid change command" bash -c "docker import -c 'RUN x' - < /dev/null"
like "import from a file" "sha256:" bash -c "tar -cf '$tmp/f.tar' -T /dev/null && chmod 644 '$tmp/f.tar' && docker import '$tmp/f.tar' imp:file"
like "import from a URL is refused" "URL" docker import http://127.0.0.1:1/x.tar
is "filter label" "imp:1" docker images --filter label=k=v --format '{{.Repository}}:{{.Tag}}'
is "filter before and since" "imp:1" bash -c "docker images --filter since=plain:1 --filter before=imp:file --filter reference='imp:1' --format '{{.Repository}}:{{.Tag}}'"
is "filter dangling: none yet" "" docker images -q --filter dangling=true
like "a filter that is none" "invalid filter" docker images --filter nonsense=1
like "dangling=maybe" "invalid filter 'dangling=\[?maybe" docker images --filter dangling=maybe
is "SharedSize: both have the base" yes bash -c "api '/images/json?shared-size=1' | jq -r '[.[] | select(.RepoTags | index(\"plain:1\")) | .SharedSize > 0 and .SharedSize < .Size] | if .[0] then \"yes\" else tojson end'"
is "and -1 when it is not asked" -1 bash -c "api /images/json | jq '.[0].SharedSize'"
is "history" "archives.py archives.py" bash -c "docker history --no-trunc --format '{{.CreatedBy}}' plain:1 | tr '\n' ' ' | sed 's/ $//'"
is "inspect: what API 1.47 has, and ContainerConfig" "Architecture Author Comment Config ContainerConfig Created DockerVersion GraphDriver Id Metadata Os Parent RepoDigests RepoTags RootFS Size" bash -c "api /images/plain:1/json | jq -r 'keys | join(\" \")'"

# --- names -----------------------------------------------------------------------------------------------------------------
ok "tag" docker tag plain:1 reg.example:5000/a/b:c
like "tag: not a name" "invalid reference format" docker tag plain:1 'UP:1'
like "tag: no such image" "No such image: nosuch:latest" docker tag nosuch x:1
like "tag: a digest is no tag" "refusing to create a tag with a digest reference|digest" bash -c "api '/images/plain:1/tag?repo=x@sha256:$(printf '0%.0s' $(seq 64))' -X POST"
id=$(config_of plain:1)
like "rmi by id with several names" "conflict: unable to delete ${id:7:12} \(must be forced\) - image is referenced in multiple repositories" docker rmi "${id:7:12}"
is "rmi by name untags only" "Untagged: reg.example:5000/a/b:c" docker rmi reg.example:5000/a/b:c
docker create --name user plain:1 true >/dev/null
docker rmi plain:2 oci:zstd2 >/dev/null
like "rmi of the last name that a stopped container uses" "conflict: unable to remove repository reference \"plain:1\" \(must force\) - container [0-9a-f]{12} is using its referenced image ${id:7:12}" docker rmi plain:1
like "rmi by id, used by a stopped container" "conflict: unable to delete ${id:7:12} \(must be forced\) - image is being used by stopped container" docker rmi "$id"
docker rm user >/dev/null; docker run -d --network none --name user plain:1 sleep 100 >/dev/null
like "rmi by id, used by a running one" "conflict: unable to delete ${id:7:12} \(cannot be forced\) - image is being used by running container" docker rmi -f "$id"
is "rmi -f of its name leaves the image" "<none>" bash -c "docker rmi -f plain:1 >/dev/null; docker images --filter dangling=true --format '{{.Repository}}' | head -n 1"
is "image -a shows it" 1 bash -c "docker images -a --no-trunc | grep -c '$id'"
is "prune leaves what is used" 0 bash -c "docker image prune -f | grep -c '$id'"
docker rm -f user >/dev/null
like "prune" "Deleted: $id|deleted: $id" docker image prune -f
like "prune --filter until" "Total reclaimed space: 0B" docker image prune -af --filter until=2010-01-01T00:00:00Z
is "prune --filter label, of all" "imp:1" bash -c "docker image prune -af --filter label=k=v | sed -n 's/untagged: //p'"
docker image prune -af >/dev/null
is "prune -a leaves nothing" "" docker images -aq
is "and no layer" "" bash -c "ls '$store/layers' '$store/splits' '$store/work'| grep -v :; true"

# --- save and export ---------------------------------------------------------------------------------------------------------
for i in docker-now docker-gzip oci-zstd entries usrmerge twice docker-old; do load $i >/dev/null; done
all=$(docker images --format '{{.Repository}}:{{.Tag}}' | sort | tr '\n' ' ')
ids() { for i in $all; do config_of "$i"; done; }
export all; export -f ids
before=$(ids)
docker save $all >"$tmp/all.tar"; docker save $all >"$tmp/again.tar"
ok "save: the same bytes every time" cmp "$tmp/all.tar" "$tmp/again.tar"
docker image prune -af >/dev/null
ok "what was saved loads" bash -c "docker load -q <'$tmp/all.tar'"
is "with the same ids" "$before" ids
is "and runs" "newfile now" run twice:1 sh -c 'echo $(cat /f /d)'
is "save of what there is not" "Error response from daemon: No such image: nosuch Error response from daemon: reference does not exist" bash -c "docker save nosuch 2>&1 | tr '\n' ' '; docker save nosuch:1 2>&1"
is "save of a repository: all its names" '["entries:1"] null' bash -c "docker save entries | tar -xOf - manifest.json | jq -rc '[.[0].RepoTags | tojson] | join(\" \")' | tr '\n' ' '; docker save \$(config_of entries:1) | tar -xOf - manifest.json | jq -c '.[0].RepoTags'"
docker create --name ex entries:1 true >/dev/null
docker export ex >"$tmp/ex.tar"
is "export: in order, without a root entry" "" bash -c "tar -tf '$tmp/ex.tar' | head -n 1 | grep -x './'"
is "export: hard links, FIFOs, set-id" "h p" bash -c "tar -tvf '$tmp/ex.tar' | awk '/ link to /{h = 1} /^p/{p = 1} END {print h ? \"h\" : \"\", p ? \"p\" : \"\"}'"
is "export: nothing that a layer hides" "" bash -c "docker create --name ex2 plain:1 true >/dev/null; docker export ex2 | tar -tf - | grep -x 'bin/id'; docker rm ex2 >/dev/null"
docker import "$tmp/ex.tar" again:1 >/dev/null 2>&1 || docker import - again:1 <"$tmp/ex.tar" >/dev/null
is "an export imported runs" long run again:1 sh -c 'cat n*/m*'
[ "$engine" = single ] || is "with its file capability" 0000000000000400 run -u 1000 again:1 sh -c '/priv/grep CapEff /proc/self/status | cut -f2'
docker rm ex >/dev/null

# other tools, each in a place of its own
peers() {
	is "skopeo reads a saved image, with the same id" "$(config_of plain:1)" bash -c "docker save plain:1 -o '$tmp/p.tar' && skopeo copy -q --insecure-policy docker-archive:'$tmp/p.tar' dir:'$tmp/sk' && jq -r .config.digest '$tmp/sk/manifest.json'"
	is "and as an OCI archive" "$(config_of plain:1)" bash -c "skopeo copy -q --insecure-policy oci-archive:'$tmp/p.tar' oci:'$tmp/oci:p' && cd '$tmp/oci' && jq -r .config.digest blobs/sha256/\$(jq -r '.manifests[0].digest' index.json | cut -d: -f2)"
	ok "umoci unpacks it" umoci unpack --image "$tmp/oci:p" "$tmp/bundle"
	is "with its files" top cat "$tmp/bundle/rootfs/etc/top"
	umoci config --image "$tmp/oci:p" --tag u --config.label made=umoci >/dev/null 2>&1
	echo more >"$tmp/bundle/rootfs/etc/more"; umoci repack --image "$tmp/oci:u2" "$tmp/bundle" >/dev/null 2>&1
	is "what umoci made runs" "more" bash -c "tar -C '$tmp/oci' -cf - . | docker load >/dev/null; skopeo copy -q --insecure-policy oci:'$tmp/oci:u2' docker-archive:'$tmp/u.tar':umoci:2 && docker load -q <'$tmp/u.tar' >/dev/null && run umoci:2 cat /etc/more"
	skopeo copy -q --insecure-policy oci:"$tmp/oci:p" oci-archive:"$tmp/soci.tar":skopeo:1
	is "what skopeo made runs" "top" bash -c "docker load -q <'$tmp/soci.tar' >/dev/null; run skopeo:1 cat /etc/top"
	storage=(--root "$tmp/ps" --runroot "$tmp/pr" --storage-driver vfs)
	is "podman loads it, with the same id" "${id:7}" bash -c "podman ${storage[*]} load -q -i '$tmp/p.tar' >/dev/null 2>&1; podman ${storage[*]} inspect -f '{{.Id}}' plain:1 2>/dev/null"
	printf 'FROM scratch\nADD root.tar /\nENV MADE=buildah\nUSER 1000\nCMD ["/bin/sh", "-c", "echo $MADE"]\n' >"$tmp/Dockerfile"
	cp "$tmp/bundle/rootfs" -a "$tmp/root" && tar -C "$tmp/root" -cf "$tmp/root.tar" . && rm -rf "$tmp/root"
	ok "buildah builds" bash -c "cd '$tmp' && buildah ${storage[*]} build --isolation chroot -t podman:1 -f Dockerfile . && podman ${storage[*]} save --format docker-archive -o '$tmp/b.tar' podman:1 && podman ${storage[*]} save --format oci-archive -o '$tmp/bo.tar' podman:1"
	is "what podman saved as a docker-archive runs" "buildah" bash -c "docker load -q <'$tmp/b.tar' >/dev/null; run localhost/podman:1"
	is "and as an OCI archive" "buildah" bash -c "docker rmi localhost/podman:1 >/dev/null; docker load -q <'$tmp/bo.tar' >/dev/null; run localhost/podman:1"
}
if [ "$engine" = system ]; then peers; else skip "podman, skopeo and umoci" "their part is root's, and is the same"; fi
finish
