"""Programs that a person's own processes could be, whose names are made to be taken for what the kernel says.

A thread is named by prctl(2), 15 bytes of it, a process also by the file that it was executed from. The kernel shows
that name in /proc/PID/status, and a mount point in mountinfo, where it escapes a line feed and leaves all else.
"""

from __future__ import annotations

from .lab import Host, SshClient

# Every byte or character that Python's text mode, str.splitlines() or str.split() takes for an end of a line.
LINE_ENDS = [
    b"\r", b"\v", b"\f", b"\x1c", b"\x1d", b"\x1e", b"\x85", "\x85".encode(), "\u2028".encode(), "\u2029".encode(),
    b"\n", b"\r\n", b"",
]  # fmt: skip

# A thread for each text and each end of a line, named by both. First, in this order, if it is told to:
# group  moves to a control group below its own, with the end of a line, a field's name and no UTF-8 in its name
# mount  has a file open on a mount for each end of a line, with that in its path, in namespaces of its own
# leave  has no more to do with its terminal
CROWD = f"""\
import ctypes, os, signal, sys, threading
ENDS = {LINE_ENDS!r}
libc = ctypes.CDLL(None, use_errno=True)
words, opened = sys.argv[1:], []
def check(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def write(path, text):
    with open(path, "w") as file:
        file.write(text)
def stand(text):
    libc.prctl(15, text, 0, 0, 0)
    threading.Event().wait()
leaves = "leave" in words
if leaves:
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.setsid()
if words[0] == "group":
    with open("/proc/self/cgroup", "rb") as file:
        group = b"/sys/fs/cgroup" + file.read().rpartition(b"0::")[2].strip(b"\\n") + b"/a\\r0::init.scope \\xff"
    os.mkdir(group)
    write(group + b"/cgroup.procs", "0")
    words.pop(0)
if words[0] == "mount":
    own = os.getuid(), os.getgid()
    check(libc.unshare(0x10020000))
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", "0 %d 1" % own[0])
    write("/proc/self/gid_map", "0 %d 1" % own[1])
    for number, end in enumerate(ENDS):
        path = b"/tmp/%d-%d%s1 2 0:zz" % (own[0], number, end)
        os.mkdir(path)
        check(libc.mount(b"none", path, b"tmpfs", 0, None))
        opened.append(open(path + b"/file", "wb"))
    words.pop(0)
if leaves:
    words.pop(0)
for text in words:
    for end in ENDS:
        threading.Thread(target=stand, args=(end + text.encode(),), daemon=True).start()
print("dis" + "guised", os.getpid(), flush=True)
if leaves:
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.close(writing)
stand(b"\\r" + words[0].encode() if words else b"\\r")
"""

# Executes sshd's own file by a name of its person's choosing, in a kernel session of its own, which outlives the login:
# server  as a server that nobody can reach
# reader  as inetd(8) would, with a terminal in place of a connection; what it reads there it writes into ~/log-*
POSING = """\
import os, subprocess, sys, time
name = os.path.expanduser("~/" + sys.argv[1].encode().decode("unicode_escape"))
key, log = (os.path.expanduser("~/%s-%d" % (what, os.getpid())) for what in ("key", "log"))
os.symlink("/usr/sbin/sshd", name)
subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
null = open("/dev/null", "r+b", 0)
how, given = ["-D", "-o", "ListenAddress=127.0.0.1:%d" % (20000 + os.getpid() % 20000)], null
if sys.argv[2] == "reader":
    how, given = ["-i", "-r"], open(os.open(os.ttyname(0), os.O_RDWR | os.O_NOCTTY), "r+b", 0)
options = ["-f", "/dev/null", "-h", key, "-E", log, "-o", "PidFile=none", "-o", "LoginGraceTime=0", "-o", "UsePAM=no"]
process = subprocess.Popen([name, *how, *options], stdin=given, stdout=null, stderr=null, start_new_session=True)
def is_at_work():
    if given is null:
        return os.path.exists(log) and "listening" in open(log).read()
    return open("/proc/%d/wchan" % process.pid).read() == "wait_woken"
while process.poll() is None and not is_at_work():
    time.sleep(0.05)
print("po" + "ses", process.pid, process.poll(), flush=True)
"""
CROWD_PATH, POSING_PATH = "/usr/local/lib/crowd.py", "/usr/local/lib/posing-sshd.py"


def install(host: Host) -> None:
    """Puts the programs on a host."""
    host.write(CROWD_PATH, CROWD)
    host.write(POSING_PATH, POSING)


def disguise(terminal: SshClient, *words: str, by: str = "") -> int:
    """Begins a crowd on a terminal, in the background; returns its pid."""
    terminal.send(f"{by} python3 {CROWD_PATH} {' '.join(words)} &\n")
    return int(terminal.expect(r"disguised (\d+)")[1])


def pose(terminal: SshClient, name: str, kind: str) -> int:
    """Begins an sshd of its person's on a terminal, by a name in Python's notation; returns its pid."""
    terminal.send(f"python3 {POSING_PATH} '{name}' {kind}\n")
    pid = int(terminal.expect(r"poses (\d+) None")[1])
    terminal.prompt()
    return pid
