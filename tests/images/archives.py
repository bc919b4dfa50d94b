#!/usr/bin/python3
"""archives.py friendly|hostile DIR: image archives for tests, the same bytes every time. DIR gets NAME.tar for each; "hostile"
also writes DIR/expected: NAME, a tab, and the regular expression that the refusal must match. Root file systems are made around
Debian's static busybox, so that friendly images run."""
import gzip
import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import tarfile

BUSYBOX = open("/bin/busybox", "rb").read()
ARCH = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
OCI = "application/vnd.oci.image."
CAP_NET_BIND = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)  # effective, revision 2


def sha(data):
    return hashlib.sha256(data).hexdigest()


def entry(name, data=None, type=None, link="", mode=None, uid=0, gid=0, **pax):
    t = tarfile.TarInfo(name)
    t.type = type or (tarfile.DIRTYPE if data is None and not link else tarfile.REGTYPE)
    t.mode = mode if mode is not None else 0o755 if t.isdir() else 0o644
    t.uid, t.gid, t.linkname, t.mtime = uid, gid, link, 1700000000
    t.size = len(data) if data is not None and t.isreg() else 0
    t.pax_headers = {k.replace("__", "."): v for k, v in pax.items()}
    return t, data


def link(name, to):
    return entry(name, type=tarfile.SYMTYPE, link=to, mode=0o777)


def hard(name, to, mode=0o644):
    return entry(name, type=tarfile.LNKTYPE, link=to, mode=mode)


def tar(*entries, format=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as t:
        for info, data in entries:
            t.addfile(info, io.BytesIO(data) if data is not None and info.isreg() else None)
    return out.getvalue()


def raw(name, data=b"", type=b"0", size=None, **fields):
    """One entry by hand: fields that no library would write."""
    h = bytearray(512)
    name = name.encode()
    h[0:len(name)] = name[:100]
    h[100:108], h[108:116], h[116:124] = b"0000644\0", fields.get("uid", b"0000000\0"), b"0000000\0"
    h[124:136] = size if size is not None else b"%011o\0" % len(data)
    h[136:148] = b"00000000000\0"
    h[156:157] = type
    h[157:157 + len(fields.get("link", b""))] = fields.get("link", b"")
    h[257:265] = b"ustar\x0000"
    for at, value in fields.get("at", {}).items():
        h[at:at + len(value)] = value
    h[148:156] = b" " * 8
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h) + data + bytes(-len(data) % 512)


END = bytes(1024)


def base():
    entries = [entry("./"), entry("./bin/"), entry("./bin/busybox", BUSYBOX, mode=0o755)]
    entries += [hard("./bin/" + a, "./bin/busybox", 0o755) for a in ("sh", "cat", "ls", "id", "stat", "echo", "grep", "find", "sleep", "true")]
    entries += [entry("./" + d + "/") for d in ("dev", "proc", "sys", "etc", "tmp", "root")]
    entries += [entry("./etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n"),
                entry("./etc/group", b"root:x:0:\nuser:x:1000:\n")]
    return tar(*entries)


BASE = base()


def config(diffs, **more):
    c = {"architecture": ARCH, "os": "linux", "created": "2023-11-14T22:13:20Z",
         "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"], **more.pop("config", {})},
         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + d for d in diffs]},
         "history": [{"created_by": "archives.py", "created": "2023-11-14T22:13:20Z"} for _ in diffs]}
    c.update(more)
    return json.dumps(c).encode()


def docker(layers, tags, cfg=None, **more):
    """Docker's archive of today. layers: bytes, uncompressed."""
    cfg = cfg or config([sha(l) for l in layers])
    files = {sha(cfg) + ".json": cfg}
    names = []
    for l in layers:
        names.append(sha(l)[:16] + "/layer.tar")
        files[names[-1]] = more.get("packed", {}).get(l, l)
    manifest = [{"Config": sha(cfg) + ".json", "RepoTags": tags, "Layers": names}]
    return files, manifest


def archive(files, manifest, *extra):
    return tar(*[entry(n, d) for n, d in files.items()], entry("manifest.json", json.dumps(manifest).encode()), *extra)


