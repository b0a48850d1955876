"""A lock under attack: what its person's other processes, root, and whoever sits at the terminal can try.

Not tried: a root shell that was open in the session before the lock is frozen with it, but whoever is root elsewhere on
the host can do anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .lab import Host, SshClient
from .limits import events, log_in, quick, wait_event

SECRET = "correct horse"
WRONG = "battery staple"
LOCKED = r"This session on \S+ is locked"
LOCKS = "/run/reaper/locks"
# Reads what it can of its person's terminal, in one of several ways, and keeps it in a file. `ready` is written first.
THIEF = """\
import ctypes, fcntl, os, signal, sys, time
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
    os._exit(0)
if way == "devtty":
    fd = os.open("/dev/tty", os.O_RDONLY)
elif way == "comet":
    fd = os.open("/dev/tty", os.O_RDONLY | os.O_NONBLOCK)
elif way == "group":
    os.setpgid(0, 0)
    fd = 0
else:
    fd = os.open(target, os.O_RDONLY | os.O_NOCTTY)
if way != "group":
    os.setsid()
open(path + ".ready", "w").close()
end = time.monotonic() + 120
while time.monotonic() < end:
    if way == "comet" and os.fork():
        os._exit(0)
    data = read(fd)
    if data:
        keep(data)
    else:
        time.sleep(0.001)
"""


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Looks at sessions every second."""
    host.write("/usr/local/lib/thief.py", THIEF)
    with quick(host):
        yield


@pytest.fixture
def someone(host: Host, person: str) -> str:
    """A person who has a password."""
    host.run(["chpasswd"], input=f"{person}:{SECRET}\n")
    return person


def session_of(host: Host, person: str) -> str:
    """The name of the session that a person has opened last."""
    return str(wait_event(host, person, "opened")["REAPER_SESSION"])


class Lock:
    """A locked session."""

    def __init__(self, host: Host, person: str, name: str, pts: str) -> None:
        self.host, self.person, self.name, self.pts = host, person, name, pts
        self.unit = f"reaper-lock@{name}.service"
        uid = host.output(["id", "-u", person])
        self.scope = f"/sys/fs/cgroup/user.slice/user-{uid}.slice/session-{name}.scope"
        self.group = f"{self.scope}/reaper-lock"

    def stage(self) -> str:
        """What its state says."""
        words = ["python3", "-c", f"import json; print(json.load(open('{LOCKS}/{self.name}/state'))['stage'])"]
        return self.host.run(words, check=False).stdout.strip()

    def keeper(self) -> int:
        """The pid of reaper-lock; 0 where there is none."""
        return int(self.host.output(["systemctl", "show", "--property=MainPID", "--value", self.unit]))

    def wait(self, what: str, is_so: str, timeout: float = 30.0) -> None:
        """Waits until a command of the host's succeeds."""
        words = ["timeout", str(timeout), "sh", "-c", f"until {is_so}; do sleep 0.1; done"]
        done = self.host.run(words, check=False, timeout=timeout + 20)
        assert done.returncode == 0, f"{what}: not so within {timeout:g} s\n{self.describe()}"

    def describe(self) -> str:
        """What an engineer wants to see of a test that failed."""
        return self.host.shell(
            f"systemctl status {self.unit}; cat {self.group}/cgroup.procs {self.group}/cgroup.events; "
            f"ls -l /dev/{self.pts}; head -c 2000 {LOCKS}/{self.name}/state; loginctl list-sessions; journalctl -n 30",
            check=False,
        ).stdout

    def wait_frozen(self) -> None:
        """Waits until all in it are stopped, and its terminal is root's."""
        is_root_only = f"test 600 = $(stat -c %a /dev/{self.pts})"
        self.wait("frozen", f"grep -q 'frozen 1' {self.group}/cgroup.events && {is_root_only}")

    def wait_gone(self) -> None:
        """Waits until nothing is left of it, nor of the session."""
        self.wait("gone", f"! test -e {self.scope} && ! test -e {LOCKS}/{self.name}")


