# completes.zsh source|install LINE DIRECTORY: types LINE and TAB into a shell of its own and prints what the line is then, with a bar at
# its end. DIRECTORY has the script as _postern.
zmodload zsh/zpty
line=$3/line
rm -f $line $line.ready
if [[ $1 == install ]]; then
	load="fpath=($3 \$fpath); autoload -Uz compinit; compinit -u -D"
else
	load="autoload -Uz compinit; compinit -u -D; source $3/_postern"
fi
until_there() { # FILE: also reads what the shell says, or that would wait for its reader
	local i out
	for i in {1..900}; do
		zpty -r -t shell out
		[[ -e $1 ]] && return
		sleep 0.05
	done
}
zpty shell zsh -f -i
zpty -w shell "$load; bindkey -e; unsetopt beep; show() { print -r -- \"\$BUFFER|\" >$line.new && mv $line.new $line; }; zle -N show; bindkey '^G' show; : >$line.ready"
until_there $line.ready
zpty -w -n shell "$2"$'\t\x07'
until_there $line
cat $line
zpty -d shell
