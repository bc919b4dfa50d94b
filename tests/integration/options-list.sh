#!/bin/bash
# options.list is whole: every flag of `docker run` and of `postern run` is in it, and the check that it names is there.
# Engines: system
. "$(dirname "$0")/../lib.sh"
list=$top/tests/integration/options.list
lost=() n=0
while IFS='|' read -r option script words; do
	[[ $option == --* ]] || continue
	script=${script// /} words=${words# }
	n=$((n + 1))
	[ -z "$script" ] || grep -qF -- "$words" "$top/tests/integration/$script" || lost+=("$option")
done <"$list"
[ $n -gt 100 ] && [ ${#lost[@]} = 0 ] && pass "each of $n lines names a check" || fail "each of $n lines names a check" "${lost[@]}"
flags() { grep -oE '^ +(-[a-zA-Z], )? *--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' | sort -u; }
known() { grep -oE '^--[a-z0-9-]+' "$list" | sort -u; }
if [ -x "$(command -v docker)" ]; then
	is "every flag of docker run is there" "" comm -23 <(docker run --help | flags) <(known)
else
	skip "every flag of docker run is there" "there is no docker client"
fi
is "every flag of postern run is there" "" comm -23 <("$bin/postern" run --help | flags) <(known)
finish
