"""A lock restores everything that it sets aside: typed input, jobs, terminals, and the groups of processes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab import Host
from .lab.terminal import Line
from .limits import log_in
from .locks import SECRET, asks, fail, unlock
from .stays import Stay, grows, looking, resized
from .thieves import CLONED


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    with looking(host):
        yield


def prove(host: Host, terminal: Line, person: str) -> None:
    """Types the wrong password, then the right one."""
    fail(host, terminal, person)
    terminal.send(f"{SECRET}\r")


@contextlib.contextmanager
def locked(host: Host, person: str, terminal: Line) -> Iterator[Stay]:
    """Locks a user's only session and unlocks it; asserts that everything about it is as before."""
    stay = Stay(host, person)
    cursor = stay.lock()
    asks(terminal)
    yield stay
    prove(host, terminal, person)
    stay.is_back(cursor)


def run(terminal: Line, host: Host, person: str, line: str, name: str = "") -> None:
    """Enters a command, and waits until its program is in the foreground, and the terminal no longer bash's."""
    terminal.send(f"{line}\n")
    name = name or line.split()[0]
    host.shell(f"until ps -u {person} -o stat=,comm= | grep -q '^S.*+ *{name}$'; do sleep 0.1; done")


def test_input_typed_ahead_is_restored(host: Host, someone: str) -> None:
    """Lines, and half of one, behind a foreground program: nothing is lost, and nothing is taken for a password."""
    with log_in(host, someone) as terminal:
        terminal.command("mkfifo go")
        run(terminal, host, someone, "cat go")
        terminal.send("echo ahead $((40 + 2))\necho half")
        terminal.expect("echo half")
        with locked(host, someone, terminal):
            pass
        host.shell(f"echo over > ~{someone}/go")
        terminal.expect(r"over\r\n")
        terminal.expect(r"ahead 42\r\n")
        terminal.expect("echo half")
        terminal.send("way\n")
        terminal.expect(r"\rhalfway\r\n")
        terminal.prompt()
        history = [line.strip() for line in terminal.command("history 3 | cut -c 8-").split("\n")]
        assert history[:2] == ["echo ahead $((40 + 2))", "echo halfway"]


TYPED_AHEAD = "one\ntwo\x16\x03\x16\x04three\n\x04half a \x16\x15line"
READ_AHEAD = r"""python3 -uc '
import os, sys, time
print("busy")
while not os.path.exists("/tmp/{0}"): time.sleep(0.05)
while True: print(os.read(0, 4096))
'
"""


def test_input_typed_ahead_for_a_job_is_restored(host: Host, someone: str) -> None:
    """Complete lines, an end of file, literal characters, and half a line."""
    with log_in(host, someone) as terminal:
        terminal.send(READ_AHEAD.format(someone))
        terminal.expect(r"\rbusy")
        terminal.send(TYPED_AHEAD)
        terminal.expect("half a")
        with locked(host, someone, terminal):
            pass
        host.run(["touch", f"/tmp/{someone}"])
        for each in (r"b'one\\n'", r"b'two\\x03\\x04three\\n'", "b''"):
            terminal.expect(each)
        terminal.send(" and the rest\n")
        terminal.expect(r"b'half a \\x15line and the rest\\n'")
        terminal.send("\x1c")
        terminal.prompt()
    host.run(["rm", f"/tmp/{someone}"])


def test_stopped_terminal_shows_the_prompt(host: Host, someone: str) -> None:
    """A terminal stopped by Ctrl-S shows the prompt, and after the lock the output that it held back."""
    with log_in(host, someone) as terminal:
        run(terminal, host, someone, f"sh -c 'read line; touch /tmp/{someone}; echo got-$line; read line'")
        terminal.send("\x13it\n")
        host.shell(f"until test -e /tmp/{someone}; do sleep 0.1; done")
        with locked(host, someone, terminal):
            assert "got-it" not in terminal.text
        terminal.expect("got-it")
        terminal.send("\n")
        terminal.prompt()
    host.run(["rm", f"/tmp/{someone}"])


