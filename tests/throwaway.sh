# throwaway.sh - users that a test makes and removes: /etc/passwd is one file for all, and scripts run beside each other.
mkdir -p /run/postern-tests
# alone COMMAND...: one at a time of ours; tried again for 5 s, since others of the host may have that file, too
alone() {
	local i
	for ((i = 1; ; i++)); do
		(flock 8 && "$@") 8>/run/postern-tests/passwd && return
		[ $i -lt 20 ] || return
		sleep 0.25
	done
}

# add_user NAME UID [FIRST-SUBORDINATE-ID]: with 65,536 of them from there on, or none
add_user() {
	local u=$1 uid=$2 first=${3:-}
	remove_user "$u" && alone useradd -M -U -u "$uid" -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 "$u" || return
	[ -z "$first" ] || alone usermod -v "$first-$((first + 65535))" -w "$first-$((first + 65535))" "$u"
}
# remove_user NAME: also while what was killed has not quite gone; where it stays, why on standard error
remove_user() {
	local said
	grep -qs "^$1:" /etc/passwd /etc/subuid /etc/subgid || return 0
	said=$(alone userdel -f "$1" 2>&1) && return
	printf '%s\n' "$said" | tail -n 3 >&2
	grep -H "^$1:" /etc/passwd /etc/subuid /etc/subgid >&2
	return 1
}
