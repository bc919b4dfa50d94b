"""contract.py - http-contract, a check for each of its lines, over raw sockets. Called by contract.sh inside an engine.

Names of checks begin with the section and number of the line: "connection 1", "hijack 2", "json 3", "containers 1"."""
import json, os, re, select, socket, struct, subprocess, sys, time, urllib.parse

SOCKET, PID = os.environ["POSTERN_SOCKET"], int(sys.argv[1])  # posternd's: its open files are counted
MODE = os.environ.get("POSTERN_ENGINE", "system")
USER = int(os.environ.get("POSTERN_UID", "0"))
KILL_BODY = b"x" * 65536


def check(name, good, *more):
    print(("ok - " if good else "not ok - ") + "contract: " + name, flush=True)
    if not good:
        for m in more:
            print("#   " + repr(m)[:600], flush=True)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def message(self):
        try:
            return self.json().get("message", "")
        except ValueError:
            return ""


class Conn:
    """One connection: bytes out, answers in."""

    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        os.seteuid(USER)  # whose engine it is
        try:
            self.s.connect(SOCKET)
        finally:
            os.seteuid(0)
        self.f = self.s.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()

    def close(self):
        self.f.close()
        self.s.close()

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode())

    def head(self):
        line = self.f.readline()
        if not line:
            return Answer(0, {}, b"")
        status, headers = int(line.split()[1]), {}
        while True:
            line = self.f.readline().strip()
            if not line:
                return Answer(status, headers, b"")
            k, v = line.decode().split(":", 1)
            headers[k.lower()] = v.strip()

    def body(self, a, head=False):
        if head or a.status in (204, 304):
            return a
        if a.headers.get("transfer-encoding") == "chunked":
            while True:
                n = int(self.f.readline(), 16)
                a.body += self.f.read(n)
                self.f.readline()
                if n == 0:
                    return a
        if "content-length" in a.headers:
            a.body = self.f.read(int(a.headers["content-length"]))
        return a

    def answer(self, head=False):
        a = self.head()
        return self.body(a, head) if a.status else a

    def ask(self, method, path, body=None, headers=""):
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if body is not None:
            headers += "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(data)
        self.send("%s %s HTTP/1.1\r\nHost: d\r\n%s\r\n" % (method, path, headers))
        self.send(data)
        return self.answer(head=method == "HEAD")


def ask(method, path, body=None, headers=""):
    with Conn() as c:
        return c.ask(method, path, body, headers)


def q(value):
    return urllib.parse.quote(json.dumps(value))


made = []


def create(body, name=None, version="1.47"):
    a = ask("POST", "/v%s/containers/create%s" % (version, "?name=" + name if name else ""), body)
    if a.status == 201:
        made.append(a.json()["Id"])
        return a.json()["Id"]
    raise RuntimeError(a.body)


def run(cmd, **more):
    body = {"Image": "busybox", "Cmd": cmd, "HostConfig": {"NetworkMode": "none"}}
    host = more.pop("HostConfig", {})
    body.update(more)
    body["HostConfig"].update(host)
    ident = create(body)
    a = ask("POST", "/v1.47/containers/%s/start" % ident)
    return ident, a


def output(cmd, **more):
    """Runs to the end: (exit status, output of both streams)."""
    ident, a = run(cmd, **more)
    if a.status >= 300:
        return a.status, a.message()
    status = ask("POST", "/containers/%s/wait" % ident).json()["StatusCode"]
    raw, text = ask("GET", "/containers/%s/logs?stdout=1&stderr=1" % ident).body, b""
    while len(raw) >= 8:
        n = struct.unpack(">I", raw[4:8])[0]
        text += raw[8:8 + n]
        raw = raw[8 + n:]
    return status, text.decode()


def open_files():
    return len(os.listdir("/proc/%d/fd" % PID))


def soon(test, tries=100):
    for _ in range(tries):
        if test():
            return True
        time.sleep(0.02)
    return False


