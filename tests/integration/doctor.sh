#!/bin/bash
# postern doctor: each hurdle is put up, in a mount namespace of its own, and must be seen, told with what root would run, and weighed: 1
# only where no engine can run.
# Engines: system
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || { skip "doctor" "putting up hurdles needs root"; finish; }
if [ -z "${DOCTOR_DIR:-}" ]; then
	DOCTOR_DIR=$(mktemp -d /var/tmp/postern-doctor.XXXXXX); export DOCTOR_DIR; chmod 755 "$DOCTOR_DIR"
	v2=$(awk '/ - cgroup2 /{print $5; exit}' /proc/self/mountinfo); export DOCTOR_CGROUP=$v2/postern-test-doctor-$$
	trap 'rmdir "$DOCTOR_CGROUP/"* "$DOCTOR_CGROUP" 2>/dev/null; rm -rf "$DOCTOR_DIR"' EXIT
	cp -a /etc "$DOCTOR_DIR/etc"
	unshare --mount --net --propagation private bash "$0" 8</proc/self/ns/net # 8: the host's network namespace
	exit $?
fi
mount --bind "$DOCTOR_DIR/etc" /etc
uid=1580 home=$DOCTOR_DIR/home d=$DOCTOR_DIR programs=$DOCTOR_DIR/programs
printf 'ptestd:x:%s:%s::%s:/bin/sh\nptestother:x:331000000:%s::/:/bin/sh\n' $uid $uid "$home" $uid >>/etc/passwd
printf 'ptestd:330000000:65536\n' | tee -a /etc/subuid >>/etc/subgid
rm -rf /etc/postern
install -d -m 700 -o $uid -g $uid "$home" "$home/run"
mkdir "$programs"; cp -L "$bin/postern" "$bin/postern-policy" "$programs/"

