"""api-network.py - networks over HTTP as no client of Docker's asks for them. Called by api-network.sh inside an engine.

What is wrong is refused with 4xx and words that name it, and nothing of it is kept; what is kept is of the types that
Docker's schema has, or clients in typed languages cannot read lists any more."""
import http.client, json, os, socket, threading, time, urllib.parse

SOCKET, USER = os.environ["POSTERN_SOCKET"], int(os.environ.get("POSTERN_UID", "0"))
NET = "10.97.%d.0/24"
LOCK = threading.Lock()  # the effective uid is the process's


def check(name, good, *more):
    print(("ok - " if good else "not ok - ") + name, flush=True)
    for m in more if not good else ():
        print("#   " + repr(m)[:500], flush=True)


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        with LOCK:
            os.seteuid(USER)  # whose engine it is
            try:
                self.sock.connect(SOCKET)
            finally:
                os.seteuid(0)


def ask(method, path, body=None, version="1.47"):
    """Status, JSON, and the words of an error."""
    c = Unix("localhost")
    raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    c.request(method, "/v%s%s" % (version, path), raw, {"Content-Type": "application/json"})
    a = c.getresponse()
    text = a.read()
    c.close()
    try:
        j = json.loads(text)
    except ValueError:
        j = None
    return a.status, j, (j.get("message", "") if isinstance(j, dict) else "")


def network(body, name="odd"):
    return ask("POST", "/networks/create", dict({"Name": name}, **body))


def container(body, start=False):
    answer = ask("POST", "/containers/create", dict({"Image": "busybox", "Cmd": ["sleep", "1000"]}, **body))
    if start and answer[0] == 201:
        return ask("POST", "/containers/%s/start" % answer[1]["Id"]), answer[1]["Id"]
    return (answer, answer[1]["Id"] if answer[0] == 201 else None) if start else answer


def remove(*ids):
    for i in ids:
        if i:
            ask("DELETE", "/containers/%s?force=1" % i)


def names():
    return sorted(n["Name"] for n in ask("GET", "/networks")[1])


def wrong_types():
    """A value of another type in each place is refused, and none is shown by a list afterwards."""
    wrong = {"text": (7, True, ["a"], {"a": "b"}), "bool": (7, "x", ["a"], {}), "map": (7, "x", True, ["a"], [], {"a": 1}, {"a": ["b"]}),
             "list": (7, "x", True, {"a": "b"}, {}), "object": (7, "x", True, ["a"], [])}
    places = [("Name", "text"), ("Driver", "text"), ("Scope", "text"), ("CheckDuplicate", "bool"), ("EnableIPv6", "bool"), ("Internal", "bool"),
              ("Attachable", "bool"), ("Ingress", "bool"), ("ConfigOnly", "bool"), ("ConfigFrom", "object"), ("IPAM", "object"), ("Options", "map"),
              ("Labels", "map"), ("IPAM.Driver", "text"), ("IPAM.Options", "map"), ("IPAM.Config", "list"), ("IPAM.Config.0.Subnet", "text"),
              ("IPAM.Config.0.IPRange", "text"), ("IPAM.Config.0.Gateway", "text"), ("IPAM.Config.0.AuxiliaryAddresses", "map")]
    settings = [("IPAMConfig", "object"), ("IPAMConfig.IPv4Address", "text"), ("IPAMConfig.IPv6Address", "text"), ("IPAMConfig.LinkLocalIPs", "list"),
                ("Links", "list"), ("Aliases", "list"), ("MacAddress", "text"), ("DriverOpts", "map")]
    bad = []

    def at(path, value):
        for part in reversed(path.split(".")):
            value = [dict({"Subnet": NET % 9}, **value)] if part == "0" else {part: value}
        return value

    for path, kind in places:
        for v in wrong[kind]:
            status, _, words = network(at(path, v))
            if status != 400 or path.split(".")[-1] not in words:
                bad.append((path, v, status, words))
    for v in (b"", b"[]", b"7", b'"x"', b"null", b'{"Name":"odd"', b'{"Name":"odd"}{}', b'{"Name":"odd","name":"x"}',
              b'{"Name":"odd","IPAM":{"Config":[{"Subnet":"10.97.9.0/24","subnet":"10.97.8.0/24"}]}}', b'{"Name":"odd","X":' + b"[" * 5000 + b"]" * 5000 + b"}"):
        status, _, words = ask("POST", "/networks/create", v)
        if status != 400 or not words:
            bad.append((v[:60], status, words))
    check("a body of /networks/create with another type in any place is refused", not bad, *bad[:8])
    bad, runs = [], container({"HostConfig": {"NetworkMode": "none"}})[1]["Id"]
    for path, kind in settings:
        for v in wrong[kind]:
            made = container({"HostConfig": {"NetworkMode": "n1"}, "NetworkingConfig": {"EndpointsConfig": {"n1": at(path, v)}}})
            joined = ask("POST", "/networks/n1/connect", {"Container": idle, "EndpointConfig": at(path, v)})
            for status, _, words in (made, joined):
                if status != 400 or path.split(".")[-1] not in words:
                    bad.append((path, v, status, words))
    remove(runs)
    for v in wrong["object"]:
        for body in ({"NetworkingConfig": v}, {"NetworkingConfig": {"EndpointsConfig": v}}, {"NetworkingConfig": {"EndpointsConfig": {"n1": v}}}):
            status, _, words = container(dict({"HostConfig": {"NetworkMode": "n1"}}, **body))
            if status != 400 or "unmarshal" not in words:
                bad.append((body, status, words))
    check("settings of a container in a network with another type in any place are refused", not bad, *bad[:8])
    status, j, _ = ask("POST", "/networks/create", b'{"name":"odd","labels":{"a":"1","A":null},"ipam":{"nosuch":7,"config":[{"subnet":"10.97.9.0/24",'
                                                   b'"nosuch":{"a":1},"iprange":null,"auxiliaryaddresses":{"x":"10.97.9.8","X":"10.97.9.9"}}]}}')
    j = ask("GET", "/networks/odd")[1] if status == 201 else j
    check("names without case are shown as Docker spells them, and unknown ones not at all", status == 201 and j["Labels"] == {"a": "1", "A": ""} and j["IPAM"] == {
        "Driver": "default", "Options": None, "Config": [{"Subnet": "10.97.9.0/24", "AuxiliaryAddresses": {"x": "10.97.9.8", "X": "10.97.9.9"}, "Gateway": "10.97.9.1"}]}, j)
    ask("DELETE", "/networks/odd")


