"""Which processes a lock freezes, and where they run afterwards; also beside another lock that has some of them."""

from __future__ import annotations

import functools
from collections.abc import Collection

import pytest

from reaper.decide.session.lock_protocol import LockOrder, LockState, Stage, encode_order
from reaper.decide.session.model import Instant, ProcessId, Session
from reaper.errors import ReaperError
from reaper.lock.freeze import frozen, other_locks
from reaper.lock.freeze.freezer import Freezer
from reaper.lock.freeze.frozen import FrozenProcesses
from reaper.lock.freeze.quiesce import UserFreeze
from reaper.lock.store import Store
from reaper.sense import lock_files
from tests.unit.fakes import make_session
from tests.unit.lock.conftest import Cgroups

ELSEWHERE = "/user.slice/user-1000.slice/user@1000.service/app.slice/tmux.scope"


class FakeKeeper:
    """A lock that freezes what it is told to, and saves that."""

    def __init__(self, world: World, number: str) -> None:
        self.session: Session = make_session(
            int(number), session_id=number, scope=f"/user.slice/user-1000.slice/session-{number}.scope"
        )
        self.store = Store(number, world.cgroups.directory)
        self.holders: Collection[ProcessId] = ()
        self.foreign_reader: int | None = None
        self.stage = Stage.LOCKED
        self.notes: list[str] = []
        self.stopped = FrozenProcesses(self.session, world, self.save, self.notes.append)  # type: ignore[arg-type]
        world.keepers[self.session.key] = self
        world.write_order(number, LockOrder(self.session, "", {}, 1, None))
        world.cgroups.make_group(f"{self.session.scope}/reaper-lock")
        self.stopped.make()

    def save(self) -> None:
        state = LockState(self.stage, 1, 0, "", ProcessId(1, 1))
        self.store.write_state(state, lines=[], origins=self.stopped.to_plain())

    def stop(self, *processes: ProcessId) -> None:
        self.holders = processes
        self.stopped.stop(["pts/0"])

    def unlock(self) -> None:
        self.stage = Stage.UNLOCKING
        self.save()
        self.stopped.put_back()


class World:
    """The host of the keepers."""

    def __init__(self, cgroups: Cgroups) -> None:
        self.cgroups = cgroups
        self.keepers: dict[tuple[int, int], FakeKeeper] = {}
        self.busy: int | None = None
        self.now_usec = 0

    def clock(self) -> Instant:
        return Instant(self.now_usec, 0)

    def everything(self, session: Session) -> list[ProcessId]:
        return []

    def write_order(self, name: str, order: LockOrder) -> None:
        directory = self.cgroups.tree.directory / "locks" / name
        directory.mkdir(parents=True)
        (directory / "order").write_text(encode_order(order))
        (directory / "order").chmod(0o600)


@pytest.fixture
def world(cgroups, tracers, monkeypatch) -> World:
    world = World(cgroups)
    cgroups.make_group("/user.slice/user-1000.slice")
    monkeypatch.setattr(frozen, "Freezer", functools.partial(Freezer, mount=cgroups.mount))
    monkeypatch.setattr(
        frozen, "UserFreeze", functools.partial(UserFreeze, mount=cgroups.mount, directory=cgroups.directory)
    )
    monkeypatch.setattr(frozen, "holders", lambda session, *_, **__: world.keepers[session.key].holders)
    for name in ("origins", "groups"):
        monkeypatch.setattr(
            other_locks, name, functools.partial(getattr(other_locks, name), directory=cgroups.directory)
        )
    monkeypatch.setattr(frozen, "find_foreign_reader", lambda session, *_: world.keepers[session.key].foreign_reader)
    monkeypatch.setattr(frozen.io_uring, "find_busy", lambda pids: world.busy if world.busy in pids else None)
    monkeypatch.setattr(lock_files, "DIRECTORY", cgroups.directory)
    return world


@pytest.fixture
def server(cgroups) -> ProcessId:
    """A tmux server, which has terminals of two sessions open."""
    return cgroups.add(10, ELSEWHERE)


@pytest.mark.parametrize("is_first_over_first", [True, False])
def test_process_with_terminals_of_two_sessions_waits_for_both(world, server, is_first_over_first):
    first, second = FakeKeeper(world, "3"), FakeKeeper(world, "4")
    first.stop(server)
    for _ in range(2):
        second.stop(server)
        first.stop(server)
    assert world.cgroups.where(10) == f"{first.session.scope}/reaper-lock", "and not to and fro"
    if is_first_over_first:
        first.unlock()
        assert world.cgroups.where(10) == f"{second.session.scope}/reaper-lock"
        second.unlock()
    else:
        second.unlock()
        assert world.cgroups.where(10) == f"{first.session.scope}/reaper-lock"
        first.unlock()
    assert world.cgroups.where(10) == ELSEWHERE


def test_thawed_leftovers_of_an_earlier_keeper_are_not_frozen_again(world, server):
    keeper = FakeKeeper(world, "3")
    group = f"{keeper.session.scope}/reaper-lock"
    world.cgroups.write(f"{world.cgroups.mount}{group}/cgroup.procs", "10")
    keeper.stopped.make()
    assert world.cgroups.where(10) == keeper.session.scope