def lock(host: Host, person: str, terminal: SshClient) -> Lock:
    """Has root lock a person's session at once, of which a terminal is given."""
    name = session_of(host, person)
    pts = host.output(["loginctl", "show-session", "--property=TTY", "--value", name])
    host.run(["reaperctl", "lock", name])
    found = Lock(host, person, name, pts)
    terminal.expect(LOCKED)
    terminal.expect(r"[Pp]assword: ")
    wait_event(host, person, "locked")
    return found


@contextlib.contextmanager
def locked(
    host: Host, person: str, before: Callable[[SshClient], object] | None = None
) -> Iterator[tuple[SshClient, Lock]]:
    """A locked session of a person's, in which something was done before."""
    with log_in(host, person) as terminal:
        if before is not None:
            before(terminal)
        yield terminal, lock(host, person, terminal)


def fail(host: Host, terminal: SshClient, person: str, secret: str = WRONG) -> None:
    """Types a wrong password at the prompt, and waits for the next one."""
    cursor = host.cursor()
    terminal.send(f"{secret}\n")
    host.wait_journal(lambda _: True, after=cursor, REAPER_USER=person, REAPER_EVENT="unlock-failed")
    terminal.expect("The last attempt failed")
    terminal.expect(r"[Pp]assword: ")


def unlock(host: Host, terminal: SshClient, person: str) -> None:
    """Types the right one, and finds the shell."""
    terminal.send(f"{SECRET}\n")
    wait_event(host, person, "unlocked")
    assert terminal.command("echo I am $((40 + 2))") == "I am 42"


def as_person(host: Host, person: str, script: str) -> str:
    """Has a person's other login do something; returns what that printed."""
    with host.ssh(person, command=["sh", "-c", shlex.quote(script)]) as other:
        assert other.wait(60.0) == 0, other.text
        return other.text


@pytest.mark.parametrize("way", ["devtty", "comet", "group", "path"])
def test_thief_from_before(host: Host, someone: str, way: str) -> None:
    """Who has a descriptor of the terminal from before reads nothing of what is typed."""
    loot = f"/home/{someone}/loot"

    def steal(terminal: SshClient) -> None:
        pts = terminal.command("tty")
        terminal.send(f"python3 /usr/local/lib/thief.py {way} {loot} {pts}; echo begun\n")
        host.shell(f"timeout 30 sh -c 'until test -e {loot}.ready; do sleep 0.1; done'")

    with locked(host, someone, steal) as (terminal, found):
        found.wait_frozen()
        host.shell(f": > {loot}")
        fail(host, terminal, someone)
        fail(host, terminal, someone)
        assert host.read(loot) == ""
        host.shell(f"touch {loot}; rm -f /usr/local/lib/gone")


def test_thief_of_another_login(host: Host, someone: str) -> None:
    """A second login of the same person reads nothing: not what it had open, nor what it opens now."""
    loot = f"/home/{someone}/loot"
    with log_in(host, someone) as terminal:
        pts = terminal.command("tty")
        name = session_of(host, someone)
        with log_in(host, someone) as other:
            other.send(f"python3 /usr/local/lib/thief.py path {loot} {pts}; cat {pts}\n")
            host.shell(f"timeout 30 sh -c 'until test -e {loot}.ready; do sleep 0.1; done'")
            host.run(["reaperctl", "lock", name])
            terminal.expect(LOCKED)
            terminal.expect(r"[Pp]assword: ")
            Lock(host, someone, name, pts[len("/dev/") :]).wait_frozen()
            refused = as_person(host, someone, f"cat {pts}; true")
            assert "Permission denied" in refused
            host.shell(f": > {loot}")
            fail(host, terminal, someone)
            assert host.read(loot) == ""
            assert WRONG not in other.text