def subnets():
    def one(entry, *more, **body):
        return network(dict({"IPAM": {"Config": [entry] + list(more)}}, **body))

    bad = []
    for subnet in ("", "x", "10.97.9.0", "10.97.9.1/24", "10.97.9.0/31", "10.97.9.0/32", "10.97.9.0/33", "10.97.9.0/-1", "10.97.9.0/024", "10.97.9/24", " 10.97.9.0/24",
                   "010.97.9.0/24", "0.0.0.0/0", "::/0", "fd00:97::/127", "fd00:97::/128", "fd00:97::1/64", "fd00:97::/129", "fd00:97::%lo/64", "::ffff:10.97.9.0/120",
                   "::ffff:0:0/96"):
        status, _, words = one({"Subnet": subnet})
        if status != 400 or subnet not in words:
            bad.append((subnet, status, words))
    # Policy has no place for these; an IPv6 one costs one refusal, not one for each default IPv4 subnet.
    for subnet in ("127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/24", "255.255.255.0/24", "8.8.8.0/24", "fe80::/64", "ff02::/64", "2001:db8::/64", "::10.97.9.0/120"):
        status, _, words = one({"Subnet": subnet})
        if status != 403 or "policy" not in words or subnet not in words:
            bad.append((subnet, status, words))
    for entry, status in (({"Gateway": "10.97.8.1"}, 400), ({"Gateway": "10.97.9.1/8"}, 400), ({"Gateway": "fd00::1"}, 400), ({"Gateway": "::ffff:10.97.9.1"}, 400),
                          ({"IPRange": "10.97.8.0/25"}, 400), ({"IPRange": "10.97.9.0/23"}, 400), ({"AuxiliaryAddresses": {"aux": "10.97.8.1"}}, 400),
                          ({"AuxiliaryAddresses": {"aux": "10.97.9.1"}}, 400), ({"AuxiliaryAddresses": {"aux": ""}}, 400),
                          ({"AuxiliaryAddresses": {"aux": "10.97.9.7", "aux2": "10.97.9.7"}}, 400)):
        got, _, words = one(dict({"Subnet": NET % 9}, **entry))
        if got != status or not any(str(v) in words or "aux" in words for v in entry.values()):
            bad.append((entry, got, words))
    for more in (({"Subnet": NET % 9}, {"Subnet": NET % 8}), ({"Subnet": "fd00:97::/64"}, {"Subnet": "fd00:98::/64"}), ({"Subnet": NET % 1},), ({"Subnet": "10.97.0.0/16"},)):
        got, _, words = one(*more)
        if got // 100 != 4 or not words:
            bad.append((more, got, words))
    for options, words in (({"com.docker.network.driver.mtu": "67"}, "mtu"), ({"com.docker.network.driver.mtu": "65536"}, "mtu"),
                           ({"com.docker.network.bridge.name": "lo"}, '"lo"'), ({"com.docker.network.bridge.enable_icc": "yes"}, "enable_icc")):
        got, _, said = network({"Options": options})
        if got // 100 != 4 or words not in said:
            bad.append((options, got, said))
    got, _, said = network({"EnableIPv6": True, "Options": {"com.docker.network.driver.mtu": "1279"}})
    if got != 400 or "mtu" not in said:
        bad.append(("1279 with IPv6", got, said))
    check("subnets, gateways, ranges, addresses and options that cannot be are refused by name, with 4xx", not bad, *bad[:8])