def test_half_a_line_for_cat_is_restored(host: Host, someone: str) -> None:
    """In canonical mode, where it can still be edited."""
    with log_in(host, someone) as terminal:
        run(terminal, host, someone, "cat")
        terminal.send("first\n")
        terminal.expect("first\r\nfirst\r\n")
        terminal.send("help")
        terminal.expect("help")
        with locked(host, someone, terminal):
            pass
        terminal.send(b"\x7flo\n")
        terminal.expect(r"\nhello\r\n")
        terminal.send(b"\x04")
        terminal.prompt()


def test_jobs_are_restored(host: Host, someone: str) -> None:
    """A stopped job, one in the background, and one that has left the terminal, which alone runs on meanwhile."""
    attached, apart = f"/tmp/{someone}.attached", f"/tmp/{someone}.apart"
    with log_in(host, someone) as terminal:
        terminal.command(f"touch {attached} {apart}")
        run(terminal, host, someone, "sleep 1000")
        terminal.send(b"\x1a")
        terminal.expect(r"Stopped +sleep 1000")
        terminal.prompt()
        terminal.command(f"python3 /opt/tick {attached} &")
        terminal.command(f"setsid -f nohup python3 /opt/tick {apart} > /dev/null 2>&1 < /dev/null")
        for path in (attached, apart):
            grows(host, path)
        jobs = terminal.command("jobs -l")
        with locked(host, someone, terminal):
            size = host.output(["stat", "-c", "%s", attached])
            grows(host, apart)
            assert host.output(["stat", "-c", "%s", attached]) == size
        grows(host, attached)
        terminal.prompt()
        assert terminal.command("jobs -l") == jobs
        terminal.send("fg %1\n")
        terminal.expect(r"sleep 1000\r\n")
        host.shell(f"until ps -u {someone} -o stat=,comm= | grep -q '^S.*+ *sleep$'; do sleep 0.1; done")
        terminal.send(b"\x1a")
        terminal.expect(r"Stopped +sleep 1000")
        terminal.prompt()
        assert "sleep 1000 &" in terminal.command("bg %1")
        assert re.search(r"Running +sleep 1000 &", terminal.command("jobs %1"))
        terminal.command("kill %1 %2")


def test_two_terminals_of_one_connection_are_locked_together(host: Host, someone: str, tmp_path: Path) -> None:
    """Unlocking one unlocks both; a terminal that is opened while they are locked is locked, too."""
    control = str(tmp_path / "control")
    with log_in(host, someone, control=control) as first, log_in(host, someone, control=control) as second:
        first.command("here=first")
        run(second, host, someone, "cat")
        second.send("half")
        second.expect("half")
        stay = Stay(host, someone, terminals=2)
        cursor = stay.lock()
        asks(first)
        asks(second)
        with host.ssh(someone, control=control) as third:
            asks(third)
            fail(host, third, someone, "echo no")
        prove(host, first, someone)
        stay.is_back(cursor)
        second.send("way\n")
        second.expect(r"\nhalfway\r\n")
        first.send("echo $here$here\n")
        first.expect("firstfirst")


def test_terminal_opened_during_the_lock_is_usable_afterwards(host: Host, someone: str, tmp_path: Path) -> None:
    """A terminal that was opened while the session was locked is as usable as any other."""
    control = str(tmp_path / "control")
    with log_in(host, someone, control=control) as first:
        stay = Stay(host, someone)
        stay.lock()
        with host.ssh(someone, control=control) as late:
            asks(late)
            unlock(host, late, someone)
            stay.wait_over()
            assert late.command("echo $SSH_TTY; stat -c '%U %G %a' $SSH_TTY").split("\n")[1] == f"{someone} tty 620"
        first.send("\n")
        first.prompt()
        assert first.command("id -un") == someone