def test_sigcont(host: Host, someone: str) -> None:
    """A loop of SIGCONT from the person's other login wakes nothing; SIGKILL ends what is frozen."""
    with locked(host, someone, lambda terminal: terminal.command("sleep 300 & echo")) as (terminal, found):
        found.wait_frozen()
        as_person(host, someone, "for i in $(seq 300); do kill -CONT -1; done 2>/dev/null; true")
        found.wait_frozen()
        fail(host, terminal, someone)
        as_person(host, someone, "pkill -KILL -x sleep")
        found.wait("killed", f"ps -u {someone} -o stat=,comm= | grep -q '^Z.*sleep'")  # its parent is frozen
        terminal.send(f"{SECRET}\n")
        terminal.expect("Killed")


def test_keeper_killed_by_its_person(host: Host, someone: str) -> None:
    """They may not."""
    with locked(host, someone) as (_, found):
        keeper = found.keeper()
        shown = as_person(host, someone, f"for pid in {keeper} $(pgrep -P {keeper}); do kill -KILL $pid; done; true")
        assert shown.count("not permitted") >= 2
        assert found.keeper() == keeper


def test_keeper_killed_by_root(host: Host, someone: str) -> None:
    """Again and again: it is locked anew, failures count on, and at last everything is as it was."""
    with log_in(host, someone) as terminal:
        terminal.command("stty intr ^X; stty -ixon")
        was = terminal.command("stty -g; stat -c '%U %G %a' $(tty)")
        found = lock(host, someone, terminal)
        fail(host, terminal, someone)
        for _ in range(4):
            keeper = found.keeper()
            host.run(["kill", "-KILL", str(keeper)])
            terminal.expect(LOCKED)
            terminal.expect(r"After 4 more attempts that fail")
            terminal.expect(r"[Pp]assword: ")
            found.wait_frozen()
        host.shell(f"pkill -KILL -P {found.keeper()}")
        terminal.expect(LOCKED)
        terminal.expect(r"[Pp]assword: ")
        fail(host, terminal, someone)
        unlock(host, terminal, someone)
        assert terminal.command("stty -g; stat -c '%U %G %a' $(tty)") == was
    whys = [e["REAPER_WHY"] for e in host.journal(REAPER_USER=someone, REAPER_EVENT="unlock-failed")]
    assert [why[:14] for why in whys] == ["attempt 1 of 5", "attempt 2 of 5"]


def test_keys_of_the_line(host: Host, someone: str) -> None:
    """No key that means something to a terminal means anything here but to the line that is typed."""
    with locked(host, someone) as (terminal, found):
        terminal.send(b"\x03\x1a\x1c\x13\x11\x04\x13")
        terminal.send(b"abc\x03")
        found.wait_frozen()
        unlock(host, terminal, someone)
    assert "unlock-failed" not in events(host, someone)


@pytest.mark.parametrize("piece", [b"x" * 1024, b"x" * 1023 + b"\n"], ids=["one", "lines"])
def test_paste(host: Host, someone: str, piece: bytes) -> None:
    """1 MiB is one attempt at most."""
    with locked(host, someone) as (terminal, _):
        data = piece * 1024
        while data:
            terminal.send(data[:512])
            data = data[512:]
            terminal.read_available()
        terminal.send("\x15\n\x15")
        terminal.expect(r"[Pp]assword: ", 60)
        terminal.quiet("no such thing", 6)
        unlock(host, terminal, someone)
    assert events(host, someone).count("unlock-failed") <= 1


def test_disconnect(host: Host, someone: str) -> None:
    """Who hangs up at the prompt ends the session, and nothing of it is left."""
    with locked(host, someone, lambda terminal: terminal.command("sleep 300 & echo")) as (terminal, found):
        terminal.send("half a pass")
        terminal.hang_up()
        found.wait_gone()
    wait_event(host, someone, "closed")
    host.run(["sh", "-c", f"! pgrep -u {someone} -x sleep"])
    assert "session closed for user" in host.output(["journalctl", "-t", "sshd", "-t", "sshd-session", "-g", someone])


