"""A moment in which nothing of a user's runs: it ends whatever becomes of who is at it, and nobody else ends it."""

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
    """The group of all that is the user's, of whom two sessions are locked."""

    def __init__(self, cgroups: Cgroups) -> None:
        self._cgroups = cgroups
        self.set("0")
        cgroups.tree.write_scope(SLICE, "cgroup.events", "populated 1\nfrozen 1\n")
        self.still, self.other = (
            UserFreeze(f"{SLICE}/session-{number}.scope", cgroups.mount, cgroups.directory) for number in (3, 4)
        )

    def set(self, frozen: str) -> None:
        """Somebody freezes it, or has it go on."""
        self._cgroups.tree.write_scope(SLICE, "cgroup.freeze", f"{frozen}\n")

    def mark(self) -> None:
        """That was us, and we have been killed since."""
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


def test_nothing_of_the_users_runs_for_a_moment(user, cgroups):
    with user.still.held():
        assert user.is_frozen
    assert not user.is_frozen
    with pytest.raises(ZeroDivisionError), user.still.held():
        raise ZeroDivisionError
    assert not user.is_frozen
    assert os.listdir(cgroups.directory) == []


def test_end_of_a_moment_is_not_waited_for_longer_than_systemd_waits(user, clock):
    """It is done from ExecStopPost=, within TimeoutStopSec=15."""
    with user.still.held():
        before = clock()
        user.other.release()
        assert clock() - before < 15
        assert not user.is_frozen


def test_moment_that_was_interrupted_is_no_administrators(user, cgroups):
    """Its keeper was killed after the lock of this one was free, and left its mark: it ends with this one."""
    user.mark()
    user.set("1")
    with user.still.held():
        assert user.is_frozen
    assert not user.is_frozen


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EMFILE])
def test_moment_ends_where_there_is_no_room_for_a_lock(user, monkeypatch, error):
    user.mark()
    user.set("1")

    def fail(self: UserFreeze) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(UserFreeze, "_take_lock", fail)
    user.still.release()
    assert not user.is_frozen


def test_a_moment_that_was_cut_short(user):
    user.mark()
    user.set("1")
    user.other.release()
    assert not user.is_frozen


def test_what_an_administrator_has_frozen_stays_so(user):
    user.set("1")
    user.still.release()
    with user.still.held():
        assert user.is_frozen
    assert user.is_frozen


def test_other_users_do_not_wait(user, cgroups, clock):
    """However long a moment of one user's is."""
    path = "/user.slice/user-1001.slice"
    os.makedirs(cgroups.mount + path)
    cgroups.tree.write_scope(path, "cgroup.freeze", "0\n")
    cgroups.tree.write_scope(path, "cgroup.events", "populated 1\nfrozen 1\n")
    neighbour = UserFreeze(f"{path}/session-9.scope", cgroups.mount, cgroups.directory)
    with user.still.held():
        with neighbour.held():
            assert user.is_frozen
        neighbour.release()
        assert user.is_frozen
    assert clock() < module.ALONE_SEC
    assert os.listdir(cgroups.directory) == []


def test_lock_that_is_removed_while_it_is_waited_for(user, cgroups, monkeypatch):
    """Who had it removes it: what is locked after that is no lock, or a third would have another."""
    flock, opened = module.fcntl.flock, []

    def removed_before(fd: int, operation: int) -> None:
        opened.append(fd)
        if len(opened) == 1:
            os.unlink(f"{cgroups.directory}/user-1000.slice.lock")
        flock(fd, operation)

    monkeypatch.setattr(module.fcntl, "flock", removed_before)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    with user.still.held():
        assert len(opened) == 2
        assert "user-1000.slice.lock" in os.listdir(cgroups.directory)
    assert os.listdir(cgroups.directory) == []


@pytest.fixture
def clock(monkeypatch) -> Callable[[], int]:
    """A second passes at every look at it."""
    seconds = itertools.count()
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return lambda: next(seconds)


def test_no_other_lock_of_the_users_cuts_it_short(user, clock):
    """It waits; but not for ever for one that hangs, or the user could not log in."""
    with user.still.held():
        with pytest.raises(ReaperError, match="another lock"), user.other.held():
            pass
        assert user.is_frozen
        assert clock() > module.ALONE_SEC
        user.other.release()
        assert clock() > module.ALONE_SEC + module.RELEASE_SEC
        assert not user.is_frozen


def test_a_moment_that_does_not_end_ends_who_is_at_it(user):
    with user.still.held():
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= module.LONGEST_SEC
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_user_who_is_gone(user, cgroups):
    user.mark()
    os.unlink(f"{cgroups.mount}{SLICE}/cgroup.freeze")
    user.still.release()
    assert os.listdir(cgroups.directory) == []
