"""What a lock sets aside comes back as it was: what was typed, jobs, terminals, and who runs where."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab import Host
from .lab.terminal import Line
from .limits import log_in, wait_event
from .stays import FAILED, PROMPT, SECRET, Stay, grows, keeping, looking, resized


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    with looking(host):
        yield


@pytest.fixture
def keeper(host: Host, person: str) -> Iterator[str]:
    with keeping(host, person):
        yield person


def expect_lock(terminal: Line) -> None:
    terminal.expect(r"This session on \S+ is locked")


def prove(terminal: Line) -> None:
    """The wrong password, then the right one."""
    terminal.expect(PROMPT)
    terminal.send("wrong\r")
    terminal.expect(FAILED)
    terminal.expect(PROMPT)
    terminal.send(f"{SECRET}\r")


@contextlib.contextmanager
def locked(host: Host, person: str, terminal: Line) -> Iterator[Stay]:
    """Locks a person's only session and unlocks it: all that there is to be told of it is as it was."""
    stay = Stay(host, person)
    cursor = stay.lock()
    expect_lock(terminal)
    yield stay
    prove(terminal)
    stay.is_back(cursor)


def run(terminal: Line, host: Host, person: str, line: str, name: str = "") -> None:
    """Enters a command, and waits until what it runs is in the foreground, and the terminal no longer bash's."""
    terminal.send(f"{line}\n")
    name = name or line.split()[0]
    host.shell(f"until ps -u {person} -o stat=,comm= | grep -q '^S.*+ *{name}$'; do sleep 0.1; done")


def test_what_was_typed_ahead(host: Host, keeper: str) -> None:
    """Lines, and half of one, behind what runs in the foreground: nothing is lost, and nothing is taken as a
    password."""
    with log_in(host, keeper) as terminal:
        terminal.command("mkfifo go")
        run(terminal, host, keeper, "cat go")
        terminal.send("echo ahead $((40 + 2))\necho half")
        terminal.expect("echo half")
        with locked(host, keeper, terminal):
            pass
        host.shell(f"echo over > ~{keeper}/go")
        terminal.expect(r"over\r\n")
        terminal.expect(r"ahead 42\r\n")
        terminal.expect("echo half")
        terminal.send("way\n")
        terminal.expect(r"\rhalfway\r\n")
        terminal.prompt()
        history = [line.strip() for line in terminal.command("history 3 | cut -c 8-").split("\n")]
        assert history[:2] == ["echo ahead $((40 + 2))", "echo halfway"]


def test_half_a_line_for_cat(host: Host, keeper: str) -> None:
    """In canonical mode, where it can still be edited."""
    with log_in(host, keeper) as terminal:
        run(terminal, host, keeper, "cat")
        terminal.send("first\n")
        terminal.expect("first\r\nfirst\r\n")
        terminal.send("help")
        terminal.expect("help")
        with locked(host, keeper, terminal):
            pass
        terminal.send(b"\x7flo\n")
        terminal.expect(r"\nhello\r\n")
        terminal.send(b"\x04")
        terminal.prompt()


def test_jobs(host: Host, keeper: str) -> None:
    """A stopped one, one in the background, and one that has left the terminal, which alone runs on meanwhile."""
    attached, apart = f"/tmp/{keeper}.attached", f"/tmp/{keeper}.apart"
    with log_in(host, keeper) as terminal:
        terminal.command(f"touch {attached} {apart}")
        run(terminal, host, keeper, "sleep 1000")
        terminal.send(b"\x1a")
        terminal.expect(r"Stopped +sleep 1000")
        terminal.prompt()
        terminal.command(f"python3 /opt/tick {attached} &")
        terminal.command(f"setsid -f nohup python3 /opt/tick {apart} > /dev/null 2>&1 < /dev/null")
        for path in (attached, apart):
            grows(host, path)
        jobs = terminal.command("jobs")
        with locked(host, keeper, terminal):
            size = host.output(["stat", "-c", "%s", attached])
            grows(host, apart)
            assert host.output(["stat", "-c", "%s", attached]) == size
        grows(host, attached)
        terminal.prompt()
        assert terminal.command("jobs") == jobs
        terminal.send("fg %1\n")
        terminal.expect(r"sleep 1000\r\n")
        host.shell(f"until ps -u {keeper} -o stat=,comm= | grep -q '^S.*+ *sleep$'; do sleep 0.1; done")
        terminal.send(b"\x1a")
        terminal.expect(r"Stopped +sleep 1000")
        terminal.prompt()
        assert "sleep 1000 &" in terminal.command("bg %1")
        assert re.search(r"Running +sleep 1000 &", terminal.command("jobs %1"))
        terminal.command("kill %1 %2")


