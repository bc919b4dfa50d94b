#!/bin/bash
# make install and make uninstall: what is laid down works where it is, renders and parses; nothing but root's own word stays.
# Engines: system
. "$(dirname "$0")/../lib.sh"
dest=$(mktemp -d /var/tmp/postern-install.XXXXXX)
trap 'rm -rf "$dest"' EXIT
share=$dest/usr/local/share libexec=$dest/usr/local/libexec/postern
install_() { make -s -C "$top" "$1" DESTDIR="$dest" "${@:2}"; }
left() { find "$dest" ! -type d; }

ok "make install" install_ install
for program in "$top"/build/bin/*; do
	[ "${program##*/}" = postern ] || [ -x "$libexec/${program##*/}" ] || missing+=" ${program##*/}"
done
is "every program is there" "" printf %s "${missing:-}"
like "the command knows itself" "Usage: postern" "$dest/usr/local/bin/postern" --help
for starter in postern-launcher postern-user; do
	like "$starter says where the defaults are" "Usage: $starter.*--data" bash -c "'$libexec/$starter' --help | tr '\n' ' '"
done
ok "the policy compiles" "$libexec/postern-policy" --check "$dest/etc/postern/policy.json"
like "manual pages" "postern.1 postern-policy.5 posternd.json.5 postern-protocol.7 posternd.8 " bash -c "cd '$share/man' && find . -type f | sort | sed 's,.*/,,' | tr '\n' ' '"
is "which render without a warning" "" bash -c "cd '$share/man' && for p in */*; do man --warnings -E UTF-8 -l \"\$p\" 2>&1 >/dev/null; done"
ok "bash reads its completion" bash -n "$share/bash-completion/completions/postern"
ok "zsh its own" zsh -n "$share/zsh/site-functions/_postern"
ok "and fish" fish -n "$share/fish/vendor_completions.d/postern.fish"

ok "make uninstall" install_ uninstall
is "leaves nothing" "" left
ok "installed again" install_ install
echo >>"$dest/etc/postern/policy.json"
ok "over a policy that root has changed" install_ install
like "uninstall says that it keeps that" "kept.*policy.json" install_ uninstall
is "and keeps nothing else" "$dest/etc/postern/policy.json" left
finish
