"""The contract of an actor, which the real one and the daemon's fake both keep; and what only a real one can show.

Terminals are ptys that the test makes, processes are its own children, files are below its own directory.
"""

from __future__ import annotations

import inspect
import os
import resource
import signal
import stat
from collections.abc import Iterator

import pytest

from reaper.act import notify, runtime, terminate
from reaper.act.actor import Actor
from reaper.act.notify import Delivery
from reaper.decide.lifecycle import Rung
from reaper.decide.model import Attached, ProcessId, SessionKey, Targets
from reaper.decide.policy import Kill
from tests.unit.fakes import CONT, HUP, KILL, TERM, FakeActor, FakeHost, FakeProcess
from tests.unit.people import Witness
from tests.unit.simulated import FakeTty

ROLES = ("front", "background", "leader", "child", "detached")


class Pty:
    """A pty made by the test, which sees what is shown on it."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        self.name = os.ttyname(self.slave)[len("/dev/") :]
        os.set_blocking(self.master, False)

    def read(self) -> str:
        shown = b""
        try:
            while True:
                shown += os.read(self.master, 65536)
        except (BlockingIOError, OSError):
            return shown.decode()

    def fill(self) -> None:
        """Until it takes no more: nobody reads it."""
        fd = os.open(f"/dev/{self.name}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            while True:
                os.write(fd, b"x" * 1000)
        except BlockingIOError:
            pass
        finally:
            os.close(fd)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


class RealWorld:
    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.actor = Actor(directory)
        self.uid = os.geteuid()
        self.ptys: dict[str, Pty] = {}
        self.witnesses: dict[str, Witness] = {}

    def terminal(self) -> str:
        pty = Pty()
        self.ptys[pty.name] = pty
        return pty.name

    def block(self, name: str) -> None:
        self.ptys[name].fill()

    def shown(self, name: str) -> str:
        # The line discipline may or may not turn LF into CR LF; the person sees the same.
        return self.ptys[name].read().replace("\r\r\n", "\r\n")

    def process(self, role: str) -> ProcessId:
        self.witnesses[role] = Witness()
        return self.witnesses[role].id

    def signals(self, role: str) -> set[signal.Signals]:
        return self.witnesses[role].signals()

    def stop(self) -> None:
        for pty in self.ptys.values():
            pty.close()
        for witness in self.witnesses.values():
            witness.stop()


class FakeWorld:
    def __init__(self) -> None:
        self.host = FakeHost()
        self.login = self.host.login(100)
        self.actor = FakeActor(self.host)
        self.uid = self.login.session.uid
        self.processes: dict[str, FakeProcess] = {}

    def terminal(self) -> str:
        name = f"pts/{len(self.login.ttys)}"
        self.login.ttys[name] = FakeTty(name, self.host.time, self.uid)
        return name

    def block(self, name: str) -> None:
        self.login.ttys[name].is_blocked = True

    def shown(self, name: str) -> str:
        return "".join(self.login.ttys[name].shown)

    def process(self, role: str) -> ProcessId:
        process = FakeProcess(ProcessId(500 + len(self.processes), 9), ends_on=frozenset([KILL]))
        self.processes[role] = process
        self.login.processes.append(process)
        return process.id

    def signals(self, role: str) -> set[signal.Signals]:
        return set(self.processes[role].signals)

    def stop(self) -> None:
        pass


@pytest.fixture(params=["fake", "real"])
def world(request, tmp_path) -> Iterator:
    world = FakeWorld() if request.param == "fake" else RealWorld(str(tmp_path / "run"))
    yield world
    world.stop()


@pytest.fixture
def pty() -> Iterator[Pty]:
    pty = Pty()
    yield pty
    pty.close()


@pytest.fixture
def witness() -> Iterator[Witness]:
    witness = Witness()
    yield witness
    witness.stop()


# The contract: words.


def test_a_message_is_shown(world):
    name = world.terminal()
    assert world.actor.write_message(name, "\a\r\nreaper: héllo\r\n", world.uid) is Delivery.DELIVERED
    assert world.shown(name) == "\a\r\nreaper: héllo\r\n"


def test_a_terminal_that_does_not_drain(world):
    name = world.terminal()
    world.block(name)
    assert world.actor.write_message(name, "x" * 200, world.uid) is Delivery.BLOCKED


def test_a_terminal_that_is_gone(world):
    assert world.actor.write_message("pts/99999", "x", world.uid) is Delivery.GONE


def test_a_terminal_that_has_changed_hands(world):
    """The pty's number is another user's by now: nothing is shown there."""
    name = world.terminal()
    assert world.actor.write_message(name, "secret", world.uid + 1) is Delivery.GONE
    assert world.shown(name) == ""


# The contract: signals.

BOTH = (Kill.TERMINAL, Kill.SESSION)
LADDER = [
    # rung, kill, and who gets what; who is not named gets nothing
    (Rung.HANGUP, BOTH, {"front": {HUP, CONT}, "background": {HUP, CONT}}),
    (Rung.TERM, BOTH[:1], {"front": {HUP, CONT}, "background": {HUP, CONT}, "leader": {TERM, CONT}}),
    (
        Rung.TERM,
        BOTH[1:],
        {
            "front": {HUP, TERM, CONT},
            "background": {HUP, TERM, CONT},
            "leader": {TERM, CONT},
            "child": {TERM, CONT},
            "detached": {TERM, CONT},
        },
    ),
    (Rung.KILL, BOTH[:1], {"front": {KILL}, "leader": {KILL}, "child": {KILL}}),
    (Rung.KILL, BOTH[1:], {role: {KILL} for role in ROLES}),
]


@pytest.mark.parametrize(("rung", "kill", "expected"), [(r, k, e) for r, kills, e in LADDER for k in kills])
def test_the_ladder(world, rung, kill, expected):
    ids = {role: world.process(role) for role in ROLES}
    targets = Targets(
        (Attached(ids["front"], True), Attached(ids["background"], False)),
        (ids["leader"], ids["child"]),
        tuple(ids.values()),
    )
    world.actor.climb(targets, rung, kill, "")
    assert {role: world.signals(role) for role in ROLES} == {role: expected.get(role, set()) for role in ROLES}


def test_a_reused_pid_is_not_signalled(world):
    """The process that had the pid is gone: whoever has it now has another start time."""
    process = world.process("leader")
    stale = process._replace(start_ticks=process.start_ticks - 1)
    targets = Targets((Attached(stale, True),), (stale,), (stale,))
    for rung in Rung:
        world.actor.climb(targets, rung, Kill.SESSION, "")
    assert world.signals("leader") == set()


def test_processes_that_are_gone_are_passed_over(world):
    gone = ProcessId(2**22 - 1, 5)
    world.actor.climb(Targets((Attached(gone, True),), (gone,), (gone,)), Rung.KILL, Kill.SESSION, "")


def test_the_fake_has_the_same_methods():
    for name, method in inspect.getmembers(Actor, inspect.isfunction):
        if not name.startswith("_"):
            assert list(inspect.signature(getattr(FakeActor, name)).parameters) == list(
                inspect.signature(method).parameters
            )


# Real signals.


def test_never_pid_1_nor_ourselves():
    """Whatever the caller says: the start times are right, and SIGCONT would do no harm."""
    for pid in (1, os.getpid()):
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            start = int(file.read().rpartition(")")[2].split()[19])
        assert terminate.send([ProcessId(pid, start)], signal.SIGCONT) == 0


def test_never_a_whole_process_group():
    """kill(2) would take 0 and negative numbers for many."""
    assert terminate.send([ProcessId(0, 0)], signal.SIGCONT) == 0
    for pid in (-1, -os.getpgrp()):
        assert terminate.send([ProcessId(pid, 0)], signal.SIGCONT) == 0


def test_a_process_is_reached_once_and_counted(witness):
    assert terminate.send([witness.id, ProcessId(2**22 - 1, 1)], signal.SIGHUP, signal.SIGCONT) == 1
    assert witness.signals() == {HUP, CONT}


# Scopes.


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    monkeypatch.setattr(terminate, "CGROUP", str(tmp_path))

    def make(path: str) -> str:
        directory = os.path.normpath(f"{tmp_path}{path}")
        os.makedirs(directory, exist_ok=True)
        with open(f"{directory}/cgroup.kill", "w", encoding="ascii"):
            pass
        return f"{directory}/cgroup.kill"

    return make


@pytest.mark.parametrize(
    "scope",
    ["/user.slice/user-1000.slice/session-3.scope", "/user.slice/user-0.slice/session-c12.scope"],
)
def test_a_session_scope_is_killed_at_once(cgroup, scope):
    path = cgroup(scope)
    assert terminate.kill_scope(scope)
    with open(path, encoding="ascii") as file:
        assert file.read() == "1"


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "/",
        "/user.slice",
        "/user.slice/",
        "/user.slice/user-1000.slice",
        "/user.slice/user-1000.slice/user@1000.service",
        "/user.slice/user-1000.slice/session-3.scope/",
        "/user.slice/user-1000.slice/session-3.scope/below",
        "/user.slice/user-1000.slice/session-3.service",
        "/user.slice/user-1000.slice/run-3.scope",
        "/system.slice/session-3.scope",
        "/session-3.scope",
        "/user.slicex/session-3.scope",
        "user.slice/user-1000.slice/session-3.scope",
        "/user.slice/../system.slice/session-3.scope",
        "/user.slice/../session-3.scope",
        "/machine.slice/user.slice/session-3.scope",
    ],
)
def test_no_other_group_is_ever_killed(cgroup, scope):
    """Any other holds other people's sessions, or the system."""
    cgroup("/user.slice")
    path = cgroup(f"/{scope}")
    assert not terminate.kill_scope(scope)
    with open(path, encoding="ascii") as file:
        assert file.read() == ""


