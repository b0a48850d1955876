"""What follows when a keeper has ended: failures in a row are counted, and move the lock towards its end."""

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
        ({}, False),  # run by hand
        ({"SERVICE_RESULT": "success", "EXIT_CODE": "exited", "EXIT_STATUS": "0"}, False),
        ({"SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "KILL"}, False),
        (FAILED, True),
        ({"SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "ALRM"}, True),
        ({"SERVICE_RESULT": "watchdog", "EXIT_CODE": "killed", "EXIT_STATUS": "KILL"}, True),
        ({"SERVICE_RESULT": "core-dump", "EXIT_CODE": "dumped", "EXIT_STATUS": "SEGV"}, True),
    ],
)
def test_exit_status_shows_whether_a_keeper_failed(environment, failed):
    assert has_failed(environment) is failed


@pytest.mark.parametrize("stage", list(Stage))
def test_too_few_failures_change_nothing(lock, stage):
    lock.leave_in(stage)
    for _ in range(MOST - 1):
        die(lock)
    assert lock.stage is stage
    assert lock.is_frozen
    assert not lock.journal.notes


def test_killed_keepers_do_not_count_as_failed(lock):
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
def test_failures_in_a_row_move_the_lock_a_step_towards_its_end(lock, stage, why, after, is_frozen, done):
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
def test_stop_during_the_start_of_a_keeper_ends_the_lock(lock, stage, after, done):
    """SIGTERM ended it before it could catch it: systemd takes that for a clean exit, and starts no other keeper."""
    lock.leave_in(stage)
    die(lock, {"SERVICE_RESULT": "success", "EXIT_CODE": "killed", "EXIT_STATUS": "TERM"})
    assert lock.stage is after
    assert lock.done == done
    assert not lock.is_frozen


def test_failures_hang_up_a_session_that_reaperd_does_not_end(lock):
    lock.leave_in(Stage.LOCKED)
    for _ in range(2 * MOST):
        die(lock)
    assert lock.done == ["hung up", "ended"]
    assert not lock.is_frozen
    assert lock.stage is None
    die(lock)


@pytest.mark.parametrize("text", ["", "{", "[]", "\udc80", '{"version": 99}'])
def test_broken_state_leaves_nothing_frozen(lock, cgroups, text):
    """Without a state nothing can be restored, but everything is thawed."""
    lock.leave_in(Stage.LOCKED)
    data = text.encode("utf-8", "surrogateescape")
    (cgroups.tree.directory / "locks/3/failures").write_bytes(data)
    (cgroups.tree.directory / "locks/3/state").write_bytes(data)
    for _ in range(2 * MOST):
        die(lock)
    assert not lock.is_frozen


def test_broken_order_changes_nothing(lock, cgroups):
    """Without an order it is unknown what was locked."""
    lock.leave_in(Stage.LOCKED)
    (cgroups.tree.directory / "locks/3/order").write_text("{")
    for _ in range(2 * MOST):
        die(lock)
    assert lock.stage is Stage.LOCKED


def test_broken_order_is_logged(lock, cgroups):
    lock.leave_in(Stage.LOCKED)
    (cgroups.tree.directory / "locks/3/order").write_text("{")
    die(lock)
    (note,) = lock.journal.notes
    assert "may stay frozen" in str(note)


@pytest.mark.parametrize(("owner", "name"), [(UserFreeze, "release"), (Store, "count_failure")])
def test_full_disk_does_not_stop_the_steps_towards_the_end(lock, monkeypatch, owner, name):
    """Keepers also fail in a row because the disk is full."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    lock.leave_in(Stage.UNLOCKING)
    monkeypatch.setattr(owner, name, fail)
    for _ in range(MOST):
        die(lock)
    assert lock.stage is Stage.UNLOCKED
    assert not lock.is_frozen


def test_remove_leaves_no_files(lock, cgroups):
    lock.leave_in(Stage.LOCKED)
    die(lock)
    lock.store.remove()
    assert not os.path.exists(cgroups.tree.directory / "locks/3")
