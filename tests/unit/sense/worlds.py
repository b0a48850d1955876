"""A host with one login, for tests of both: the real host with the test's own children, and the daemon's fake.

The test makes the logins of the real one, on real ptys (tests/unit/people.py).
"""

from __future__ import annotations

import itertools
import os
import sys
import termios
import time

from reaper.decide.session.lock_protocol import LockOrder, Stage, encode_order
from reaper.decide.session.model import NS_PER_SEC, ProcessId, Session
from reaper.sense import elevations, processes
from reaper.sense.discovery import RECORD_DUE_USEC
from reaper.sense.elevations import Elevations
from reaper.sense.host import Host
from reaper.sense.login_records import LoginRecords
from reaper.sense.logind import LogindSession
from tests.unit.fakes import FakeHost
from tests.unit.locked import keep_files
from tests.unit.logins import FakeProcess
from tests.unit.people import Line, RealLogin
from tests.unit.simulated import SECOND, FakeTty
from tests.unit.surroundings import FakeSudo


class FakeLogind:
    """logind as the host asks it."""

    def __init__(self) -> None:
        self.known: dict[str, LogindSession] = {}
        self.is_silent = False
        self.hints: dict[str, bool | None] = {}
        self.asked: list[str] = []
        self.recalls = 0

    def list_ids(self) -> set[str]:
        return set(self.known)

    def recall(self) -> None:
        self.recalls += 1

    def read_locked_hint(self, session_id: str) -> bool | None:
        return self.hints.get(session_id)

    def read_sessions(self, ids):
        self.asked += sorted(ids)
        return None if self.is_silent else [self.known[each] for each in sorted(ids) if each in self.known]


class RealWorld:
    """The host under the test, with one login made by the test."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.logind = FakeLogind()
        self.locks = os.path.join(directory, "locks")
        self.marks = os.path.join(directory, "elevated")
        self.elevations = Elevations(self.marks)
        self.host = Host(LoginRecords(directory), self.logind, self.elevations)  # type: ignore[arg-type]
        self.login = RealLogin()
        self.session: Session = self.login.session
        self.leader = ProcessId(*self.session.key)
        self.program = os.path.realpath(sys.executable)

    def open(self) -> Line:
        return self.login.lines[self.login.open()]

    def close(self, name: str) -> None:
        shell = self.login.lines[name].shell
        self.login.close(name)
        wait_until(lambda: not processes.is_alive(shell))

    def type(self, name: str) -> None:
        self.login.type(name)

    def touch(self, name: str, seconds_ago: int) -> None:
        at = time.time_ns() - seconds_ago * NS_PER_SEC
        os.utime(f"/dev/{name}", ns=(at, at))

    def chmod(self, name: str) -> None:
        os.chmod(f"/dev/{name}", os.stat(f"/dev/{name}").st_mode & 0o7777)

    def take_lines(self, name: str, *, whole: bool) -> None:
        """A program sets the terminal's mode: canonical, or one in which it gets each key."""
        fd = os.open(f"/dev/{name}", os.O_RDWR | os.O_NOCTTY)
        try:
            mode = termios.tcgetattr(fd)
            mode[3] = mode[3] | termios.ICANON if whole else mode[3] & ~termios.ICANON
            termios.tcsetattr(fd, termios.TCSANOW, mode)
        finally:
            os.close(fd)

    def settle(self, name: str) -> None:
        """Waits until ctime is no longer fresh."""
        wait_until(lambda: not self.host.read_terminals([name])[0].is_fresh)

    def end(self) -> None:
        lines = list(self.login.lines.values())
        self.login.stop()
        wait_until(lambda: not any(processes.is_alive(each) for line in lines for each in (line.shell, line.job)))

    def keep(self, stage: Stage) -> None:
        os.makedirs(f"{self.locks}/{self.session.name}", exist_ok=True)
        keep_files(self.locks, self.session.name, stage)

    def order(self, session: Session) -> LockOrder:
        order = LockOrder(session, "Locked.", {}, 5, None)
        os.makedirs(f"{self.locks}/{session.name}", exist_ok=True)
        with open(f"{self.locks}/{session.name}/order", "w", encoding="ascii") as file:
            file.write(encode_order(order))
        os.chmod(f"{self.locks}/{session.name}/order", 0o600)
        return order

    def hint(self, session_id: str, is_locked: bool | None) -> None:
        self.logind.hints[session_id] = is_locked

    def become_root(self, name: str) -> str:
        """Marks a process on a terminal as one that became root some time ago; what it really does is irrelevant."""
        shell = self.login.lines[name].shell
        os.makedirs(self.marks, exist_ok=True)
        began = self.host.clock().boot_usec - elevations.BRIEF_USEC
        return write_mark(self.marks, shell, OPENED_USEC=str(began))

    def leave_root(self, mark: str) -> None:
        os.unlink(mark)

    def set_groups(self, **groups: int) -> None:
        write_record(self.directory, self.session, groups)

    def stop(self) -> None:
        self.login.stop()
        self.elevations.close()
        self.host.keep_lines(())


