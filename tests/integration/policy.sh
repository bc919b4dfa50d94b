#!/bin/bash
# Root's policy and the program that compiles it: what it may, what it may say, and what is left when the engine refuses to start.
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || { skip "policy" "the tests' engines need root"; finish; }
# A user's engine beside ours: who that user is.
if is_users && [ -z "${POSTERN_SOCKET:-}" ]; then exec "$top/tests/with-engine" --no-image bash "$0" "$@"; fi

base=$(mktemp -d /var/tmp/postern-test.XXXXXX) cgroup=postern-test-policy-$$/a/b ids=62400
trap 'rm -rf "$base"' EXIT
real=${POSTERN_PROGRAMS:-$bin} root=0 files="7 8 9 10 11"
compiler=$((ids + 14)) # and as it sees itself:
own=$compiler launcher=postern-launcher
if is_users; then
	launcher=postern-user
	chown "$POSTERN_USER:" "$base"
	root=65534 files=7 # of the namespace: root of the host's; passwd and the like name ids of the host's
	compiler=$((POSTERN_SUBS + 65512 + 14)) own=$((65536 + 14)) # helpers/user/ids.c
	[ "$engine" = rootless ] || own=0
fi
v2=$(awk '/ - cgroup2 /{print $5; exit}' /proc/self/mountinfo)
programs=$base/bin file=$base/policy.json
mkdir "$programs"
for p in "$real"/*; do ln -s "$p" "$programs/"; done
start() { # [OPTION]...
	is_users && set -- "$@" --run "$POSTERN_BASE/home/run2" || set -- "$@" --run "$base/run" --cgroup "$cgroup" --ids $ids
	timeout -s TERM "${seconds:-20}" "$bin/$launcher" --data "$base/data" --policy "$file" --bin "$programs" "$@"
}
as_compiler() { rm -f "$programs/postern-policy"; cp "$1" "$programs/postern-policy"; }

# the same words from the launcher and from the check
sed 's/"writable": true/"writabel": true/' "$top/policy/default.json" >"$file"
words='policy.json: binds\[0\]: there is no "writabel" here; remove it or mend its spelling'
like "a slip is an error of the launcher's, with its place" "postern-launcher: error: $words" start
fails "and it does not start" 1 start
like "postern policy check says the same" "$words" "$bin/postern" policy check "$file"
install -m 666 "$top/policy/default.json" "$file"
like "a file that others may write is refused" "could be written by others .uid $root, mode 0666." start
install -m 644 -o $compiler "$top/policy/default.json" "$file"
if [ "$engine" = single ]; then
	skip "and one of the compiler's own" "without subordinate ids the kernel maps one id only: it is the user's, like the policy"
else
	like "and one of the compiler's own" "could be written by others .uid $own," start
fi
rm "$file"; mkfifo "$file"
like "and a pipe, at once" "is not a regular file" start
rm "$file"; install -m 644 "$top/policy/default.json" "$file"
like "the compiler shuts itself in before it reads" "landlock_restrict_self.* = 0.*seccomp.* = 0.*pread64.*valid" bash -c \
	"strace -e trace=landlock_restrict_self,seccomp,pread64 '$real/postern-policy' --check '$file' 2>&1 | tr '\\n' ' '"

# a compiler that was taken over: what it holds, and what it is believed
as_compiler /bin/true
if is_users; then
	seconds=3 start 2>/dev/null & refuses=$!
	socket=$POSTERN_BASE/home/run2/postern.sock
	until_true 40 test -S "$socket"
	like "a policy that nobody filled in allows nobody anything" "policy|EPERM|denied|not permitted" "$bin/postern" -H "$socket" ps
	wait $refuses
else
	like "a policy that nobody filled in is refused" "made a policy that cannot be: the container ids" start
fi
as_compiler /bin/false
like "so is an end without a word" "postern-policy ended before it was done" start
cat >"$base/look.c" <<'C'
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
extern char **environ;
int main(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");
	DIR *d;
	while (f && fgets(line, sizeof(line), f))
		fputs(line, stderr);
	for (int i = 0; environ[i]; i++)
		fprintf(stderr, "Env: %s\n", environ[i]);
	fprintf(stderr, "Shadow: %s\n", fopen("/etc/shadow", "re") ? "read" : "no");
	for (d = opendir("/proc/self/fd"); d;) {
		struct dirent *e = readdir(d);
		if (!e)
			break;
		if (atoi(e->d_name) > 2 && atoi(e->d_name) != dirfd(d) && atoi(e->d_name) != fileno(f))
			fprintf(stderr, "Fd: %s\n", e->d_name);
	}
	return 1;
}
C
gcc -o "$base/look" "$base/look.c"
as_compiler "$base/look"
start >"$base/seen" 2>&1
field() { awk -v k="$1:" '$1 == k {$1 = ""; print substr($0, 2)}' "$base/seen"; }
is "it has an id of its own" "$own $own $own $own" field Uid
is "no group" "$own $own $own $own" field Gid
is "none beside it" "" field Groups
is "no capability, now or later" "0000000000000000 0000000000000000 0000000000000000" echo "$(field CapPrm) $(field CapBnd) $(field CapAmb)"
is "no_new_privs" 1 field NoNewPrivs
is "no environment" "" field Env
is "root's files are not its own" no field Shadow
is "the job, the policy and what it may read; nothing else" "5 $files" echo $(field Fd | sort -n)

if is_users; then
	skip "what a start that was refused leaves in cgroups" "none is delegated to this user"
	start --purge
	finish
fi
# what a start that was refused leaves; of nested names only what we made
is "no cgroup is left of them" "" find /sys/fs/cgroup -maxdepth 2 -name "postern-test-policy-$$"
as_compiler "$real/postern-policy"
mkdir "$v2/postern-test-policy-$$"
seconds=2 start 2>/dev/null
is "after a real start and end neither" "$v2/postern-test-policy-$$" find /sys/fs/cgroup -path "*/postern-test-policy-$$*" -type d
start --purge
rmdir "$v2/postern-test-policy-$$" && pass "but what others had made is" || fail "but what others had made is"
finish