def test_terminate_session(host: Host, someone: str) -> None:
    """logind's own end of a session works as ever."""
    with locked(host, someone) as (terminal, found):
        host.run(["loginctl", "terminate-session", found.name])
        assert terminal.closed(30)
        found.wait_gone()


def test_unit_stopped(host: Host, someone: str) -> None:
    """Stopping the unit ends the session; its terminal is not given back before."""
    with locked(host, someone) as (terminal, found):
        host.run(["systemctl", "stop", found.unit])
        assert terminal.closed(30)
        found.wait_gone()


def test_five_wrong(host: Host, someone: str) -> None:
    """The session ends."""
    with locked(host, someone) as (terminal, found):
        for _ in range(4):
            fail(host, terminal, someone)
        terminal.send(f"{WRONG}\n")
        terminal.expect("Too many attempts have failed")
        assert terminal.closed(40)
        found.wait_gone()
    wait_event(host, someone, "terminated")
    assert events(host, someone)[-7:] == ["unlock-failed"] * 5 + ["ending", "terminated"]
    assert "5 attempts to unlock it failed" in wait_event(host, someone, "ending")["REAPER_WHY"]


def test_daemon_away(host: Host, someone: str) -> None:
    """reaperd's end, its absence and its return open nothing, and what it missed it learns."""
    with locked(host, someone) as (terminal, found):
        host.run(["systemctl", "kill", "--signal=KILL", "reaper.service"])
        host.run(["systemctl", "restart", "reaper.service"])
        shown = host.output(["reaperctl", "list"])
        assert re.search(rf"{someone}.*locked", shown), shown
        host.run(["systemctl", "stop", "reaper.service"])
        try:
            found.wait_frozen()
            fail(host, terminal, someone)
            unlock(host, terminal, someone)
        finally:
            host.run(["systemctl", "start", "reaper.service"])
        found.wait("noticed", f"! reaperctl list | grep {someone} | grep -q locked")
        assert terminal.command("echo still here") == "still here"


def test_directory_deleted(host: Host, someone: str) -> None:
    """What root deletes is written anew."""
    with locked(host, someone) as (terminal, _):
        host.run(["rm", "-rf", LOCKS])
        fail(host, terminal, someone)
        unlock(host, terminal, someone)


def test_directory_deleted_and_keeper_killed(host: Host, someone: str) -> None:
    """Nobody knows any more what there was: the session ends, and does not stay frozen."""
    with locked(host, someone) as (terminal, found):
        host.shell(f"rm -rf {LOCKS}; kill -KILL {found.keeper()}")
        assert terminal.closed(90)
        found.wait_gone()


def test_state_garbled(host: Host, someone: str) -> None:
    """Nobody knows any more what there was: the session ends, and does not stay frozen."""
    with locked(host, someone) as (terminal, found):
        host.shell(f"kill -STOP {found.keeper()}; echo '{{' > {LOCKS}/{found.name}/state; kill -KILL {found.keeper()}")
        assert terminal.closed(60)
        found.wait_gone()


def test_new_login(host: Host, someone: str) -> None:
    """A person can always log in anew, and what they do there goes on."""
    with log_in(host, someone) as active, locked(host, someone) as (terminal, found):
        assert active.command("echo I am $((40 + 2))") == "I am 42"
        with log_in(host, someone) as other:
            assert other.command("echo I am $((40 + 2))") == "I am 42"
        unlock(host, terminal, someone)
        assert found.stage() in ("unlocked", "")