def test_a_scope_that_is_gone_or_cannot_be_killed(cgroup, tmp_path):
    """Linux before 5.14 has no cgroup.kill: the caller signals each process instead."""
    scope = "/user.slice/user-1000.slice/session-3.scope"
    assert not terminate.kill_scope(scope)
    os.makedirs(f"{tmp_path}{scope}")
    assert not terminate.kill_scope(scope)


def test_a_link_in_the_place_of_cgroup_kill_is_not_followed(cgroup, tmp_path):
    scope = "/user.slice/user-1000.slice/session-3.scope"
    os.makedirs(f"{tmp_path}{scope}")
    (tmp_path / "other").write_text("")
    os.symlink(tmp_path / "other", f"{tmp_path}{scope}/cgroup.kill")
    with pytest.raises(OSError):
        terminate.kill_scope(scope)
    assert (tmp_path / "other").read_text() == ""


# Real terminals.


def test_a_message_changes_neither_atime_nor_ctime(pty):
    """Our own words are no evidence."""
    before = os.stat(f"/dev/{pty.name}")
    notify.write_message(pty.name, "hello", os.geteuid())
    after = os.stat(f"/dev/{pty.name}")
    assert (after.st_atime_ns, after.st_ctime_ns) == (before.st_atime_ns, before.st_ctime_ns)


