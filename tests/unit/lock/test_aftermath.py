"""What follows when a keeper has ended: counted are those that failed, and that in a row."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest

from reaper.decide.session.lock_protocol import Stage
from reaper.lock import aftermath
from reaper.lock.aftermath import MOST, QUICK_USEC, has_failed
from reaper.lock.freeze.quiesce import UserFreeze
from reaper.lock.store import Store
from tests.unit.lock.keeping import FAILED, LockWorld


@pytest.fixture
def lock(cgroups, monkeypatch) -> Iterator[LockWorld]:
    world = LockWorld(cgroups, monkeypatch)
    world.host.patience = 1000  # there is no reaperd
    yield world
    world.close()


def die(lock: LockWorld, environment: dict[str, str] = FAILED) -> None:
    aftermath.follow(lock.store, lock.host, lock.journal, environment)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("environment", "failed"),
    [
        ({}, False),  # by hand
        ({"SERVICE_RESULT": "success", "EXIT_CODE": "exited", "EXIT_STATUS": "0"}, False),
        ({"SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "KILL"}, False),
        (FAILED, True),
        ({"SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "ALRM"}, True),
        ({"SERVICE_RESULT": "watchdog", "EXIT_CODE": "killed", "EXIT_STATUS": "KILL"}, True),
        ({"SERVICE_RESULT": "core-dump", "EXIT_CODE": "dumped", "EXIT_STATUS": "SEGV"}, True),
    ],
)
def test_which_keepers_have_failed(environment, failed):
    assert has_failed(environment) is failed


@pytest.mark.parametrize("stage", list(Stage))
def test_fewer_failures_change_nothing(lock, stage):
    lock.leave_in(stage)
    for _ in range(MOST - 1):
        die(lock)
    assert lock.stage is stage
    assert lock.is_frozen
    assert not lock.journal.notes


def test_killed_as_often_as_you_like(lock):
    lock.leave_in(Stage.LOCKED)
    for _ in range(3 * MOST):
        die(lock, {"SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "KILL"})
    assert lock.stage is Stage.LOCKED


def test_failures_far_apart_do_not_add_up(lock):
    lock.leave_in(Stage.LOCKED)
    for _ in range(3 * MOST):
        die(lock)
        lock.host.time.boot_usec += QUICK_USEC
    assert lock.stage is Stage.LOCKED


@pytest.mark.parametrize(
    ("stage", "why", "after", "is_frozen", "done"),
    [
        (Stage.LOCKING, "", Stage.UNLOCKING, True, []),
        (Stage.LOCKED, "", Stage.REFUSED, True, []),
        (Stage.UNLOCKING, "", Stage.UNLOCKED, False, []),
        (Stage.UNLOCKING, "too late", Stage.FAILED, False, []),
        (Stage.REFUSED, "", None, False, ["hung up", "ended"]),
        (Stage.UNLOCKED, "", Stage.UNLOCKED, True, []),
        (Stage.FAILED, "", Stage.FAILED, True, []),
    ],
)
def test_a_step_towards_the_end(lock, stage, why, after, is_frozen, done):
    lock.leave_in(stage, why)
    for _ in range(MOST):
        die(lock)
    assert lock.stage is after
    assert lock.is_frozen is is_frozen
    assert lock.done == done


@pytest.mark.parametrize(
    ("stage", "after", "done"),
    [
        (Stage.LOCKING, Stage.FAILED, ["given back"]),
        (Stage.LOCKED, None, ["hung up", "ended"]),
        (Stage.UNLOCKING, Stage.UNLOCKED, ["given back"]),
        (Stage.REFUSED, None, ["hung up", "ended"]),
    ],
)
def test_a_keeper_that_was_stopped_as_it_started(lock, stage, after, done):
    """SIGTERM ended it before it could catch it: systemd takes that for a clean end, and starts no other."""
    lock.leave_in(stage)
    die(lock, {"SERVICE_RESULT": "success", "EXIT_CODE": "killed", "EXIT_STATUS": "TERM"})
    assert lock.stage is after
    assert lock.done == done
    assert not lock.is_frozen


def test_a_locked_session_that_reaperd_does_not_end(lock):
    lock.leave_in(Stage.LOCKED)
    for _ in range(2 * MOST):
        die(lock)
    assert lock.done == ["hung up", "ended"]
    assert not lock.is_frozen
    assert lock.stage is None
    die(lock)


@pytest.mark.parametrize("text", ["", "{", "[]", "\udc80", '{"version": 99}'])
def test_broken_files(lock, cgroups, text):
    """Without a state there is no way back."""
    lock.leave_in(Stage.LOCKED)
    data = text.encode("utf-8", "surrogateescape")
    (cgroups.tree.directory / "locks/3/failures").write_bytes(data)
    (cgroups.tree.directory / "locks/3/state").write_bytes(data)
    for _ in range(2 * MOST):
        die(lock)
    assert not lock.is_frozen


def test_a_broken_order(lock, cgroups):
    """Nothing tells what the lock was of."""
    lock.leave_in(Stage.LOCKED)
    (cgroups.tree.directory / "locks/3/order").write_text("{")
    for _ in range(2 * MOST):
        die(lock)
    assert lock.stage is Stage.LOCKED


def test_a_broken_order_is_told(lock, cgroups):
    lock.leave_in(Stage.LOCKED)
    (cgroups.tree.directory / "locks/3/order").write_text("{")
    die(lock)
    (note,) = lock.journal.notes
    assert "may stay frozen" in str(note)


@pytest.mark.parametrize(("owner", "name"), [(UserFreeze, "release"), (Store, "count_failure")])
def test_no_room_in_run(lock, monkeypatch, owner, name):
    """As keepers fail in a row for that very reason."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    lock.leave_in(Stage.UNLOCKING)
    monkeypatch.setattr(owner, name, fail)
    for _ in range(MOST):
        die(lock)
    assert lock.stage is Stage.UNLOCKED
    assert not lock.is_frozen


def test_nothing_of_it_is_left(lock, cgroups):
    lock.leave_in(Stage.LOCKED)
    die(lock)
    lock.store.remove()
    assert not os.path.exists(cgroups.tree.directory / "locks/3")
