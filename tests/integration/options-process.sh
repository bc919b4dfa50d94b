#!/bin/bash
# Who a container's program is and what it may: users and groups of the image's files, environment, names, capabilities,
# security options, sysctls, signals; each read from /proc inside or on the host. And what is kept or refused for later.
. "$(dirname "$0")/../lib.sh"
if [ -z "${POSTERN_SOCKET:-}" ]; then
	# As a user's ping does where no program has capabilities.
	work=$(mktemp -d /var/tmp/postern-process.XXXXXX); chmod 755 "$work"; trap 'rm -rf "$work"' EXIT
	cat >"$work/ping.c" <<'C'
#include <sys/socket.h>
int main(void) { return socket(AF_INET, SOCK_DGRAM, 1 /* IPPROTO_ICMP */) < 0; }
C
	gcc -static -o "$work/ping" "$work/ping.c" || exit 1
	printf 'FROM_FILE=a b\n# no\nHOME_OF_CLIENT\nK=file\n' >"$work/env"; chmod -R a+rX "$work"
	POSTERN_WORK=$work "$top/tests/with-engine" bash "$0" "$@"; exit $?
fi
run() { timeout 30 docker run --rm "$@"; }
status() { grep "^$1:" /proc/self/status | cut -f2; } # for sh -c
inspect() { docker inspect -f "$1" kept; }
in_status="$(declare -f status);"
w=$POSTERN_WORK

# environment and names
is "--env" "v w=x" run -e K=v -e L=w=x busybox sh -c 'echo $K $L'
is "--env-file, and --env wins" "a b v" run --env-file "$w/env" -e K=v busybox sh -c 'echo $FROM_FILE $K'
is "--env NAME removes the image's" "" run -e PATH= busybox /bin/sh -c 'echo $PATH'
is "--hostname" "box box" run --hostname box busybox sh -c 'echo $(hostname) $(cat /proc/sys/kernel/hostname)'
is "--domainname" "example.org" run --hostname box --domainname example.org busybox cat /proc/sys/kernel/domainname
like "both are in /etc/hosts" "box.example.org box" run --hostname box --domainname example.org busybox cat /etc/hosts
like "a host name that is none" "invalid hostname|invalid.*hostname" run --hostname 'a/b' busybox true
like "--add-host" "10.1.2.3[[:space:]]other" run --add-host other:10.1.2.3 busybox cat /etc/hosts
is "--dns, --dns-search, --dns-option" "nameserver 9.9.9.9 search x.example options ndots:2" bash -c "$(declare -f run); run --dns 9.9.9.9 --dns-search x.example --dns-option ndots:2 busybox cat /etc/resolv.conf 2>/dev/null | xargs"
like "--add-host that is none" "bad format for add-host|invalid IP" run --add-host other:nonsense busybox true

# users and groups
groups() { id -G | cut -d" " -f2-; }
if [ "$engine" = single ]; then
	skip "users and groups" "without subordinate ids the kernel maps one id only"
	like "a group that is not mapped" "not mapped" run --group-add 50 busybox true
else
	ids='echo $(id -u) $(id -g) $(id -G)'
	is "-u NAME" "1000 1000 1000 50" run -u user busybox sh -c "$ids"
	is "-u UID of the file" "1000 1000 1000 50" run -u 1000 busybox sh -c "$ids"
	is "-u UID of none" "4242 0 0" run -u 4242 busybox sh -c "$ids"
	is "-u NAME:GROUP" "1000 50 50" run -u user:staff busybox sh -c "$ids"
	is "-u UID:GID" "7 8 8" run -u 7:8 busybox sh -c "$ids"
	is "--group-add NAME" "0 0 0 50" run --group-add staff busybox sh -c 'echo $(id -u) $(id -g) $(id -G | tr " " "\n" | grep -E "^(0|50)$" | tr "\n" " ")'
	like "--group-add GID" "(^| )777( |$)" run --group-add 777 busybox id -G
	like "--group-add beside a user's own" "50.* 777" run -u user --group-add 777 --group-add staff busybox id -G
	like "a GID of none" "must be in range 0-65535" run -u 0:70000 busybox true