# mounts FILE: what a scenario mounts first, run as root in a mount namespace below this one
as_user() { setpriv --reuid $uid --regid $uid --clear-groups env -i PATH="${path:-$PATH}" HOME="${home_is:-$home}" ${runtime+XDG_RUNTIME_DIR="$runtime"} "$@"; }
doctor() { as_user ${wrap:-} "$programs/postern" doctor --format json "$@"; }
# sees NAME STATE STATUS PROBE PATTERN [SETUP...]: the finding of one probe, after a setup in a namespace of its own
sees() {
	local name=$1 state=$2 status=$3 probe=$4 pattern=$5 out got; shift 5
	out=$(unshare --mount --propagation private bash -c "set -e; $(declare -f as_user doctor); $(declare -p uid home d programs)
		$(declare -p path home_is runtime wrap 2>/dev/null)
		$*; doctor \${data:+--data \"\$data\"}" 2>&1)
	got=$?
	judge "$name" "$state" "$status" "$probe" "$pattern" "$got" "$out"
}
judge() {
	local text
	text=$(jq -r --arg p "$4" '.Findings[] | select(.Name == $p) | "\(.State): \(.Seen) | \(.Fix) | \(.Without)"' <<<"$7" 2>&1)
	[[ $text =~ ^$2:\ .*$5 ]] && [ "$6" = "$3" ] && pass "$1" || fail "$1" "wanted: $2, status $3: $5" "got: status $6: $text" "$(head -c 300 <<<"$7")"
}
runtime=$home/run

# nothing in the way
sees "with nothing in the way: namespaces" good 0 "user namespaces" "may make" true
sees "ids" good 0 "subordinate ids" "65536 subordinate uids and 65536 gids" true
sees "newuidmap, tried" good 0 "newuidmap" "can do their work" true
sees "data" good 0 "data directory" "can do it all" true
sees "overlay, tried" good 0 "overlay" "can be mounted" true
sees "proc" good 0 "new proc" "can be mounted" true
sees "run directory" good 0 "run directory" "home/run/postern" true
is "the trials leave nothing" "run" ls -A "$home"
is "as text it is the same" "good  user namespaces: an ordinary user may make user namespaces" bash -c "$(declare -f as_user); $(declare -p uid home programs runtime); as_user '$programs/postern' doctor | head -n 1"
is "a good finding asks for nothing" "" bash -c "$(declare -f as_user doctor); $(declare -p uid home programs runtime); doctor | jq -r '.Findings[] | select(.State == \"good\") | .Fix + .Without'"

# user namespaces: the limit is each user namespace's own; in a chroot the kernel lets nobody make one
in_userns() { # LIMIT
	setpriv --reuid $uid --regid $uid --clear-groups env -i PATH="$PATH" HOME="$home" unshare --user --keep-caps bash -c "echo $1 >/proc/sys/user/max_user_namespaces; '$programs/postern' doctor --format json" 2>&1
}
out=$(in_userns 0); judge "user.max_user_namespaces is 0" bad 1 "user namespaces" "sysctl -w user.max_user_namespaces=" $? "$out"
# (what covers the file covers a part of /proc, which is bad in itself)
sees "or too few" less 1 "user namespaces" "no more than 9.*engine itself takes" "echo 9 >$d/nine; mount --bind $d/nine /proc/sys/user/max_user_namespaces"
jail="mkdir -p $d/jail; mount --rbind / $d/jail; wrap='chroot-as'; as_user() { chroot --userspec=$uid:$uid --groups= $d/jail env -i PATH=\"\$PATH\" HOME=\"$home\" \"\$@\"; }; doctor() { as_user $programs/postern doctor --format json; }"
fake="mount -t tmpfs k /proc/sys/kernel; mkdir -p /proc/sys/kernel/seccomp; echo kill_process >/proc/sys/kernel/seccomp/actions_avail"
sees "forbidden without a sysctl" bad 1 "user namespaces" "nothing in sysctl forbids it" "$jail"
sees "Debian's switch" bad 1 "user namespaces" "sysctl -w kernel.unprivileged_userns_clone=1" "$fake; echo 0 >/proc/sys/kernel/unprivileged_userns_clone; $jail"
sees "AppArmor's" bad 1 "user namespaces" "apparmor_restrict_unprivileged_userns=0 .or an AppArmor profile" \
	"$fake; echo 1 >/proc/sys/kernel/apparmor_restrict_unprivileged_userns; $jail"

# ids
ids() { echo "printf '$1' >$d/sub; mount --bind $d/sub /etc/subuid; mount --bind $d/sub /etc/subgid"; }
sees "no ids" less 0 "subordinate ids" "0 subordinate uids.*usermod --add-subuids.* ptestd .*one id, root's" "$(ids 'eve:1:2\n')"
sees "few ids" less 0 "subordinate ids" "1000 subordinate.*images with files of higher" "$(ids 'ptestd:330000000:1000\n')"
sees "by number, in two parts" good 0 "subordinate ids" "65536 subordinate" "$(ids '#c\n1580:330000000:40000\nptestd:340000000:25536\n')"
sees "ids that are another's, too" less 0 "subordinate ids" "are eve's as well.*eve reaches into" "$(ids 'ptestd:330000000:65536\neve:330065535:10\n')"
sees "an id that is a user's" less 0 "subordinate ids" "are ptestother's as well" "$(ids 'ptestd:330990000:65536\n')"

# newuidmap
set_bin() { echo "mkdir -p $d/fake; $1; for m in newuidmap newgidmap; do $2; done; path=$d/fake:/nowhere"; }
path=/nowhere sees "newuidmap is missing" less 0 newuidmap "newuidmap is missing.*apt-get install uidmap.*one id" true
sees "without its bit" less 0 newuidmap "neither set-user-id nor has a capability.*chmod u.s" "$(set_bin true "cp \$(command -v \$m) $d/fake/; chmod 755 $d/fake/\$m")"
sees "on a nosuid file system" less 0 newuidmap "mounted nosuid.*remount,suid" "$(set_bin "mount -t tmpfs -o nosuid,mode=755 t $d/fake" "cp \$(command -v \$m) $d/fake/; chmod 4755 $d/fake/\$m")"
sees "of another owner" less 0 newuidmap "belongs to uid 1" "$(set_bin true "cp \$(command -v \$m) $d/fake/; chown 1 $d/fake/\$m; chmod 4755 $d/fake/\$m")"
sees "that fails" less 0 newuidmap "does not do its work .status 1" "$(set_bin true "cp /bin/false $d/fake/\$m; chown 0 $d/fake/\$m; chmod 4755 $d/fake/\$m")"
sees "in a session with no_new_privs" less 0 newuidmap "no_new_privs" "wrap='setpriv --no-new-privs'"

# the data directory
data() { echo "mkdir -p $d/data; $1; data=$d/data/postern; chown $uid $d/data"; }
sees "a noexec data directory" bad 1 "data directory" "mounted noexec.*XDG_DATA_HOME or --data" "$(data "mount -t tmpfs -o noexec t $d/data")"
sees "nosuid" less 0 "data directory" "mounted nosuid.*su, sudo" "$(data "mount -t tmpfs -o nosuid t $d/data")"
sees "read-only" bad 1 "data directory" "is read-only" "$(data "mount -t tmpfs t $d/data"); mount -o remount,ro $d/data"
sees "without attributes" bad 1 "data directory" "without user" "$(data "mount -t ramfs t $d/data")"
sees "of another's" bad 1 "data directory" "is not yours to write" "mkdir -p $d/roots; data=$d/roots/x"
sees "without room" less 0 "data directory" "MiB left" "$(data "mount -t tmpfs -o size=8m t $d/data")"
sees "on an overlay" bad 1 overlay "cannot be used in a user namespace.*not on another overlay" \
	"mkdir -p $d/data; mount -t tmpfs t $d/data; mkdir $d/data/l $d/data/u $d/data/w; mkdir -p $d/o; mount -t overlay -o lowerdir=$d/data/l,upperdir=$d/data/u,workdir=$d/data/w o $d/o; chown $uid $d/o; data=$d/o"

# /proc
sees "a /proc that is covered in part" bad 1 "new proc" "cannot be mounted.*systempaths=unconfined" "mount -t tmpfs -o ro t /proc/irq"
sees "hidden processes" bad 1 proc "mounted hidepid=.*remount,hidepid=off" "mount -t proc -o hidepid=2 proc /proc"

# the run directory
runtime=/root sees "another's runtime directory" bad 1 "run directory" "which is not yours.*unset" true
runtime=$home/$(printf 'x%.0s' {1..100}) sees "too long a path" bad 1 "run directory" "107 bytes" true
(unset runtime; sees "none" less 0 "run directory" "no XDG_RUNTIME_DIR: the socket is in /tmp/postern-$uid" "mount -t tmpfs t /tmp"
sees "a directory of another's in its place" bad 1 "run directory" "not a directory of yours" "mount -t tmpfs t /tmp; mkdir /tmp/postern-$uid"; exit $failed) || failed=1

# root's word
roots() { echo "mkdir -p /etc/postern; $1 >/etc/postern/user.json"; }
sees "root's policy for users" good 0 policy "user.json narrows" "$(roots "cat $top/policy/user.json")"
sees "that is broken" bad 1 policy "is not valid.*postern policy check" "$(roots "echo '{'")"
sees "that users cannot read" bad 1 policy "cannot be read" "$(roots true); chmod 600 /etc/postern/user.json"
sees "that is another's" bad 1 policy "could be written by others" "rm -f /etc/postern/user.json; $(roots "cat $top/policy/user.json"); chown $uid /etc/postern/user.json"
rm -rf /etc/postern

# cgroups and sessions
sees "no cgroup" less 0 cgroups "no cgroup is delegated.*no limits of memory" true
sees "the same with systemd" less 0 cgroups "apt-get install dbus-user-session" "mount -t tmpfs t /run; mkdir -p /run/systemd/system"
mkdir -p "$DOCTOR_CGROUP/own" && chown -R $uid "$DOCTOR_CGROUP"
sees "one without what counts, or with all" "(less|good)" 0 cgroups "$(basename "$DOCTOR_CGROUP")/own is delegated" "echo 0 >$DOCTOR_CGROUP/own/cgroup.procs"
sees "no linger" less 0 linger "loginctl enable-linger ptestd.*with your last session" "mount -t tmpfs t /run; mkdir -p /run/systemd/system"

# for networks
sees "no tun" less 0 tun "modprobe tun.*no way out" "mount -t tmpfs -o mode=755 t /dev/net"
sees "tun for root only" less 0 tun "chmod 0666 /dev/net/tun" "mount -t tmpfs -o mode=755 t /dev/net; mknod -m 600 /dev/net/tun c 10 200"
path=/nowhere sees "no uplink" less 0 uplink "apt-get install passt.*no way out; published ports work" true
sees "one" good 0 uplink "pasta is there" "mkdir $d/up; cp /bin/true $d/up/pasta; path=\$PATH:$d/up"
sees "no IPv6" less 0 ipv6 "switched off" "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6"; echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6

sees "low ports" less 0 "low ports" "below 1024 are root's.*ip_unprivileged_port_start=80.*-p 80:80 is refused" "echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start"
sees "from 80 on" good 0 "low ports" "from 80 on" "echo 80 >/proc/sys/net/ipv4/ip_unprivileged_port_start"
sees "SCTP" "(good|less)" 0 sctp "SCTP" true

# root's engine
as_user() { env HOME=/root "$@"; }
sees "root: overlay and other ids, tried" good 0 "other ids" "stored once" true
sees "root: devices" good 0 devices "can be loaded" true
sees "root: cgroups" "(good|less)" 0 cgroups "version 2 at" true
sees "root: policy" less 0 policy "starts with --policy" true
sees "root: nftables" "(good|less)" 0 nftables "nftables" true
sees "root: no forwarding yet" good 0 forwarding "the first network switches it on" "echo 0 | tee /proc/sys/net/ipv4/ip_forward >/proc/sys/net/ipv6/conf/all/forwarding"
route6() { # as a router advertisement makes it; DEVICE
	python3 -c 'import fcntl, ipaddress, socket, struct, sys
at = lambda a: ipaddress.ip_address(a).packed
fcntl.ioctl(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), 0x890b, struct.pack("=16s16s16sIHHI4xQIi4x", at("::"), at("::"), at("fe80::1"), 0, 0, 0, 1024, 0, 0x50003, socket.if_nametoindex(sys.argv[1])))' "$1"
}
ip link add ra0 type veth peer name ra1 && ip link set ra0 up && ip link set ra1 up && route6 ra0
sees "root: an IPv6 route by advertisements" less 0 forwarding "ra0 takes its IPv6 route.*net.ipv6.conf.ra0.accept_ra=2" true
sees "root: which stays" good 0 forwarding "the first network" "echo 2 >/proc/sys/net/ipv6/conf/ra0/accept_ra"
ip link del ra0
sees "root: a host that cannot forward" less 0 forwarding "cannot be switched on here" "echo 0 >$d/zero; mount --bind -o ro $d/zero /proc/sys/net/ipv4/ip_forward"
sees "root: nobody's firewall" good 0 firewall "no firewall" "nft add table ip x; nft add chain ip x f '{type filter hook forward priority 0; policy accept;}'"
sees "root: Docker's or ufw's" less 0 firewall "ip filter FORWARD.*nft insert rule ip filter FORWARD iifname 'pst\*' accept" \
	"nft add table ip filter; nft add chain ip filter FORWARD '{type filter hook forward priority 0; policy drop;}'"
