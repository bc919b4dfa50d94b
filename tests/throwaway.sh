# throwaway.sh - users that a test makes and removes: /etc/passwd is one file for all, and scripts run beside each other.
mkdir -p /run/postern-tests
alone() { (flock 8 && "$@") 8>/run/postern-tests/passwd; }

# add_user NAME UID [FIRST-SUBORDINATE-ID]: with 65,536 of them from there on, or none
add_user() {
	local u=$1 uid=$2 first=${3:-}
	remove_user "$u" && alone useradd -M -U -u "$uid" -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 "$u" || return
	[ -z "$first" ] || alone usermod -v "$first-$((first + 65535))" -w "$first-$((first + 65535))" "$u"
}
# remove_user NAME: also while what was killed has not quite gone; where it stays, the last reason on standard error
remove_user() {
	local u=$1 said= i
	for ((i = 0; i < 20; i++)); do
		grep -qs "^$u:" /etc/passwd /etc/subuid /etc/subgid || return 0
		[ $i -eq 0 ] || sleep 0.25
		said=$(alone userdel -f "$u" 2>&1) || said="status $?: $said"
	done
	grep -H "^$u:" /etc/passwd /etc/subuid /etc/subgid >&2
	echo "userdel: ${said:-said nothing}" >&2
	return 1
}
