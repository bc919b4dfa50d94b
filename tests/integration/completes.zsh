# completes.zsh source|install LINE DIRECTORY: types LINE and TAB into a shell of its own and prints what the line is then, with a bar at
# its end. DIRECTORY has the script as _postern.
zmodload zsh/zpty
line=$3/line
rm -f $line
if [[ $1 == install ]]; then
	load="fpath=($3 \$fpath); autoload -Uz compinit; compinit -u -D"
else
	load="autoload -Uz compinit; compinit -u -D; source $3/_postern"
fi
zpty shell zsh -f -i
zpty -w shell "$load; bindkey -e; unsetopt beep; show() { print -r -- \"\$BUFFER|\" >$line.new && mv $line.new $line; }; zle -N show; bindkey '^G' show"
zpty -w -n shell "$2"$'\t\x07'
for i in {1..300}; do
	zpty -r -t shell out # or it would wait for its reader
	[[ -e $line ]] && break
	sleep 0.05
done
cat $line
zpty -d shell
