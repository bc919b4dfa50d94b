#!/bin/bash
# DOCKER_HOST=ssh://: Docker's client runs `docker system dial-stdio` on the other side; a link named docker to postern answers it.
# First with an ssh that only runs the command, then with Debian's sshd on the loopback of a network namespace of its own.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
docker=$(command -v docker) || { skip "ssh" "there is no docker client"; finish; }
dir=$POSTERN_BASE/ssh postern=$bin/postern
mkdir -p "$dir"/{remote,local}
as=() # in a user's engine the other side of ssh is that user, too
is_users && postern=$top/build/bin/postern as=(setpriv --reuid "$POSTERN_UID" --regid "$(id -g "$POSTERN_USER")" --clear-groups env HOME="$(dirname "$POSTERN_RUN")")
ln -s "$postern" "$dir/remote/docker"
unset DOCKER_HOST

clients=("$docker"); debian=$(command -v docker-debian || echo "$top/build/debs/usr/bin/docker")
[ -x "$debian" ] && clients+=("$debian") || skip "docker.io 20.10 over ssh" "the package cannot be had"
works() { # NAME HOST: with docker, ssh and PATH as they are
	local c v
	for c in "${clients[@]}"; do
		v="$1, $("$c" --version | sed 's/Docker version \([0-9.]*\).*/\1/')"
		is "$v: run" "hi" "$c" -H "$2" run --rm busybox echo hi
		is "$v: standard input and its end" 300000 bash -c "head -c 300000 /dev/zero | '$c' -H '$2' run -i --rm busybox wc -c"
		is "$v: output of a megabyte" 1000000 bash -c "'$c' -H '$2' run --rm busybox head -c 1000000 /dev/zero | wc -c"
		fails "$v: exit code" 7 "$c" -H "$2" run --rm busybox sh -c 'exit 7'
		like "$v: load" "Loaded image: busybox:latest" "$c" -H "$2" load -i "$top/build/images/busybox.tar"
	done
}

# --- an ssh that is none: options, host, command
cat >"$dir/local/ssh" <<S
#!/bin/bash
while [ \$# -gt 0 ]; do case \$1 in -[a-zA-Z]) case \$1 in -T | -q | -x) shift ;; *) shift 2 ;; esac ;; -*" "*) shift ;; --) shift; break ;; *) break ;; esac; done
echo "\$*" >>"$dir/asked"
shift
PATH=$dir/remote:\$PATH exec sh -c "\$*"
S
chmod 755 "$dir/local/ssh"; touch "$dir/asked"; chmod 666 "$dir/asked"
PATH=$dir/local:$PATH works "command" "ssh://carol@far"
is "what the clients ask for" "far docker system dial-stdio" sort -u "$dir/asked"
ok "docker context over ssh: create" "$docker" context create far --docker host=ssh://carol@far
is "docker context over ssh: run" hi env PATH="$dir/local:$PATH" "$docker" --context far run --rm busybox echo hi
like "docker context over ssh: info" "Name:.*$(uname -n)" env PATH="$dir/local:$PATH" "$docker" --context far info
"$docker" context rm far >/dev/null
is "the link answers as docker" hi "${as[@]}" "$dir/remote/docker" run --rm busybox echo hi
is "dial-stdio: an answer after half-close" OK bash -c "printf 'GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n' | ${as[*]} '$dir/remote/docker' system dial-stdio | tail -n 1"
fails "dial-stdio: no engine" 1 "${as[@]}" "$postern" -H "$dir/none.sock" system dial-stdio
left() { ps -eo pid=,args= | grep "$dir/[r]emote/docker"; }
none_left() { ! left; }
until_true 40 none_left && pass "no process is left" || fail "no process is left" "$(left)"

# --- Debian's sshd
sshd=$top/build/debs/usr/sbin/sshd
[ -x /usr/sbin/sshd ] && sshd=/usr/sbin/sshd
if is_users; then skip "a real sshd" "the same for a user as for root"; finish; fi
if ! [ -x "$sshd" ] || ! [ -x /usr/bin/ssh ]; then skip "a real sshd" "openssh-server and openssh-client cannot be had"; finish; fi
rm -f "$dir/local/ssh"
ssh-keygen -q -t ed25519 -N '' -f "$dir/host" && ssh-keygen -q -t ed25519 -N '' -f "$dir/user"
cp "$dir/user.pub" "$dir/authorized"
cat >"$dir/sshd_config" <<S
Port 2222
ListenAddress 127.0.0.1
HostKey $dir/host
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
AuthorizedKeysFile $dir/authorized
SetEnv PATH=$dir/remote:/usr/bin:/bin POSTERN_SOCKET=$POSTERN_SOCKET
S
printf '#!/bin/bash\nexec /usr/bin/ssh -F %s "$@"\n' "$dir/ssh_config" >"$dir/local/ssh"; chmod 755 "$dir/local/ssh"
printf 'IdentityFile %s\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n' "$dir/user" >"$dir/ssh_config"
mkdir "$dir/etc"; { grep -v '^sshd:' /etc/passwd; echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin'; } >"$dir/etc/passwd"
export -f works is ok fails like pass fail; export docker dir top
cat >"$dir/inside" <<S
. "$top/tests/lib.sh"; clients=(${clients[@]@Q})
$(declare -f works)
mount -t overlay -o "lowerdir=$dir/etc:/etc" none /etc && mount -t tmpfs none /run && mkdir -p /run/sshd && ip link set lo up || exit 125
LD_LIBRARY_PATH=$top/build/debs/lib/x86_64-linux-gnu:$top/build/debs/usr/lib/x86_64-linux-gnu "$sshd" -D -e -f "$dir/sshd_config" 2>"$dir/sshd.log" &
server=\$!
until_true 100 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2222' || { fail "sshd starts" "\$(tail -n 5 "$dir/sshd.log")"; exit 1; }
PATH=$dir/local:\$PATH works "sshd" ssh://root@127.0.0.1:2222
kill \$server
exit \$failed
S
timeout 60 unshare --net --mount --propagation private bash "$dir/inside" || failed=1
finish
