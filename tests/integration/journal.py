"""journal.py SOCKET FILE: a journal that writes each entry of systemd's native protocol as a line of JSON. With a third argument it
reads nothing until that file is there. SLOW: seconds for each."""
import json
import os
import socket
import struct
import sys
import time

s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
for _ in range(600):
    if len(sys.argv) < 4 or os.path.exists(sys.argv[3]):
        break
    time.sleep(0.05)
with open(sys.argv[2], "w", buffering=1) as out:
    while True:
        data, control, _, _ = s.recvmsg(1 << 20, 256)
        time.sleep(float(os.environ.get("SLOW", "0")))
        pid, uid, _ = struct.unpack("3i", control[0][2])
        entry = {"_PID": pid, "_UID": uid}
        while data:
            name, _, data = data.partition(b"\n")
            if b"=" in name:
                name, _, value = name.partition(b"=")
            else:
                n = struct.unpack("<Q", data[:8])[0]
                value, data = data[8:8 + n], data[8 + n + 1:]
            assert name.decode() not in entry, name
            entry[name.decode()] = value.decode("latin1")
        out.write(json.dumps(entry) + "\n")
