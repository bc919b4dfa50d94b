#!/bin/bash
# What --mount, -v, --tmpfs, --volumes-from, --shm-size and -w can say: tables of options, what is asked inside, and what comes.
. "$(dirname "$0")/../lib.sh"
# As root would list a tree with mounts in it.
list_submounts() { sed 's|"path": "/var/tmp", |&"submounts": true, |' "$top/policy/default.json"; }
if [ -z "${POSTERN_SOCKET:-}" ]; then
	# Before the engine starts: it sees later ones only where the host's mounts are shared.
	POSTERN_TEST_DIR=$(mktemp -d /var/tmp/postern-mounts.XXXXXX); chmod 755 "$POSTERN_TEST_DIR"
	mkdir -p "$POSTERN_TEST_DIR/tree/sub"
	[ "$engine" != system ] || mount -t tmpfs -o size=1m,mode=777 below "$POSTERN_TEST_DIR/tree/sub"
	list_submounts >"$POSTERN_TEST_DIR/policy"
	export POSTERN_TEST_DIR
	"$top/tests/with-engine" --policy "$POSTERN_TEST_DIR/policy" bash "$0" "$@"; status=$?
	[ "$engine" != system ] || umount "$POSTERN_TEST_DIR/tree/sub"
	rm -rf "$POSTERN_TEST_DIR"
	exit $status
fi
image=$top/build/images/mounts.tar
"$top/tests/images/mounts" "$top/build/images/busybox.tar" "$image" && docker load -q -i "$image" >/dev/null || exit 1
uid=${POSTERN_UID:-1000} gid=$(id -g "${POSTERN_USER:-nobody}"); is_users || gid=1000
dir=$POSTERN_TEST_DIR
mkdir "$dir"/{src,theirs}; echo file >"$dir/src/file"; mkdir "$dir/src/d"; chown -R "$uid:$gid" "$dir"/{src,tree}
chown 4242:4242 "$dir/theirs"; chmod 777 "$dir/theirs"
store=$POSTERN_DATA/store/tree/volumes