def test_process_is_frozen_until_its_last_locked_terminal_is_gone(world, server):
    """Of one session; it still has a terminal of the other."""
    first, second = FakeKeeper(world, "3"), FakeKeeper(world, "4")
    first.stop(server)
    second.stop(server)
    first.holders = ()
    first.stopped.release_unattached(["pts/1"])
    first.save()
    assert world.cgroups.where(10) == f"{second.session.scope}/reaper-lock"
    second.unlock()
    assert world.cgroups.where(10) == ELSEWHERE


def test_leftovers_of_another_lock_are_frozen_again(world, server):
    """Its keeper is gone, and the daemon has thawed its processes."""
    first, second = FakeKeeper(world, "3"), FakeKeeper(world, "4")
    first.stop(server)
    world.cgroups.tree.write_scope(f"{first.session.scope}/reaper-lock", "cgroup.freeze", "0\n")
    second.stop(server)
    assert world.cgroups.where(10) == f"{second.session.scope}/reaper-lock"


def test_reader_of_another_user_prevents_the_lock(world, server):
    """It is neither frozen nor left to read: one that is there at the start of the lock, and one that comes later."""
    keeper = FakeKeeper(world, "3")
    keeper.foreign_reader = 77
    with pytest.raises(ReaperError, match="process 77, which is another user's"):
        keeper.stop(server)
    keeper.foreign_reader = None
    keeper.stop(server)
    keeper.foreign_reader = 78
    world.now_usec += 1
    with pytest.raises(ReaperError, match="process 78"):
        keeper.stopped.look(["pts/0"])


def test_new_reader_is_held_before_it_has_stopped(world, server, tracers, monkeypatch):
    """Stopping takes up to 12 seconds, in which its user could have it moved out of the group."""
    keeper = FakeKeeper(world, "3")
    keeper.stop(server)
    reader = world.cgroups.add(11, ELSEWHERE)
    keeper.holders = (server, reader)
    held: list[bool] = []
    monkeypatch.setattr(Freezer, "wait", lambda self, seconds: bool(held.append(reader in tracers[-1].held)) or True)
    world.now_usec += 1
    keeper.stopped.look(["pts/0"])
    assert held == [True]


def test_used_ring_prevents_the_lock(world, server):
    keeper = FakeKeeper(world, "3")
    world.busy = 10
    with pytest.raises(ReaperError, match="process 10 has used io_uring"):
        keeper.stop(server)


def test_process_that_was_moved_out_returns_to_its_original_group(world, server):
    keeper = FakeKeeper(world, "3")
    keeper.stop(server)
    for look in (lambda: keeper.stop(server), lambda: keeper.stopped.look(["pts/0"])):
        world.cgroups.write(f"{world.cgroups.mount}/user.slice/user-1000.slice/cgroup.procs", "10")
        look()
        assert world.cgroups.where(10) == f"{keeper.session.scope}/reaper-lock"
    keeper.unlock()
    assert world.cgroups.where(10) == ELSEWHERE


def test_process_that_is_outside_when_the_lock_ends_also_returns(world, server):
    keeper = FakeKeeper(world, "3")
    keeper.stop(server)
    world.cgroups.write(f"{world.cgroups.mount}/user.slice/user-1000.slice/cgroup.procs", "10")
    keeper.unlock()
    assert world.cgroups.where(10) == ELSEWHERE


def test_keeper_that_only_gives_back_discards_alarms_of_shells(world, server, tracers, monkeypatch):
    """An earlier keeper was killed while it gave everything back."""
    FakeKeeper(world, "3").stop(server)
    monkeypatch.setattr("reaper.lock.freeze.guard.waits_with_alarm", lambda pid: True)
    successor = FrozenProcesses(next(iter(world.keepers.values())).session, world, lambda: None, print)  # type: ignore[arg-type]
    successor.resume([[*server, ELSEWHERE]])
    successor.put_back()
    assert tracers[-1].without_alarm == {server}


@pytest.mark.parametrize("text", ["", "{", '{"version": 1}', "[]"])
def test_broken_state_of_another_lock_is_ignored(world, server, text):
    first, second = FakeKeeper(world, "3"), FakeKeeper(world, "4")
    first.stop(server)
    (world.cgroups.tree.directory / "locks/3/state").write_text(text)
    second.stop(server)
    first.unlock()
    assert world.cgroups.where(10) in (ELSEWHERE, f"{second.session.scope}/reaper-lock")


@pytest.mark.parametrize("error", [ValueError("zz"), OSError(5, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["_release", "_threads", "groups"])
def test_error_while_putting_back_still_thaws(world, server, monkeypatch, where, error):
    def fail(*_: object, **__: object) -> None:
        raise error

    lock = FakeKeeper(world, "3")
    lock.stop(server)
    monkeypatch.setattr(other_locks if where == "groups" else Freezer, where, fail)
    with pytest.raises(type(error)):
        lock.unlock()
    assert world.cgroups.where(10) == f"{lock.session.scope}/reaper-lock"
    with open(f"{world.cgroups.mount}{lock.session.scope}/reaper-lock/cgroup.freeze") as file:
        assert file.read() == "0"