def test_processes_return_to_a_scope_of_the_user(host: Host, someone: str) -> None:
    """It is below user@UID.service, which is delegated to the user: processes attached to the terminal return there."""
    apart = "setsid -f sleep 1000 < /dev/null > /dev/null 2>&1"
    with log_in(host, someone) as terminal:
        run(terminal, host, someone, f"systemd-run --user --scope --quiet sh -c '{apart}; exec cat'", "cat")
        terminal.send("half")
        terminal.expect("half")
        with locked(host, someone, terminal) as stay:
            groups = {group for group, *_ in stay.before["processes"].values()}
            (own,) = [group for group in groups if re.search(r"/run-[\w-]+\.scope$", group)]
            assert f"/user@{host.output(['id', '-u', someone])}.service/" in own
            (pid,) = [name.split()[0] for name in stay.before["processes"] if name.endswith(" cat")]
            assert pid in stay.frozen()
        terminal.send("way\n")
        terminal.expect(r"\nhalfway\r\n")


def test_process_whose_scope_has_ended_stays_in_the_session(host: Host, someone: str) -> None:
    """A process that was alone in its scope continues in that of the session."""
    with log_in(host, someone) as terminal:
        run(terminal, host, someone, "systemd-run --user --scope --quiet cat", "cat")
        terminal.send("half")
        terminal.expect("half")
        stay = Stay(host, someone)
        (cat,) = [name for name in stay.before["processes"] if name.endswith(" cat")]
        own = stay.before["processes"][cat][0]
        assert "/user@" in own
        stay.before["processes"][cat][0] = stay.scope[len("/sys/fs/cgroup") :]
        cursor = stay.lock()
        host.shell(f"timeout 30 sh -c 'while test -e /sys/fs/cgroup{own}; do sleep 0.1; done'")
        asks(terminal)
        prove(host, terminal, someone)
        stay.is_back(cursor)
        terminal.send("way\n")
        terminal.expect(r"\nhalfway\r\n")


def test_size_changed_during_the_lock_is_kept(host: Host, someone: str) -> None:
    """A terminal that is resized while it is locked keeps the new size."""
    with log_in(host, someone) as terminal:
        terminal.send("stty si")
        terminal.expect("stty si")
        stay = Stay(host, someone)
        cursor = stay.lock()
        asks(terminal)
        terminal.resize(rows=40, columns=100)
        prove(host, terminal, someone)
        stay.before = resized(stay.before, 40, 100)
        stay.is_back(cursor)
        terminal.send("ze\n")
        terminal.expect(r"\r40 100\r\n")


def test_serial_line_is_locked(host: Host, someone: str) -> None:
    """login(1), which waits for its shell, is not frozen. Every other process that has the line open is.

    Also one that its user made a child of login(1) and that runs a program of root's named sshd. (On a console of a
    container, logind makes no session: "Seat has no VTs".)
    """
    host.write("/usr/local/lib/cloned.py", CLONED)
    with open(os.path.join(os.path.dirname(__file__), "lab", "line.py"), encoding="utf-8") as stream:
        host.write("/run/lab-line.py", stream.read())
    with host.terminal(["python3", "/run/lab-line.py", "ttyS5"]) as line:
        line.expect("login: ")
        line.send(f"{someone}\n")
        line.expect("Password: ")
        line.send(f"{SECRET}\n")
        line.prompt()
        line.send("exec python3 /usr/local/lib/cloned.py\n")
        thief = line.expect(r"cloned (\d+)")[1]
        line.prompt()
        login = host.output(["pgrep", "-x", "login"])
        assert host.output(["ps", "-o", "ppid=", "-p", thief]).strip() == login
        line.send("echo half-")
        line.expect("half-")
        with locked(host, someone, line) as stay:
            names = [host.output(["ps", "-o", "comm=", "-p", pid]) for pid in stay.frozen()]
            assert sorted(names) == ["bash", "sshd"]
        line.send("typed\n")
        line.expect(r"half-typed\r\n")