# --- connection ----------------------------------------------------------------------------------------------
def versions():
    check("connection 1: with and without a version", [ask("GET", p).status for p in
          ("/version", "/v1.24/version", "/v1.41/version", "/v1.47/version")] == [200] * 4)
    a = ask("GET", "/v1.12/version")
    check("connection 1: too old", a.status == 400 and a.message() ==
          "client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version", a.body)
    a = ask("GET", "/v1.99/version")
    check("connection 1: too new", a.status == 400 and a.message() ==
          "client version 1.99 is too new. Maximum supported API version is 1.47", a.body)
    check("connection 1: what is no version", ask("GET", "/v1.2.3/version").status in (400, 404) and
          ask("GET", "/vx/version").status == 404)


def headers():
    want = {"api-version": "1.47", "ostype": "linux", "docker-experimental": "false"}
    for method, path in (("GET", "/version"), ("GET", "/no-such"), ("GET", "/v1.99/info"), ("GET", "/containers/json"),
                         ("POST", "/containers/none/start"), ("HEAD", "/_ping")):
        h = ask(method, path).headers
        check("connection 2: headers of %s %s" % (method, path),
              all(h.get(k) == v for k, v in want.items()) and h.get("server"), h)
    ping = {"builder-version": "1", "swarm": "inactive", "pragma": "no-cache",
            "cache-control": "no-cache, no-store, must-revalidate"}
    for method, path in (("GET", "/_ping"), ("HEAD", "/_ping"), ("GET", "/v1.47/_ping"), ("HEAD", "/v1.24/_ping")):
        a = ask(method, path)
        check("connection 2: %s %s" % (method, path), a.status == 200 and
              all(a.headers.get(k) == v for k, v in ping.items()) and
              a.body == (b"OK" if method == "GET" else b"") and
              a.headers["content-type"].startswith("text/plain"), a.headers, a.body)


SEMVER = r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$"


def semantic():
    check("connection 3: versions are semantic", re.match(SEMVER, ask("GET", "/version").json()["Version"]) and
          re.match(SEMVER, ask("GET", "/info").json()["ServerVersion"]))


