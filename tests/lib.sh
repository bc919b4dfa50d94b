# lib.sh - what test scripts share: one line a check, "ok - ...", "not ok - ..." or "skip - ... (reason)"; tests/run counts them.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${POSTERN_BIN:-$top/build/bin}
failed=0
engine=${POSTERN_ENGINE:-system} # or rootless, single (with-engine)
is_users() { [ "$engine" != system ]; }

pass() { echo "ok - $1"; }
fail() { echo "not ok - $1"; shift; [ $# -eq 0 ] || printf '#   %s\n' "$@"; failed=1; }
skip() { echo "skip - $1 ($2)"; }

# ok NAME COMMAND...: succeeds
ok() {
	local name=$1 out status; shift
	out=$("$@" 2>&1); status=$?
	[ $status -eq 0 ] && pass "$name" || fail "$name" "status $status of: $*" "${out:0:800}"
}
# fails NAME STATUS COMMAND...: exits with just that status
fails() {
	local name=$1 want=$2 out status; shift 2
	out=$("$@" 2>&1); status=$?
	[ $status -eq "$want" ] && pass "$name" || fail "$name" "status $status, not $want, of: $*" "${out:0:800}"
}
# is NAME WANTED COMMAND...: prints just that (standard output, final newlines aside)
is() {
	local name=$1 want=$2 out; shift 2
	out=$("$@" 2>/tmp/postern-err.$$); local status=$?
	[ "$out" = "$want" ] && pass "$name" || fail "$name" "wanted: $want" "got:    ${out:0:800}" "status $status: $(head -c 400 /tmp/postern-err.$$)"
	rm -f /tmp/postern-err.$$
}
# like NAME PATTERN COMMAND...: output and errors together match the extended regular expression
like() {
	local name=$1 pattern=$2 out; shift 2
	out=$("$@" 2>&1)
	[[ $out =~ $pattern ]] && pass "$name" || fail "$name" "no match for: $pattern" "got: ${out:0:800}"
}
# until_true TRIES COMMAND...: every 50 ms, bounded
until_true() {
	local n=$1; shift
	for ((; n > 0; n--)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
# archives friendly|hostile DIRECTORY: as tests/images/archives.py makes them; scripts run beside each other.
archives() {
	mkdir -p "$2" && (flock 6 && { [ "$2/made" -nt "$top/tests/images/archives.py" ] || { python3 "$top/tests/images/archives.py" "$1" "$2" && touch "$2/made"; }; }) 6>"$2/lock"
}
finish() { exit $failed; }