nft delete table ip filter
sees "root: firewalld's" less 0 firewall "inet firewalld filter_FORWARD.*add-interface=pst\+" \
	"nft add table inet firewalld; nft add chain inet firewalld filter_FORWARD '{type filter hook forward priority 10; policy accept;}'"
nft flush ruleset
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
	sees "root: br_netfilter" less 0 "bridge rules" "sysctl -w net.bridge.bridge-nf-call-iptables=0.*slower" "echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables"
	sees "root: for IPv6" less 0 "bridge rules" "bridge-nf-call-ip6tables=0" "echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables; echo 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables"
	sees "root: switched off" good 0 "bridge rules" "do not pass" "echo 0 >/proc/sys/net/bridge/bridge-nf-call-ip6tables"
fi
sees "root: what a bridge holds" good 0 bridges "holds 1023 containers; the fullest, pstbr, has 2" \
	"ip link add pstbr type bridge; for i in 1 2; do ip link add d\$i type veth; ip link set d\$i master pstbr; done; mount -t sysfs s /sys"
sees "root: a full one" less 0 bridges "holds 1023 containers, and full has 1000" "mount -t tmpfs t /sys/class; mkdir -p /sys/class/net/full/brif; for i in {1..1000}; do : >/sys/class/net/full/brif/\$i; done"
wrap="nsenter --net=/proc/self/fd/8" sees "root: the neighbour table" good 0 neighbours "[0-9]+ of [0-9]+ neighbours.*takes about 2" true
wrap="nsenter --net=/proc/self/fd/8" sees "root: a full one" less 0 neighbours "of 0 neighbours.*net.ipv4.neigh.default.gc_thresh3=16384" "echo 0 >$d/zero; nsenter --net=/proc/self/fd/8 mount --bind $d/zero /proc/sys/net/ipv4/neigh/default/gc_thresh3"
sees "root: a file system without other ids" bad 1 "other ids" "cannot be mounted with other ids" "mkdir -p $d/data; mount -t ramfs t $d/data; data=$d/data"
sees "root: nor an append-only flag" less 1 "append-only" "protected by its owner alone" "mkdir -p $d/data; mount -t ramfs t $d/data; data=$d/data"
sees "root: a noexec data directory" bad 1 "data directory" "mounted noexec" "mkdir -p $d/data; mount -t tmpfs -o noexec t $d/data; data=$d/data"
sees "root: no BPF" bad 1 devices "no device rules .BPF.*Operation not permitted" "wrap='setpriv --bounding-set=-all --inh-caps=-all'"
sees "root: few files" less 0 "open files" "no more than 1000" "ulimit -n 1000"
fails "a word that doctor does not know" 1 "$programs/postern" doctor now
fails "nor another format" 1 "$programs/postern" doctor --format xml
finish
