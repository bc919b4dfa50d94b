#!/bin/bash
# postern beside docker: the same words against the same engine, and the same output.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
bin=$POSTERN_BIN
export POSTERN_SOCKET
postern=$bin/postern
[ -x "$(command -v docker)" ] || { skip "everything" "there is no docker client"; finish; }

docker create --name c1 -e A=b --label l1=v1 --label l2=v2 busybox echo "hello there, this is long" >/dev/null 2>&1
docker run -d --name c2 -v vol1:/data busybox sh -c 'echo out; echo err >&2; sleep 100' >/dev/null 2>&1
docker run --name c3 busybox sh -c 'exit 3' >/dev/null 2>&1
docker tag busybox:latest other/name:v1
until_true 40 bash -c 'docker logs c2 2>&1 | grep -q err'

# What is compared: output, errors and exit code. Times that pass in between are cut.
outcome() { # PROGRAM ARGUMENTS...
	local out status
	out=$(timeout -k 1 20 "$@" 2>"$POSTERN_BASE/err" </dev/null); status=$?
	printf '%s\n--- %s\n' "$out" $status | sed -E 's/(Less than a|About a|[0-9]+) (seconds?|minutes?)( ago)?/T/g; s/Up T/Up/; s/ +/ /g; s/ +$//'
}
same() { # ARGUMENTS...
	is "$*" "$(outcome docker "$@")" outcome "$postern" "$@"
}
same_set() { # the lines in any order: Docker goes through the names of an image as they come
	is "$*" "$(outcome docker "$@" | sort)" bash -c "$(declare -f outcome); outcome \"\$@\" | sort" _ "$postern" "$@"
}
same ps
same ps -a
same ps -aq
same ps -q --no-trunc
same ps -a --no-trunc --format '{{.ID}} {{.Image}} {{.Command}} {{.Names}} {{.State}}'
same ps -a --filter name=c1 --format '{{.Names}}: {{.Labels}}'
same ps -a --filter status=exited --format 'table {{.Names}}\t{{.Status}}'
same ps -an 1 --format '{{.Names}}'
same ps -al --format '{{upper .Names}}'
same ps -a --format '{{.Names}}{{if eq .State "running"}} runs{{else}} does not{{end}}'
same ps -a --format '{{.Mounts}}|{{.Ports}}'
same ps --filter bogus=1 -q
same container ls -aq
same_set images
same_set images -q
same_set images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}'
same images --digests --format '{{.Digest}}'
same images busybox --format '{{.Tag}}'
same_set image ls -q
same volume ls
same volume ls -q
same volume ls --format '{{.Driver}}/{{.Name}}'
same logs c2
same logs --tail 1 c2
same logs nothere
same inspect c1
same inspect busybox
same inspect --type volume vol1
same container inspect c1
same image inspect other/name:v1
same volume inspect vol1
same inspect c1 nothere
same inspect -f '{{.Name}} {{.Config.Env}} {{.State.ExitCode}}' c1 c3
same inspect -f '{{range .Config.Env}}[{{.}}]{{end}}' c1
same inspect -f '{{json .Config.Labels}}' c1
same inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}' c1
same inspect -f '{{index .Config.Labels "l1"}} {{len .Config.Cmd}} {{index .Config.Cmd 1}}' c1
same inspect -f '{{join .Config.Cmd ","}} {{.State.Running}} {{not .State.Running}}' c1
same inspect -f '{{with .State}}{{.Status}}{{end}}{{- " x" -}}   y' c1
same inspect -f '{{printf "%-10s|%5d|%q" .Name .State.ExitCode .Name}}' c3
same inspect -f '{{(index .Mounts 0).Destination}}{{println}}{{title "ab"}}' c2
same inspect -f '{{split .Name "/" | json}}{{lower "AB"}}' c2
same inspect -f '{{if and .State.Running (gt .State.Pid 0)}}alive{{end}}' c2
same top c2 -o pid,comm
same history busybox --format '{{.Size}} {{.CreatedBy}}'
same history -q busybox
same version --format '{{.Server.APIVersion}}'
same system df
same system df -v
same system df --format '{{.Type}}:{{.TotalCount}}:{{.Active}}:{{.Size}}:{{.Reclaimable}}'
same system df -v --format '{{range .Volumes}}{{.Name}} {{.Links}} {{.Size}};{{end}}{{range .Images}}{{.SharedSize}} {{.UniqueSize}};{{end}}{{len .BuildCache}}'
same ps -as --format '{{.Names}} {{.Size}}'
same info --format '{{.ServerVersion}} {{.OSType}}'
same system info --format '{{.Driver}}'
same wait c3
same rm nothere
same rmi nothere
same volume rm nothere
same stop nothere
same pause c1
same tag nothere x:y
same kill c1
same start nothere
same attach c1
same run --rm busybox sh -c 'echo a; echo b >&2; exit 5'
same run --rm busybox nosuchcommand
same run --rm busybox /etc
same run --rm --pull never nosuchimage
same run --rm --log-opt x=y busybox true
same run --rm -e A=1 --env-file /nonexistent busybox true
same create --name c2 busybox
same rm c2
same restart -t 0 c2
same stop -t 0 c2
same container prune -f --filter label=none
same image prune -f
same volume prune -f
ok "rename" bash -c "'$postern' rename c1 c9 && docker rename c9 c1"
is "rmi" "$(docker rmi other/name:v1; docker tag busybox:latest other/name:v1)" "$postern" rmi other/name:v1

