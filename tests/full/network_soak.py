#!/usr/bin/env python3
"""network_soak.py - random acts on containers and networks by several threads, with programs of the engine's killed meanwhile; after
each round all acts stop and what the kernel, the database, the resolver and /etc/hosts have is compared with what inspect says.
Run by network-soak.sh within with-engine. Everything is told again until it agrees or SETTLE seconds are over: what an act leaves to
be done later may be done later, but has to be done."""
import ctypes, http.client, ipaddress, json, os, random, re, shutil, signal, socket, sqlite3, struct, subprocess, sys, threading, time

KIND, BASE, RUN, DATA = (os.environ[k] for k in ('POSTERN_ENGINE', 'POSTERN_BASE', 'POSTERN_RUN', 'POSTERN_DATA'))
SEED, SECONDS = int(os.environ['SEED']), int(os.environ.get('SOAK_SECONDS', '60'))
KILLS = os.environ.get('SOAK_KILLS', '1') == '1'
ROUND, SETTLE, THREADS, BOXES, NETS = 5, 15, 4, 12, 6
PORTS = range(18800, 18806)
UID = int(os.environ['POSTERN_UID']) if KIND != 'system' else 0
HOST_NS = os.open(f"/proc/{os.environ['POSTERN_LAUNCHER']}/ns/net", os.O_RDONLY)
libc = ctypes.CDLL(None, use_errno=True)
TRACE = open(os.environ['SOAK_TRACE'], 'w') if 'SOAK_TRACE' in os.environ else None  # begin, end, status, request
wrong, answers, missing_lines = 0, {}, 0
lock = threading.Lock()


# --- the API, as the engine's user: credentials are a thread's, and those at connect count ---
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        if UID:
            libc.syscall(117, -1, UID, -1)
        try:
            self.sock.connect(os.environ['POSTERN_SOCKET'])
        finally:
            if UID:
                libc.syscall(117, -1, 0, -1)


def api(method, path, body=None, timeout=60):
    c = Unix('d', timeout=timeout)
    try:
        c.request(method, '/v1.47' + path, json.dumps(body) if body is not None else None, {'Content-Type': 'application/json'})
        r = c.getresponse()
        data = r.read()
        return r.status, json.loads(data) if data[:1] in (b'{', b'[') else data.decode(errors='replace')
    finally:
        c.close()


def in_ns(ns, what, *args):
    """Runs what in a thread of its own within a network namespace."""
    out = []

    def run():
        if libc.setns(ns, 0x40000000) < 0:
            return
        try:
            out.append(what(*args))
        except OSError as e:
            out.append(e)
    t = threading.Thread(target=run)
    t.start()
    t.join()
    return out[0] if out else None


def command(ns, *words):
    p = in_ns(ns, lambda: subprocess.run(words, capture_output=True, text=True))
    return p.stdout if p and not isinstance(p, OSError) else ''


def report(text):
    global wrong
    wrong += 1
    print('not ok - ' + text, flush=True)


# --- acts ---
def helpers():
    try:
        with open(RUN + '/helpers.json') as f:
            return {h['name']: h['pid'] for h in json.load(f)['helpers']}
    except (OSError, ValueError):
        return {}