def addresses():
    bad = []

    def settings(s):
        return {"HostConfig": {"NetworkMode": "n1"}, "NetworkingConfig": {"EndpointsConfig": {"n1": s}}}

    for mac in ("2:42:ac:11:0:9", "+2:42:ac:11:00:09", " 2:42:ac:11:00:09", "02:42:ac:11:00", "02:42:ac:11:00:09:0a", "00:00:00:00:00:00", "01:00:5e:00:00:01", "zz"):
        for body in (settings({"MacAddress": mac}), {"MacAddress": mac, "HostConfig": {"NetworkMode": "n1"}}):
            status, _, words = container(body)
            if status != 400 or mac not in words:
                bad.append((mac, status, words))
    for link in ("", "a b:c", "a:b c", "a:b\n1.2.3.4 evil", "c:", ":c", "x" * 600):
        for body in (settings({"Links": [link]}), {"HostConfig": {"NetworkMode": "n1", "Links": [link]}}):
            status, _, words = container(body)
            if status != 400 or "links" not in words:
                bad.append((link, status, words))
    for port in ("80/icmp", "65536/tcp", "-1/tcp", "x/tcp", "80/", "", "80-81/tcp", " 80/tcp", "80/tcp\n"):
        status, _, words = container({"HostConfig": {"NetworkMode": "n1", "PortBindings": {port: [{"HostPort": "18080"}]}}})
        if status != 400 or "port" not in words:
            bad.append((port, status, words))
    for binding in ({"HostPort": "65536"}, {"HostPort": "2-1"}, {"HostPort": "x"}, {"HostPort": 18080}, {"HostIp": "x"}, {"HostIp": 7}, {"HostIp": "127.0.0.1/8"}, 7, "18080"):
        status, _, words = container({"HostConfig": {"NetworkMode": "n1", "PortBindings": {"80/tcp": [binding]}}})
        if status != 400 or not words:
            bad.append((binding, status, words))
    check("MAC addresses, links and ports that are none are refused by name", not bad, *bad[:8])
    (status, _, words), i = container({"HostConfig": {"NetworkMode": "n1", "PortBindings": {"%d/tcp" % p: [{"HostPort": str(20000 + p)}] for p in range(1, 2001)}}}, start=True)
    check("2,000 ports are too many", status == 400 and "1024" in words, status, words)
    remove(i)
    body = {"ExposedPorts": {"80/tcp": {}, "81/tcp": {}}, "HostConfig": {"NetworkMode": "n1", "PortBindings": {"80/tcp": [], "81/tcp": [{}]}}}
    (status, _, words), i = container(body, start=True)
    ports = ask("GET", "/containers/%s/json" % i)[1]["NetworkSettings"]["Ports"]
    check("a list of no bindings publishes nothing, an empty binding any port", status == 204 and ports["80/tcp"] is None and int(ports["81/tcp"][0]["HostPort"]) > 0, words, ports)
    remove(i)
    body["HostConfig"]["PublishAllPorts"] = True
    (status, _, words), i = container(body, start=True)
    ports = ask("GET", "/containers/%s/json" % i)[1]["NetworkSettings"]["Ports"]
    check("but all ports are published where that is asked for", status == 204 and ports["80/tcp"] and ports["81/tcp"], words, ports)
    remove(i)


def versions():
    (_, _, words), i = container({"HostConfig": {"NetworkMode": "n1"}, "NetworkingConfig": {"EndpointsConfig": {"n1": {"Aliases": ["other"]}}}}, start=True)
    got = {v: ask("GET", "/containers/%s/json" % i, version=v)[1]["NetworkSettings"]["Networks"]["n1"]["Aliases"] for v in ("1.24", "1.41", "1.44", "1.45", "1.47")}
    old = ["other", i[:12]]
    check("before API 1.45 the short id is among the aliases", got == {"1.24": old, "1.41": old, "1.44": old, "1.45": ["other"], "1.47": ["other"]}, words, got)
    only = "/networks?filters=" + urllib.parse.quote('{"name":["n1"]}')
    got = {v: list(ask("GET", only, version=v)[1][0]["Containers"]) for v in ("1.24", "1.27", "1.28", "1.47")}
    check("before API 1.28 the list of networks has the containers in them", got == {"1.24": [i], "1.27": [i], "1.28": [], "1.47": []}, got)
    remove(i)