fi
like "-u unknown" "unable to find user nobodyhere: no matching entries in passwd file" run -u nobodyhere busybox true
like "-u :unknown" "unable to find group nogrouphere: no matching entries in group file" run -u root:nogrouphere busybox true
like "--group-add unknown" "Unable to find group nogrouphere: no matching entries in group file" run --group-add nogrouphere busybox true
docker run --name files --group-add 0 busybox sh -c 'head -c 3000000 /dev/zero | tr "\0" a >/etc/group' >/dev/null 2>&1
like "a group file of megabytes" "group file: File too large" docker start files
docker rm files >/dev/null

# capabilities
caps() { run "$@" busybox sh -c 'grep CapBnd /proc/self/status | cut -f2'; }
is "--cap-drop ALL" 0000000000000000 caps --cap-drop ALL
is "--cap-add and --cap-drop" 00000000a80435fa caps --cap-add NET_ADMIN --cap-drop CHOWN
is "--cap-add cap_net_admin" 00000000a80435fb caps --cap-add cap_net_admin
is "--cap-drop ALL --cap-add" 0000000000000001 caps --cap-drop ALL --cap-add CHOWN
like "--cap-add ALL is more than policy has" "caps|policy" caps --cap-add ALL
like "one that is none" "unknown capability" caps --cap-add FOO
[ "$engine" = single ] || is "a user has none in effect" 0000000000000000 run -u 1000 busybox sh -c "$in_status status CapEff"

# security options
is "no-new-privileges" 1 run --security-opt no-new-privileges busybox sh -c "$in_status status NoNewPrivs"
is "no-new-privileges:false" 0 run --security-opt no-new-privileges:false busybox sh -c "$in_status status NoNewPrivs"
like "seccomp=FILE that is none" "opening seccomp profile|no such file" run --security-opt seccomp=/nonexistent busybox true
echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["chmod","fchmodat","fchmodat2"],"action":"SCMP_ACT_ERRNO","errnoRet":38}]}' >"$w/profile.json"
like "seccomp=FILE" "Function not implemented" run --security-opt "seccomp=$w/profile.json" busybox chmod 700 /bin
echo '{"defaultAction":"SCMP_ACT_MAYBE"}' >"$w/profile.json"
like "seccomp=FILE of nonsense" "[Ss]eccomp|profile|action" run --security-opt "seccomp=$w/profile.json" busybox true
like "seccomp=unconfined is policy's" "rule security.seccomp_unconfined" run --security-opt seccomp=unconfined busybox true
like "systempaths=unconfined is policy's" "unmasked_paths" run --security-opt systempaths=unconfined busybox true
if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
	like "apparmor=PROFILE that is not loaded" "apparmor" run --security-opt apparmor=postern-none busybox true
else
	like "apparmor=PROFILE without AppArmor" "AppArmor is not enabled on this host: profile x is not applied" run --security-opt apparmor=x busybox true
fi
ok "apparmor=unconfined" run --security-opt apparmor=unconfined busybox true
ok "label=disable" run --security-opt label=disable busybox true
like "label without SELinux" "SELinux labels are not applied" run --security-opt label=type:x_t busybox true
like "an option that is none" "invalid --security-opt" run --security-opt foo=bar busybox true
like "parts of /proc and /sys are masked" "/dev/null|devtmpfs|tmpfs" run busybox grep -E " /proc/(keys|timer_list|interrupts) " /proc/mounts
fails "/proc/sys is read-only" 1 run busybox sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'

