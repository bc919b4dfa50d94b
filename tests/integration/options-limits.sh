#!/bin/bash
# Memory, processors, process counts, block devices, ulimits, OOM scores: each read from the container's own cgroups on the
# host or from /proc; what this host has no controller for is Docker's warning; what cannot be is Docker's sentence.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
run() { timeout 30 docker run --rm "$@"; }
kernel="Your kernel does not support"
# limit OPTION... : VERSION-1-CONTROLLER FILE WANTED [VERSION-2-FILE WANTED]
file() { # CONTROLLER FILE FILE2: content, in whichever hierarchy has it
	local f
	for f in "/sys/fs/cgroup/$1/$POSTERN_CGROUP/containers/$id/$2" "/sys/fs/cgroup/$POSTERN_CGROUP/containers/$id/$3" \
		"/sys/fs/cgroup/unified/$POSTERN_CGROUP/containers/$id/$3"; do
		[ -e "$f" ] && tr '\n' ' ' <"$f" | sed 's/ *$//' && return
	done
}
limits() { # OPTIONS: a container that has them; $id is its
	docker rm -f lim >/dev/null 2>&1
	docker run -d --name lim "$@" busybox sleep 600 >/dev/null 2>/tmp/postern-limits.$$ || sed 's/^/# /' /tmp/postern-limits.$$
	id=$(docker inspect -f '{{.Id}}' lim)
}
has() { [ -n "$(file "$1" "$2" "$3")" ]; }
warned() { grep -c "$1" /tmp/postern-limits.$$; }
disk=/dev/$(awk 'NR > 2 { print $4; exit }' /proc/partitions) number=$(awk 'NR > 2 { print $1 ":" $2; exit }' /proc/partitions)

if is_users; then
	limits --memory 64m --cpu-shares 100 --pids-limit 50 --cpuset-cpus 0 --blkio-weight 100 --memory-swappiness 10 --oom-kill-disable \
		--device-read-bps "$disk:1mb" --cpu-quota 10000 --memory-reservation 32m
	for w in "memory limit capabilities" "CPU shares" "PIDs limit capabilities" "cpuset" "Block I/O weight" "memory swappiness capabilities" \
		OomKillDisable "BPS Block I/O read limit" "CPU CFS scheduler" "memory soft limit"; do
		is "warned: $w" 1 warned "$kernel $w"
	done
	like "--cpus without the controller" "NanoCPUs can not be set" run --cpus 0.5 busybox true
	is "what was dropped is not shown" "0 <nil>" docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}' lim