def test_two_terminals_of_one_connection(host: Host, keeper: str, tmp_path: Path) -> None:
    """Unlocked on one, unlocked on both; one that is opened while they are locked is locked, too."""
    control = str(tmp_path / "control")
    with log_in(host, keeper, control=control) as first, log_in(host, keeper, control=control) as second:
        first.command("here=first")
        run(second, host, keeper, "cat")
        second.send("half")
        second.expect("half")
        stay = Stay(host, keeper, terminals=2)
        cursor = stay.lock()
        expect_lock(first)
        expect_lock(second)
        with host.ssh(keeper, control=control) as third:
            expect_lock(third)
            third.expect(PROMPT)
            third.send("echo no\r")
            third.expect(FAILED)
        prove(first)
        stay.is_back(cursor)
        second.send("way\n")
        second.expect(r"\nhalfway\r\n")
        first.send("\n")
        first.prompt()
        assert first.command("echo $here") == "first"


def test_third_terminal_stays_usable(host: Host, keeper: str, tmp_path: Path) -> None:
    """A terminal that was opened while the session was locked is its person's as any other."""
    control = str(tmp_path / "control")
    with log_in(host, keeper, control=control) as first:
        stay = Stay(host, keeper)
        cursor = stay.lock()
        with host.ssh(keeper, control=control) as late:
            expect_lock(late)
            late.expect(PROMPT)
            late.send(f"{SECRET}\r")
            wait_event(host, keeper, "unlocked", after=cursor)
            late.send("\n")
            late.prompt()
            assert late.command("echo $SSH_TTY; stat -c '%U %G %a' $SSH_TTY").split("\n")[1] == f"{keeper} tty 620"
        first.send("\n")
        first.prompt()
        assert first.command("id -un") == keeper


def test_a_scope_of_the_persons_own(host: Host, keeper: str) -> None:
    """Below user@UID.service, which is delegated to them: what is attached goes back there."""
    apart = "setsid -f sleep 1000 < /dev/null > /dev/null 2>&1"
    with log_in(host, keeper) as terminal:
        run(terminal, host, keeper, f"systemd-run --user --scope --quiet sh -c '{apart}; exec cat'", "cat")
        terminal.send("half")
        terminal.expect("half")
        with locked(host, keeper, terminal) as stay:
            groups = {group for group, *_ in stay.before["processes"].values()}
            (own,) = [group for group in groups if re.search(r"/run-[\w-]+\.scope$", group)]
            frozen = host.read(f"{stay.scope}/reaper-lock/cgroup.procs").split()
            assert f"/user@{host.output(['id', '-u', keeper])}.service/" in own
            (pid,) = [name.split()[0] for name in stay.before["processes"] if name.endswith(" cat")]
            assert pid in frozen
        terminal.send("way\n")
        terminal.expect(r"\nhalfway\r\n")


def test_a_scope_that_has_ended_meanwhile(host: Host, keeper: str) -> None:
    """What was alone in its scope goes on in that of the session."""
    with log_in(host, keeper) as terminal:
        run(terminal, host, keeper, "systemd-run --user --scope --quiet cat", "cat")
        terminal.send("half")
        terminal.expect("half")
        stay = Stay(host, keeper)
        (cat,) = [name for name in stay.before["processes"] if name.endswith(" cat")]
        assert "/user@" in stay.before["processes"][cat][0]
        stay.before["processes"][cat][0] = stay.scope[len("/sys/fs/cgroup") :]
        cursor = stay.lock()
        prove(terminal)
        stay.is_back(cursor)
        terminal.send("way\n")
        terminal.expect(r"\nhalfway\r\n")


def test_the_prompt_in_another_size(host: Host, keeper: str) -> None:
    """What is resized while it is locked has the new size after."""
    with log_in(host, keeper) as terminal:
        terminal.send("stty si")
        terminal.expect("stty si")
        stay = Stay(host, keeper)
        cursor = stay.lock()
        expect_lock(terminal)
        terminal.resize(rows=40, columns=100)
        prove(terminal)
        stay.before = resized(stay.before, 40, 100)
        stay.is_back(cursor)
        terminal.send("ze\n")
        terminal.expect(r"\r40 100\r\n")