def oci(images, layout=True, compress=None, docker_too=False, break_=None):
    """OCI layout as a tar. images: (layers, name, annotations?)."""
    blobs, index, manifests = {}, [], []
    for layers, name in images:
        cfg = config([sha(l) for l in layers])
        packed = [compress(l) if compress else l for l in layers]
        for b in packed + [cfg]:
            blobs[sha(b)] = b
        kind = {None: "", gz: "+gzip", zst: "+zstd"}[compress]
        m = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
             "config": {"mediaType": OCI + "config.v1+json", "digest": "sha256:" + sha(cfg), "size": len(cfg)},
             "layers": [{"mediaType": OCI + "layer.v1.tar" + kind, "digest": "sha256:" + sha(b), "size": len(b)} for b in packed]}
        if break_:
            break_(m, blobs)
        m = json.dumps(m).encode()
        blobs[sha(m)] = m
        d = {"mediaType": OCI + "manifest.v1+json", "digest": "sha256:" + sha(m), "size": len(m)}
        if name:
            d["annotations"] = {"org.opencontainers.image.ref.name": name}
        index.append(d)
        manifests.append({"Config": "blobs/sha256/" + sha(cfg), "RepoTags": [name] if name else None,
                          "Layers": ["blobs/sha256/" + sha(b) for b in packed]})
    files = [entry("blobs/"), entry("blobs/sha256/")] + [entry("blobs/sha256/" + h, b) for h, b in sorted(blobs.items())]
    files.append(entry("index.json", json.dumps({"schemaVersion": 2, "manifests": index}).encode()))
    if layout:
        files.append(entry("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'))
    if docker_too:
        files.append(entry("manifest.json", json.dumps(manifests).encode()))
    return tar(*files)


def gz(data):
    return gzip.compress(data, 6, mtime=0)


def zst(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


def friendly(put):
    top = tar(entry("etc/"), entry("etc/top", b"top\n"), entry("bin/"), entry("bin/.wh.id", b""),
              entry("tmp/"), entry("tmp/.wh..wh..opq", b""))
    files, manifest = docker([BASE, top], ["plain:1", "plain:2"])
    put("docker-now", archive(files, manifest))
    # As `docker save` wrote it before: a directory a layer, the same layer once more as a link.
    files, manifest = docker([BASE], ["old:1"])
    name = manifest[0]["Layers"][0]
    twin = "twin/layer.tar"
    cfg = config([sha(BASE), sha(BASE)])
    files[sha(cfg) + ".json"] = cfg
    manifest.append({"Config": sha(cfg) + ".json", "RepoTags": ["old:2"], "Layers": [name, twin]})
    put("docker-old", archive(files, manifest, entry("twin/"), link(twin, "../" + name), entry("repositories", b"{}")))
    put("docker-gzip", archive(*docker([BASE, top], ["packed:gzip"], packed={BASE: gz(BASE), top: gz(top)})))
    put("docker-zstd", archive(*docker([BASE, top], ["packed:zstd"], packed={BASE: zst(BASE), top: zst(top)})))
    put("containerd", oci([([BASE, top], "both:1")], docker_too=True, compress=gz))
    put("oci-gzip", oci([([BASE, top], "oci:gzip")], compress=gz))
    put("oci-zstd", oci([([BASE], "oci:zstd"), ([BASE, top], "oci:zstd2")], compress=zst))
    put("oci-plain", oci([([BASE], "latest")], layout=False))
    put("whole-gzip", gz(archive(*docker([BASE], ["whole:gzip"]))))
    names = tar(entry("n" * 90 + "/"), entry("priv/"), entry("n" * 90 + "/" + "m" * 120, b"long"), entry("f\xe9 \u65e5\u672c", b"utf"), entry("bad\udcffname", b"bytes"),
                link("long-link", "x/" * 100), entry("big/", uid=65534, gid=50000), entry("suid", BUSYBOX, mode=0o6755, uid=1000),
                entry("sticky/", mode=0o1777), entry("fifo", type=tarfile.FIFOTYPE), entry("dev1", type=tarfile.CHRTYPE),
                entry("priv/grep", BUSYBOX, mode=0o755, SCHILY__xattr__security__capability=CAP_NET_BIND.decode("latin1")),
                entry("noted", b"n", SCHILY__xattr__user__note="hi"))
    put("entries", archive(*docker([BASE, names], ["entries:1"])))
    usr = tar(entry("usr/"), entry("usr/lib/"), entry("usr/lib/one", b"1"), link("lib", "usr/lib"), link("abs", "/usr/lib"),
              entry("lib/two", b"2"), entry("abs/three", b"3"), entry("home/bob/", mode=0o700, uid=1000))
    over = tar(entry("lib/four", b"4"), entry("home/bob/file", b"f", uid=1000), hard("lib/five", "lib/four"), entry("lib/.wh.one", b""))
    put("usrmerge", archive(*docker([BASE, usr, over], ["usrmerge:1"])))
    twice = tar(entry("f", b"old"), entry("d/"), entry("d/f", b"x"), entry("f", b"new"), entry("d", b"file now"))
    put("twice", archive(*docker([BASE, twice], ["twice:1"])))


def hostile(put, expect):
    def refuse(name, data, pattern):
        put(name, data)
        expect(name, pattern)

    def layer(name, data, pattern, **more):
        refuse(name, archive(*docker([BASE, data], ["evil:" + name], **more)), pattern)

    # --- entries of a layer (threats 27) ---
    layer("dotdot", tar(entry("../out", b"x")), "path")
    layer("dotdot-inside", tar(entry("a/../../out", b"x")), "path")
    layer("link-loop", tar(link("l", "l"), entry("l/x", b"x")), "symlinks in path")
    layer("link-to-file", tar(entry("f", b""), entry("f/x", b"x")), "path")
    layer("hard-outside", tar(hard("h", "../../../../etc/shadow")), "hard link")
    layer("hard-absolute", tar(hard("h", "/etc/shadow")), "hard link")
    layer("hard-through-link", tar(link("l", "/etc"), hard("h", "l/shadow")), "hard link")
    layer("hard-of-directory", tar(entry("d/"), hard("h", "d")), "hard link")
    layer("whiteout-dotdot", tar(entry(".wh...", b"")), "whiteout")
    layer("long-name", tar(entry("n" * 300, b"")), "name too long|path")
    layer("long-path", tar(entry("/".join(["n" * 100] * 45), b"")), "name too long|path")
    layer("deep", tar(entry("a/" * 300 + "x", b"")), "name too long|path")
    layer("uid-beyond", tar(entry("f", b"", uid=65536)), "0..65535")
    layer("uid-2-32", tar(entry("f", b"", uid=1 << 32)), "0..65535")
    layer("uid-negative", raw("f", uid=b"\xff" * 8) + END, "0..65535")
    layer("size-negative", raw("f", size=b"\xff" * 12) + END, "size|header")
    layer("size-beyond", raw("f", size=b"77777777777\0") + END, "EOF|bytes")
    layer("size-2-63", raw("f", size=b"\x80\0\0\0\x7f" + b"\xff" * 7) + END, "EOF|bytes")
    layer("pax-size", raw("x", b"30 size=9223372036854775807\n\0\0", b"x") + raw("f") + END, "EOF|bytes|header")
    layer("pax-length", raw("x", b"99999 path=a\n", b"x") + raw("f") + END, "header")
    layer("pax-nul", raw("x", b"12 path=a\0b\n", b"x") + raw("f") + END, "path")
    layer("pax-endless", raw("x", b"", b"x", size=b"%011o\0" % (1 << 30)) + END, "header|EOF")
    layer("sparse-overlap", raw("f", b"x" * 512, b"S", at={386: b"00000000000\0" + b"00000001000\0" + b"00000000000\0" + b"00000001000\0",
                                                         483: b"00000010000\0"}) + END, "sparse")
    layer("sparse-terabyte", raw("f", b"x" * 512, b"S", at={386: b"00000000000\0" + b"00000001000\0", 483: b"\x80\0\0\0\0\0\1\0\0\0\0\0"}) + END,
          "bytes|layer_bytes|too large")
    layer("unknown-type", raw("f", type=b"Z") + END, "type of entry")
    layer("checksum", b"z" * 2048, "header")
    layer("cut-off", tar(entry("f", b"x" * 4000))[:2048], "EOF")
    layer("many-entries", tar(*[entry("e%d" % i, b"") for i in range(3100)]), "entries")
    bomb = tar(entry("bomb", bytes(48 << 20)))
    layer("bomb", bomb, "ratio|Fold|fold|large", packed={bomb: gz(bomb)})
    layer("bomb-zstd", bomb, "ratio|Fold|fold|large", packed={bomb: zst(bomb)})
    layer("not-gzip", BASE + b"x", "compression", packed={BASE + b"x": b"\x1f\x8b" + b"junk" * 100})
    layer("xz-that-is-a-program", b"", "EOF", packed={b"": b"\x1f\x9djunk"})  # compress(1): never run

    # --- what the archive says of itself ---
    good, manifest = docker([BASE], ["evil:1"])
    cfg = [n for n in good if n.endswith(".json")][0]

    def changed(**item):
        return archive(good, [{**manifest[0], **item}])

    refuse("empty", b"", "empty|EOF|tar")
    refuse("no-manifest", tar(entry("x", b"y")), "manifest.json")
    refuse("not-tar", b"\x7fELF" * 300, "tar")
    refuse("whole-bomb", gz(bytes(160 << 20)), "compressed more|manifest.json|tar")
    refuse("config-missing", changed(Config="none.json"), "missing")
    refuse("config-outside", changed(Config="../../../etc/passwd"), "missing")
    refuse("config-absolute", changed(Config="/etc/passwd"), "missing")
    refuse("layer-outside", changed(Layers=["../../../../etc/passwd"]), "missing")
    refuse("layer-link-outside", archive(good, [{**manifest[0], "Layers": ["l"]}], link("l", "/etc/passwd")), "missing")
    refuse("layer-link-loop", archive(good, [{**manifest[0], "Layers": ["l"]}], link("l", "m"), link("m", "l")), "missing")
    refuse("layers-too-few", changed(Layers=[]), "mismatch")
    refuse("layers-too-many", changed(Layers=manifest[0]["Layers"] * 2), "mismatch")
    refuse("layers-no-texts", changed(Layers=[5]), "manifest.json|invalid")
    refuse("tag-upper", changed(RepoTags=["EVIL:1"]), "reference format")
    refuse("tag-newline", changed(RepoTags=["evil\n:1"]), "reference format")
    refuse("tag-path", changed(RepoTags=["../../evil:1"]), "reference format")
    refuse("tags-many", changed(RepoTags=["evil:t%d" % i for i in range(200)]), "too many")
    refuse("images-many", archive(good, manifest * 200), "too many")
    refuse("manifest-object", archive(good, {}), "manifest.json|image")
    refuse("manifest-cut", tar(*[entry(n, d) for n, d in good.items()], entry("manifest.json", b'[{"Config"')), "manifest.json|JSON|EOF")
    refuse("manifest-deep", tar(entry("manifest.json", b"[" * 100000)), "manifest.json|deep|nest")
    refuse("manifest-nodes", tar(entry("manifest.json", b"[" + b"0," * 1900000 + b"0]")), "manifest.json|many|large")
    refuse("manifest-huge", tar(entry("manifest.json", b" " * (5 << 20))), "larger")
    refuse("manifest-nul", tar(entry("manifest.json", b"[\0]")), "JSON")
    refuse("manifest-link", tar(link("manifest.json", "/etc/passwd")), "manifest.json")
    refuse("entries-many", tar(*[entry("e%d" % i, b"") for i in range(20000)]), "too many")
    refuse("sparse-outer", raw("manifest.json", b"", b"S") + END, "sparse")

    def with_config(name, c, pattern):
        refuse(name, archive({sha(c) + ".json": c, **good}, [{**manifest[0], "Config": sha(c) + ".json"}]), pattern)

    with_config("config-array", b"[]", "object")
    with_config("config-windows", config([sha(BASE)], os="windows"), "windows")
    with_config("config-no-layers", config([]), "layers")
    with_config("config-128-layers", config([sha(BASE)] * 128), "max depth")
    with_config("config-bad-diff", config(["xyz"]), "diff")
    with_config("config-md5", json.dumps({"rootfs": {"diff_ids": ["md5:" + "0" * 32]}}).encode(), "diff")
    with_config("config-twice", b'{"os":"linux","OS":"linux"}', "duplicate|twice|JSON|object")
    with_config("diff-wrong", config([sha(b"other")]), "digest")
    refuse("config-digest", archive({cfg: good[cfg] + b" ", **{n: d for n, d in good.items() if n != cfg}}, manifest), "digest")

    # --- OCI ---
    def wrong(change):
        def f(m, blobs):
            change(m, blobs)
        return oci([([BASE], "evil:oci")], compress=gz, break_=f)

    refuse("oci-size", wrong(lambda m, b: m["layers"][0].update(size=5)), "descriptor")
    refuse("oci-config-size", wrong(lambda m, b: m["config"].update(size=5)), "descriptor")
    refuse("oci-size-negative", wrong(lambda m, b: m["layers"][0].update(size=-5)), "descriptor|missing")
    refuse("oci-layer-missing", wrong(lambda m, b: b.pop(m["layers"][0]["digest"][7:])), "missing")
    refuse("oci-digest-path", wrong(lambda m, b: m["layers"][0].update(digest="sha256:../../etc/passwd")), "descriptor")
    refuse("oci-digest-md5", wrong(lambda m, b: m["layers"][0].update(digest="md5:" + "0" * 32)), "descriptor")

    def other_bytes(m, blobs):  # the same tar, packed otherwise: the diff id holds, the blob's digest does not
        d = m["layers"][0]
        d["size"] = len(gzip.compress(BASE, 1, mtime=0))
        blobs[d["digest"][7:]] = gzip.compress(BASE, 1, mtime=0)
    refuse("oci-blob-digest", wrong(other_bytes), "digest")
    refuse("oci-manifest-digest", tar(entry("index.json", json.dumps({"manifests": [{"digest": "sha256:" + "0" * 64, "size": 2}]}).encode()),
                                      entry("blobs/sha256/" + "0" * 64, b"{}")), "digest")
    nested = json.dumps({"manifests": []}).encode()
    blobs = []
    for _ in range(6):
        blobs.append(entry("blobs/sha256/" + sha(nested), nested))
        nested = json.dumps({"manifests": [{"digest": "sha256:" + sha(nested), "size": len(nested)}]}).encode()
    refuse("oci-nested", tar(*blobs, entry("index.json", nested)), "indexes")
    refuse("oci-empty", tar(entry("index.json", b'{"manifests":[]}')), "no image")


def odd(put):
    """Images that may be had, but must do no harm when they run: threats 26 and 28."""
    env = {"config": {"Env": ["PATH=/bin", "LD_PRELOAD=/evil.so", "LD_LIBRARY_PATH=/", "GCONV_PATH=/", "LOCPATH=/"], "Labels": {"LD_PRELOAD": "/evil.so"}}}
    put("env", archive(*docker([BASE], ["odd:env"], cfg=config([sha(BASE)], **env))))
    for name in ("dev", "proc", "sys", "etc"):
        l = tar(entry(".wh." + name, b""), link(name, "/tmp"), link("tmp/" + name, "../../../../../../" + name))
        l2 = tar(link(name, "../../../../.." + "/var/tmp/postern-odd"))
        put("link-" + name, archive(*docker([BASE, l, l2], ["odd:" + name])))
    for what, e in (("link", link("etc/passwd", "../../../../../../etc/shadow")), ("fifo", entry("etc/passwd", type=tarfile.FIFOTYPE)),
                    ("dir", entry("etc/passwd/")), ("large", entry("etc/passwd", b"a:x:1:1:::\n" * 200000)),
                    ("uid", entry("etc/passwd", b"user:x:4294967296:1::/:\nroot:x:99999999999999999999:0::/:\n"))):
        l = tar(e)
        put("passwd-" + what, archive(*docker([BASE, l], ["odd:passwd-" + what], cfg=config([sha(BASE), sha(l)], config={"User": "user"}))))
    targets = tar(link("vlink", "../../../../../../var/tmp/postern-odd"), link("vself", "/proc/self/root/var/tmp"),
                  entry("vfifo", type=tarfile.FIFOTYPE), entry("vnode", type=tarfile.CHRTYPE), link("vloop", "vloop"))
    put("targets", archive(*docker([BASE, targets], ["odd:targets"], cfg=config([sha(BASE), sha(targets)]))))
    for what, e in (("link", link("work", "/proc/self/fd/5")), ("fifo", entry("work", type=tarfile.FIFOTYPE)), ("up", link("work", "../../../../..")),):
        l = tar(e)
        put("workdir-" + what, archive(*docker([BASE, l], ["odd:workdir-" + what], cfg=config([sha(BASE), sha(l)], config={"WorkingDir": "/work"}))))


def main():
    kind, to = sys.argv[1:]
    os.makedirs(to, exist_ok=True)
    expected = []

    def put(name, data):
        with open(os.path.join(to, name + ".tar"), "wb") as f:
            f.write(data)
    if kind == "friendly":
        friendly(put)
    else:
        hostile(put, lambda name, pattern: expected.append("%s\t%s\n" % (name, pattern)))
        odd(put)
        with open(os.path.join(to, "expected"), "w") as f:
            f.writelines(expected)


main()