else
	limits --memory 64m --memory-reservation 32m --memory-swap 96m --memory-swappiness 10 --oom-kill-disable --pids-limit 50 \
		--cpu-shares 512 --cpu-period 50000 --cpu-quota 25000 --cpuset-cpus 0 --cpuset-mems 0 --blkio-weight 300
	is "--memory" 67108864 file memory memory.limit_in_bytes memory.max
	is "--memory-reservation" 33554432 file memory memory.soft_limit_in_bytes memory.low
	if has memory memory.memsw.limit_in_bytes memory.swap.max; then
		like "--memory-swap" "100663296|33554432" file memory memory.memsw.limit_in_bytes memory.swap.max
	else
		is "--memory-swap is warned of" 1 warned "$kernel swap limit capabilities or the cgroup is not mounted. Memory limited without swap."
	fi
	if has memory memory.swappiness none; then
		is "--memory-swappiness" 10 file memory memory.swappiness none
		like "--oom-kill-disable" "oom_kill_disable 1" file memory memory.oom_control none
	else
		is "--memory-swappiness is warned of" 1 warned "$kernel memory swappiness capabilities"
		is "--oom-kill-disable is warned of" 1 warned "$kernel OomKillDisable. OomKillDisable discarded."
	fi
	is "--pids-limit" 50 file pids pids.max pids.max
	like "--cpu-shares" "^(512|20)$" file cpu cpu.shares cpu.weight
	like "--cpu-quota" "^25000" file cpu cpu.cfs_quota_us cpu.max
	like "--cpu-period" "50000$" file cpu cpu.cfs_period_us cpu.max
	is "--cpuset-cpus" 0 file cpuset cpuset.cpus cpuset.cpus
	is "its process may use no other" 0 bash -c 'sed -n "s/^Cpus_allowed_list:\t//p" /proc/$(docker inspect -f "{{.State.Pid}}" lim)/status'
	is "--cpuset-mems" 0 file cpuset cpuset.mems cpuset.mems
	if has blkio blkio.bfq.weight io.bfq.weight || has blkio blkio.weight io.weight; then
		like "--blkio-weight" "300|2930" bash -c "$(declare -f file); id=$id; file blkio blkio.bfq.weight io.bfq.weight; file blkio blkio.weight io.weight"
	else
		is "--blkio-weight is warned of" 1 warned "$kernel Block I/O weight or the cgroup is not mounted. Weight discarded."
	fi
	limits --memory 64m --cpus 1.5 --device-read-bps "$disk:1mb" --device-write-bps "$disk:2mb" \
		--device-read-iops "$disk:100" --device-write-iops "$disk:200" --pids-limit -1
	like "--cpus" "^150000" file cpu cpu.cfs_quota_us cpu.max
	is "--pids-limit -1 is policy's default" 4096 file pids pids.max pids.max
	if has blkio blkio.throttle.read_bps_device io.max; then
		like "--device-read-bps" "^$number (1048576|.*rbps=1048576)" file blkio blkio.throttle.read_bps_device io.max
		like "--device-write-bps" "^$number (2097152|.*wbps=2097152)" file blkio blkio.throttle.write_bps_device io.max
		like "--device-read-iops" "^$number (100|.*riops=100)" file blkio blkio.throttle.read_iops_device io.max
		like "--device-write-iops" "^$number (200|.*wiops=200)" file blkio blkio.throttle.write_iops_device io.max
	else
		skip "--device-read-bps and its family" "no blkio or io controller"
	fi
	if has blkio blkio.bfq.weight_device io.bfq.weight; then
		# Only a disk with that scheduler takes one.
		like "--blkio-weight-device" "^$number 200$|weight.*Operation not supported" bash -c \
			"$(declare -f file); docker rm -f lim >/dev/null; id=\$(docker run -d --name lim --blkio-weight-device $disk:200 busybox sleep 600) && file blkio blkio.bfq.weight_device io.bfq.weight"
	else
		limits --blkio-weight-device "$disk:200"
		is "--blkio-weight-device is warned of" 1 warned "$kernel Block I/O weight_device or the cgroup is not mounted. Weight-device discarded."
	fi
	limits --memory 64m --cpus 1.5
	is "inspect shows what holds" "67108864 134217728 1500000000" docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}}' lim
	fails "a container beyond its memory is killed" 137 run --memory 16m --memory-swap 16m busybox tail /dev/zero
	limits --oom-kill-disable
	like "--oom-kill-disable without --memory" "OOM killer is disabled for the container, but no memory limit is set|does not support OomKillDisable" cat /tmp/postern-limits.$$
	like "a device that is not there" "stat /dev/nodisk: no such file or directory" run --device-read-bps /dev/nodisk:1mb busybox true
	like "one that is no disk" "/dev/null: not a block device" run --device-write-iops /dev/null:5 busybox true
fi
if is_users; then
	like "--cgroup-parent without cgroups" "no cgroup is delegated" run --cgroup-parent team busybox true
else
	groups() { find /sys/fs/cgroup -path "*$POSTERN_CGROUP/containers/team*" -type d; }
	limits --cgroup-parent team --memory 64m --cpuset-cpus 0
	docker run -d --name lim2 --cgroup-parent team busybox sleep 600 >/dev/null 2>&1
	like "--cgroup-parent: below a group of that name in our root" "^0::/(.*/)?$POSTERN_CGROUP/containers/team/$id$" \
		bash -c 'grep ^0: /proc/$(docker inspect -f "{{.State.Pid}}" lim)/cgroup'
	is "in every hierarchy that it is in" 0 bash -c "grep '$POSTERN_CGROUP' /proc/\$(docker inspect -f '{{.State.Pid}}' lim)/cgroup | grep -vc '/containers/team/$id\$'"
	is "with its limits" 67108864 bash -c "cat /sys/fs/cgroup/memory/$POSTERN_CGROUP/containers/team/$id/memory.limit_in_bytes 2>/dev/null ||
		cat /sys/fs/cgroup/$POSTERN_CGROUP/containers/team/$id/memory.max"
	ok "pause and unpause" bash -c 'docker pause lim && docker unpause lim'
	fails "its devices are filtered" 1 bash -c 'docker run --rm --cgroup-parent team --device /dev/fuse:/dev/f:r busybox sh -c ": >/dev/f" 2>/dev/null'
	docker rm -f lim >/dev/null
	[ -n "$(groups)" ] && pass "it stays while another is in it" || fail "it stays while another is in it"
	docker rm -f lim2 >/dev/null
	is "and goes with the last" "" groups
	like "one elsewhere" "containers live below the cgroup of this engine" run --cgroup-parent /system.slice busybox true
	like "one that leads out" "containers live below the cgroup of this engine" run --cgroup-parent ../x busybox true
	like "the engine's own" "parent|not permitted|exists" run --cgroup-parent spawn busybox true
