"""The contract of a host, which the real one and the daemon's fake both keep; and what only a real one can show.

The logins of the real one are made by the test: its own children, on real ptys (tests/unit/people.py).
"""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from reaper.decide.model import NS_PER_SEC, ProcessId, Session, SessionKey, Usage
from reaper.decide.policy import Origin
from reaper.sense import processes, terminals
from reaper.sense.host import Host
from reaper.sense.logind import LogindSession
from reaper.sense.records import Records
from tests.unit.fakes import FakeHost, FakeProcess
from tests.unit.people import Line, RealLogin
from tests.unit.simulated import SECOND, FakeTty


class FakeLogind:
    """logind as the host asks it."""

    def __init__(self) -> None:
        self.known: dict[str, LogindSession] = {}
        self.is_silent = False
        self.asked: list[str] = []

    def list_ids(self) -> set[str]:
        return set(self.known)

    def read_sessions(self, ids):
        self.asked += sorted(ids)
        return None if self.is_silent else [self.known[each] for each in sorted(ids) if each in self.known]


class RealWorld:
    """The host under the test, with one login of its making."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.logind = FakeLogind()
        self.host = Host(Records(directory), self.logind)  # type: ignore[arg-type]
        self.login = RealLogin()
        self.session: Session = self.login.session
        self.leader = ProcessId(*self.session.key)

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

    def settle(self, name: str) -> None:
        """Until ctime is no longer fresh."""
        wait_until(lambda: not self.host.read_terminals([name])[0].is_fresh)

    def end(self) -> None:
        lines = list(self.login.lines.values())
        self.login.stop()
        wait_until(lambda: not any(processes.is_alive(each) for line in lines for each in (line.shell, line.job)))

    def stop(self) -> None:
        self.login.stop()


class FakeWorld:
    """The daemon's fake, with the same login."""

    def __init__(self) -> None:
        self.host = FakeHost()
        self.made = self.host.login(100)
        self.session = self.made.session
        self.leader = self.made.leader.id
        self.lines: dict[str, Line] = {}

    def open(self) -> Line:
        name = f"pts/{len(self.lines)}"
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

    def settle(self, name: str) -> None:
        self.host.time.boot_usec += SECOND

    def end(self) -> None:
        self.host.leave(self.made)

    def stop(self) -> None:
        pass


