#!/bin/bash
# A container whose /etc/hosts is made to harm the engine that adds lines to it: its networks change all the same, and nothing is lost.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
docker network create one >/dev/null; docker network create two >/dev/null
docker run -d --name evil --network one busybox sleep 1000 >/dev/null
root=/proc/$(docker inspect -f '{{.State.Pid}}' evil)/root
in_evil() { nsenter -t "$(docker inspect -f '{{.State.Pid}}' evil)" -U -m "$@"; }
address() { docker inspect -f '{{.NetworkSettings.Networks.two.IPAddress}}' evil; }
content() { stat -c %s "$root/etc/hosts"; head -c 8192 "$root/etc/hosts" | sha256sum; tail -c 8192 "$root/etc/hosts" | sha256sum; }
unchanged() { # NAME: connect and disconnect change nothing
	local before; before=$(content)
	ok "$1: connected" docker network connect two evil
	ok "$1: in the network" nsenter -t "$(docker inspect -f '{{.State.Pid}}' evil)" -n ip -br addr show eth1
	is "$1: left as it is" "$before" content
	ok "$1: disconnected" docker network disconnect two evil
	is "$1: still as it is" "$before" content
}

ok "any bytes" in_evil sh -c 'head -c 5000 /dev/urandom >/etc/hosts; printf "\0\n\0" >>/etc/hosts'
head -c 5003 "$root/etc/hosts" >"$POSTERN_BASE/bytes"
docker network connect two evil
is "a line comes behind them" "$(address)" bash -c "tail -c +5004 $root/etc/hosts | sed 's/^\x00//' | cut -f1 | xargs"
docker network disconnect two evil
ok "and goes, and they stay" cmp <(cat "$POSTERN_BASE/bytes") <(head -c 5003 "$root/etc/hosts")

in_evil sh -c 'head -c 300000 /dev/zero | tr "\0" "a" >/etc/hosts'
unchanged "too large a file"
like "the log says why" "etc/hosts: File too large" cat "$POSTERN_LOG"
in_evil sh -c 'dd if=/dev/zero of=/etc/hosts bs=1 count=0 seek=1000000000000 2>/dev/null'
is "one of a terabyte that is a hole" 1000000000000 stat -c %s "$root/etc/hosts"
unchanged "a hole"
in_evil sh -c 'printf "1.2.3.4\tme\n" >/etc/hosts; cat /dev/zero >/dev/filler 2>/dev/null; dd if=/dev/zero bs=1 >>/dev/filler 2>/dev/null; [ -s /dev/filler ]'
in_evil sh -c 'head -c 4090 /dev/zero | tr "\0" "b" >/etc/hosts' # six bytes are to be had, and no page more
printf '%s' "$(head -c 4090 /dev/zero | tr '\0' b)" >"$POSTERN_BASE/page"
if cmp -s "$POSTERN_BASE/page" "$root/etc/hosts"; then unchanged "a full file system"; else skip "a full file system" "it could not be filled to the last page: $(stat -c %s "$root/etc/hosts") bytes"; fi
like "the log says this, too" "etc/hosts: No space left on device" cat "$POSTERN_LOG"
in_evil rm -f /dev/filler
in_evil sh -c 'printf "1.2.3.4\tme\n" >/etc/hosts; mount -t tmpfs t /etc 2>/dev/null; umount /etc 2>/dev/null; rm -f /etc/hosts 2>/dev/null; ln -s /etc/passwd /etc/hosts 2>/dev/null'
docker network connect two evil
is "it is the file that the engine made, and no other" "1.2.3.4 me $(address) $(docker inspect -f '{{.Config.Hostname}}' evil)" bash -c "xargs <$root/etc/hosts"

# A monitor that does not answer holds nobody else, and the change is made.
docker run -d --name other --network one busybox sleep 1000 >/dev/null
monitor=$(awk '/^PPid:/ {print $2}' "/proc/$(docker inspect -f '{{.State.Pid}}' other)/status")
kill -STOP "$monitor"
docker network connect two other & waits=$!
ok "the engine answers meanwhile" timeout 5 docker network disconnect two evil
kill -CONT "$monitor"
wait $waits
is "and the change is made" "0 1" echo $? "$(grep -c "^$(docker inspect -f '{{.NetworkSettings.Networks.two.IPAddress}}' other)" "/proc/$(docker inspect -f '{{.State.Pid}}' other)/root/etc/hosts")"
finish