def test_guesses_of_who_hangs_up(host: Host, someone: str, tmp_path: Path) -> None:
    """A terminal that is hung up before its guess is judged does not spare the guess."""
    control = str(tmp_path / "control")
    with log_in(host, someone, control=control) as terminal:
        found = lock(host, someone, terminal)
        for count in range(1, 3):
            with host.ssh(someone, control=control) as another:
                another.expect(LOCKED)
                another.expect(r"[Pp]assword: ")
                cursor = host.cursor()
                another.send(f"{WRONG}\n")
                another.expect("One moment")
            told = host.wait_journal(lambda _: True, after=cursor, REAPER_USER=someone, REAPER_EVENT="unlock-failed")
            assert told["REAPER_WHY"].startswith(f"attempt {count} of 5")
        found.wait_frozen()


def test_new_terminal_of_a_locked_session(host: Host, someone: str, tmp_path: Path) -> None:
    """A terminal that comes to the connection while it is locked is locked, too."""
    control = str(tmp_path / "control")
    with log_in(host, someone, control=control) as terminal:
        lock(host, someone, terminal)
        with host.ssh(someone, control=control) as another:
            another.expect(LOCKED)
            another.expect(r"[Pp]assword: ")
            another.send(f"{SECRET}\n")
            wait_event(host, someone, "unlocked")
            assert another.command("echo I am $((40 + 2))") == "I am 42"
            assert terminal.command("echo I am $((40 + 2))") == "I am 42"


HOSTILE = "\x1b]0;owned\x07\x1b[2J"


def name_the_host(host: Host, name: str) -> None:
    """hostname(1) refuses what the kernel takes."""
    host.run(["python3", "-c", f"import socket; socket.sethostname({name!r})"])


def test_hostile_names(host: Host, someone: str) -> None:
    """What comes from outside reaches the terminal as text: the host's name, and what PAM's modules say."""
    stack = host.read("/etc/pam.d/reaper")
    host.write("/etc/pam.d/reaper", f"auth optional pam_echo.so file=/usr/local/lib/hostile.txt\n{stack}")
    host.write("/usr/local/lib/hostile.txt", f"{HOSTILE}told by a module\n")
    was = host.output(["hostname"])
    try:
        with log_in(host, someone) as terminal:
            start = len(terminal.transcript)
            name_the_host(host, f"{HOSTILE}evil")
            lock(host, someone, terminal)
            shown = terminal.transcript[start:]
            assert b"told by a module" in shown
            assert b"owned" in shown
            assert b"\x1b]0;owned" not in shown
            unlock(host, terminal, someone)
    finally:
        name_the_host(host, was)
        host.write("/etc/pam.d/reaper", stack)


def test_package_reinstalled(host: Host, someone: str) -> None:
    """An upgrade opens nothing, and loses nothing."""
    with locked(host, someone) as (terminal, found):
        keeper = found.keeper()
        deb = host.output(["sh", "-c", "ls /var/tmp/idle-reaper*.deb"])
        host.apt("install", "--reinstall", deb)
        found.wait_frozen()
        assert found.keeper() == keeper
        fail(host, terminal, someone)
        host.run(["kill", "-KILL", str(keeper)])
        terminal.expect(LOCKED)
        terminal.expect(r"[Pp]assword: ")
        unlock(host, terminal, someone)


def test_processes_of_the_user_manager(host: Host, someone: str) -> None:
    """What runs elsewhere with the terminal open is frozen, too, cannot be moved out, and goes on afterwards."""

    def begin(terminal: SshClient) -> None:
        terminal.command("export XDG_RUNTIME_DIR=/run/user/$(id -u)")
        terminal.send("systemd-run --user --scope --quiet bash --norc\n")
        terminal.prompt()
        assert "user@" in terminal.command("cat /proc/$$/cgroup")

    with locked(host, someone, begin) as (terminal, found):
        found.wait_frozen()
        pids = host.output(["cat", f"{found.group}/cgroup.procs"]).split()
        assert len(pids) >= 2
        uid = host.output(["id", "-u", someone])
        target = f"/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/app.slice/cgroup.procs"
        shown = as_person(host, someone, f"for p in {' '.join(pids)}; do echo $p > {target} || echo refused; done")
        assert shown.count("refused") == len(pids)
        assert host.output(["cat", f"{found.group}/cgroup.procs"]).split() == pids
        fail(host, terminal, someone)
        unlock(host, terminal, someone)


