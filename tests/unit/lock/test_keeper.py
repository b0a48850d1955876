"""Whatever error a keeper meets, and whenever: the session is given back or ended, and never stays frozen."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from reaper.decide.session.lock_protocol import Stage
from reaper.lock import keeper
from reaper.lock.freeze import frozen, other_locks
from reaper.lock.freeze.freezer import Freezer
from reaper.lock.freeze.frozen import FrozenProcesses
from reaper.lock.store import Store
from reaper.sense import processes
from tests.unit.fakes import FakeHost, FakeJournal
from tests.unit.lock.keeping import ELSEWHERE, FakeHeldTerminal, FakeLine, LockHost, LockWorld

FAULTS = [
    (FakeHost, "terminal_names"), (FakeHost, "everything"), (LockHost, "is_alive"), (FakeJournal, "send"),
    (FakeLine, "hang_up"), (FakeLine, "shrink"), (FakeLine, "restore_size"),
    *((FakeHeldTerminal, name) for name in (
        "open_new", "from_plain", "open", "is_gone", "drain", "hold", "survey", "set_aside_screen", "ask", "outcome",
        "stop_asking", "show_line", "restore", "close")),
    (Freezer, "make"), (Freezer, "add"), (Freezer, "members"), (Freezer, "wait"), (Freezer, "put_back"),
    (FrozenProcesses, "look"), (FrozenProcesses, "stop"), (FrozenProcesses, "resume"), (FrozenProcesses, "to_plain"),
    (Store, "is_withdrawn"), (Store, "write_state"),
    (keeper, "load"), (other_locks, "groups"), (processes, "start_ticks"), (frozen, "holders"),
]  # fmt: skip
# With each, for how many looks a session goes on whose lock is refused: reaperd ends it at once, or is not there.
ERRORS = [
    (ValueError("invalid literal for int() with base 10: 'zz'"), 0),
    (OSError(errno.EIO, "Input/output error"), 3),
]


@pytest.fixture
def lock(cgroups, monkeypatch) -> Iterator[LockWorld]:
    world = LockWorld(cgroups, monkeypatch)
    yield world
    world.close()


def test_lock_from_its_order_to_its_end(lock, cgroups):
    lock.run()
    assert lock.stage is Stage.UNLOCKED
    assert lock.keepers == 1
    assert lock.done == ["given back"]
    assert cgroups.where(lock.shell.pid) == ELSEWHERE


@pytest.mark.parametrize(("error", "patience"), ERRORS, ids=["ValueError", "OSError"])
@pytest.mark.parametrize(("owner", "name"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("stage", [Stage.LOCKING, Stage.LOCKED, Stage.UNLOCKING, Stage.REFUSED])
def test_error_at_any_step_of_any_stage_leaves_nothing_frozen(lock, owner, name, stage, error, patience):
    """Also an error that every keeper meets. Without authentication a locked session is never given back."""
    lock.host.patience = patience
    if stage is Stage.LOCKING:
        lock.breaks(owner, name, error, [None, stage])
    else:
        lock.breaks(owner, name, error, [stage])
        lock.leave_in(stage)
    lock.run()
    assert not lock.is_frozen
    if stage in (Stage.LOCKING, Stage.UNLOCKING):
        assert "ended" not in lock.done
    if stage is Stage.REFUSED:
        assert lock.done[-1:] == ["ended"]
    if stage is Stage.LOCKED:
        assert lock.done[-1] == ("given back" if lock.has_authenticated else "ended")


@pytest.mark.parametrize("stage", [Stage.LOCKING, Stage.LOCKED, Stage.REFUSED])
def test_next_keeper_continues_after_a_passing_error(lock, monkeypatch, stage):
    """The next keeper continues where the failed one was."""
    left = [RuntimeError()]
    original = FrozenProcesses.make

    def make(self: FrozenProcesses) -> None:
        if left:
            raise left.pop()
        original(self)

    monkeypatch.setattr(FrozenProcesses, "make", make)
    lock.leave_in(stage)
    lock.run()
    assert lock.keepers == 2
    assert lock.stage is (None if stage is Stage.REFUSED else Stage.UNLOCKED)


@pytest.mark.parametrize("broken", [{"origins": 7}, {"lines": 7}, {"lines": [7]}, {"origins": [[1]]}])
@pytest.mark.parametrize(
    ("stage", "done", "after"),
    [
        (Stage.UNLOCKED, [], Stage.UNLOCKED),
        (Stage.UNLOCKING, None, Stage.UNLOCKED),
        (Stage.LOCKED, None, None),
        (Stage.REFUSED, None, None),
    ],
)
def test_broken_state_ends_the_lock(lock, cgroups, broken, stage, done, after):
    """A lock that is over, or nearly over, does not cost its user the session."""
    lock.leave_in(stage, **broken)
    if stage is Stage.UNLOCKED:
        cgroups.freezer.put_back({})
    lock.run()
    assert lock.stage is after
    assert not lock.is_frozen
    assert ("ended" in lock.done) is (after is None)
    assert done is None or lock.done == done