# --- its own
saved() { "$postern" "$@" | tar -tf - | sort; }
is "save" "$(docker save busybox | tar -tf - | sort)" saved save busybox
ok "save -o, load -i" bash -c "'$postern' save -o '$POSTERN_RUN/../saved.tar' busybox && '$postern' load -q -i '$POSTERN_RUN/../saved.tar'"
is "export" "$(docker export c1 | tar -tf - | sort)" saved export c1
like "did you mean a command" "Did you mean 'run'" "$postern" rnu busybox
like "did you mean one of a group" "Did you mean 'image ls'" "$postern" image sl
like "did you mean a flag" "did you mean --detach" "$postern" run --detatch busybox
for verb in exec cp stats pull "image push" "container diff" build swarm; do
	like "what there is not: $verb" "'$verb' is not available" "$postern" $verb x
done
# byte for byte: columns are as wide as Docker's
is "the table of images" "$(docker images)" "$postern" images
is "the tables of df" "$(docker system df | sed 's/Less than a second/T/g; s/[0-9]* seconds* ago/T/g')" bash -c "'$postern' system df | sed 's/Less than a second/T/g; s/[0-9]* seconds* ago/T/g'"
fails "an unknown command" 1 "$postern" frobnicate
fails "an unknown flag of run" 125 "$postern" run --frobnicate busybox
like "a function that templates have not" 'function "frob" not defined' "$postern" ps -a --format '{{frob .ID}}'
is "colours and control characters are left out" 0 bash -c "'$postern' --help | grep -c $'\033'"
like "system df" "Images +[0-9]+ +[0-9]+ " "$postern" system df
like "prune asks first" "Are you sure" bash -c "echo n | '$postern' system prune"
ok "system prune" "$postern" system prune -f
is "cidfile" 64 bash -c "rm -f '$POSTERN_RUN/../cid'; '$postern' create --cidfile '$POSTERN_RUN/../cid' busybox >/dev/null 2>&1; wc -c <'$POSTERN_RUN/../cid'"
like "it is not written over" "exists" "$postern" create --cidfile "$POSTERN_RUN/../cid" busybox
ok "an empty directory for env files" bash -c "printf '# no\nX=1\n' >'$POSTERN_RUN/../env'; chmod 644 '$POSTERN_RUN/../env'; [ \"\$('$postern' run --rm --env-file '$POSTERN_RUN/../env' busybox sh -c 'echo \$X' 2>/dev/null)\" = 1 ]"

