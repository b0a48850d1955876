"""A lock under attack: what its person's other processes, and whoever sits at the terminal, can try.

Not tried: a root shell that was open in the session before the lock is frozen with it, but whoever is root elsewhere on
the host can do anything. Nor a process of the same person that takes the terminal's descriptor from a frozen one
(pidfd_getfd(2)): what keeps it from that is kernel.yama.ptrace_scope.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab import Host, SshClient
from .limits import events, log_in, quick, wait_event
from .locks import PROMPT, SECRET, WRONG, Lock, as_person, asks, fail, lock, locked, session_of, unlock
from .thieves import RING, THIEF


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Looks at sessions every second."""
    host.write("/usr/local/lib/thief.py", THIEF)
    host.write("/usr/local/lib/ring.py", RING)
    with quick(host):
        yield


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
        name = session_of(host, someone, terminal)
        with log_in(host, someone) as other:
            other.send(f"python3 /usr/local/lib/thief.py path {loot} {pts}; cat {pts}\n")
            host.shell(f"timeout 30 sh -c 'until test -e {loot}.ready; do sleep 0.1; done'")
            host.run(["reaperctl", "lock", name])
            asks(terminal)
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
        wait_event(host, someone, "unlocked")
        assert "Running" not in terminal.command("jobs")


def test_keeper_killed_by_its_person(host: Host, someone: str) -> None:
    """They may not."""
    with locked(host, someone) as (_, found):
        keeper = found.keeper()
        shown = as_person(host, someone, f"for pid in {keeper} $(pgrep -P {keeper}); do kill -KILL $pid; done; true")
        assert shown.count("not permitted") >= 2
        assert found.keeper() == keeper


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
        terminal.expect(PROMPT, 60)
        terminal.quiet("no such thing", 6)
        unlock(host, terminal, someone)
    assert events(host, someone).count("unlock-failed") <= 1


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
                asks(another)
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
            asks(another)
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


def test_ring(host: Host, someone: str) -> None:
    """A read that waits in an io_uring is not stopped by freezing: the session is not locked, and goes on."""
    with log_in(host, someone) as terminal:
        pts, name = terminal.command("tty"), session_of(host, someone, terminal)
        terminal.send(f"setsid python3 /usr/local/lib/ring.py {pts} ~/loot\n")
        if terminal.expect("submitted 1|no io_uring")[0] == b"no io_uring":
            pytest.skip("the kernel has none, or lets nobody use it")
        cursor = host.cursor()
        host.run(["reaperctl", "lock", name])
        host.wait_journal(lambda entry: "io_uring" in str(entry.get("MESSAGE")), after=cursor)
        found = Lock(host, someone, name, pts[len("/dev/") :])
        found.wait("given back", f"! test -e {found.group} && ! grep -q '[^\\x00]' /home/{someone}/loot")
    assert "locked" not in events(host, someone)