# sysctls
is "--sysctl net" 1 run --sysctl net.ipv4.ip_forward=1 busybox cat /proc/sys/net/ipv4/ip_forward
is "--sysctl ipc" 12345 run --sysctl kernel.msgmax=12345 busybox cat /proc/sys/kernel/msgmax
is "--sysctl of message queues" 11 run --sysctl fs.mqueue.msg_max=11 busybox cat /proc/sys/fs/mqueue/msg_max
like "--sysctl of the host" "not allowed|not in a separate kernel namespace" run --sysctl kernel.core_pattern=x busybox true
like "--sysctl vm" "not allowed|not in a separate kernel namespace" run --sysctl vm.swappiness=1 busybox true
like "one that the kernel has not" "no such file or directory" run --sysctl net.ipv4.nothing=1 busybox true
is "low ports need no capability" 0 run busybox cat /proc/sys/net/ipv4/ip_unprivileged_port_start
last=65535; [ "$engine" = system ] || last=$(run busybox awk 'NF { last = $1 + $3 - 1 } END { print last }' /proc/self/gid_map 2>/dev/null)
is "ping is for every group that there is" "0 $last" run busybox sh -c 'echo $(cat /proc/sys/net/ipv4/ping_group_range)'
user=$([ "$engine" = single ] && echo 0 || echo 1000)
if is_users; then mode=; else chown -R 1000:1000 "$w"; fi
ok "so a user without capabilities may ping (busybox asks for a raw socket and says otherwise)" \
	run -u "$user" --cap-drop ALL -v "$w:/w:ro" busybox /w/ping

# pid 1, signals, ends
is "--init: another is pid 1" no run --init busybox sh -c '[ $$ = 1 ] && echo yes || echo no'
fails "--init passes the status on" 7 run --init busybox sh -c 'exit 7'
docker run -d --name sig --stop-signal USR1 --stop-timeout 20 busybox sh -c 'trap "exit 44" USR1; while :; do sleep 0.1; done' >/dev/null 2>&1
docker stop sig >/dev/null
is "--stop-signal" 44 docker inspect -f '{{.State.ExitCode}}' sig
is "--stop-timeout is kept" 20 docker inspect -f '{{.Config.StopTimeout}}' sig
docker rm sig >/dev/null
docker run -d --name sig --stop-timeout 0 busybox sleep 600 >/dev/null 2>&1
docker stop sig >/dev/null
is "--stop-timeout 0 kills" 137 docker inspect -f '{{.State.ExitCode}}' sig
docker rm sig >/dev/null
like "--stop-signal that is none" "[Ii]nvalid signal" run --stop-signal FOO busybox true
fails "--read-only" 1 run --read-only busybox sh -c 'echo x >/x'
ok "--rm leaves nothing" bash -c 'docker run --rm --name gone busybox true 2>/dev/null; ! docker inspect gone 2>/dev/null'