# --- completion
docker create --name k2 busybox >/dev/null 2>&1; docker create --name k3 busybox >/dev/null 2>&1
completes() { # WORDS...: what bash would offer for the last of them
	bash -c 'PATH='"$bin"':$PATH; source <(postern completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _postern; printf "%s\n" "${COMPREPLY[@]}"' _ "$@" | sort | tr '\n' ' '
}
like "bash: verbs" "^pause policy port protocol ps $" completes postern p
is "bash: verbs of a group" "list load ls " completes postern image l
like "bash: flags" "--detach --detach-keys --device " completes postern run --de
like "bash: containers" "k2 k3" completes postern logs ""
like "bash: what takes no flags has none, and is not run" "^ *$" completes postern system stop -
ok "nor by --help" bash -c "'$postern' system stop --help && docker version"
like "bash: images" "busybox:latest" completes postern rmi b
# --- manual pages: generated from the same tables, and without a complaint of groff
pages=$(mktemp -d); "$postern" __man >"$pages/postern.1"; "$postern" protocol --man >"$pages/postern-protocol.7"
cp "$top"/controller/cli/man/* "$pages"
for page in "$pages"/*; do
	if [ -n "$(command -v mandoc)" ]; then is "$(basename "$page")" "" mandoc -Tlint -W warning "$page"
	elif [ -n "$(command -v groff)" ]; then is "$(basename "$page")" "" bash -c "groff -mdoc -ww -Tutf8 -z '$page' 2>&1"
	else skip "$(basename "$page")" "neither mandoc nor groff is installed"; fi
done
like "postern(1) has the flags of run" 'It Fl d , Fl ..detach' cat "$pages/postern.1"
rm -rf "$pages"
if [ -n "$(command -v fish)" ]; then
	fish_completes() { (cd "$top" && PATH=$bin:$PATH HOME=$POSTERN_BASE fish --no-config -c "postern completion fish | source; complete -C '$1'" | tr '\n' ' '); }
	is "fish: verbs" "run " fish_completes "postern ru"
	is "fish: verbs of a group" "list load ls " fish_completes "postern image l"
	like "fish: flags" "^--net --network " fish_completes "postern run --net"
	is "fish: containers" "k2 " fish_completes "postern logs k2"
	is "fish: images, behind flags" "busybox:latest " fish_completes "postern run --rm -e A=b b"
	is "fish: files where there are no names" "README.md " fish_completes "postern load -i READ"
else
	skip "fish" "it is not installed"
fi
if [ -n "$(command -v zsh)" ]; then
	mkdir "$POSTERN_BASE/zsh" && "$postern" completion zsh >"$POSTERN_BASE/zsh/_postern"
	# What becomes of a line by the key TAB; loaded as a script, or by compinit as it is installed.
	zsh_completes() { PATH=$bin:$PATH HOME=$POSTERN_BASE timeout 60 zsh -f "$top/tests/integration/completes.zsh" "$1" "$2" "$POSTERN_BASE/zsh"; }
	for how in source install; do
		is "zsh, by $how: verbs" "postern run |" zsh_completes $how "postern ru"
		is "zsh, by $how: a group's" "postern image load |" zsh_completes $how "postern image lo"
		is "zsh, by $how: flags" "postern run --network|" zsh_completes $how "postern run --netw"
		is "zsh, by $how: containers" "postern logs z9only |" bash -c "$(declare -f zsh_completes); export bin=$bin top=$top; '$postern' create --name z9only busybox >/dev/null 2>&1; zsh_completes $how 'postern logs z9'; docker rm z9only >/dev/null"
		is "zsh, by $how: files where there are no names" "postern load -i $top/README.md |" zsh_completes $how "postern load -i $top/READ"
	done
else
	skip "zsh" "it is not installed"
fi

# --- connections: requests follow each other on one, unless the engine ends it
fake_engine() { # SOCKET HEADER: takes two requests, prints how many connections they came on
	python3 - "$@" <<-'END'
		import socket, os, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o777); s.listen()
		connections = served = 0
		while served < 2:
		    c = s.accept()[0]
		    connections += 1
		    while served < 2 and c.recv(65536).endswith(b"\r\n\r\n"):
		        c.sendall(b"HTTP/1.1 204 No Content\r\n" + sys.argv[2].encode() + b"\r\n")
		        served += 1
		        if sys.argv[2]: break
		    c.close()
		print(connections)
	END
}
connections() { # HEADER
	rm -f "$POSTERN_BASE/fake.sock"
	timeout 20 bash -c "$(declare -f fake_engine); fake_engine \"\$@\"" - "$POSTERN_BASE/fake.sock" "$1" >"$POSTERN_BASE/connections" & local engine=$!
	until_true 100 test -S "$POSTERN_BASE/fake.sock"
	"$postern" -H "$POSTERN_BASE/fake.sock" stop a b
	wait $engine; cat "$POSTERN_BASE/connections"
}
is "two requests on one connection" "a b 1" eval 'echo $(connections "")'
is "which the engine may end" "a b 2" eval $'echo $(connections "Connection: close\r\n")'
is "a run takes three" 3 eval 'strace -f -e trace=connect -o "$POSTERN_BASE/connections" "$postern" run --rm busybox true && grep -c "$POSTERN_SOCKET" "$POSTERN_BASE/connections"'

# --- the daemon's own file
if ! is_users; then
	restart() { # what the next controller makes of the file
		printf '%s' "$1" >"$POSTERN_BASE/posternd.json"
		kill -9 "$(jq -r '.helpers[] | select(.name == "controller") | .pid' "$POSTERN_RUN/helpers.json")"
	}
	restart '{"log-driver":"local","log-opts":{"max-size":"1m"},"labels":["a=b"],"init":true,"default-shm-size":1048576,"debug":true,"shutdown-timeout":7,"default-ulimits":{"nofile":{"Hard":100,"Soft":50}}}'
	until_true 200 bash -c 'docker info --format "{{.LoggingDriver}}" 2>/dev/null | grep -q local'
	is "default driver and labels" "local [a=b]" docker info --format '{{.LoggingDriver}} {{.Labels}}'
	is "default ulimits and init" "50 no" bash -c 'docker run --rm busybox sh -c "echo \$(ulimit -n) \$([ \$\$ = 1 ] && echo yes || echo no)" 2>/dev/null'
	is "default size of /dev/shm, and debug" "1024 true" bash -c 'echo $(docker run --rm busybox df -k /dev/shm 2>/dev/null | awk "END { print \$2 }") $(docker info --format "{{.Debug}}")'
	is "default options of logs" '{"Type":"local","Config":{"max-size":"1m"}}' bash -c 'docker create --name dd1 busybox >/dev/null 2>&1; docker inspect -f "{{json .HostConfig.LogConfig}}" dd1'
	is "not for another driver" '{"Type":"json-file","Config":{}}' bash -c 'docker create --name dd2 --log-driver json-file busybox >/dev/null 2>&1; docker inspect -f "{{json .HostConfig.LogConfig}}" dd2'
	restart '{"log-drivers":"local"}'
	until_true 100 grep -q 'no setting' "$POSTERN_LOG"
	like "an unknown setting is refused" 'there is no setting "log-drivers"' grep 'no setting' "$POSTERN_LOG"
	rm -f "$POSTERN_BASE/posternd.json"
fi
finish
