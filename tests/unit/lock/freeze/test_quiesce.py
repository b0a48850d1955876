"""The freeze of all of a user's processes: it ends whatever happens to its keeper, and no other keeper ends it."""

from __future__ import annotations

import errno
import itertools
import os
import signal
from typing import Callable

import pytest

from reaper.errors import ReaperError
from reaper.lock.freeze import quiesce as module
from reaper.lock.freeze.quiesce import UserFreeze
from tests.unit.lock.conftest import Cgroups

SLICE = "/user.slice/user-1000.slice"


class User:
    """The cgroup of all of the user's processes, with two locked sessions."""

    def __init__(self, cgroups: Cgroups) -> None:
        self._cgroups = cgroups
        self.set("0")
        cgroups.tree.write_scope(SLICE, "cgroup.events", "populated 1\nfrozen 1\n")
        self.own, self.other = (
            UserFreeze(f"{SLICE}/session-{number}.scope", cgroups.mount, cgroups.directory) for number in (3, 4)
        )

    def set(self, frozen: str) -> None:
        """Freezes or thaws the group, as an administrator would."""
        self._cgroups.tree.write_scope(SLICE, "cgroup.freeze", f"{frozen}\n")

    def mark(self) -> None:
        """Freezes the group like a keeper that has been killed since."""
        os.makedirs(self._cgroups.directory, exist_ok=True)
        with open(f"{self._cgroups.directory}/user-1000.slice.still", "w", encoding="ascii"):
            pass

    @property
    def is_frozen(self) -> bool:
        with open(f"{self._cgroups.mount}{SLICE}/cgroup.freeze", encoding="ascii") as file:
            return file.read().strip() == "1"


@pytest.fixture
def user(cgroups) -> User:
    return User(cgroups)


def test_all_of_the_users_processes_are_frozen(user, cgroups):
    with user.own.held():
        assert user.is_frozen
    assert not user.is_frozen
    with pytest.raises(ZeroDivisionError), user.own.held():
        raise ZeroDivisionError
    assert not user.is_frozen
    assert os.listdir(cgroups.directory) == []


def test_release_waits_no_longer_than_systemd_does(user, clock):
    """It is done in ExecStopPost=, within TimeoutStopSec=15."""
    with user.own.held():
        before = clock()
        user.other.release()
        assert clock() - before < 15
        assert not user.is_frozen


def test_freeze_of_a_killed_keeper_is_not_taken_for_an_administrators(user, cgroups):
    """Another keeper was killed while it froze the user and left its mark: the freeze ends with this keeper's."""
    user.mark()
    user.set("1")
    with user.own.held():
        assert user.is_frozen
    assert not user.is_frozen


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EMFILE])
def test_release_thaws_without_a_file_lock(user, monkeypatch, error):
    user.mark()
    user.set("1")

    def fail(self: UserFreeze) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(UserFreeze, "_take_lock", fail)
    user.own.release()
    assert not user.is_frozen


def test_interrupted_freeze_is_released(user):
    user.mark()
    user.set("1")
    user.other.release()
    assert not user.is_frozen


def test_freeze_by_an_administrator_stays(user):
    user.set("1")
    user.own.release()
    with user.own.held():
        assert user.is_frozen
    assert user.is_frozen


def test_other_users_do_not_wait(user, cgroups, clock):
    """However long another user is frozen."""
    path = "/user.slice/user-1001.slice"
    os.makedirs(cgroups.mount + path)
    cgroups.tree.write_scope(path, "cgroup.freeze", "0\n")
    cgroups.tree.write_scope(path, "cgroup.events", "populated 1\nfrozen 1\n")
    neighbour = UserFreeze(f"{path}/session-9.scope", cgroups.mount, cgroups.directory)
    with user.own.held():
        with neighbour.held():
            assert user.is_frozen
        neighbour.release()
        assert user.is_frozen
    assert clock() < module.ALONE_SEC
    assert os.listdir(cgroups.directory) == []


def test_lock_on_a_removed_file_is_taken_again(user, cgroups, monkeypatch):
    """Its holder removes the file: a lock on a removed file is none, as a third keeper could lock a new one."""
    flock, opened = module.fcntl.flock, []

    def removed_before(fd: int, operation: int) -> None:
        opened.append(fd)
        if len(opened) == 1:
            os.unlink(f"{cgroups.directory}/user-1000.slice.lock")
        flock(fd, operation)

    monkeypatch.setattr(module.fcntl, "flock", removed_before)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    with user.own.held():
        assert len(opened) == 2
        assert "user-1000.slice.lock" in os.listdir(cgroups.directory)
    assert os.listdir(cgroups.directory) == []


@pytest.fixture
def clock(monkeypatch) -> Callable[[], int]:
    """A clock on which a second passes at every reading."""
    seconds = itertools.count()
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return lambda: next(seconds)


def test_another_lock_of_the_same_user_does_not_end_the_freeze(user, clock):
    """The other lock waits; but not forever for a keeper that hangs, or the user could not log in."""
    with user.own.held():
        with pytest.raises(ReaperError, match="another lock"), user.other.held():
            pass
        assert user.is_frozen
        assert clock() > module.ALONE_SEC
        user.other.release()
        assert clock() > module.ALONE_SEC + module.RELEASE_SEC
        assert not user.is_frozen


def test_freeze_that_does_not_end_kills_its_keeper(user):
    with user.own.held():
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= module.LONGEST_SEC
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_release_of_a_user_who_has_logged_out_removes_the_mark(user, cgroups):
    user.mark()
    os.unlink(f"{cgroups.mount}{SLICE}/cgroup.freeze")
    user.own.release()
    assert os.listdir(cgroups.directory) == []