def framing():
    body = b'{"Image":"busybox","Cmd":["true"]}'
    json_type = "Content-Type: application/json\r\n"
    with Conn() as c:
        c.send("POST /containers/create HTTP/1.1\r\nHost: d\r\n%sContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
               % (json_type, len(body)))
        first = c.head().status
        c.send(body)
        a = c.answer()
        made.append(a.json().get("Id"))
        check("connection 4: 100-continue", first == 100 and a.status == 201, first, a.body)
        check("connection 4: and the connection goes on", c.ask("GET", "/_ping").body == b"OK")
    with Conn() as c:
        c.send("POST /no-such HTTP/1.1\r\nHost: d\r\n%sContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (json_type, len(body)))
        check("connection 4: no 100 before a refusal", c.answer().status == 404)
    with Conn() as c:
        c.send("POST /containers/create HTTP/1.1\r\nHost: d\r\n%sTransfer-Encoding: chunked\r\n\r\n" % json_type)
        for at in range(0, len(body), 7):
            c.send(b"%x;ext=1\r\n%s\r\n" % (len(body[at:at + 7]), body[at:at + 7]))
        c.send("0\r\nTrailer: x\r\n\r\n")
        a = c.answer()
        made.append(a.json().get("Id"))
        check("connection 4: a chunked body", a.status == 201, a.body)
        c.send("GET /_ping HTTP/1.1\r\nHost: d\r\n\r\nHEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\nGET /version HTTP/1.1\r\nHost: d\r\n\r\n")
        got = [c.answer().body, c.answer(head=True).status, c.answer().json().get("ApiVersion")]
        check("connection 4: pipelined, in order", got == [b"OK", 200, "1.47"], got)
    with Conn() as c:
        a = c.ask("HEAD", "/containers/json")
        check("connection 4: HEAD has a length and no body", a.status == 200 and int(a.headers["content-length"]) > 0 and
              c.ask("GET", "/_ping").body == b"OK", a.headers)
    for name, lines in (("two Content-Length", "Content-Length: 2\r\nContent-Length: 3\r\n"),
                        ("two equal Content-Length", "Content-Length: 2\r\nContent-Length: 2\r\n"),
                        ("Content-Length beside Transfer-Encoding", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"),
                        ("Transfer-Encoding: gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n"),
                        ("a negative length", "Content-Length: -1\r\n"),
                        ("a folded header", "X: a\r\n b\r\n")):
        with Conn() as c:
            c.send("POST /containers/create HTTP/1.1\r\nHost: d\r\n%s\r\n{}" % lines)
            a = c.answer()
            check("connection 4: refused: %s" % name, a.status == 400 and c.f.read() == b"", a.status, a.body)
    with Conn() as c:  # an image that is none, and a client that goes on sending
        c.send("POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: 5000000000\r\n\r\n")
        sent, early = 0, False
        while sent < 64 << 20 and not early:
            c.send(KILL_BODY)
            sent += len(KILL_BODY)
            early = bool(select.select([c.s], [], [], 0)[0])
        a = c.answer() if early else Answer(0, {}, b"")
        check("connection 4: an answer before the body's end", early and (a.status >= 400 or b"errorDetail" in a.body), sent, a.status, a.body)


def goes_away():
    ident, _ = run(["sleep", "1000"], OpenStdin=True, Tty=False)
    for name, method, path, upgrade in (("wait", "POST", "/containers/%s/wait" % ident, ""), ("events", "GET", "/events", ""),
                                        ("logs", "GET", "/containers/%s/logs?follow=1&stdout=1" % ident, ""),
                                        ("attach", "POST", "/containers/%s/attach?stream=1&stdout=1&stdin=1" % ident,
                                         "Connection: Upgrade\r\nUpgrade: tcp\r\n")):
        with Conn() as c:  # what is opened once and kept
            c.send("%s %s HTTP/1.1\r\nHost: d\r\n%s\r\n" % (method, path, upgrade))
            c.head()
        time.sleep(0.2)
        before = open_files()
        conns = [Conn() for _ in range(10)]
        for c in conns:
            c.send("%s %s HTTP/1.1\r\nHost: d\r\n%s\r\n" % (method, path, upgrade))
            c.head()
        during = open_files()
        for c in conns:
            c.close()
        check("connection 5: a client that goes away from %s costs nothing" % name, during >= before + 10 and
              soon(lambda: open_files() <= before), before, during, open_files())


def at_once():
    ident = create({"Image": "busybox", "Cmd": ["true"]})
    for name, method, path in (("wait", "POST", "/containers/%s/wait?condition=next-exit" % ident), ("events", "GET", "/events"),
                               ("logs", "GET", "/containers/%s/logs?follow=1&stdout=1" % run(["sleep", "1000"])[0])):
        with Conn() as c:
            c.send("%s %s HTTP/1.1\r\nHost: d\r\n\r\n" % (method, path))
            c.s.settimeout(5)
            try:
                a = c.head()
            except TimeoutError:
                a = Answer(0, {}, b"")
            check("connection 6: %s sends its headers at once" % name, a.status == 200, a.status)


# --- hijacking -----------------------------------------------------------------------------------------------
def frames(data):
    out = []
    while len(data) >= 8:
        n = struct.unpack(">I", data[4:8])[0]
        out.append((data[0], data[1:4], data[8:8 + n]))
        data = data[8 + n:]
    return out, data


def hijack():
    cat = {"Image": "busybox", "Cmd": ["sh", "-c", "cat; echo end; echo err >&2"], "OpenStdin": True, "StdinOnce": True,
           "AttachStdin": True, "AttachStdout": True, "AttachStderr": True}
    path = "/containers/%s/attach?stream=1&stdin=1&stdout=1&stderr=1"
    for upgrade in ("Connection: Upgrade\r\nUpgrade: tcp\r\n", ""):
        for version in ("1.41", "1.42"):
            what = "%s, %s" % ("with Upgrade" if upgrade else "without Upgrade", version)
            ident = create(cat)
            with Conn() as c:
                c.send("POST /v%s%s HTTP/1.1\r\nHost: d\r\n%s\r\nbehind the headers\n" % (version, path % ident, upgrade))
                a = c.head()
                h = a.headers
                kind = "application/vnd.docker.%s-stream" % ("multiplexed" if version == "1.42" else "raw")
                check("hijack 1: %s: status and headers" % what, h.get("content-type") == kind and "transfer-encoding" not in h and
                      (a.status, h.get("connection"), h.get("upgrade")) == ((101, "Upgrade", "tcp") if upgrade else (200, None, None)),
                      a.status, h)
                ask("POST", "/containers/%s/start" % ident)
                c.send("and later\n")
                c.s.shutdown(socket.SHUT_WR)
                got, rest = frames(c.f.read())
                text = {n: b"".join(d for s, z, d in got if s == n) for n in (1, 2)}
                check("hijack 1: %s: bytes behind the headers are input" % what, text[1].startswith(b"behind the headers\nand later\n"), got)
                check("hijack 2: %s: half-close ends input, output goes on and ends" % what,
                      text[1].endswith(b"end\n") and text[2] == b"err\n" and rest == b"", got, rest)
                check("hijack 3: %s: multiplexed" % what, all(z == b"\0\0\0" and s in (1, 2) for s, z, d in got), got)
    ident = create(dict(cat, Tty=True, Cmd=["sh", "-c", "echo plain"]))
    with Conn() as c:
        c.send("POST /v1.47%s HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" % (path % ident))
        a = c.head()
        ask("POST", "/containers/%s/start" % ident)
        check("hijack 3: a terminal's stream is plain", a.headers.get("content-type") == "application/vnd.docker.raw-stream" and
              c.f.read() == b"plain\r\n", a.headers)


def absent():
    for method, path in (("POST", "/grpc"), ("POST", "/session"), ("GET", "/plugins/x/json"), ("GET", "/no/such/route"),
                         ("GET", "/v1.47/no-such"), ("PUT", "/containers/json"), ("PATCH", "/version")):
        a = ask(method, path)
        check("hijack 4: %s %s is not found" % (method, path), a.status == 404 and a.json() == {"message": "page not found"}, a.body)
    for method, path in (("GET", "/swarm"), ("GET", "/services"), ("POST", "/services/create"), ("GET", "/nodes"), ("GET", "/tasks"),
                         ("GET", "/secrets"), ("POST", "/secrets/create"), ("GET", "/configs"), ("GET", "/v1.41/nodes/self")):
        a = ask(method, path)
        check("hijack 4: %s %s is for a swarm manager" % (method, path), a.status == 503 and
              a.message().startswith("This node is not a swarm manager. "), a.status, a.body)


# --- JSON ----------------------------------------------------------------------------------------------------
def bodies():
    create_path = "/containers/create"
    for name, body, status in (("two values", b'{"Image":"busybox"}{}', 400), ("a value and text", b'{"Image":"busybox"} x', 400),
                               ("a cut one", b'{"Image":"busybox"', 400), ("a list", b'[]', 400), ("nothing", b"", 400), ("null", b"null", 400),
                               ("a duplicate", b'{"Image":"busybox","Image":"x"}', 400),
                               ("a duplicate in another case", b'{"Image":"busybox","image":"x"}', 400),
                               ("a duplicate deep inside", b'{"Image":"busybox","HostConfig":{"Memory":0,"Memory":1}}', 400),
                               ("too large", b'{"Image":"' + b"x" * (1 << 20) + b'"}', 413),
                               ("too deep", b'{"Image":"busybox","X":' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
                               ("a wrong type", b'{"Image":"busybox","Cmd":7}', 400)):
        a = ask("POST", create_path, body)
        check("json 1: refused: %s" % name, a.status == status and a.message() != "", a.status, a.body)
        if a.status == 201:
            made.append(a.json()["Id"])
    ident = create({"image": "busybox", "CMD": ["true"], "hostconfig": {"networkmode": "none"}, "NoSuchField": {"a": [1]}})
    c = ask("GET", "/containers/%s/json" % ident).json()
    check("json 1: names without case, unknown ones ignored", c["Config"]["Cmd"] == ["true"] and c["HostConfig"]["NetworkMode"] == "none", c)
    # as command line 28 sends it
    ident = create({"Hostname": "", "Domainname": "", "User": "", "Env": None, "Cmd": ["true"], "Image": "busybox", "Volumes": {},
                    "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": None, "ExposedPorts": None, "Healthcheck": None,
                    "StopTimeout": None, "Shell": None,
                    "HostConfig": {"Binds": None, "ContainerIDFile": "", "LogConfig": {"Type": "", "Config": {}}, "NetworkMode": "default",
                                   "PortBindings": None, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "VolumesFrom": None,
                                   "CapAdd": None, "CapDrop": None, "Dns": None, "DnsOptions": None, "DnsSearch": None, "ExtraHosts": None,
                                   "GroupAdd": None, "Links": None, "SecurityOpt": None, "MemorySwappiness": -1, "PidsLimit": 0,
                                   "OomKillDisable": None, "Ulimits": None, "Devices": None, "DeviceRequests": None, "Mounts": None,
                                   "MaskedPaths": None, "ReadonlyPaths": None, "BlkioWeightDevice": None, "Sysctls": None},
                    "NetworkingConfig": {"EndpointsConfig": {"default": {"IPAMConfig": None, "Links": None, "Aliases": None}}}})
    a = ask("POST", "/containers/%s/start" % ident)
    check("json 1: command line 28's nulls, default, -1 and 0", a.status == 204, a.body)


def queries():
    create({"Image": "busybox", "Labels": {"q": "1"}}, name="query")
    for value, all_of_them in (("", False), ("0", False), ("no", False), ("false", False), ("none", False), ("False", False),
                               ("1", True), ("true", True), ("yes", True), ("x", True)):
        names = [n for c in ask("GET", "/containers/json?filters=%s&all=%s" % (q({"name": ["query"]}), value)).json() for n in c["Names"]]
        check("json 2: all=%s is %s" % (value or "''", "true" if all_of_them else "false"), names == (["/query"] if all_of_them else []), names)
    for f in ({"label": {"q=1": True}}, {"label": ["q=1"]}, {"label": {"q": True}, "status": ["created"]}):
        got = [c["Names"] for c in ask("GET", "/containers/json?all=1&filters=" + q(f)).json()]
        check("json 2: filters %s" % json.dumps(f), got == [["/query"]], got)
    for f in ('{"no-such":["x"]}', "[]", "{", '{"label":7}', '{"label":{"x":"y"}}'):
        a = ask("GET", "/containers/json?filters=" + urllib.parse.quote(f))
        check("json 2: filters %s refused" % f, a.status == 400 and "filter" in a.message() or a.status == 400 and "JSON" in a.message(), a.body)


def errors():
    for method, path, status in (("GET", "/containers/none/json", 404), ("POST", "/containers/none/start", 404),
                                 ("GET", "/images/none/json", 404), ("GET", "/volumes/none", 404), ("GET", "/no-such", 404)):
        a = ask(method, path)
        check("json 3: %s %s" % (method, path), a.status == status and list(a.json()) == ["message"] and
              a.headers["content-type"] == "application/json", a.headers, a.body)
    a = ask("POST", "/images/load", b"this is no archive" * 100, "")
    lines = [json.loads(x) for x in a.body.splitlines() if x.strip()]
    last = lines[-1] if lines else {}
    check("json 3: an error in a stream or instead of it", (a.status == 200 and last.get("errorDetail", {}).get("message") and
          last.get("error") == last["errorDetail"]["message"]) or (a.status >= 400 and last.get("message")), a.status, a.body)


TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$"


def times():
    ident = create({"Image": "busybox", "Cmd": ["true"]})
    c = ask("GET", "/containers/%s/json" % ident).json()
    check("json 4: the zero time", c["State"]["StartedAt"] == c["State"]["FinishedAt"] == "0001-01-01T00:00:00Z", c["State"])
    ask("POST", "/containers/%s/start" % ident)
    ask("POST", "/containers/%s/wait" % ident)
    c = ask("GET", "/containers/%s/json" % ident).json()
    stamps = [c["Created"], c["State"]["StartedAt"], c["State"]["FinishedAt"]]
    check("json 4: RFC 3339 with nanoseconds", all(re.match(TIME, t) for t in stamps) and any(len(t) > 24 for t in stamps), stamps)


def start_errors():
    for cmd, words, code in ((["no-such-command"], ("executable file not found", "no such file or directory"), 127),
                             (["/no/such/file"], ("executable file not found", "no such file or directory"), 127),
                             (["/etc/passwd"], ("permission denied",), 126), (["/etc"], ("permission denied", "is a directory"), 126)):
        ident, a = run(cmd)
        c = ask("GET", "/containers/%s/json" % ident).json()
        check("json 5: start of %s: %d" % (cmd[0], code), a.status == 400 and any(w in a.message() for w in words) and
              c["State"]["ExitCode"] == code and c["State"]["Error"] != "", a.status, a.body, c["State"])


def events():
    since = time.time()
    ident, _ = run(["true"], Labels={"color": "red"})
    ask("POST", "/containers/%s/wait" % ident)
    until = "%.6f" % (time.time() + 0.2)
    a = ask("GET", "/events?since=%.6f&until=%s&filters=%s" % (since, until, q({"container": [ident]})))
    got = [json.loads(x) for x in a.body.splitlines() if x.strip()]
    check("json 6: create, start, die in order", [e["Action"] for e in got if e["Action"] in ("create", "start", "die")] == ["create", "start", "die"], got)
    e = next((e for e in got if e["Action"] == "die"), {})
    check("json 6: old and new members", e and e["status"] == "die" and e["id"] == ident and e["from"] == "busybox" and e["Type"] == "container" and
          e["Actor"]["ID"] == ident and e["Actor"]["Attributes"]["exitCode"] == "0" and e["Actor"]["Attributes"]["color"] == "red" and
          e["scope"] == "local" and e["time"] == e["timeNano"] // 10**9, e)


# --- containers ----------------------------------------------------------------------------------------------
def containers(probe):
    """probe: a static program that prints errno of syscall(N) for each argument."""
    host = {"Binds": ["%s:/probe:ro" % probe]}
    status, text = output(["/probe", "435", "449", "999", "165"], HostConfig=host)
    got = text.split()
    # ENOSYS is 38, EPERM 1
    check("containers 1: clone3, futex_waitv, an unknown call: ENOSYS; mount: EPERM", status == 0 and got[0] == "38" and got[2] == "38" and
          got[3] == "1" and got[1] in ("38", "22", "14"), status, text)
    # The launcher raises its own and children inherit, where the kernel lets it; else the client is told.
    for name, able, cmd, want, word, host in (
            ("a negative out-of-memory score", "import os; os.write(os.open('/proc/self/oom_score_adj', 1), b'-500')",
             ["cat", "/proc/self/oom_score_adj"], "-500", "oom", {"OomScoreAdj": -500}),
            ("a higher hard limit", "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 524288))",
             ["sh", "-c", "ulimit -Hn"], "524288", "limit", {"Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 524288}]})):
        can = MODE == "system" and subprocess.run([sys.executable, "-c", able], stderr=subprocess.DEVNULL).returncode == 0
        status, text = output(cmd, HostConfig=host)
        good = text.strip() == want if can else text.strip() == want or (status >= 400 and word in text.lower())
        check("containers 2: %s%s" % (name, "" if can else ", or an error, since this kernel withholds it"), good, status, text)


for part in (versions, headers, semantic, framing, goes_away, at_once, hijack, absent, bodies, queries, errors, times, start_errors,
             events, lambda: containers(sys.argv[2])):
    try:
        part()
    except Exception as e:  # a broken part must not hide the others
        check("%s runs to its end" % getattr(part, "__name__", "part"), False, e)
for ident in made:
    ask("DELETE", "/containers/%s?force=1" % ident)
check("the list is empty afterwards", ask("GET", "/containers/json?all=1").json() == [])