def wait_until(condition, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        os.sched_yield()


@pytest.fixture(params=["fake", "real"])
def world(request, tmp_path) -> Iterator:
    world = FakeWorld() if request.param == "fake" else RealWorld(str(tmp_path))
    yield world
    world.stop()


@pytest.fixture
def real(tmp_path) -> Iterator[RealWorld]:
    world = RealWorld(str(tmp_path))
    yield world
    world.stop()


# The contract.


def test_alive_until_the_leader_ends(world):
    assert world.host.is_alive(world.session)
    world.end()
    assert not world.host.is_alive(world.session)


def test_a_reused_pid_is_another_session(world):
    key = world.session.key._replace(start_ticks=world.session.key.start_ticks + 1)
    assert not world.host.is_alive(replace(world.session, key=key))


def test_its_terminals_are_those_whose_masters_the_leader_holds(world):
    assert world.host.terminal_names(world.session) == frozenset()
    first, second = world.open(), world.open()
    assert world.host.terminal_names(world.session) == {first.name, second.name}
    world.close(first.name)
    assert world.host.terminal_names(world.session) == {second.name}
    world.end()
    assert world.host.terminal_names(world.session) == frozenset()


def test_terminals_are_read_in_one_order_without_those_that_are_not_there(world):
    names = sorted(world.open().name for _ in range(3))
    readings = world.host.read_terminals([names[2], "pts/99999", names[0], names[1]])
    assert [reading.name for reading in readings] == names
    assert all(reading.uid == world.session.uid for reading in readings)
    assert set(names) <= world.host.list_ptys()


def test_looking_changes_nothing(world):
    line = world.open()
    world.settle(line.name)
    assert world.host.read_terminals([line.name]) == world.host.read_terminals([line.name])


def test_what_is_typed_moves_atime_and_never_ctime(world):
    line = world.open()
    world.touch(line.name, 60)
    world.settle(line.name)
    (before,) = world.host.read_terminals([line.name])
    world.type(line.name)
    (after,) = world.host.read_terminals([line.name])
    assert after.atime_ns - before.atime_ns > 50 * NS_PER_SEC
    assert after == before._replace(atime_ns=after.atime_ns)
    assert not after.is_ahead


def test_what_is_typed_in_the_same_eight_seconds_leaves_no_trace(world):
    line = world.open()
    world.touch(line.name, 60)
    world.type(line.name)
    world.settle(line.name)
    (before,) = world.host.read_terminals([line.name])
    world.type(line.name)
    (after,) = world.host.read_terminals([line.name])
    # On a real host the bucket may end between the two: then, and only then, the times differ by a whole bucket's turn.
    assert after == before or before.atime_ns // (8 * NS_PER_SEC) != after.atime_ns // (8 * NS_PER_SEC)


def test_utimes_and_chmod_move_ctime(world):
    line = world.open()
    world.settle(line.name)
    (first,) = world.host.read_terminals([line.name])
    world.touch(line.name, 30)
    (second,) = world.host.read_terminals([line.name])
    assert second.ctime_ns > first.ctime_ns
    assert second.is_fresh
    world.settle(line.name)
    world.chmod(line.name)
    (third,) = world.host.read_terminals([line.name])
    assert third.ctime_ns > second.ctime_ns
    assert (third.mode, third.uid, third.atime_ns) == (second.mode, second.uid, second.atime_ns)


def test_a_date_in_the_future_is_seen_and_a_real_read_pulls_it_back(world):
    line = world.open()
    world.touch(line.name, -3600)
    (ahead,) = world.host.read_terminals([line.name])
    assert ahead.is_ahead
    world.type(line.name)
    (after,) = world.host.read_terminals([line.name])
    assert not after.is_ahead
    assert after.atime_ns < ahead.atime_ns


def test_whom_a_termination_would_reach(world):
    first, second = world.open(), world.open()
    targets = world.host.targets(world.session, [first.name])
    assert {(each.process, each.in_front) for each in targets.attached} == {(first.shell, True), (first.job, False)}
    assert targets.connection == (world.leader,)
    assert set(targets.everything) == {world.leader, first.shell, first.job, second.shell, second.job}
    assert set(world.host.everything(world.session)) == set(targets.everything)


def test_what_is_freed(world):
    line = world.open()
    holding = world.host.holding(world.host.targets(world.session, [line.name]))
    assert {process for process, _ in holding} == {world.leader, line.shell, line.job}
    assert world.host.freed(holding) == Usage(0, 0, 0)
    world.end()
    freed = world.host.freed(holding)
    assert freed.processes == 3
    assert freed.rss_bytes > 0
    assert world.host.everything(world.session) == []


def test_the_clock(world):
    first, second = world.host.clock(), world.host.clock()
    assert second.boot_usec >= first.boot_usec
    assert abs(second.wall_ns - first.wall_ns) < NS_PER_SEC


def test_an_unknown_user_has_no_groups(world):
    assert world.host.user_groups("nobody-like-this", 2**31 - 5) == frozenset()


def test_no_state_is_no_state(world, tmp_path):
    assert world.host.read_state(str(tmp_path / "state")) == ""


@pytest.mark.parametrize(("fake", "original"), [(FakeHost, Host)])
def test_the_fake_has_the_same_methods(fake, original):
    for name, method in inspect.getmembers(original, inspect.isfunction):
        if name.startswith("_") or name in ("monitor", "clear_broken"):  # service.py's, not the daemon's
            continue
        ours, theirs = inspect.signature(getattr(fake, name)), inspect.signature(method)
        assert list(ours.parameters) == list(theirs.parameters), name


# Discovery, through records and through logind.


def record(world: RealWorld, session_id: str = "", key: SessionKey | None = None) -> None:
    key = key or world.session.key
    values = {
        "VERSION": 1,
        "USER": "alice",
        "UID": 1000,
        "SERVICE": "sshd",
        "TTY": "ssh",
        "RHOST": "192.0.2.7",
        "XDG_SESSION_ID": session_id,
        "LEADER": key.pid,
        "START_TICKS": key.start_ticks,
        "OPENED_USEC": 5,
    }
    path = os.path.join(world.directory, str(key))
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    os.chmod(path, 0o600)


def in_logind(world: RealWorld, session_id: str = "c7") -> LogindSession:
    entry = LogindSession(session_id, world.session.key.pid, "alice", 1000, "sshd", "", "192.0.2.7", "tty", 9)
    world.logind.known[session_id] = entry
    return entry


def test_a_record_makes_a_session(real):
    record(real, "c7")
    found = real.host.discover([], [])
    (session,) = found.sessions
    assert (session.key, session.user, session.uid) == (real.session.key, "alice", 1000)
    assert (session.origin, session.remote, session.source) == (Origin.SSH, "192.0.2.7", "pam")
    assert (found.dead_records, found.problems) == ([], [])
    assert real.host.discover([session.key], ["c7"]).sessions == []


def test_logind_alone_suffices(real):
    in_logind(real)
    (session,) = real.host.discover([], []).sessions
    assert (session.key, session.session_id, session.source) == (real.session.key, "c7", "logind")
    assert real.host.is_alive(session)
    assert real.host.discover([session.key], ["c7"]).sessions == []


def test_both_are_one_session(real):
    record(real, "c7")
    in_logind(real)
    assert len(real.host.discover([], []).sessions) == 1


def test_a_session_is_not_found_again_through_logind(real):
    """Its record names no XDG_SESSION_ID, so logind's seems another; but the leader is the same."""
    record(real)
    (session,) = real.host.discover([], []).sessions
    in_logind(real)
    assert real.host.discover([session.key], [""]).sessions == []


def test_a_broken_record_is_told_once_and_logind_stands_in(real):
    record(real, "c7")
    with open(os.path.join(real.directory, str(real.session.key)), "a", encoding="ascii") as file:
        file.write("garbage")
    in_logind(real)
    found = real.host.discover([], [])
    assert [problem.problem for problem in found.problems] == ["record-broken"]
    assert [session.source for session in found.sessions] == ["logind"]
    assert real.host.discover([real.session.key], ["c7"]).problems == []


def test_the_record_of_a_dead_leader_is_told(real):
    dead = real.session.key._replace(start_ticks=real.session.key.start_ticks + 1)
    record(real, "", dead)
    found = real.host.discover([], [])
    assert (found.sessions, found.dead_records) == ([], [dead])


def test_a_silent_logind_is_told_and_asked_again(real):
    in_logind(real)
    real.logind.is_silent = True
    assert [problem.problem for problem in real.host.discover([], []).problems] == ["logind-silent"]
    real.logind.is_silent = False
    assert len(real.host.discover([], []).sessions) == 1


def test_logind_is_asked_once_for_what_is_no_session(real):
    """A leader that is gone with all it had: logind still lists it, and is not asked at each poll."""
    entry = in_logind(real)
    real.logind.known["c7"] = entry._replace(leader=2**22 - 1)
    for _ in range(3):
        assert real.host.discover([], []).sessions == []
    assert real.logind.asked == ["c7"]


@pytest.mark.parametrize(
    ("service", "tty", "kind", "origin"),
    [
        ("sshd", "", "tty", Origin.SSH),
        ("login", "tty1", "tty", Origin.CONSOLE),
        ("login", "/dev/tty63", "tty", Origin.CONSOLE),
        ("login", "ttyS0", "tty", Origin.SERIAL),
        ("login", "hvc0", "tty", Origin.SERIAL),
        ("gdm-password", "tty2", "wayland", Origin.GRAPHICAL),
        ("lightdm", "", "unspecified", Origin.GRAPHICAL),
        ("telnetd", "pts/3", "tty", Origin.OTHER),
    ],
)
def test_origins(real, service, tty, kind, origin):
    real.logind.known["c7"] = in_logind(real)._replace(service=service, tty=tty, kind=kind)
    (session,) = real.host.discover([], []).sessions
    assert session.origin is origin


# Real processes.


def test_an_inner_pty_is_nobodys_terminal(real):
    """tmux, screen, script: the master is held by a process of the session, not by its leader."""
    outer = real.open()
    master, slave = os.openpty()
    inner = os.ttyname(slave)[len("/dev/") :]
    try:
        assert inner in terminals.held_ptys(os.getpid())
        assert real.host.terminal_names(real.session) == {outer.name}
    finally:
        os.close(master)
        os.close(slave)


def test_a_console_session_has_its_line(real):
    assert real.host.terminal_names(replace(real.session, tty="tty1")) == {"tty1"}


def test_held_ptys_of_nobody():
    assert terminals.held_ptys(2**22 - 1) == set()


def test_who_else_holds_the_line(real):
    """sshd's unprivileged child has duplicates of the masters: were only the leader killed, the shell would live on."""
    line = real.open()
    other = RealLogin()
    try:
        assert other.pid not in [each.pid for each in processes.connection_holders(real.session, {line.name})]
    finally:
        other.stop()
    assert processes.connection_holders(real.session, {line.name}) == [real.leader]


def test_sshd_is_told_by_its_binary(tmp_path):
    """Not by a name that it gives itself: by root's file of that name."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    shutil.copy(sleep, tmp_path / "sshd")
    os.chmod(tmp_path / "sshd", 0o755)
    for path, expected in ((tmp_path / "sshd", True), (sleep, False)):
        with subprocess.Popen([str(path), "60"]) as process:
            wait_until(lambda pid=process.pid, path=path: os.readlink(f"/proc/{pid}/exe") == os.path.realpath(path))
            try:
                assert processes.is_sshd(process.pid) is expected
            finally:
                process.kill()
    assert not processes.is_sshd(2**22 - 1)


def test_the_members_of_a_scope(tmp_path, monkeypatch):
    """Those of the groups below it, too; dead ones and a scope that is gone have none."""
    monkeypatch.setattr(processes, "CGROUP", str(tmp_path))
    scope = "/user.slice/user-1000.slice/session-3.scope"
    inner = tmp_path / scope[1:] / "inner"
    inner.mkdir(parents=True)
    (inner.parent / "cgroup.procs").write_text(f"{os.getpid()}\n{2**22 - 1}\n")
    (inner / "cgroup.procs").write_text("1\n")
    assert {each.pid for each in processes.members(scope)} == {1, os.getpid()}
    assert processes.members("") == []
    assert processes.members("/user.slice/session-4.scope") == []
    assert processes.guess_scope(1000, "3") == scope
    assert processes.guess_scope(1000, "4") == ""
    assert processes.guess_scope(1000, "../../x") == ""


@pytest.mark.parametrize(
    ("line", "scope"),
    [
        ("0::/user.slice/user-1000.slice/session-3.scope", "/user.slice/user-1000.slice/session-3.scope"),
        ("0::/user.slice/user-1000.slice/session-c1.scope/sub", "/user.slice/user-1000.slice/session-c1.scope"),
        ("0::/system.slice/ssh.service", ""),
        ("0::/system.slice/session-3.scope", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice", ""),
        ("0::/user.slice/user-1000.slice/session-3.scopex", ""),
        ("1:name=systemd:/user.slice/user-1000.slice/session-3.scope", ""),
        ("", ""),
    ],
)
def test_only_a_session_scope_is_a_sessions_own(tmp_path, monkeypatch, line, scope):
    monkeypatch.setattr("reaper.procfs.PROC", str(tmp_path))
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "cgroup").write_text(f"{line}\n")
    assert processes.scope_of(5) == scope
    assert processes.scope_of(6) == ""