def test_user_pty(host: Host, someone: str) -> None:
    """A terminal within the terminal, whose shell belongs to the user's manager."""

    def begin(terminal: SshClient) -> None:
        terminal.command("export XDG_RUNTIME_DIR=/run/user/$(id -u)")
        terminal.send("systemd-run --user --pty --quiet bash --norc\n")
        terminal.prompt()

    with locked(host, someone, begin) as (terminal, found):
        found.wait_frozen()
        fail(host, terminal, someone)
        unlock(host, terminal, someone)


# Asks for a read of a terminal before it is locked, by io_uring(7), into a file that others see.
RING = """\
import ctypes, mmap, os, signal, sys
libc = ctypes.CDLL(None)
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_NOCTTY)
os.setsid()
loot = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
os.ftruncate(loot, 4096)
buffer = mmap.mmap(loot, 4096)
params = (ctypes.c_uint32 * 30)()
ring = libc.syscall(425, 8, params)
if ring < 0:
    sys.exit("no io_uring")
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


def test_ring(host: Host, someone: str) -> None:
    """A read that waits in an io_uring is not stopped by freezing: the session is not locked, and goes on."""
    host.write("/usr/local/lib/ring.py", RING)
    with log_in(host, someone) as terminal:
        pts = terminal.command("tty")
        terminal.send(f"setsid python3 /usr/local/lib/ring.py {pts} ~/loot\n")
        if terminal.expect("submitted 1|no io_uring")[0] == b"no io_uring":
            pytest.skip("the kernel has none, or lets nobody use it")
        name = session_of(host, someone)
        cursor = host.cursor()
        host.run(["reaperctl", "lock", name])
        host.wait_journal(lambda entry: "io_uring" in str(entry.get("MESSAGE")), after=cursor)
        found = Lock(host, someone, name, pts[len("/dev/") :])
        found.wait("given back", f"! test -e {found.group} && ! grep -q '[^\\x00]' /home/{someone}/loot")
    assert "locked" not in events(host, someone)


def test_full_disk(host: Host, someone: str) -> None:
    """With no room for the state a lock holds, and can be opened."""
    with locked(host, someone) as (terminal, found):
        host.shell("dd if=/dev/zero of=/run/filler bs=64k; dd if=/dev/zero of=/run/filler2 bs=1", check=False)
        try:
            fail(host, terminal, someone)
            found.wait_frozen()
            unlock(host, terminal, someone)
            assert found.stage() == "unlocked" or not host.exists(f"{LOCKS}/{found.name}")
        finally:
            host.run(["rm", "-f", "/run/filler", "/run/filler2"])
        assert terminal.command("echo I am $((40 + 2))") == "I am 42"


@pytest.fixture(scope="module")
def another(suite: str, deb: str) -> Iterator[Host]:
    """A host that is not to be used again."""
    with Host(suite) as booted:
        booted.install(deb)
        yield booted


def test_removed_and_powered_off(another: Host, deb: str) -> None:
    """Removal of the package ends what is locked; a host that powers off does not wait for it."""
    person = another.add_user("leaving", password=SECRET)
    with locked(another, person) as (terminal, found):
        another.apt("remove", "idle-reaper")
        assert terminal.closed(60)
        found.wait("gone", f"! test -e {found.scope}")
    another.install(deb)
    person = another.add_user("staying", password=SECRET)
    with locked(another, person, lambda terminal: terminal.command("trap '' HUP TERM")) as (terminal, _):
        end = os.pidfd_open(another.leader)
        try:
            another.run(["systemctl", "poweroff", "--no-block"])
            assert select.select([end], [], [], 60)[0]
        finally:
            os.close(end)
        assert terminal.closed(60)