fi
docker rm -f lim >/dev/null 2>&1; rm -f /tmp/postern-limits.$$

# What no host can.
while read -r options; do
	read -r message
	# shellcheck disable=SC2086
	like "$options" "$message" run $options busybox true
done <<'T'
--memory 1m
Minimum memory limit allowed is 6MB
--memory 64m --memory-swap 32m
Minimum memoryswap limit should be larger than memory limit, see usage
--memory-swap 32m
You should always set the Memory limit when using Memoryswap limit, see usage
--memory-reservation 1m
Minimum memory reservation allowed is 6MB
--memory 64m --memory-reservation 128m
Minimum memory limit can not be less than memory reservation limit, see usage
--memory-swappiness 101
nvalid value: 101, valid memory swappiness range is 0-100|Valid memory swappiness range is 0-100
--cpus 1000
ange of CPUs is from 0.01 to [0-9]+.00, as there are only [0-9]+ CPUs available
--cpus 0.001
ange of CPUs is from 0.01 to
--cpus 1 --cpu-period 10000
[Cc]onflicting options: Nano CPUs and CPU Period cannot both be set
--cpus 1 --cpu-quota 10000
[Cc]onflicting options: Nano CPUs and CPU Quota cannot both be set
--cpu-period 10
CPU cfs period can not be less than 1ms \(i.e. 1000\) or larger than 1s \(i.e. 1000000\)
--cpu-quota 10
CPU cfs quota can not be less than 1ms \(i.e. 1000\)
--cpuset-cpus 4000
Requested CPUs are not available - requested 4000, available: 0
--cpuset-cpus x
Invalid value x for cpuset cpus
--blkio-weight 5
Range of blkio weight is from 10 to 1000
--oom-score-adj 2000
range for oom score adj is \[-1000, 1000\]
--cpu-rt-runtime 1000
real-time
--cpu-rt-period 1000
real-time
T

# ulimits and OOM scores: no cgroup needed
limit_of() { run --ulimit "$1" busybox sh -c "grep -i '$2' /proc/self/limits" | sed 's/  */ /g'; }
like "--ulimit nofile" "Max open files 100 200 " limit_of nofile=100:200 "open files"
like "--ulimit nproc" "Max processes 64 64 " limit_of nproc=64 processes
like "--ulimit core" "Max core file size 0 0 " limit_of core=0 "core file"
like "--ulimit fsize" "Max file size 4096 8192 " limit_of fsize=4096:8192 "file size"
like "--ulimit stack" "Max stack size 1048576 " limit_of stack=1048576:2097152 "stack size"
like "--ulimit cpu" "Max cpu time 10 20 " limit_of cpu=10:20 "cpu time"
like "--ulimit memlock" "Max locked memory 4096 4096 " limit_of memlock=4096 locked
most=$(sed -n 's/^Max open files *[0-9]* *\([0-9]*\).*/\1/p' "/proc/$POSTERN_LAUNCHER/limits")
like "a hard limit above what this engine may have" "error setting rlimit type 7: operation not permitted" run --ulimit "nofile=$((most + 1)):$((most + 1))" busybox true
like "a soft one above the hard one" "must be less than or equal to hard limit" run --ulimit nofile=200:100 busybox true
like "none that there is" "invalid ulimit type" run --ulimit foo=1 busybox true
is "--oom-score-adj" 300 run --oom-score-adj 300 busybox cat /proc/self/oom_score_adj
is "none asked" 0 run busybox cat /proc/self/oom_score_adj
if [ "$(run --oom-score-adj -10 busybox cat /proc/self/oom_score_adj 2>/dev/null)" = -10 ]; then
	pass "--oom-score-adj below 0"
else
	like "--oom-score-adj below 0 needs a right that this engine has not" "oom_score_adj: permission denied" run --oom-score-adj -10 busybox true
fi
finish