def names_and_events():
    network({}, "n11")
    got = {f: sorted(n["Name"] for n in ask("GET", "/networks?filters=" + urllib.parse.quote(json.dumps({"name": [f]})))[1]) for f in ("n1", "^n1$", "^n1", "11$")}
    check("a name in a filter may begin with ^ and end with $", got == {"n1": ["n1", "n11"], "^n1$": ["n1"], "^n1": ["n1", "n11"], "11$": ["n11"]}, got)
    i = container({"HostConfig": {"NetworkMode": "n11"}})[1]["Id"]
    since = time.time()
    ask("POST", "/networks/n1/connect", {"Container": i})
    ask("POST", "/networks/n1/disconnect", {"Container": i})
    c = Unix("localhost")
    c.request("GET", "/events?since=%f&until=%f&filters=%s" % (since, time.time(), urllib.parse.quote(json.dumps({"network": ["n1"]}))))
    seen = [json.loads(line)["Action"] for line in c.getresponse().read().splitlines()]
    c.close()
    check("of a container that does not run no event tells that it is in a network", seen == ["disconnect"], seen)
    n11 = ask("GET", "/networks/n11")[1]["Id"]
    ask("DELETE", "/networks/n11")
    status, _, words = ask("POST", "/containers/%s/start" % i)
    check("without the network that it was made for it is not started", status == 404 and words == "network %s not found" % n11, status, words)
    remove(i)


def at_once():
    """Several requests at the same time: consistent answers."""
    def all_of(*calls):
        out = [None] * len(calls)
        threads = [threading.Thread(target=lambda k=k, f=f: out.__setitem__(k, f())) for k, f in enumerate(calls)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        return [o and o[0] for o in out]

    bad = []
    for i in range(6):
        got = all_of(*[lambda: network({"IPAM": {"Config": [{"Subnet": NET % 7}]}})] * 6)
        if sorted(got) != [201] + [409] * 5:
            bad.append(("the same name", got))
        got = all_of(lambda: ask("POST", "/networks/odd/connect", {"Container": idle}), lambda: ask("DELETE", "/networks/odd"),
                     lambda: ask("POST", "/networks/prune"), lambda: network({}, "odd2"), lambda: ask("DELETE", "/networks/odd"))
        if any(s is None or s >= 500 for s in got):
            bad.append(("connect, delete, prune, create", got))
        gone = container({})[1]["Id"]
        network({}, "odd3")
        got = all_of(lambda: ask("POST", "/networks/odd3/connect", {"Container": gone}), lambda: ask("DELETE", "/containers/" + gone),
                     lambda: ask("POST", "/networks/odd3/disconnect", {"Container": gone, "Force": True}))
        if any(s is None or s >= 500 for s in got):
            bad.append(("connect, remove, disconnect", got))
        (_, _, words), runs = container({"HostConfig": {"NetworkMode": "odd3"}}, start=True)
        network({}, "odd4")
        got = all_of(lambda: ask("DELETE", "/containers/%s?force=1" % runs), lambda: ask("POST", "/networks/odd4/connect", {"Container": runs}),
                     lambda: ask("POST", "/networks/odd3/disconnect", {"Container": runs}))
        if words or any(s is None or s >= 500 for s in got):
            bad.append(("remove of one that runs, connect, disconnect", words, got))
        for n in ("odd", "odd2", "odd3", "odd4"):
            ask("POST", "/networks/%s/disconnect" % n, {"Container": idle, "Force": True})
            ask("DELETE", "/networks/" + n)
    check("what is asked for at the same time is answered as if one after another", not bad, *bad[:8])


before = names()
made = network({"IPAM": {"Config": [{"Subnet": NET % 1}]}}, "n1")
idle = container({})[1]["Id"]
check("a network and a container to try it with", made[0] == 201, made)
for part in (wrong_types, subnets, addresses, versions, names_and_events, at_once):
    part()
remove(idle)
ask("DELETE", "/networks/n1")
check("networks are those of before", names() == before, before, names())
check("and no container is left", ask("GET", "/containers/json?all=1")[1] == [])