def test_it_does_not_become_our_controlling_terminal(pty):
    def controlling() -> str:
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[4]

    before = controlling()
    notify.write_message(pty.name, "hello", os.geteuid())
    assert controlling() == before


def test_only_terminals_are_written_to(tmp_path, monkeypatch):
    """No file, no link and no FIFO in the place of a terminal; and a FIFO does not hold us up."""
    monkeypatch.setattr(notify, "DEV", str(tmp_path))
    (tmp_path / "file").write_text("kept")
    os.symlink(tmp_path / "file", tmp_path / "link")
    os.mkfifo(tmp_path / "fifo")
    for name in ("file", "link", "fifo", "file/below"):
        assert notify.write_message(name, "x", os.geteuid()) is Delivery.GONE, name
    assert (tmp_path / "file").read_text() == "kept"


def test_when_descriptors_are_short_it_is_tried_again(pty):
    """The session's other terminals are still to be written to, so this is no exception."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        outcome = notify.write_message(pty.name, "x", os.geteuid())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert outcome is Delivery.BLOCKED


# Files.


def test_the_state_is_whole_and_roots_alone(tmp_path):
    directory = str(tmp_path / "run")
    actor = Actor(directory)
    actor.write_state("one")
    actor.write_state("two")
    path = tmp_path / "run" / "state"
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(directory) == ["state"]


def test_a_directory_that_was_taken_away_is_made_anew(tmp_path):
    directory = str(tmp_path / "run")
    Actor(directory).write_state("one")
    os.unlink(f"{directory}/state")
    os.rmdir(directory)
    Actor(directory).write_state("two")
    assert (tmp_path / "run" / "state").read_text() == "two"


def test_a_link_in_the_place_of_the_new_state_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("kept")
    os.symlink(tmp_path / "victim", tmp_path / "state.new")
    with pytest.raises(OSError):
        runtime.write_state("x", str(tmp_path))
    assert (tmp_path / "victim").read_text() == "kept"


def test_records_are_cleared_away(tmp_path):
    directory = tmp_path / "sessions"
    directory.mkdir()
    (directory / "5.7").write_text("x")
    (directory / "5.8").write_text("x")
    actor = Actor(str(tmp_path))
    actor.remove_record(SessionKey(5, 7))
    actor.remove_record(SessionKey(5, 7))
    assert os.listdir(directory) == ["5.8"]
