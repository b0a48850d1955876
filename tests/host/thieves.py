"""Programs that a person's own processes could be, which read what is typed on a terminal."""

from __future__ import annotations

from .lab import Host, SshClient
from .limits import wait_event
from .locks import SECRET, Lock, fail

# Reads what it can of its person's terminal, in one of several ways, and keeps it in a file. `ready` is written first.
# Its parent, which reads nothing, stays where it was begun, so that the shell reads nothing either.
THIEF = """\
import os, signal, sys, time
way, path, target = sys.argv[1], sys.argv[2], sys.argv[3]
signal.signal(signal.SIGHUP, signal.SIG_IGN)
def keep(data):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, data)
    os.close(fd)
def read(fd):
    try:
        return os.read(fd, 4096)
    except OSError:
        return b""
if os.fork():
    while True:
        signal.pause()
if way == "devtty":
    fd = os.open("/dev/tty", os.O_RDONLY)
elif way == "comet":
    fd = os.open("/dev/tty", os.O_RDONLY | os.O_NONBLOCK)
elif way == "group":
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpgrp())
    fd = 0
else:
    fd = os.open(target, os.O_RDONLY | os.O_NOCTTY)
if way != "group":
    os.setsid()
open(path + ".ready", "w").close()
end = time.monotonic() + 600
while time.monotonic() < end:
    if way == "comet" and os.fork():
        os._exit(0)
    data = read(fd)
    if data:
        keep(data)
    else:
        time.sleep(0.001)
"""

# Asks for a read of a terminal before it is locked, by io_uring(7), into a file that others see.
RING = """\
import ctypes, errno, mmap, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_NOCTTY)
loot = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
os.ftruncate(loot, 4096)
buffer = mmap.mmap(loot, 4096)
params = (ctypes.c_uint32 * 30)()
ring = libc.syscall(425, 8, params)
if ring < 0:
    sys.exit("no io_uring: " + errno.errorcode[ctypes.get_errno()])
sq = mmap.mmap(ring, 4096, offset=0)
sqes = mmap.mmap(ring, 4096, offset=0x10000000)
entry = bytearray(64)
entry[0] = 22
entry[4:8] = fd.to_bytes(4, "little")
entry[8:16] = (2**64 - 1).to_bytes(8, "little")
entry[16:24] = ctypes.addressof(ctypes.c_char.from_buffer(buffer)).to_bytes(8, "little")
entry[24:28] = (4096).to_bytes(4, "little")
sqes[0:64] = bytes(entry)
tail, array = params[11], params[16]
sq[array:array + 4] = bytes(4)
sq[tail:tail + 4] = (1).to_bytes(4, "little")
print("submitted", libc.syscall(426, ring, 1, 0, 0, None, 0), flush=True)
while True:
    signal.pause()
"""


def let_in(host: Host, terminal: SshClient, way: str, loot: str, pts: str) -> None:
    """Begins a thief on a terminal, which reads from `pts`."""
    terminal.send(f"python3 /usr/local/lib/thief.py {way} {loot} {pts}\n")
    host.shell(f"timeout 30 sh -c 'until test -e {loot}.ready; do sleep 0.1; done'")


def bait(host: Host, terminal: SshClient, loot: str, text: str) -> None:
    """Types what a thief is to have, and waits until it has."""
    terminal.send(f"{text}\n")
    host.shell(f"timeout 30 sh -c 'until grep -q {text} {loot}; do sleep 0.1; done'")


def gets_nothing(host: Host, terminal: SshClient, found: Lock, loot: str) -> None:
    """Types wrong passwords and the right one on a locked terminal, and what a thief has of all that comes after it."""
    found.wait_frozen()
    host.shell(f": > {loot}")
    fail(host, terminal, found.person)
    fail(host, terminal, found.person)
    assert host.read(loot) == ""
    terminal.send(f"{SECRET}\n")
    wait_event(host, found.person, "unlocked")
    found.wait("given back", f"! test -e {found.group}")
    bait(host, terminal, loot, "after")
    assert host.read(loot) == "after\n"
