"""A lock under attack: what the user's other processes, and a person at the terminal, can try.

Not tried: attacks by root (a root shell that was open in the session is frozen with it, but root elsewhere on the host
can do anything), and a process of the same user that takes the terminal's descriptor from a frozen one
(pidfd_getfd(2)), which kernel.yama.ptrace_scope prevents.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab import Host, SshClient
from .limits import events, log_in, quick, wait_event
from .locks import FAILED, PROMPT, SECRET, WRONG, Lock, as_person, asks, fail, lock, locked, session_of, unlock
from .thieves import RING, THIEF, bait, gets_nothing, let_in


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Has the daemon look at sessions every second."""
    host.write("/usr/local/lib/thief.py", THIEF)
    host.write("/usr/local/lib/ring.py", RING)
    with quick(host):
        yield


@pytest.mark.parametrize("way", ["devtty", "comet", "group", "path"])
def test_earlier_descriptor_reads_nothing_while_locked(host: Host, someone: str, way: str) -> None:
    """A process with an earlier descriptor reads what is typed before and after the lock, but nothing meanwhile."""
    loot = f"/home/{someone}/loot"

    def steal(terminal: SshClient) -> None:
        let_in(host, terminal, way, loot, terminal.command("tty"))
        bait(host, terminal, loot, "before")

    with locked(host, someone, steal) as (terminal, found):
        gets_nothing(host, terminal, found, loot)


def test_another_login_reads_nothing_while_locked(host: Host, someone: str) -> None:
    """A second login of the same user reads nothing: neither by a descriptor from before, nor by a new one."""
    loot = f"/home/{someone}/loot"
    with log_in(host, someone) as terminal, log_in(host, someone) as other:
        pts, name = terminal.command("tty"), session_of(host, someone, terminal)
        terminal.send("echo be''gun; sleep 1000\n")  # the shell reads nothing
        terminal.expect("begun")
        let_in(host, other, "path", loot, pts)
        bait(host, terminal, loot, "before")
        found = lock(host, someone, terminal, name)
        found.wait_frozen()
        assert "Permission denied" in as_person(host, someone, f"cat {pts}; true")
        gets_nothing(host, terminal, found, loot)


def test_sigcont_wakes_no_frozen_process(host: Host, someone: str) -> None:
    """A loop of SIGCONT from the user's other login wakes nothing; SIGKILL ends a frozen process."""
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


def test_user_cannot_kill_the_keeper(host: Host, someone: str) -> None:
    """The kill is refused; and neither the keeper nor the process that asks leaves a core dump."""
    with locked(host, someone) as (_, found):
        keeper = found.keeper()
        pids = [str(keeper), *host.output(["pgrep", "-P", str(keeper)]).split()]
        assert len(pids) == 2
        shown = as_person(host, someone, f"for pid in {' '.join(pids)}; do kill -KILL $pid; done; true")
        assert shown.count("not permitted") == 2
        assert found.keeper() == keeper
        for pid in pids:
            assert re.search(r"^Max core file size +0 +0 ", host.read(f"/proc/{pid}/limits"), re.MULTILINE)


def test_special_keys_only_edit_the_line(host: Host, someone: str) -> None:
    """At the prompt no key does what it usually does on a terminal; it only edits the line."""
    with locked(host, someone) as (terminal, found):
        terminal.send(b"\x03\x1a\x1c\x13\x11\x04\x13")
        terminal.send(b"abc\x03")
        found.wait_frozen()
        unlock(host, terminal, someone)
    assert "unlock-failed" not in events(host, someone)


