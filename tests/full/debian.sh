#!/bin/bash
# A Debian root file system, as debootstrap makes it: imported, run, and what set-id and file capabilities do in it.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
debian=$top/build/images/debian.tar
"$top/tests/images/debian" "$debian" || { skip "Debian" "no mirror can be reached"; finish; }
run() { docker run --rm --network none "$@"; }
if [ "$engine" = single ]; then
	like "import: its files are all one's here" "sha256:" bash -c "docker import - debian:1 <'$debian'"
	like "apt-get --version" "^apt [0-9]" run debian:1 apt-get --version
	skip "sudo, su and file capabilities" "without subordinate ids the kernel maps one id only"
	finish
fi
like "import" "sha256:" bash -c "docker import -c 'CMD [\"bash\"]' -c 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin' - debian:1 <'$debian'"
like "apt-get --version" "^apt [0-9]" run debian:1 apt-get --version
like "dpkg finds its packages whole" "^$" run debian:1 dpkg --verify
is "sudo is set-id" "4755 root" run debian:1 stat -c '%a %U' /usr/bin/sudo
is "sudo makes a user root" 0 run debian:1 bash -c 'useradd -m u && echo "u ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/u && setpriv --reuid u --regid u --init-groups sudo id -u'
is "su makes root a user" u run debian:1 bash -c 'useradd -m u && su u -c "id -un"'
is "su makes a user root, with the password" 0 run debian:1 bash -c 'useradd -m u && echo root:pw | chpasswd && echo pw | setpriv --reuid u --regid u --init-groups su -c "id -u" 2>/dev/null'
is "ping has its capability" "/usr/bin/ping cap_net_raw=ep" run debian:1 getcap /usr/bin/ping
raw=(--sysctl "net.ipv4.ping_group_range=1 0") # no other way to ping than a raw socket
is "and a user may use it" yes run "${raw[@]}" -u 1000 debian:1 bash -c 'ping -c 1 -W 1 127.0.0.1 >/dev/null && echo yes'
like "where without it he may not" "not permitted|lacking privilege" run "${raw[@]}" -u 1000 debian:1 bash -c 'cp /usr/bin/ping /tmp/p; /tmp/p -c 1 -W 1 127.0.0.1 2>&1'
is "no-new-privileges takes set-id away" 1000 run -u 1000 --security-opt no-new-privileges debian:1 bash -c 'sudo -n id -u >/dev/null 2>&1; id -u'
is "export brings all of it back" yes bash -c "docker create --name deb debian:1 true >/dev/null; docker export deb | docker import - debian:2 >/dev/null; docker rm deb >/dev/null
	docker run --rm --network none debian:2 getcap /usr/bin/ping | grep -q net_raw && docker run --rm --network none debian:2 dpkg --verify && echo yes"
is "save and load: the same id" yes bash -c "a=\$(docker inspect -f '{{.Id}}' debian:1); docker save debian:1 -o '$POSTERN_BASE/d.tar' 2>/dev/null || docker save debian:1 >'$POSTERN_BASE/d.tar'; docker rmi debian:1 >/dev/null
	docker load -q <'$POSTERN_BASE/d.tar' >/dev/null; [ \$a = \$(docker inspect -f '{{.Id}}' debian:1) ] && echo yes"
finish
