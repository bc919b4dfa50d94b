#!/bin/bash
# Docker's compose (1.29, Debian's) brings up a project, changes it, takes it down; nothing is left.
. "$(dirname "$0")/../lib.sh"
command -v docker-compose >/dev/null || { skip "docker-compose" "it is not installed"; finish; }
. "$(dirname "$0")/../netlib.sh"
project=$POSTERN_BASE/shop; mkdir "$project"
cat >"$project/docker-compose.yml" <<'Y'
version: "2.4"
services:
  web:
    image: peer
    command: peer serve 80 90
    networks: {front: {}, back: {aliases: [www]}}
    ports: ["8080:80", "8090-8095:90/udp"]
    depends_on: [app]
    restart: unless-stopped
    healthcheck: {test: ["CMD", "true"], interval: 30s, retries: 3}
  app:
    image: peer
    command: peer serve 80
    networks: {back: {aliases: [backend, api]}}
    environment: {COLOUR: green}
    volumes: ["data:/data", "./conf:/conf:ro"]
    labels: {org.example.role: app}
  db:
    image: peer
    command: sh -c "echo stored >>/data/rows && exec peer serve 80"
    networks: {back: {ipv4_address: 10.77.0.50}}
    volumes: ["data:/data"]
networks:
  front: {}
  back: {internal: true, ipam: {config: [{subnet: 10.77.0.0/24}]}}
volumes: {data: {}}
Y
mkdir "$project/conf"; echo colour >"$project/conf/name"
dc() { (cd "$project" && timeout 120 docker-compose --no-ansi "$@" </dev/null 2>&1); }
count() { docker ps -q --filter "label=com.docker.compose.service=$1" | wc -l; }
state() { in_n nft -j list ruleset | jq -c '[.nftables[] | .set, .map | select(.) | {n: .name, e: (.elem // [] | length)}]'; links; in_h ss -Htuln | awk '{print $1, $5}' | sort; docker ps -aq; docker volume ls -q; docker network ls --format '{{.Name}}'; }
export -f state
docker run --rm peer true # the default network is there
until_true 200 no_veths
state >"$POSTERN_BASE/before"
ok "up" dc up -d
is "three services run" "1 1 1" echo "$(count web) $(count app) $(count db)"
ok "a port answers" until_true 40 in_w "$peer" ask tcp 192.0.2.1 8080
is "the world is seen as what it is, or as the forwarder" "$(seen 192.0.2.2 shop_front)" in_w "$peer" ask tcp 192.0.2.1 8080
like "port" "0.0.0.0:8080" dc port web 80
like "ps" "shop_web_1 .*Up.*0.0.0.0:8080->80/tcp" dc ps
is "the address that was asked for" 10.77.0.50 ip_of shop_db_1 shop_back
for name in db www backend api app shop_db_1; do ok "name: $name" docker run --rm --network shop_back peer peer ask tcp $name 80; done
fails "not from outside its networks" 1 docker run --rm --network shop_front peer peer ask tcp db 80
ok "web reaches db" ask shop_web_1 tcp 10.77.0.50 80
like "a directory of the project" "/conf" docker inspect -f '{{range .Mounts}}{{.Destination}}:{{.Mode}} {{end}}' shop_app_1
is "the volume is shared" stored docker run --rm -v shop_data:/d peer cat /d/rows
is "policies and health checks are kept" "unless-stopped [CMD true]" docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.Config.Healthcheck.Test}}' shop_web_1
ok "up again changes nothing" dc up -d
ok "scaled to five" dc up -d --scale app=5
is "five run" 5 count app
is "five answers for one name" 5 bash -c "docker run --rm --network shop_back peer nslookup -type=a api 127.0.0.11 | grep -c '^Address: 10.77'"
ok "each has an address of its own" bash -c "[ \$(docker ps -q --filter label=com.docker.compose.service=app | xargs docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' | sort -u | wc -l) = 5 ]"
ok "scaled to two" dc up -d -t 0 --scale app=2
is "two run" 2 count app
ok "restart" dc restart -t 0 web
ok "the port answers again" until_true 40 in_w "$peer" ask tcp 192.0.2.1 8080
like "logs" "serves" dc logs db
ok "changed: made anew" bash -c "sed -i s/green/blue/ '$project/docker-compose.yml' && cd '$project' && docker-compose --no-ansi up -d -t 0"
like "with what changed" COLOUR=blue docker inspect -f '{{.Config.Env}}' shop_app_1
ok "stop" dc stop -t 0
ok "start" dc start
ok "down" dc down -v -t 0
until_true 40 bash -c 'state | cmp -s - "$POSTERN_BASE/before"'
is "nothing is left" "$(cat "$POSTERN_BASE/before")" state
finish