def test_paste_is_at_most_one_attempt(host: Host, someone: str) -> None:
    """1 MiB without a line end is no attempt, and with line ends it is one."""
    with locked(host, someone) as (terminal, _):
        paste(terminal, b"x" * (1 << 20) + b"\n")
        terminal.expect("longer than any password, and was not sent")
        terminal.expect(PROMPT)
        paste(terminal, b"wrong\n" * ((1 << 20) // 6))
        terminal.expect(FAILED, 60)
        terminal.expect(PROMPT, 60)
        unlock(host, terminal, someone)
    assert events(host, someone).count("unlock-failed") == 1


def paste(terminal: SshClient, data: bytes) -> None:
    """Pastes as a terminal emulator does: it reads the output meanwhile."""
    while data:
        terminal.send(data[:512])
        data = data[512:]
        terminal.read_available()


def test_five_failed_attempts_end_the_session(host: Host, someone: str) -> None:
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


def test_new_login_beside_a_locked_session(host: Host, someone: str) -> None:
    """A user can always log in again, and that session goes on."""
    with log_in(host, someone) as active, locked(host, someone) as (terminal, found):
        assert active.command("echo I am $((40 + 2))") == "I am 42"
        with log_in(host, someone) as other:
            assert other.command("echo I am $((40 + 2))") == "I am 42"
        unlock(host, terminal, someone)
        found.wait("over", f"! systemctl is-active --quiet {found.unit}")


def test_guess_before_a_hangup_counts(host: Host, someone: str, tmp_path: Path) -> None:
    """A guess counts even if the terminal hangs up before PAM has answered."""
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


def test_new_terminal_of_a_locked_session_is_locked(host: Host, someone: str, tmp_path: Path) -> None:
    """A terminal that is opened on the connection while it is locked is locked, too."""
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
    """Sets the host's name to one that the kernel takes, but hostname(1) refuses."""
    host.run(["python3", "-c", f"import socket; socket.sethostname({name!r})"])


@contextlib.contextmanager
def renamed(host: Host, person: str, name: str) -> Iterator[None]:
    """Gives a user another name for a while, one that usermod(8) would refuse."""
    files = [f"/etc/{each}" for each in ("passwd", "shadow", "group", "gshadow")]
    host.run(["sed", "-i", f"s/^{person}:/{name}:/", *files])
    try:
        yield
    finally:
        host.run(["sed", "-i", f"s/^{name}:/{person}:/", *files])


def test_hostile_names_are_escaped(host: Host, someone: str) -> None:
    """Outside text is shown on the terminal escaped: the host's name, messages of PAM's modules, the user's name.

    The user's name has a CSI of one byte: ssh(1) sends no ASCII control characters, and logind refuses such users.
    """
    name = f"{someone}\x9b31m"
    stack = host.read("/etc/pam.d/reaper")
    host.write("/etc/pam.d/reaper", f"auth optional pam_echo.so file=/usr/local/lib/hostile.txt\n{stack}")
    host.write("/usr/local/lib/hostile.txt", f"{HOSTILE}told by a module\n")
    was = host.output(["hostname"])
    try:
        with renamed(host, someone, name), log_in(host, name) as terminal:
            session = terminal.command("echo $XDG_SESSION_ID")
            opened = host.wait_journal(lambda _: True, REAPER_EVENT="opened", REAPER_SESSION=session)
            start = len(terminal.transcript)
            name_the_host(host, f"{HOSTILE}evil")
            host.run(["reaperctl", "lock", session])
            asks(terminal)
            shown = terminal.transcript[start:]
            assert f"authenticate as {someone}\\x9b31m.".encode() in shown
            assert "\x9b".encode() not in shown
            assert b"told by a module" in shown
            assert b"owned" in shown
            assert b"\x1b]0;owned" not in shown
            unlock(host, terminal, opened["REAPER_USER"])
    finally:
        name_the_host(host, was)
        host.write("/etc/pam.d/reaper", stack)


def test_process_of_the_user_manager_is_frozen(host: Host, someone: str) -> None:
    """A process elsewhere with the terminal open is frozen, too, cannot be moved out, and runs again afterwards."""

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


def test_pty_within_the_terminal(host: Host, someone: str) -> None:
    """A terminal within the terminal, with a shell of the user's service manager."""

    def begin(terminal: SshClient) -> None:
        terminal.command("export XDG_RUNTIME_DIR=/run/user/$(id -u)")
        terminal.send("systemd-run --user --pty --quiet bash --norc\n")
        terminal.prompt()

    with locked(host, someone, begin) as (terminal, found):
        found.wait_frozen()
        fail(host, terminal, someone)
        unlock(host, terminal, someone)


def test_pending_read_in_a_ring_prevents_the_lock(host: Host, someone: str) -> None:
    """Freezing does not stop a pending read in an io_uring: the session is not locked, and goes on."""
    with log_in(host, someone) as terminal:
        pts, name = terminal.command("tty"), session_of(host, someone, terminal)
        terminal.send(f"setsid python3 /usr/local/lib/ring.py {pts} ~/loot\n")
        refused = terminal.expect(r"submitted 1|no io_uring: (\w+)")[1]
        if refused:
            switch = host.shell("cat /proc/sys/kernel/io_uring_disabled; true").stdout.strip()  # there is one since 6.6
            assert refused == b"ENOSYS" or switch in ("1", "2"), refused
            pytest.skip("the kernel has none, or its administrator lets nobody use it")
        cursor = host.cursor()
        host.run(["reaperctl", "lock", name])
        host.wait_journal(lambda entry: "io_uring" in str(entry.get("MESSAGE")), after=cursor)
        found = Lock(host, someone, name, pts[len("/dev/") :])
        found.wait("given back", f"! test -e {found.group} && ! grep -q '[^\\x00]' /home/{someone}/loot")
    assert "locked" not in events(host, someone)