class Acts:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def box(self): return 'box%d' % self.r.randrange(BOXES)
    def net(self): return 'net%d' % self.r.randrange(NETS)
    def chance(self, p): return self.r.random() < p

    def ask(self, method, path, body=None):
        began, status, data = time.monotonic(), 0, ''
        try:
            status, data = self.asked(method, path, body, began)
        finally:
            if TRACE:
                print(f'{began:.4f} {time.monotonic():.4f} {status} {method} {path} {json.dumps(body)} {str(data)[:200]}', file=TRACE, flush=True)
        return status, data

    def asked(self, method, path, body, began):
        try:
            status, data = api(method, path, body)
        except TimeoutError:
            report(f'{method} {path}: no answer in 60 s')
            return 0, None
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(0.1)  # it is being started again
            return 0, None
        if status >= 500:
            text = re.sub(r'[0-9a-f]{12,64}|box\d+|net\d+|\d+', '#', str(data.get('message', '') if isinstance(data, dict) else data))
            with lock:
                answers[text] = answers.get(text, 0) + 1
        if time.monotonic() - began > 20:
            print(f'# {method} {path}: {status} after {time.monotonic() - began:.0f} s', flush=True)
        return status, data

    def network_create(self):
        name = self.net()
        i = int(name[3:])
        body = {'Name': name, 'Options': {}, 'Internal': self.chance(0.2)}
        config = []
        if self.chance(0.5):
            config.append({'Subnet': f'10.200.{i}.0/24'})
        if self.chance(0.3):
            body['EnableIPv6'] = True
            config.append({'Subnet': f'fd00:200:{i}::/64'})
        if config:
            body['IPAM'] = {'Config': config}
        if self.chance(0.2):
            body['Options']['com.docker.network.bridge.enable_icc'] = 'false'
        if self.chance(0.3):
            body['Options']['com.docker.network.driver.mtu'] = self.r.choice(['68', '576', '1280', '1400'])
        self.ask('POST', '/networks/create', body)

    def network_remove(self): self.ask('DELETE', '/networks/' + self.net())
    def network_prune(self): self.ask('POST', '/networks/prune')

    def endpoint(self, net):
        ep = {}
        if net.startswith('net'):
            if self.chance(0.3):
                ep['IPAMConfig'] = {'IPv4Address': f'10.200.{net[3:]}.{self.r.choice([0, 1, 2, 5, 9, 77, 255])}'}
            if self.chance(0.3):
                ep['Aliases'] = [self.r.choice(['web', 'db', 'cache'])]
            if self.chance(0.2):
                ep['Links'] = [self.box() + ':linked']
            if self.chance(0.1):
                ep.setdefault('IPAMConfig', {})['LinkLocalIPs'] = ['169.254.8.%d' % self.r.randrange(2, 9)]
        return ep

    def connect(self):
        net = self.net() if self.chance(0.85) else 'bridge'
        self.ask('POST', f'/networks/{net}/connect', {'Container': self.box(), 'EndpointConfig': self.endpoint(net)})

    def disconnect(self):
        net = self.net() if self.chance(0.8) else 'bridge'
        self.ask('POST', f'/networks/{net}/disconnect', {'Container': self.box(), 'Force': self.chance(0.3)})

    def create(self):
        name, host = self.box(), {}
        mode = self.r.choice(['bridge', 'bridge', 'none', 'container:' + self.box()] + [self.net() for _ in range(6)])
        body = {'Image': 'busybox', 'Cmd': ['sleep', self.r.choice(['1000', '1000', '1000', '0.3'])], 'HostConfig': host}
        host['NetworkMode'] = mode
        own = not mode.startswith('container:')
        if self.chance(0.5) and own:
            host['PortBindings'] = {f"80/{self.r.choice(['tcp', 'udp'])}": [{
                'HostIp': self.r.choice(['', '', '127.0.0.1']), 'HostPort': str(self.r.choice(PORTS)) if self.chance(0.6) else ''}]}
        if mode == 'bridge' and self.chance(0.5):
            host['Links'] = [self.box() + ':' + self.r.choice(['web', 'db'])]
        if own and self.chance(0.1):
            host['Binds'] = [f'{BASE}/soak/hosts:/etc/hosts']
        if self.chance(0.2):
            host['AutoRemove'] = True
        elif self.chance(0.3):
            host['RestartPolicy'] = {'Name': 'always'}
        if own and self.chance(0.1):
            body['Domainname'] = 'example.org'
        if mode.startswith('net'):
            body['NetworkingConfig'] = {'EndpointsConfig': {mode: self.endpoint(mode)}}
            if self.chance(0.2):
                other = self.net()
                body['NetworkingConfig']['EndpointsConfig'][other] = self.endpoint(other)
        status, _ = self.ask('POST', '/containers/create?name=' + name, body)
        if status == 201 and self.chance(0.8):
            self.ask('POST', f'/containers/{name}/start')

    def simple(self):
        act = self.r.choice(['start', 'start', 'start', 'stop?t=0', 'kill', 'pause', 'unpause', 'unpause', 'restart?t=0'])
        self.ask('POST', f'/containers/{self.box()}/{act}')

    def rename(self): self.ask('POST', f'/containers/{self.box()}/rename?name={self.box()}')
    def remove(self): self.ask('DELETE', f'/containers/{self.box()}?force=1')

    def connect_and_kill(self):
        """A run that ends, and another that begins, while its networks change."""
        box, net = self.box(), self.net()
        threads = [threading.Thread(target=self.ask, args=a) for a in (
            ('POST', f"/networks/{net}/{self.r.choice(['connect', 'disconnect'])}", {'Container': box, 'Force': self.chance(0.3)}),
            ('POST', f"/containers/{box}/{self.r.choice(['kill', 'restart?t=0', 'stop?t=0'])}"),
            ('POST', f'/containers/{box}/start'))]
        for t in threads:
            t.start()
            time.sleep(self.r.random() * 0.02)
        for t in threads:
            t.join()

    TABLE = [(network_create, 10), (network_remove, 4), (network_prune, 0.5), (connect, 18), (disconnect, 14), (create, 18), (simple, 22),
             (rename, 3), (remove, 7), (connect_and_kill, 6)]

    def run(self, until):
        acts, weights = zip(*self.TABLE)
        while time.monotonic() < until:
            self.r.choices(acts, weights)[0](self)