def write_mark(directory: str, process: ProcessId, **values: str) -> str:
    """Writes a mark as the module does; returns its path."""
    about = {"LEADER": str(process.pid), "START_TICKS": str(process.start_ticks)}
    text = {"VERSION": "1", "USER": "root", "UID": "0", "SERVICE": "sudo", **about, "OPENED_USEC": "1", **values}
    path = os.path.join(directory, f"{process.pid}.{process.start_ticks}")
    with open(path, "w", encoding="ascii") as file:
        file.write("".join(f"{key}={value}\n" for key, value in text.items()))
    os.chmod(path, 0o600)
    return path


def write_record(directory: str, session: Session, groups: dict[str, int]) -> None:
    """Writes the record of a login whose user is in these groups, as the module does."""
    about = {"LEADER": str(session.key.pid), "START_TICKS": str(session.key.start_ticks), "OPENED_USEC": "1"}
    user = {"USER": session.user, "UID": str(session.uid), "SERVICE": session.service}
    lines = {f"GROUP_{gid}": name for name, gid in groups.items()}
    values = {"VERSION": "1", **user, **about, "GROUPS": str(len(groups)), **lines}
    path = os.path.join(directory, str(session.key))
    with open(path, "w", encoding="ascii") as file:
        file.write("".join(f"{key}={value}\n" for key, value in values.items()))
    os.chmod(path, 0o600)


class FakeWorld:
    """The daemon's fake, with the same login."""

    def __init__(self) -> None:
        self.host = FakeHost()
        self.made = self.host.login(100)
        self.session = self.made.session
        self.leader = self.made.leader.id
        self.program = self.made.leader.program = "/usr/bin/python3.11"
        self.lines: dict[str, Line] = {}

    def open(self) -> Line:
        name = next(name for name in map("pts/{}".format, itertools.count()) if name not in self.made.ttys)
        self.made.ttys[name] = FakeTty(name, self.host.time)
        shell = FakeProcess(ProcessId(200 + len(self.lines), 9), tty=name)
        job = FakeProcess(ProcessId(300 + len(self.lines), 9), tty=name, in_front=False)
        self.made.processes += [shell, job]
        self.lines[name] = Line(name, shell.id, job.id)
        return self.lines[name]

    def close(self, name: str) -> None:
        del self.made.ttys[name]
        for process in self.made.processes:
            if process.tty == name:
                process.is_alive = False

    def type(self, name: str) -> None:
        self.made.ttys[name].type()

    def touch(self, name: str, seconds_ago: int) -> None:
        self.made.ttys[name].touch(self.host.time.wall_ns - seconds_ago * NS_PER_SEC)

    def chmod(self, name: str) -> None:
        self.made.ttys[name].chmod(0o620)

    def take_lines(self, name: str, *, whole: bool) -> None:
        self.made.ttys[name].takes_lines = whole

    def settle(self, name: str) -> None:
        self.host.time.boot_usec += SECOND

    def keep(self, stage: Stage) -> None:
        self.host.keep(self.session, stage, 5)

    def order(self, session: Session) -> LockOrder:
        order = self.host.lock_orders[session.name] = LockOrder(session, "Locked.", {}, 5, None)
        return order

    def hint(self, session_id: str, is_locked: bool | None) -> None:
        self.host.hints[session_id] = is_locked

    def become_root(self, name: str) -> FakeSudo:
        sudo = self.host.become_root(self.session, self.host.time.boot_usec - elevations.BRIEF_USEC)
        sudo.process = self.lines[name].shell
        return sudo

    def leave_root(self, sudo: FakeSudo) -> None:
        self.host.leave_root(sudo)

    def end(self) -> None:
        self.host.leave(self.made)
        self.host.groups[self.session.user] = None
        for sudo in self.host.marks:
            sudo.is_alive = False

    def set_groups(self, **groups: int) -> None:
        self.host.set_groups(self.session.user, **groups)

    def stop(self) -> None:
        pass


def wait_until(condition, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        os.sched_yield()


def in_logind(
    world: RealWorld, session_id: str = "c7", leader: int = 0, age_usec: int = RECORD_DUE_USEC
) -> LogindSession:
    leader = leader or world.session.key.pid
    entry = LogindSession(session_id, leader, "alice", 1000, "sshd", "", "192.0.2.7", "tty", age_usec)
    world.logind.known[session_id] = entry
    return entry
