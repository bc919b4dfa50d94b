# traffic.sh - part of run and of rootless: two containers of net.c's on a network of their own, one with its port published at $P.
P=20080
serving() { # DOCKER-HOST
	tar -C "$work" -c net | docker -H "$1" import - net >/dev/null && docker -H "$1" network create bench >/dev/null &&
		docker -H "$1" run -d --name server --network bench -p $P:80 net /net serve 80 >/dev/null &&
		docker -H "$1" run -d --name client --network bench net /net serve 81 >/dev/null
}
# The program itself, in the client's network namespace: no engine has part in what starts it.
inside() { local host=$1 pid; shift; pid=$(docker -H "$host" inspect -f '{{.State.Pid}}' client) && nsenter -t "$pid" -n "$work/net" "$@"; }
outside() { nsenter --net="/run/netns/$W" "$work/net" "$@"; }
one_round() { # DOCKER-HOST ADDRESS-OUTSIDE PREFIX: a line into each file
	local to
	to=$(docker -H "$1" inspect -f '{{.NetworkSettings.Networks.bench.IPAddress}}' server) || return
	inside "$1" stream "$to" 80 0.25 >>"$work/$3-stream"
	inside "$1" ping "$to" 80 2500 >>"$work/$3-ping"
	outside stream "$2" $P 0.25 >>"$work/$3-port-stream"
	outside ping "$2" $P 2500 >>"$work/$3-port-ping"
	inside "$1" dns 127.0.0.11 server 0.25 >>"$work/$3-dns"
}