# --- the ends of programs ---
again = None


def answers_soon(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if api('GET', '/info', timeout=10)[0] == 200:
                return True
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(0.1)
    return False


def end_of(pid):
    for _ in range(400):
        try:
            with open(f'/proc/{pid}/stat') as f:
                if f.read().rsplit(')', 1)[1].split()[0] == 'Z':
                    return
        except OSError:
            return
        time.sleep(0.025)


def launcher_again():
    """kill -9 of the launcher, and with it of everything; then another."""
    global again
    with open(RUN + '/launcher.pid') as f:
        pid = int(f.read())
    os.kill(pid, signal.SIGKILL)
    end_of(pid)
    if again:
        again.wait()
    args = os.environ['POSTERN_ARGS'].split()
    programs = os.environ['POSTERN_PROGRAMS']
    enter = ['nsenter', f'--net=/proc/{os.getpid()}/fd/{HOST_NS}']
    if KIND == 'system':
        with open(os.environ['POSTERN_LOG'], 'a') as log:
            again = subprocess.Popen(enter + [programs + '/postern-launcher'] + args, stderr=log)
    else:
        gid = os.stat(BASE + '/home').st_gid
        subprocess.run(enter + ['setpriv', '--reuid', str(UID), '--regid', str(gid), '--clear-groups', 'env', f'HOME={BASE}/home',
                                programs + '/postern-user'] + args + ['--daemon', '--log', BASE + '/home/log2'], check=False)


class Killer(threading.Thread):
    """At most one a second and a half: programs come again later and later, and an engine that ends too often gives up."""
    def __init__(self, r, until):
        super().__init__()
        self.r, self.until, self.killed = r, until, []

    def run(self):
        if self.r.random() < 0.3:
            return
        time.sleep(self.r.random())
        if self.r.random() < 0.15:
            self.killed.append('launcher')
            launcher_again()
            return
        while time.monotonic() < self.until:
            name, pid = self.r.choice([(n, p) for n, p in helpers().items() if n != 'launcher'] or [('', 0)])
            if self.r.random() < 0.4:  # those of networks
                name = self.r.choice(['controller', 'controller', 'veth', 'firewall', 'netns', 'resolver', 'spawn'])
                pid = helpers().get(name, 0)
            if pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                    self.killed.append(name)
                except OSError:
                    pass
            time.sleep(1.5 + self.r.random() * 2)


# --- what is there ---
def sets_of(ruleset):
    """Each set and map of the engine's: its elements, as text."""
    out = {}

    def text(e):
        if isinstance(e, dict) and 'concat' in e:
            return ' '.join(text(x) for x in e['concat'])
        if isinstance(e, dict) and 'elem' in e:
            return text(e['elem']['val'])
        return str(e)
    for o in ruleset.get('nftables', []):
        s = o.get('set') or o.get('map')
        if s:
            out[s['name']] = {' -> '.join(text(x) for x in e) if isinstance(e, list) else text(e) for e in s.get('elem', [])}
    return out


def rows():
    """The database is the controller's alone: a copy is read. With what is being written just now it may be no database."""
    copy = BASE + '/soak/state.db'
    for name in ('', '-wal'):
        if os.path.exists(copy + name):
            os.unlink(copy + name)
        if os.path.exists(DATA + '/state/state.db' + name):
            shutil.copy(DATA + '/state/state.db' + name, copy + name)
    db = sqlite3.connect(copy)
    try:
        return ({i for i, in db.execute('SELECT id FROM container')}, {i: n for i, n in db.execute('SELECT id, name FROM network')},
                {(n, c): json.loads(d) for n, c, d in db.execute('SELECT network, container, data FROM endpoint')})
    finally:
        db.close()


def cgroups():
    """Those that are named by a container, in each hierarchy."""
    out = {}
    for line in open('/proc/self/mountinfo'):
        kind = line.split(' - ')[1].split()[0]
        point = line.split()[4]
        top = f"{point}/{os.environ['POSTERN_CGROUP']}"
        if kind in ('cgroup', 'cgroup2') and os.path.isdir(top):
            out[point] = {d for _, dirs, _ in os.walk(top) for d in dirs if re.fullmatch('[0-9a-f]{64}', d)}
    return out


def query(name, kind):
    """Answers of the container's resolver: addresses, or the code of an error."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(2)
    try:
        q = struct.pack('>HHHHHH', 4711, 0x100, 1, 0, 0, 0) + b''.join(bytes([len(p)]) + p.encode() for p in name.split('.')) + b'\0'
        s.connect(('127.0.0.11', 53))  # refused at once where nobody listens
        s.send(q + struct.pack('>HH', kind, 1))
        m = s.recv(4096)
    except OSError as e:
        return 'no answer: %s' % e
    finally:
        s.close()
    code, count, at, out = m[3] & 15, struct.unpack('>H', m[6:8])[0], len(q) + 4, set()
    if code:
        return 'code %d' % code
    for _ in range(count):
        while m[at] and m[at] < 192:
            at += m[at] + 1
        at += 2 if m[at] >= 192 else 1
        rtype, _, _, size = struct.unpack('>HHIH', m[at:at + 10])
        at += 10
        if rtype == kind:
            out.add(str(ipaddress.ip_address(m[at:at + size])))
        at += size
    return out


def taken(port, kind, host):
    s = socket.socket(socket.AF_INET, kind)
    try:
        s.bind((host, port))
        return False
    except OSError:
        return True
    finally:
        s.close()


class Check:
    """One look at everything; self.bad has what does not agree."""
    def __init__(self, killed_since):
        self.bad, self.killed_since = [], killed_since
        self.boxes = [api('GET', f"/containers/{c['Id']}/json") for c in api('GET', '/containers/json?all=1')[1]]
        self.boxes = {b['Id']: b for s, b in self.boxes if s == 200}
        self.nets = {n['Id']: n for n in (api('GET', '/networks/' + n['Id'])[1] for n in api('GET', '/networks')[1]) if 'Id' in n}
        self.running = {i: b for i, b in self.boxes.items() if b['State']['Running']}
        engine = HOST_NS
        if KIND != 'system':
            engine = os.open(f"/proc/{helpers().get('veth', 0)}/ns/net", os.O_RDONLY)
        try:
            self.links = {x['ifname']: x for x in json.loads(command(engine, 'ip', '-j', '-d', 'addr'))}
            self.sets = sets_of(json.loads(command(engine, 'nft', '-j', 'list', 'ruleset')))
        finally:
            if engine != HOST_NS:
                os.close(engine)
        self.by_index = {x['ifindex']: x for x in self.links.values()}
        self.ends = {}  # (network id, box id): the name of its link
        self.want = {k: set() for k in self.sets}
        self.ports = set()
        self.states()
        for b in self.running.values():
            self.box(b)
        self.bridges()
        self.tables()
        self.database()
        self.kernel()

    def say(self, text): self.bad.append(text)

    def same(self, what, want, got):
        if want != got:
            more, less = sorted(map(str, got - want)), sorted(map(str, want - got))
            self.say(f'{what}: too much: {more}' * bool(more) + ' ' * bool(more and less) + f'{what}: missing: {less}' * bool(less))

    def states(self):
        for b in self.boxes.values():
            state = b['State']['Status']
            if state in ('removing', 'restarting', 'dead') and not (state == 'restarting' and b['HostConfig']['RestartPolicy']['Name']):
                self.say(f"{b['Name']}: is {state}")
            if not b['State']['Running'] and any(n['IPAddress'] for n in b['NetworkSettings']['Networks'].values()):
                self.say(f"{b['Name']}: has ended and has an address")

    def bridge_of(self, n):
        found = [x['ifname'] for x in self.links.values() if x['ifname'] == 'pst-' + n['Id'][:11] or
                 (n['Name'] == 'bridge' and re.fullmatch(r'pst0(-\d+)?', x['ifname']))]
        return found[0] if found else None

    def box(self, b):
        name, pid, mode = b['Name'], b['State']['Pid'], b['HostConfig']['NetworkMode']
        if mode.startswith('container:'):
            of = [x for x in self.running.values() if mode[10:] in (x['Id'], x['Name'][1:])]
            if of and os.stat(f"/proc/{of[0]['State']['Pid']}/ns/net").st_ino == os.stat(f'/proc/{pid}/ns/net').st_ino:
                self.hosts(b, {k: v for k, v in of[0]['NetworkSettings']['Networks'].items() if k != 'none'}, of[0])
            return
        try:
            ns = os.open(f'/proc/{pid}/ns/net', os.O_RDONLY)
        except OSError:
            self.say(f'{name}: runs, and its process {pid} is not there')
            return
        try:
            inside = {x.get('address'): x for x in json.loads(command(ns, 'ip', '-j', '-d', 'addr') or '[]') if x['ifname'] != 'lo'}
            eps = {k: v for k, v in b['NetworkSettings']['Networks'].items() if k != 'none'}
            self.same(f'{name}: interfaces', {e['MacAddress'] for e in eps.values()}, set(inside))
            for net, e in eps.items():
                if e['MacAddress'] in inside:
                    self.endpoint(b, net, e, inside[e['MacAddress']])
            self.routes(b, ns, eps, inside)
            self.names(b, ns, eps)
        finally:
            os.close(ns)
        self.hosts(b, eps)
        for inner, list_ in (b['NetworkSettings']['Ports'] or {}).items():
            for o in list_ or []:
                self.ports.add((o['HostIp'], int(o['HostPort']), inner))

    def endpoint(self, b, net, e, link):
        name = f"{b['Name']} in {net}"
        n = self.nets.get(e['NetworkID'])
        if not n:
            self.say(f'{name}: no such network')
            return
        outside = self.by_index.get(link.get('link_index'))
        if not outside or not outside['ifname'].startswith('pstv'):
            self.say(f'{name}: its link has no other end')
            return
        self.ends[e['NetworkID'], b['Id']] = outside['ifname']
        if outside.get('master') != self.bridge_of(n):
            self.say(f"{name}: at bridge {outside.get('master')}")
        mtu = int((n['Options'] or {}).get('com.docker.network.driver.mtu', 1500))
        if link['mtu'] != mtu or outside['mtu'] != mtu:
            self.say(f"{name}: MTU {link['mtu']} and {outside['mtu']}, not {mtu}")
        isolated = (n['Options'] or {}).get('com.docker.network.bridge.enable_icc') == 'false'
        if outside.get('linkinfo', {}).get('info_slave_data', {}).get('isolated', False) != isolated:
            self.say(f'{name}: isolated is not {isolated}')
        if link['operstate'] != 'UP':
            self.say(f"{name}: is {link['operstate']}")
        extra = (e.get('IPAMConfig') or {}).get('LinkLocalIPs') or []
        v4 = {f"{e['IPAddress']}/{e['IPPrefixLen']}"} | {x + '/16' for x in extra}
        v6 = {f"{e['GlobalIPv6Address']}/{e['GlobalIPv6PrefixLen']}"} if e['GlobalIPv6Address'] else set()
        got = [(a['family'], a['scope'], f"{a['local']}/{a['prefixlen']}") for a in link['addr_info']]
        self.same(f'{name}: IPv4', v4, {a for f, _, a in got if f == 'inet'})
        self.same(f'{name}: IPv6', v6, {a for f, s, a in got if f == 'inet6' and s == 'global'})
        if n['Containers'].get(b['Id'], {}).get('IPv4Address') != f"{e['IPAddress']}/{e['IPPrefixLen']}":
            self.say(f"{name}: the network says {n['Containers'].get(b['Id'])}")
        host, mac = outside['ifname'], e['MacAddress']
        octets = [int(x, 16) for x in mac.split(':')]
        local = ipaddress.IPv6Address(bytes([0xfe, 0x80] + [0] * 6 + [octets[0] ^ 2] + octets[1:3] + [0xff, 0xfe] + octets[3:]))
        sixes = [str(local)] + [a.split('/')[0] for a in v6]
        self.want['ends'].add(host)
        self.want['own4'] |= {f"{host} {mac} {a.split('/')[0]}" for a in v4}
        self.want['own6'] |= {f'{host} {mac} {a}' for a in sixes}
        self.want['told6'] |= {f'{host} {mac} {int(ipaddress.IPv6Address(a))}' for a in sixes}

    def routes(self, b, ns, eps, inside):
        out = [(k, e) for k, e in sorted(eps.items()) if e['NetworkID'] in self.nets and not self.nets[e['NetworkID']]['Internal']]
        for six in (False, True):
            key = 'IPv6Gateway' if six else 'Gateway'
            want = {out[0][1][key]} - {''} if out else set()
            if six and out and inside.get(out[0][1]['MacAddress'], {}).get('mtu', 1500) < 1280:
                want = set()
            got = json.loads(command(ns, 'ip', '-j', *(['-6'] if six else []), 'route', 'show', 'default') or '[]')
            self.same(f"{b['Name']}: default route", want, {r.get('gateway', 'none') for r in got})

    def names(self, b, ns, eps):
        """Every name in its networks has just the addresses of one network of its, and others none."""
        mine = {e['NetworkID'] for k, e in eps.items() if k != 'bridge'}
        known = {}
        for other in self.running.values():
            for e in other['NetworkSettings']['Networks'].values():
                if e['NetworkID'] in mine:
                    for alias in e.get('DNSNames') or []:
                        known.setdefault(alias, {}).setdefault(e['NetworkID'], set()).add(e['IPAddress'])
        others = sorted({'web', 'db', 'cache'} | {f'box{i}' for i in range(BOXES)} - set(known))
        for name in sorted(known) + random.sample(others, 3):  # others are asked of the host's servers
            got, want = in_ns(ns, query, name, 1), known.get(name)
            if not mine and not isinstance(got, set) and got.startswith('no answer'):
                return
            if want and (not isinstance(got, set) or not got or not got <= set().union(*want.values()) or
                         not any(w <= got for w in want.values())):
                self.say(f"{b['Name']}: {name} is {got}, not {want}")
            if not want and isinstance(got, set) and got:
                self.say(f"{b['Name']}: {name} is {got}, and nobody is called that")

    def hosts(self, b, eps, of=None):
        """of: whose network it has joined."""
        global missing_lines
        of = of or b
        try:
            with open(f"/proc/{b['State']['Pid']}/root/etc/hosts") as f:
                lines = f.read().split('\n')
        except OSError:
            return
        if b['HostConfig']['Binds']:
            if lines != ['1.2.3.4\tsoak', '']:
                self.say(f"{b['Name']}: the user's /etc/hosts is changed: {lines}")
            return
        host, domain = of['Config']['Hostname'], of['Config']['Domainname']
        host = f'{host}.{domain} {host}' if domain else host
        want = {f'{a}\t{host}' for e in eps.values() for a in (e['IPAddress'], e['GlobalIPv6Address']) if a}
        links = of['HostConfig']['Links']
        got = [x for x in lines if x and not re.match(r'127\.0\.0\.1|::1|f[ef]0\d::', x)]
        linked = [x for x in got if len(x.split('\t', 1)[-1].split(' ')) >= 2 and re.search(r' [0-9a-f]{12}( |$)', x) and not x.endswith(host)]
        own = [x for x in got if x not in linked]
        if len(own) != len(set(own)) or set(own) - want:
            self.say(f"{b['Name']}: /etc/hosts has {own}, not {sorted(want)}")
        if want - set(own):
            if not {b['Id'], of['Id']} & self.killed_since:
                self.say(f"{b['Name']}: /etc/hosts has {own}, and lacks {sorted(want - set(own))}")
            else:
                missing_lines += 1
        if len({x.split('\t')[1] for x in linked}) != len(linked):
            self.say(f"{b['Name']}: two lines for one link: {linked}")
        for x in linked:
            address, names = x.split('\t')
            if not links:
                self.say(f"{b['Name']}: has no links, and a line of one: {x!r}")

    def bridges(self):
        for n in self.nets.values():
            bridge = self.bridge_of(n)
            if n['Driver'] != 'bridge':
                continue
            if not bridge:
                if n['Name'] != 'bridge' or n['Containers']:
                    self.say(f"{n['Name']}: has no bridge")
                continue
            self.want['bridges'].add(bridge)
            self.want['same'].add(f'{bridge} {bridge}')
            for k in ['internal'] if n['Internal'] else ['masquerade4', 'masquerade6']:
                self.want[k].add(bridge)
            want = {f"{c['Gateway']}/{c['Subnet'].split('/')[1]}" for c in n['IPAM']['Config']}
            got = {f"{a['local']}/{a['prefixlen']}" for a in self.links[bridge]['addr_info'] if a['scope'] == 'global'}
            self.same(f"{n['Name']}: addresses of its bridge", want, got)
        known = {self.bridge_of(n) for n in self.nets.values()} | set(self.ends.values())
        self.same('links', known - {None}, {x for x in self.links if x.startswith('pst')})

    def tables(self):
        if KIND == 'system':
            for host, port, inner in self.ports:
                number, protocol = inner.split('/')
                to = [f"{e['GlobalIPv6Address' if ':' in host else 'IPAddress']}" for b in self.running.values()
                      if any(o['HostIp'] == host and int(o['HostPort']) == port for o in (b['NetworkSettings']['Ports'] or {}).get(inner) or [])
                      for e in [self.gateway(b)] if e]
                version = '6' if ':' in host else '4'
                anywhere = host in ('0.0.0.0', '::')
                key = f'{protocol} {port}' if anywhere else f'{host} {protocol} {port}'
                self.want[('any' if anywhere else 'one') + version] |= {f'{key} -> {t} {number}' for t in to}
        for k, got in self.sets.items():
            if k == 'told6':
                got = {' '.join(x.split(' ')[:2] + [str(int(x.split(' ')[2], 0))]) for x in got}
            self.same('table ' + k, self.want[k], got)
        for port in PORTS:
            for kind, word in ((socket.SOCK_STREAM, 'tcp'), (socket.SOCK_DGRAM, 'udp')):
                want = any(p == port and i.endswith(word) for _, p, i in self.ports)
                if in_ns(HOST_NS, taken, port, kind, '0.0.0.0') != want:
                    self.say(f"port {port}/{word}: {'nobody keeps it' if want else 'is taken, and nobody has it'}")
        if KIND != 'system':
            got = set()
            for line in command(HOST_NS, 'ss', '-Htuln').splitlines():
                f = line.split()
                got.add((f[4].rsplit(':', 1)[0].strip('[]').replace('*', '::'), int(f[4].rsplit(':', 1)[1]), f[0]))
            self.same('sockets', {(h, p, i.split('/')[1]) for h, p, i in self.ports}, got)

    def gateway(self, b):
        """What its ports lead to: they stay where they were published, which is where its first gateway was."""
        nets = b['NetworkSettings']['Networks']
        pair = [d for (n, c), d in self.rows()[2].items() if c == b['Id'] and d.get('ports')]
        return next((e for e in nets.values() if pair and e['EndpointID'] == pair[0]['id']), None)

    def rows(self):
        if not hasattr(self, '_rows'):
            self._rows = rows()
        return self._rows

    def database(self):
        boxes, nets, eps = self.rows()
        self.same('rows of containers', set(self.boxes), boxes)
        self.same('rows of networks', {n['Name'] for n in self.nets.values()} - {'host', 'none'},
                  set(nets.values()) - {'host', 'none'})
        want = {(e['NetworkID'], b['Id']) for b in self.boxes.values() for k, e in b['NetworkSettings']['Networks'].items()
                if k not in ('none', 'host') and e['EndpointID']}
        if want - set(eps):
            self.say(f'rows of endpoints: missing {want - set(eps)}')
        for (net, box), row in eps.items():
            if row.get('passing'):
                self.say(f'row of {box[:12]} in {net[:12]}: on its way')
            if ('mac' in row) != ((net, box) in want and box in self.running):
                self.say(f"row of {self.boxes.get(box, {}).get('Name', box)} in {nets.get(net)}: {row}")

    def kernel(self):
        for point, dirs in cgroups().items():
            self.same('cgroups in ' + point, set(self.running), dirs)
        pids = {b['State']['Pid'] for b in self.running.values()}
        if len(pids) != len(self.running):
            self.say('two containers with one process')


def processes():
    """Programs of this engine's by their names, without the launcher: as crash.sh counts them."""
    ids = int(os.environ['POSTERN_IDS'])
    out = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read().split(b'\0')
            with open(f'/proc/{pid}/status') as f:
                ruid = int(re.search(r'^Uid:\t(\d+)', f.read(), re.M).group(1))
        except OSError:
            continue
        name = os.path.basename(words[0].decode(errors='replace'))
        subs = int(os.environ.get('POSTERN_SUBS') or 0)
        mine = ids <= ruid < ids + 24 or (KIND != 'system' and (ruid == UID or (KIND == 'rootless' and subs <= ruid < subs + 65536)))
        if mine and name.startswith('postern') and name not in ('postern-launcher', 'postern-user', 'postern'):
            out[name] = out.get(name, 0) + 1
    return out


def sizes():
    out = {}
    for name in ('controller', 'spawn', 'resolver', 'firewall', 'netns', 'forward'):
        pid = helpers().get(name)
        try:
            with open(f'/proc/{pid}/status') as f:
                rss = int(re.search(r'^VmRSS:\s+(\d+)', f.read(), re.M).group(1))
            out[name] = (rss, len(os.listdir(f'/proc/{pid}/fd')))
        except (OSError, AttributeError):
            pass
    return out


def agree(what, look, seconds=SETTLE):
    """Looks until nothing is wrong."""
    end = time.monotonic() + seconds
    while True:
        try:
            bad = look()
        except (OSError, http.client.HTTPException, ValueError, KeyError, sqlite3.Error) as e:
            bad = [f'{type(e).__name__}: {e}']
        if not bad:
            return True
        if time.monotonic() > end:
            for b in bad[:12]:
                report(f'{what}: {b}')
            return False
        time.sleep(0.3)


def audit():
    p = subprocess.run([os.environ['POSTERN_BIN'] + '/postern', 'audit', 'verify'], capture_output=True, text=True)
    if p.returncode:
        report(f'the audit log does not verify: {p.stdout[-200:]} {p.stderr[-200:]}')


def prompt_answer(what):
    began = time.monotonic()
    try:
        ok = api('GET', '/_ping', timeout=5)[0] == 200
    except (OSError, http.client.HTTPException):
        ok = False
    if not ok or time.monotonic() - began > 2:
        report(f'{what}: the API does not answer at once')


def one_round(number, r, acts):
    until = time.monotonic() + ROUND
    killer = Killer(random.Random(r.random()), until - 0.5)
    workers = [threading.Thread(target=a.run, args=(until,)) for a in acts]
    began = {b['Id'] for b in api('GET', '/containers/json')[1]}
    for t in workers + [killer] * KILLS:
        t.start()
    for t in workers + [killer] * KILLS:
        t.join()
    what = f"seed {SEED} round {number}" + (f" (killed: {' '.join(killer.killed)})" if killer.killed else '')
    if not answers_soon(30):
        report(f'{what}: the engine does not answer')
        return False
    prompt_answer(what)
    # Whose line a controller that was ended has not written.
    if set(killer.killed) & {'controller', 'spawn', 'launcher', 'audit'}:
        killed_since.update({b['Id'] for b in api('GET', '/containers/json?all=1')[1]} | began)
    settles = time.monotonic()
    good = agree(what, lambda: Check(killed_since).bad)
    audit()
    counts = len(api('GET', '/containers/json')[1]), len(api('GET', '/networks')[1]) - 3
    print(f"# round {number}: {counts[0]} run in {counts[1]} networks, {time.monotonic() - settles:.1f} s;", ', '.join(f'{k} {v[0]} kB {v[1]} fds' for k, v in sizes().items()),
          ' '.join(killer.killed), flush=True)
    return good


def clean():
    for c in api('GET', '/containers/json?all=1')[1]:
        api('DELETE', f"/containers/{c['Id']}?force=1")
    api('POST', '/networks/prune')
    for n in api('GET', '/networks')[1]:
        if n['Name'] not in ('bridge', 'host', 'none'):
            api('DELETE', '/networks/' + n['Id'])


def left(before):
    bad = Check(set()).bad
    if api('GET', '/containers/json?all=1')[1] or len(api('GET', '/networks')[1]) != 3:
        bad.append('containers or networks')
    for path in (DATA + '/store/tree/containers', RUN + '/monitors', DATA + '/state/containers'):
        names = [n for n in os.listdir(path) if not n.startswith('spare')]
        if names:
            bad.append(f'{path}: {names}')
    now = processes()
    if any(now.get(k, 0) > before['processes'].get(k, 0) for k in now):
        bad.append(f"processes: {now}, not {before['processes']}")
    for name, (_, fds) in sizes().items():
        if fds > before['sizes'].get(name, (0, 0))[1] + 8:
            bad.append(f"fds of {name}: {fds}, not {before['sizes'].get(name)}")
    return bad


killed_since = set()


def main():
    os.makedirs(BASE + '/soak', exist_ok=True)
    with open(BASE + '/soak/hosts', 'w') as f:
        f.write('1.2.3.4\tsoak\n')
    os.chown(BASE + '/soak/hosts', UID or 1000, UID or 1000)
    command(HOST_NS, 'ip', 'link', 'set', 'lo', 'up')
    print(f'# SEED={SEED} SOAK_SECONDS={SECONDS}', flush=True)
    # Everything used once: ready namespaces, the default bridge.
    api('POST', '/containers/create?name=first', {'Image': 'busybox', 'Cmd': ['sleep', '1000']})
    api('POST', '/containers/first/start')
    api('POST', '/networks/create', {'Name': 'net0'})
    api('POST', '/networks/net0/connect', {'Container': 'first'})
    clean()
    time.sleep(1)
    before = {'processes': processes(), 'sizes': sizes()}
    r = random.Random(SEED)
    acts = [Acts(r.random()) for _ in range(THREADS)]
    number, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end and wrong < 20:
        number += 1
        if not one_round(number, r, acts) and 'SOAK_STOP' in os.environ:
            break
        if number % 4 == 0:
            clean()
    if not wrong:
        print(f'ok - seed {SEED}: {number} rounds, and all agrees', flush=True)
    was = wrong
    clean()
    agree(f'seed {SEED} in the end', lambda: left(before), 20)
    if wrong == was:
        print(f'ok - seed {SEED}: nothing is left in the end', flush=True)
    for text, n in sorted(answers.items(), key=lambda x: -x[1]):
        print(f'# {n} times: {text[:300]}')
    if missing_lines:
        print(f'# lines of /etc/hosts that were not written since a program ended: {missing_lines}')
    if again or KIND != 'system':
        with open(RUN + '/launcher.pid') as f:
            pid = int(f.read())
        os.kill(pid, signal.SIGTERM)
        end_of(pid)
    sys.exit(wrong != 0)


main()
