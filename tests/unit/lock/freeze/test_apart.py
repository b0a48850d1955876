"""What a keeper does with a process that blocks it forever: it waits only for some seconds."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

import pytest

from reaper import kernel_text
from reaper.decide.session.lock_protocol import Stage
from reaper.errors import ReaperError
from reaper.lock.freeze import apart
from reaper.lock.freeze.apart import FrozenInThread
from reaper.lock.freeze.freezer import Freezer
from tests.unit.lock.conftest import FakeTracer
from tests.unit.lock.keeping import LockWorld

LOOKS = 3


class Wait:
    """A kernel call that does not return before the test releases it."""

    def __init__(self) -> None:
        self.is_on = False
        self._is_over = threading.Event()

    def __call__(self) -> None:
        if self.is_on:
            kernel_text.noting("ptrace of 10", lambda _: self._is_over.wait())

    def end(self) -> None:
        self._is_over.set()


@pytest.fixture
def wait(monkeypatch) -> Iterator[Wait]:
    wait, before = Wait(), set(threading.enumerate())
    monkeypatch.setattr(apart, "LOOK_SEC", 0.01)
    monkeypatch.setattr(apart, "LOOKS", LOOKS)
    yield wait
    wait.end()
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def lock(cgroups, monkeypatch, wait) -> Iterator[LockWorld]:
    world = LockWorld(cgroups, monkeypatch)
    yield world
    wait.end()
    world.close()


def hang(monkeypatch, owner, name: str, wait: Wait, world: LockWorld, stage: Stage) -> None:
    original = getattr(owner, name)

    def hanging(*words, **more):
        wait.is_on = wait.is_on or world.stage is stage
        wait()
        return original(*words, **more)

    monkeypatch.setattr(owner, name, hanging)


@pytest.mark.parametrize(("owner", "name"), [(FakeTracer, "seize"), (Freezer, "members")])
@pytest.mark.parametrize(
    ("stage", "after", "done"),
    [
        (Stage.LOCKING, Stage.FAILED, ["given back"]),
        (Stage.LOCKED, None, ["hung up", "ended"]),
        (Stage.UNLOCKING, Stage.UNLOCKED, ["given back"]),
    ],
)
def test_blocked_call_leaves_nothing_frozen(lock, cgroups, tracers, monkeypatch, wait, owner, name, stage, after, done):
    """The session is not locked, is ended, or is given back if its user has authenticated; and nothing stays frozen."""
    lock.is_right = stage is Stage.UNLOCKING
    hang(monkeypatch, owner, name, wait, lock, stage)
    began = time.monotonic()
    lock.run()
    assert time.monotonic() - began < 15
    assert wait.is_on
    assert lock.keepers == 1
    assert lock.stage is after
    assert lock.done == done
    assert not lock.is_frozen


class FakeFrozenProcesses:
    """Searches for as long as it is told to."""

    def __init__(self, work) -> None:
        self._work = work
        self.is_given_up = self.is_thawed = False

    def look(self, names) -> None:
        self._work()

    def put_back(self) -> None:
        pass

    def give_up(self) -> None:
        self.is_given_up = True

    def thaw(self) -> None:
        self.is_thawed = True


def test_calls_after_a_blocked_one_are_refused(wait):
    frozen, ticks = FakeFrozenProcesses(wait), []
    handler = FrozenInThread(frozen, lambda: ticks.append(1))  # type: ignore[arg-type]
    wait.is_on = True
    for count in range(2):
        with pytest.raises(ReaperError, match=r"neither looked at nor held \(ptrace of 10\)"):
            handler.look([])
        assert len(ticks) == LOOKS + 2 + count
    assert frozen.is_given_up
    with pytest.raises(ReaperError, match="neither looked at nor held"):
        handler.put_back()
    assert frozen.is_thawed


def test_long_search_that_makes_progress_is_waited_for(wait):
    def work() -> None:
        for number in range(30):
            kernel_text.noting(f"/proc/{number}/stat", lambda _: time.sleep(0.01))

    frozen = FakeFrozenProcesses(work)
    handler = FrozenInThread(frozen)  # type: ignore[arg-type]
    handler.look([])
    handler.put_back()
    assert not frozen.is_given_up
    assert not frozen.is_thawed


def test_error_in_the_thread_is_raised_by_the_call(wait):
    def work() -> None:
        raise ZeroDivisionError

    handler = FrozenInThread(FakeFrozenProcesses(work))  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            handler.look([])
    handler.put_back()