# streams, images, files of the client
is "--attach stdout" out bash -c "timeout 30 docker run --rm --attach stdout busybox sh -c 'echo out; echo err >&2' 2>&1 | grep -v WARNING"
is "--attach stderr" err bash -c "timeout 30 docker run --rm -a stderr busybox sh -c 'echo out; echo err >&2' 2>&1 | grep -v WARNING"
is "--interactive" in bash -c "echo in | timeout 30 docker run --rm --interactive busybox cat"
is "without --interactive there is no input" 0 bash -c "echo in | timeout 30 docker run --rm busybox wc -c"
is "--tty" "/dev/pts/0 crw" bash -c "timeout 30 docker run --rm --tty busybox sh -c 'echo \$(tty) \$(ls -l \$(tty) | cut -c1-3)' | tr -d '\r'"
is "--workdir" /tmp run --workdir /tmp busybox pwd
is "--workdir of none is made" "/made/here 755" run --workdir /made/here busybox sh -c 'echo $(pwd) $(stat -c %a .)'
like "--workdir that is no directory" "ot a directory" run --workdir /bin/busybox busybox true
is "--quiet" quiet run --quiet busybox echo quiet
is "--pull missing" there run --pull missing busybox echo there
like "--pull always of one that is there" "up to date" run --pull always busybox true
like "--pull always of none: there is no registry client" "pulling is not available in this version" run --pull always nothing:here true
is "--platform of the image" "$(uname -m)" run --platform "linux/$(docker version --format '{{.Server.Arch}}')" busybox uname -m
printf 'from=file\n# no\nx=1\n' >"$w/labels"; chmod 644 "$w/labels"
docker create --name labelled --label-file "$w/labels" --label from=line busybox true >/dev/null 2>&1
is "--label-file, and --label wins" "line 1" docker inspect -f '{{.Config.Labels.from}} {{.Config.Labels.x}}' labelled
docker rm labelled >/dev/null
rm -f "$w/cid"; is_users && chown "$POSTERN_UID" "$w"
is "--cidfile" same bash -c "docker create --cidfile '$w/cid' --name cid busybox >/dev/null 2>&1; [ \$(cat '$w/cid') = \$(docker inspect -f '{{.Id}}' cid) ] && echo same; docker rm cid >/dev/null"
like "--cidfile that is there" "container ID file found" docker create --cidfile "$w/cid" busybox
proxied() { # OPTIONS: the exit code of a program that SIGUSR1 ends with 33, when its client gets one
	timeout -k 1 20 docker run --name proxy "$@" busybox sh -c 'trap "exit 33" USR1; echo ready; i=0; while [ $i -lt 20 ]; do sleep 0.1; i=$((i + 1)); done; exit 3' >"$w.proxy" 2>&1 & local client=$!
	until_true 100 grep -q ready "$w.proxy"
	kill -USR1 "$(pgrep -n -P $client || echo $client)"
	wait $client
	docker wait proxy; docker rm proxy >/dev/null; rm -f "$w.proxy"
}
is "--sig-proxy: signals of the client are the program's" 33 proxied
is "--sig-proxy=false: they are not" 3 proxied --sig-proxy=false

# kept for later, shown as they were given
docker create --name kept --restart on-failure:3 --health-cmd true --health-interval 5s --health-retries 2 --health-timeout 7s --health-start-period 9s --annotation org.example.a=b \
	--label l=m --stop-signal 15 --add-host x:1.2.3.4 --runtime runc --isolation default busybox true >/dev/null 2>&1
is "--restart" "on-failure 3" inspect '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}'
is "--health-cmd and its family" "[CMD-SHELL true] 5s 2 7s 9s" inspect '{{with .Config.Healthcheck}}{{.Test}} {{.Interval}} {{.Retries}} {{.Timeout}} {{.StartPeriod}}{{end}}'
docker --version | grep -Eq 'version (1|20)' || is "--annotation" "map[org.example.a:b]" inspect '{{.HostConfig.Annotations}}'
docker create --name unhealthy --no-healthcheck busybox true >/dev/null 2>&1
is "--no-healthcheck" "[NONE]" docker inspect -f '{{.Config.Healthcheck.Test}}' unhealthy
docker rm unhealthy >/dev/null
is "--label" m inspect '{{.Config.Labels.l}}'
docker rm kept >/dev/null
while read -r options; do
	read -r message
	# shellcheck disable=SC2086
	like "$options" "$message" docker create $options busybox true
done <<'T'
--restart maybe
invalid restart policy
--health-interval 1ns --health-cmd true
cannot be less than 1ms
--runtime kata
unknown or invalid runtime name: kata
--isolation hyperv
invalid isolation 'hyperv' on linux
--storage-opt size=1G
storage-opt is supported only for overlay over xfs with 'pquota' mount option
--volume-driver other -v vol:/v
error looking up volume plugin other: plugin "other" not found
--pull never --platform linux/s390x
image with reference busybox was found but does not match the specified platform: wanted linux/s390x, actual: linux/
--expose nonsense
invalid (range format|port)|[Ii]nvalid proto|parsing
--link nothere:x
could not get container for nothere|links are not available
--cgroup-parent /elsewhere
invalid cgroup parent "/elsewhere": containers live below the cgroup of this engine
T
finish
