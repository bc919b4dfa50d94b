#!/bin/bash
# python3-docker runs containers against the socket.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
$(command -v python3-debian || echo /usr/bin/python3) - <<'P'
import docker, io
c = docker.from_env(timeout=30)
def check(name, good): print(("ok - " if good else "not ok - ") + "docker-py: " + name)
check("version", c.version()["ApiVersion"] == "1.47")
check("run", c.containers.run("busybox", "echo hi", remove=True) == b"hi\n")
try:
    c.containers.run("busybox", "sh -c 'echo no >&2; exit 4'", remove=True); check("error", False)
except docker.errors.ContainerError as e:
    check("exit status and standard error", e.exit_status == 4 and b"no" in e.stderr)
k = c.containers.run("busybox", "sh -c 'echo a; sleep 100'", detach=True, name="py", labels={"x": "y"}, environment={"K": "v"})
k.reload()
check("running", k.status == "running")
check("list by label", [x.name for x in c.containers.list(filters={"label": "x=y"})] == ["py"])
it = k.logs(stream=True, follow=True); check("log stream", next(it) == b"a\n")
s = k.attach_socket(params={"stdin": 1, "stream": 1}); s.close(); check("attach socket", True)
k.stop(timeout=0); check("wait", k.wait()["StatusCode"] == 137)
k.remove()
try: c.containers.get("py"); check("gone", False)
except docker.errors.NotFound: check("gone", True)
check("image", c.images.get("busybox").tags == ["busybox:latest"])
try: c.images.get("none"); check("image not found", False)
except docker.errors.ImageNotFound: check("image not found", True)
n = c.networks.create("pynet", labels={"k": "v"})
check("network by label", [x.name for x in c.networks.list(filters={"label": "k=v"})] == ["pynet"])
w = c.containers.run("busybox", "sleep 100", detach=True, name="pyweb", network="pynet", ports={"80/tcp": None})
w.reload(); check("a random port", int(w.ports["80/tcp"][0]["HostPort"]) > 1023)
b = c.networks.get("bridge"); b.connect(w); w.reload()
check("connect", sorted(w.attrs["NetworkSettings"]["Networks"]) == ["bridge", "pynet"])
b.disconnect(w); w.reload(); check("disconnect", sorted(w.attrs["NetworkSettings"]["Networks"]) == ["pynet"])
check("members", [x.name for x in c.networks.get("pynet").containers] == ["pyweb"])
try: n.remove(); check("a network in use", False)
except docker.errors.APIError as e: check("a network in use", e.status_code == 403 and "active endpoints" in str(e))
w.remove(force=True); check("network prune", c.networks.prune()["NetworksDeleted"] == ["pynet"])
check("volumes", c.volumes.create("pv").name == "pv"); c.volumes.get("pv").remove()
P
[ $? -eq 0 ] || fail "docker-py ended early"
finish
