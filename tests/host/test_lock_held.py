"""Frozen processes stay frozen when their user moves them out of the lock's group, and a shell outlives its TMOUT.

systemd moves a process for the user that it runs as, with no other authorization (AttachProcessesToUnit), and outside
the group nothing is frozen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from .lab import Host, SshClient
from .limits import log_in, quick, wait_event
from .locks import SECRET, Lock, as_person, asks, fail, lock, locked, session_of, unlock
from .thieves import THIEF, bait, gets_nothing, let_in

# Traces a process, and lets it run.
TRACER = """\
import ctypes, os, signal, sys
pid = int(sys.argv[1])
if ctypes.CDLL(None).ptrace(0x4206, pid, None, None):
    sys.exit("not traced")
print("traced", flush=True)
signal.pause()
"""
SLEEPER = """\
import signal
signal.signal(signal.SIGALRM, lambda *_: print("ra" + "ng", flush=True))
signal.alarm(10)
while True: signal.pause()
"""
ALARM_IS_PENDING = "grep -q 'ShdPnd:.*[2367abef]...$' /proc/{}/status"


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    host.write("/usr/local/lib/thief.py", THIEF)
    host.write("/usr/local/lib/tracer.py", TRACER)
    host.write("/usr/local/lib/sleeper.py", SLEEPER)
    with quick(host):
        yield


def move_out(host: Host, found: Lock) -> list[str]:
    """Moves every frozen process out of its group, as its user may; returns their pids."""
    pids = host.read(f"{found.group}/cgroup.procs").split()
    uid = host.output(["id", "-u", found.person])
    manager = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
    members = " ".join([str(len(pids)), *pids])
    call = f"busctl call {manager} AttachProcessesToUnit ssau user@{uid}.service /init.scope {members}"
    as_person(host, found.person, call)
    return pids


def are_back(found: Lock, pids: list[str]) -> None:
    inside = " && ".join(f"grep -qx {pid} {found.group}/cgroup.procs" for pid in pids)
    found.wait("moved back", inside)


def steal(host: Host, person: str, terminal: SshClient) -> str:
    """Starts a thief that reads what is typed; returns the file in which it keeps that."""
    loot = f"/home/{person}/loot"
    let_in(host, terminal, "path", loot, terminal.command("tty"))
    bait(host, terminal, loot, "before")
    return loot


def test_process_moved_out_by_its_user_does_not_run(host: Host, someone: str) -> None:
    """It is moved back within a second and runs again in its own group once unlocked; also after a killed keeper."""
    with locked(host, someone, lambda terminal: steal(host, someone, terminal)) as (terminal, found):
        found.wait_frozen()
        cursor = host.cursor()
        pids = move_out(host, found)
        assert len(pids) >= 3
        host.wait_journal(lambda entry: "was moved out of the frozen group" in str(entry.get("MESSAGE")), after=cursor)
        are_back(found, pids)
        keeper = found.keeper()
        host.run(["kill", "-KILL", str(keeper)])
        found.wait("another keeper", f"systemctl show -P MainPID {found.unit} | grep -qvx -e {keeper} -e 0")
        asks(terminal)
        found.wait("held again", f"grep -q 'State:.t' /proc/{pids[0]}/status")
        move_out(host, found)
        gets_nothing(host, terminal, found, f"/home/{someone}/loot")
        assert host.read(f"{found.scope}/cgroup.procs").split()
        for pid in pids:
            assert host.read(f"/proc/{pid}/cgroup").splitlines()[-1] == f"0::{found.scope[len('/sys/fs/cgroup') :]}"


@contextlib.contextmanager
def traced(host: Host, person: str) -> Iterator[None]:
    """Has a program of the user's trace the thief, so that no other program can."""
    pid = host.output(["pgrep", "-n", "-u", person, "-x", "python3"])
    with host.ssh(person, command=["python3", "/usr/local/lib/tracer.py", pid]) as tracer:
        tracer.expect("traced")
        yield


@contextlib.contextmanager
def no_ptrace(host: Host) -> Iterator[None]:
    """Has the kernel refuse ptrace to the keeper, as in some containers."""
    directory = "/run/systemd/system/reaper-lock@.service.d"
    host.write(f"{directory}/never.conf", "[Service]\nSystemCallFilter=~ptrace\n")
    host.run(["systemctl", "daemon-reload"])
    try:
        yield
    finally:
        host.run(["rm", "-r", directory])
        host.run(["systemctl", "daemon-reload"])


@pytest.mark.parametrize("way", ["its user traces it", "nobody may trace"])
def test_escape_of_a_process_that_cannot_be_held_ends_the_session(host: Host, someone: str, way: str) -> None:
    """Until the escape the session is locked as any other; then the prompt goes away, and the password is not read."""
    with log_in(host, someone) as terminal, contextlib.ExitStack() as undo:
        name = session_of(host, someone, terminal)
        loot = steal(host, someone, terminal)
        undo.enter_context(traced(host, someone) if way.startswith("its user") else no_ptrace(host))
        cursor = host.cursor()
        found = lock(host, someone, terminal, name)
        found.wait_frozen()
        host.wait_journal(lambda entry: "and is watched" in str(entry.get("MESSAGE")), after=cursor)
        fail(host, terminal, someone)
        assert host.read(loot).splitlines() == ["before"]
        move_out(host, found)
        terminal.expect("This session ends")
        terminal.send(f"{SECRET}\n")
        ending = wait_event(host, someone, "ending")
        assert "was let out of the frozen group" in ending["REAPER_WHY"]
        assert terminal.closed(40)
        assert SECRET not in host.read(loot)


def test_killed_shell_ends_the_connection(host: Host, someone: str) -> None:
    """sshd, its parent, is notified of its end although the keeper traces it."""
    with locked(host, someone) as (terminal, found):
        found.wait_frozen()
        as_person(host, someone, "pkill -KILL -o -x bash")
        assert terminal.closed(30)
        found.wait_gone()


def test_shell_outlives_its_tmout(host: Host, someone: str) -> None:
    """It keeps its variables and jobs, and its TMOUT is in force again from the next prompt.

    The alarm of another program is delivered once it runs again.
    """
    with log_in(host, someone) as terminal:
        name = session_of(host, someone, terminal)
        pid = terminal.command("echo $$")
        terminal.command("kept=yes; sleep 1000 &")
        terminal.command("python3 /usr/local/lib/sleeper.py &")
        jobs, other = terminal.command("jobs -l"), terminal.command("echo $!")
        terminal.command("declare -rx TMOUT=10")
        found = lock(host, someone, terminal, name)
        for each in (pid, other):
            found.wait("the time is over", ALARM_IS_PENDING.format(each))
        assert "rang" not in terminal.text
        unlock(host, terminal, someone)
        assert "rang" in terminal.text
        assert terminal.command("echo $$ $kept") == f"{pid} yes"
        assert terminal.command("jobs -l") == jobs
        terminal.expect("timed out waiting for input: auto-logout", 30)
        assert terminal.closed(20)