# Rows of: name ! options ! command inside ! what it prints, on one line (an extended regular expression)
# A table is one container; @ stands for the row's own target.
table() { # NAME DOCKER-RUN-OPTIONS...
	local title=$1 script='' names=() wants=() opts=() name options command want i=0 out; shift
	while IFS='!' read -r name options command want; do
		[ -n "$name" ] || continue
		name=$(echo $name) want=$(sed 's/^ *//; s/ *$//' <<<"${want//@//t/$i}")
		eval "opts+=(${options//@//t/$i})"
		script+="echo \"=$i= \$( { ${command//@//t/$i}; } 2>&1 | tr '\n' ' ')\"; "
		names+=("$name") wants+=("$want"); i=$((i + 1))
	done
	out=$(docker run --rm "${opts[@]}" "$@" mounts sh -c "$script" 2>&1)
	for ((i = 0; i < ${#names[@]}; i++)); do
		like "$title: ${names[$i]}" "(^|[[:space:]])=$i= ${wants[$i]} *(\$|[[:space:]]*\$)" printf %s "$(grep "^=$i=" <<<"$out" || echo "$out")"
	done
}
# Rows of: name ! options ! what docker says
refused() {
	local name options want opts
	while IFS='!' read -r name options want; do
		[ -n "$name" ] || continue
		eval "opts=($options)"
		like "refused: $(echo $name)" "$(sed 's/^ *//; s/ *$//' <<<"$want")" docker run --rm "${opts[@]}" mounts true
	done
}
docker volume create filled >/dev/null
docker run --rm -v filled:/f busybox sh -c 'mkdir -p /f/a/b; echo content > /f/file; echo below > /f/a/b/f; ln -s a /f/in; ln -s /etc /f/out; ln -s ../../.. /f/up'
how='grep " @ " /proc/self/mountinfo | cut -d" " -f6'
kilobytes='df -k @ | tail -n 1 | awk "{print \$2}"'

table "mount" <<T
type=bind            ! --mount type=bind,src=$dir/src,dst=@                           ! cat @/file; touch @/new && echo rw  ! file rw
it is nodev, nosuid  ! --mount type=bind,src=$dir/src,dst=@                           ! $how                                ! rw,nosuid,nodev.*
readonly             ! --mount type=bind,src=$dir/src,dst=@,readonly                  ! $how; touch @/x                     ! ro,.* touch: @/x: Read-only.*
a file               ! --mount type=bind,src=$dir/src/file,dst=@                      ! cat @; stat -c %F @                 ! file regular file
over a file          ! --mount type=bind,src=$dir/src/file,dst=/plain                 ! cat /plain                          ! file
rprivate             ! --mount type=bind,src=$dir/src,dst=@,bind-propagation=rprivate ! grep -c " @ .*\(shared\|master\)" /proc/self/mountinfo ! 0
private              ! --mount type=bind,src=$dir/src,dst=@,bind-propagation=private  ! cat @/file                          ! file
slave                ! --mount type=bind,src=$dir/src,dst=@,bind-propagation=slave    ! cat @/file                          ! file
through a link       ! --mount type=bind,src=$dir/src,dst=/datalink/sub/x             ! cat /data/sub/x/file                ! file
a link out of it     ! --mount type=bind,src=$dir/src,dst=/escape/x                   ! cat /etc/x/file                     ! file
a dangling link      ! --mount type=bind,src=$dir/src,dst=/dangling                   ! cat /nowhere/at/all/file            ! file
nested, in any order ! --mount type=bind,src=$dir/src,dst=@/d/e --mount type=tmpfs,dst=@ ! ls @; cat @/d/e/file             ! d file
type=volume          ! --mount type=volume,src=filled,dst=@                           ! cat @/file; touch @/x && echo rw; rm @/x ! content rw
volume, readonly     ! --mount type=volume,src=filled,dst=@,readonly                  ! touch @/x                           ! touch: @/x: Read-only.*
no type: a volume    ! --mount src=filled,dst=@                                       ! cat @/file                          ! content
volume-subpath       ! --mount type=volume,src=filled,dst=@,volume-subpath=a/b        ! cat @/f; ls @                       ! below f
of a file            ! --mount type=volume,src=filled,dst=@,volume-subpath=file       ! cat @                               ! content
by a link inside     ! --mount type=volume,src=filled,dst=@,volume-subpath=in/b       ! cat @/f                             ! below
subpath, readonly    ! --mount type=volume,src=filled,dst=@,volume-subpath=a,readonly ! touch @/x                           ! touch: @/x: Read-only.*
anonymous            ! --mount type=volume,dst=@                                      ! ls @; touch @/x && echo rw          ! rw
labels               ! --mount type=volume,src=labelled,dst=@,volume-label=a=b,volume-driver=local ! echo ok              ! ok
options: a tmpfs     ! --mount 'type=volume,src=vt,dst=@,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o=size=1m,mode=750"' ! $kilobytes; stat -c %a @ ! 1024 750
options: a bind      ! --mount type=volume,src=vb,dst=@,volume-opt=type=none,volume-opt=device=$dir/src,volume-opt=o=bind ! cat @/file ! file
type=tmpfs           ! --mount type=tmpfs,dst=@                                       ! $how; stat -c %a @                  ! rw,nosuid,nodev,noexec.* 1777
size and mode        ! --mount type=tmpfs,dst=@,tmpfs-size=1m,tmpfs-mode=0700         ! $kilobytes; stat -c %a @            ! 1024 700
tmpfs, readonly      ! --mount type=tmpfs,dst=@,readonly                              ! touch @/x                           ! touch: @/x: Read-only.*
type=image           ! --mount type=image,src=busybox,dst=@                           ! ls @ | head -n 3; touch @/x         ! bin dev etc touch: @/x: Read-only.*
of several layers    ! --mount type=image,src=mounts,dst=@                            ! cat @/data/opaque/*; ls @/data/gone ! new ls: @/data/gone: No such.*
image-subpath        ! --mount type=image,src=mounts,dst=@,image-subpath=data/sub     ! ls @; touch @/x                     ! deep hard2 touch: @/x: Read-only.*
T

table "-v" --read-only --shm-size 3m -w /wd/made/here <<T
source:target        ! -v $dir/src:@                    ! cat @/file; touch @/new && echo rw       ! file rw
:ro                  ! -v $dir/src:@:ro                 ! touch @/x                                ! touch: @/x: Read-only.*
:rw,z                ! -v $dir/src:@:rw,z               ! touch @/new && echo rw                   ! rw
:Z                   ! -v $dir/src:@:Z                  ! cat @/file                               ! file
:rslave,ro           ! -v $dir/src:@:rslave,ro          ! touch @/x                                ! touch: @/x: Read-only.*
a name               ! -v filled:@                      ! cat @/file                               ! content
:ro of a name        ! -v filled:@:ro                   ! touch @/x                                ! touch: @/x: Read-only.*
anonymous            ! -v @                             ! touch @/x && ls @                        ! x
a made source        ! -v $dir/src/made/two/three:@     ! touch @/f; stat -c "%u %g %a" @ @/f      ! 0 0 755 0 0 644
a made one, :ro      ! -v $dir/src/made2:@:ro           ! ls @; touch @/x                          ! touch: @/x: Read-only.*
--tmpfs              ! --tmpfs @                        ! $how; touch @/x && ls @                  ! rw,nosuid,nodev,noexec,relatime x
size, mode, exec     ! --tmpfs @:size=1m,mode=0711,exec ! $how; stat -c %a @; $kilobytes           ! rw,nosuid,nodev,relatime 711 1024
uid, gid, ro         ! --tmpfs @:uid=0,gid=0,ro         ! stat -c "%u %g" @; touch @/x             ! 0 0 touch: @/x: Read-only.*
--read-only          ! --tmpfs @                        ! touch /x                                 ! touch: /x: Read-only.*
--shm-size           ! --tmpfs @                        ! df -k /dev/shm | tail -n 1 | awk '{print \$2}' ! 3072
-w through a link    ! --tmpfs @                        ! pwd; stat -c "%u %g %a" .                ! /etcdir/made/here 0 0 755
T
is "a made source belongs to the parent's owner" "$uid $uid $uid" bash -c "echo \$(stat -c %u $dir/src/made{,/two,/two/three})"
is "a file in it likewise" "$uid $gid" stat -c '%u %g' "$dir/src/made/two/three/f"
is "it is made for the run user" "$uid" bash -c "docker run --rm $(is_users || echo -u 77) -v $dir/src/made4:/m busybox touch /m/f && stat -c %u $dir/src/made4/f"
api() { # METHOD PATH [BODY]: answer and status; version=1.41: of that one
	local as=(); is_users && as=(setpriv --reuid "$uid" --regid "$gid" --clear-groups)
	"${as[@]}" curl -s --unix-socket "$POSTERN_SOCKET" -X "$1" -H 'Content-Type: application/json' ${3:+-d "$3"} -w ' %{http_code}' "http://d/v${version:-1.47}$2"
}
body() { printf '{"Image":"mounts","Cmd":["true"],"HostConfig":{"Mounts":[%s]}}' "$1"; }
like "CreateMountpoint" '"Id":' api POST '/containers/create?name=cm' "$(body "{\"Type\":\"bind\",\"Source\":\"$dir/src/made5\",\"Target\":\"/m\",\"BindOptions\":{\"CreateMountpoint\":true}}")"
ok "starts" docker start -a cm
ok "and has made it" test -d "$dir/src/made5"
like "ReadOnlyForceRecursive without ReadOnly" 'mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive.* 400' api POST /containers/create \
	"$(body "{\"Type\":\"bind\",\"Source\":\"$dir/src\",\"Target\":\"/m\",\"BindOptions\":{\"ReadOnlyForceRecursive\":true}}")"
docker rm cm >/dev/null

refused <<T
a missing source     ! --mount type=bind,src=$dir/src/none,dst=/m             ! invalid mount config for type "bind": bind source path does not exist: $dir/src/none
a relative one       ! --mount type=volume,src=./x,dst=/m                     ! includes invalid characters for a local volume name
a relative target    ! -v $dir/src:m                                          ! invalid volume specification: '$dir/src:m': invalid mount config for type "bind": invalid mount path: 'm' mount path must be absolute
on /                 ! -v $dir/src:/                                          ! invalid volume specification: '$dir/src:/': invalid mount config for type "bind": invalid specification: destination can't be '/'
twice                ! -v $dir/src:/m -v filled:/m/                           ! Duplicate mount point: /m
-v and --tmpfs       ! -v $dir/src:/m --tmpfs /m                              ! Duplicate mount point: /m
an unknown mode      ! -v $dir/src:/m:bogus                                   ! invalid mode: bogus
two modes            ! -v $dir/src:/m:ro,rw                                   ! invalid mode: ro,rw
too many parts       ! -v $dir/src:/m:ro:x                                    ! invalid volume specification|invalid spec
nocopy of a bind     ! -v $dir/src:/m:nocopy                                  ! invalid mount config for type "bind": field VolumeOptions must not be specified
slave of a volume    ! -v filled:/m:rslave                                    ! invalid mount config for type "volume": field BindOptions must not be specified
shared               ! -v $dir/src:/m:shared                                  ! mount propagation shared is not available: what containers mount stays with them
rshared              ! --mount type=bind,src=$dir/src,dst=/m,bind-propagation=rshared ! shared propagation is not available
a short name         ! --mount src=x,dst=/m                                   ! volume name is too short, names should be at least two alphanumeric characters
another driver       ! --mount type=volume,src=vv,dst=/m,volume-driver=nfs    ! error looking up volume plugin nfs: plugin "nfs" not found
an unknown option    ! --mount type=volume,src=vv,dst=/m,volume-opt=x=y       ! create vv: invalid option: "x"
half an option       ! --mount type=volume,src=vv,dst=/m,volume-opt=o=bind    ! create vv: missing required option: "(type|device)"
a network volume     ! --mount type=volume,src=vv,dst=/m,volume-opt=type=nfs,volume-opt=device=:/x,volume-opt=o=addr=1.2.3.4 ! are not available: this engine mounts nothing
a subpath out of it  ! --mount type=volume,src=filled,dst=/m,volume-subpath=a/../../x ! subpath must be a relative path within the volume
by a link            ! --mount type=volume,src=filled,dst=/m,volume-subpath=out       ! path concatenation escapes the base directory
by a relative one    ! --mount type=volume,src=filled,dst=/m,volume-subpath=up/etc    ! path concatenation escapes the base directory
no such subpath      ! --mount type=volume,src=filled,dst=/m,volume-subpath=none      ! cannot access the subpath: no such file or directory
subpath of nothing   ! --mount type=volume,dst=/m,volume-subpath=a                    ! must not set Subpath when using anonymous volumes
read-only nothing    ! --mount type=volume,dst=/m,readonly                            ! must not set ReadOnly mode when using anonymous volumes
no such image        ! --mount type=image,src=nothere,dst=/m                          ! No such image: nothere
tmpfs with a source  ! --mount type=tmpfs,src=x,dst=/m                                ! field Source must not be specified
a tmpfs option       ! --tmpfs /m:bogus                                               ! invalid tmpfs option .*bogus
a file on a dir      ! -v $dir/src/file:/data                                         ! is a directory|not a directory
below /proc          ! -v $dir/src:/proc/x                                            ! "/proc/x" cannot be mounted because it is inside /proc
--volumes-from none  ! --volumes-from nobody                                          ! No such container: nobody
its mode             ! --volumes-from nobody:bogus                                    ! invalid mode: bogus
made below a file    ! -v $dir/src/file/x:/m                                          ! [Nn]ot a directory
made out of policy   ! -v /var/lib/postern-none/x:/m                                  ! "/var/lib/postern-none/x" is not allowed .writable.: lookup OPEN: path: .* .rule none.
T
levels=$(printf '/x%.0s' {1..20})
like "refused: too many missing levels" "error while creating mount source path '.*too many levels are missing" docker run --rm -v "$dir/src$levels:/m" mounts true
ok "and none is made" test ! -e "$dir/src/x"
if is_users; then
	like "a source is not made where the user may not write" "error while creating mount source path '$dir/new': .*ermission denied" docker run --rm -v "$dir/new:/m" mounts true
else
	like "a source is not made in what root owns" "error while creating mount source path '$dir/new': mkdir .*owner" docker run --rm -v "$dir/new:/m" mounts true
	like "who binds what root owns is told what to do" "lookup OPEN: owner: .*what root or a system user owns can be had read-only .:ro. at most" docker run --rm -v "$dir:/m" mounts true
	is "one below another user's directory is that user's" 4242 bash -c "docker run --rm -v $dir/theirs/new:/m mounts true && stat -c %u $dir/theirs/new"
fi
ok "and is not there" test ! -e "$dir/new"
ln -s "$dir/theirs" "$dir/src/link"
like "nor is one made through a link" "link/made\": lookup OPEN: symlink: .*bind where that leads" docker run --rm -v "$dir/src/link/made:/m" mounts true
ok "and is not there either" test ! -e "$dir/theirs/made"

# what is mounted below a source
recursive() { # MODE: what the mount and the one below it are inside, "none" when it is not there
	docker run --rm --mount "type=bind,src=$dir/tree,dst=/m,$1" mounts sh -c '
		touch /m/x 2>/dev/null && a=rw || a=ro; [ -e /m/sub/mark ] || b=none; [ -n "$b" ] || { touch /m/sub/x 2>/dev/null && b=rw || b=ro; }; echo $a $b'
}
if [ "$engine" = system ]; then
	echo mark >"$dir/tree/sub/mark"
	is "below a source: all of it" "rw rw" recursive bind-propagation=rprivate
	is "bind-recursive=enabled" "rw rw" recursive bind-recursive=enabled
	is "readonly is recursively so" "ro ro" recursive readonly
	is "bind-recursive=readonly" "ro ro" recursive readonly,bind-recursive=readonly,bind-propagation=rprivate
	is "bind-recursive=writable" "ro rw" recursive readonly,bind-recursive=writable
	is "bind-recursive=disabled" "rw none" recursive bind-recursive=disabled
	like "rslave: says what it is not" "is not shown, since" docker create --name slave --mount "type=bind,src=$dir/tree,dst=/m,bind-propagation=rslave" mounts
	docker rm -v slave >/dev/null
else
	skip "mounts below a source" "mounted by root for root's engine only"
fi

# copy-up
table "copy-up" -v cu:/data -v cu-seed:/seed/a -v cu-link:/datalink/sub -v cu-empty:/empty -v cu-no:/declared:nocopy <<'T'
files                ! --tmpfs @ ! cat /data/file /data/two              ! file two
not what is whited out ! --tmpfs @ ! ls /data/gone                       ! ls: /data/gone: No such.*
nor below opaque     ! --tmpfs @ ! ls /data/opaque                       ! new
links                ! --tmpfs @ ! readlink /data/link; readlink /data/absolute; cat /data/link ! file /data/file file
a FIFO               ! --tmpfs @ ! stat -c %F /data/fifo                 ! fifo
times                ! --tmpfs @ ! stat -c %Y /data/sub/deep/f /data/sub/deep ! 1500000000 1500000000
modes                ! --tmpfs @ ! stat -c %a /data /data/suid /data/sub/deep /data/file ! 2750 4755 700 640
a mode of its own    ! --tmpfs @ ! stat -c %a /empty                     ! 1777
parents are not      ! --tmpfs @ ! ls -R /seed/a                         ! /seed/a: b  /seed/a/b: f
through links        ! --tmpfs @ ! cat /datalink/sub/deep/f              ! deep
nocopy               ! --tmpfs @ ! ls -A /declared                       ! 
T
ok "hard links stay one file" docker run --rm -v cu:/v busybox test /v/hard1 -ef /v/sub/hard2
if [ "$engine" != single ]; then
	is "owners" "1000 50 0 0" docker run --rm -v cu:/v busybox sh -c 'echo $(stat -c "%u %g" /v /v/hard1)'
	is "a link's owner" "7 8" docker run --rm -v cu:/v busybox stat -c '%u %g' /v/link
else
	skip "owners" "without subordinate ids the kernel maps one id only"
fi
like "a capability" "^0100000[23]00200000" python3 -c "import os; print(os.getxattr('$store/cu/_data/capable', 'security.capability')[:20].hex())"
is "extended attributes" "kept dir " python3 -c "import os
g = lambda f, n: os.getxattr('$store/cu/_data/' + f, n).decode()
print(g('file', 'user.test'), g('sub', 'user.test'), g('file', 'user.empty'))"
is "and none of overlay's" "[]" python3 -c "import os; print([n for d, _, f in os.walk('$store/cu/_data') for x in [d] + [d + '/' + y for y in f] for n in os.listxattr(x, follow_symlinks=False) if 'overlay' in n])"
is "what is there is kept" "content" docker run --rm -v filled:/data mounts cat /data/file
is "a declared volume" "declared" docker run --rm mounts cat /declared/d
docker volume create early >/dev/null
is "one that was made before, when empty" "seed" docker run --rm -v early:/seed mounts cat /seed/a/b/f
is "read-only as well" "seed" docker run --rm -v early2:/seed:ro mounts cat /seed/a/b/f
docker run -d --name holds -v early3:/x busybox sleep 100 >/dev/null
is "not while another container has it" "" docker run --rm -v early3:/seed mounts ls /seed
docker rm -f holds >/dev/null
is "nothing half made is left" "" bash -c "ls -A $POSTERN_DATA/store/tree/work"

# --volumes-from
docker run --name one -v "$dir/src:/b" -v filled:/f:ro -v /anon --tmpfs /t mounts touch /anon/mine
table "--volumes-from" --volumes-from one <<T
its bind             ! --tmpfs @      ! cat /b/file; touch /b/new && echo rw  ! file rw
its volume, as it has it ! --tmpfs @  ! cat /f/file; touch /f/x               ! content touch: /f/x: Read-only.*
its anonymous volume ! --tmpfs @      ! ls /anon                              ! mine
not its tmpfs        ! --tmpfs @      ! grep -c " /t " /proc/self/mountinfo   ! 0
its own come first   ! --tmpfs /declared ! ls /declared                       ! 
T
is "--volumes-from :ro" "ro ro" docker run --rm --volumes-from one:ro busybox sh -c 'touch /b/x 2>/dev/null || a=ro; touch /anon/x 2>/dev/null || echo $a ro'
docker create --name two --volumes-from one --volumes-from one:rw -v filled:/b mounts cat /b/file >/dev/null
is "several of them, and one of its own at the same place" "content" docker start -a two
anonymous=$(docker inspect -f '{{range .Mounts}}{{if eq .Destination "/anon"}}{{.Name}}{{end}}{{end}}' one)
docker rm -v one >/dev/null
is "an anonymous volume stays while another has it" "$anonymous" docker volume ls -qf "name=$anonymous"
docker rm -v two >/dev/null
is "and goes with the last" "" docker volume ls -qf "name=$anonymous"

# inspect
docker create --name shown -v "$dir/src:/b:ro" -v filled:/f -v /anon --mount "type=bind,src=$dir/src,dst=/c,bind-propagation=private" \
	--mount type=tmpfs,dst=/t,tmpfs-size=1m --mount type=image,src=busybox,dst=/i mounts >/dev/null
mounts() { docker inspect -f "{{range .Mounts}}{{if eq .Destination \"$1\"}}{{.Type}} {{.Name}} {{.Source}} {{.Driver}} {{.Mode}} {{.RW}} {{.Propagation}}{{end}}{{end}}" shown; }
is "inspect: a bind" "bind  $dir/src  ro false rprivate" mounts /b
is "inspect: one of --mount" "bind  $dir/src   true private" mounts /c
is "inspect: a volume" "volume filled $POSTERN_DATA/volumes/filled/_data local z true " mounts /f
like "inspect: an anonymous one" "^volume [0-9a-f]{64} .*/_data local  true " mounts /anon
is "inspect: a tmpfs" "tmpfs     true " mounts /t
is "inspect: an image" "image busybox    false " mounts /i
is "inspect: Binds as they were given" "$dir/src:/b:ro filled:/f " bash -c "docker inspect -f '{{range .HostConfig.Binds}}{{println .}}{{end}}' shown | grep . | sort | tr '\n' ' '"
is "inspect: Mounts as they were given" "bind $dir/src /c tmpfs  /t image busybox /i " docker inspect -f '{{range .HostConfig.Mounts}}{{.Type}} {{.Source}} {{.Target}} {{end}}' shown
like "an image that is mounted is in use" "conflict: unable to (delete|remove)" docker rmi busybox
docker rm -v shown >/dev/null

# volumes
docker volume prune -af >/dev/null
docker volume create --label k=v --label only plain >/dev/null; docker volume create -o type=tmpfs -o device=tmpfs -o o=size=1m opts >/dev/null
nameless=$(docker volume create)
docker run --name user -v used:/u busybox sh -c 'head -c 100000 /dev/zero > /u/f'
like "volume create without a name" "^[0-9a-f]{64}\$" echo "$nameless"
is "inspect: labels" "v  local local" docker volume inspect -f '{{.Labels.k}} {{.Labels.only}} {{.Driver}} {{.Scope}}' plain
is "inspect: options" "map[device:tmpfs o:size=1m type:tmpfs]" docker volume inspect -f '{{.Options}}' opts
ls() { echo $(docker volume ls -q "$@" | sort | sed "s/$nameless/NAMELESS/"); }
is "ls" "NAMELESS opts plain used" ls
is "ls -f name" "plain" ls -f name=lai
is "ls -f label" "plain" ls -f label=k=v -f label=only
is "ls -f label, another value" "" ls -f label=k=w
is "ls -f driver" "" ls -f driver=nfs
is "ls -f dangling=false" "used" ls -f dangling=false
is "ls -f dangling" "NAMELESS opts plain" ls -f dangling=true
is "ls -f label of the nameless" "NAMELESS" ls -f label=com.docker.volume.anonymous
like "ls -f dangling=what" "[Ii]nvalid filter 'dangling" docker volume ls -f dangling=what
like "ls -f of what is not" "[Ii]nvalid filter 'bogus'" docker volume ls -f bogus=x
like "rm of one in use" "remove used: volume is in use - \[[0-9a-f]{64}\]" docker volume rm used
like "rm -f too" "volume is in use" docker volume rm -f used
like "rm of none" "get none: no such volume" docker volume rm none
ok "rm -f of none" docker volume rm -f none
is "create again changes nothing" v bash -c "docker volume create plain --label k=w >/dev/null; docker volume inspect -f '{{.Labels.k}}' plain" 
like "a bad name" 'create ../x: "../x" includes invalid characters for a local volume name, only .* are allowed. If you intended to pass a host directory, use absolute path' docker volume create ../x
like "another driver" 'error looking up volume plugin nfs: plugin "nfs" not found' docker volume create -d nfs driven
like "size" "quota size requested but no quota support" docker volume create -o size=1m -o type=tmpfs -o device=tmpfs sized
like "df" '"RefCount":1[^}]*"Size":100000|"Size":100000[^}]*"RefCount":1' api GET /system/df
docker rm user >/dev/null
like "prune takes the nameless only" "\"VolumesDeleted\":\[\"$nameless\"\],\"SpaceReclaimed\":0" api POST /volumes/prune
like "prune with a label" '"VolumesDeleted":\["plain"\]' api POST '/volumes/prune?filters=%7B%22all%22%3A%5B%221%22%5D%2C%22label%22%3A%5B%22k%3Dv%22%5D%7D'
like "prune of all" '"SpaceReclaimed":100000' api POST '/volumes/prune?filters=%7B%22all%22%3A%7B%22true%22%3Atrue%7D%7D'
docker volume create before142 >/dev/null; version=1.41
like "prune by a client before 1.42 takes all" before142 api POST /volumes/prune
version=
docker run --rm -v /anon mounts true 2>/dev/null
is "--rm takes anonymous volumes along" "" ls
docker run --name keeps -v /anon mounts true 2>/dev/null; docker rm keeps >/dev/null
is "rm without -v does not" 2 bash -c "docker volume ls -q | wc -l"
finish
