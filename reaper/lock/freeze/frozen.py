"""The frozen processes of a locked session: finds those that can read its terminals, freezes them, puts them back."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any, Callable

from reaper.decide.session.model import ProcessId, Session
from reaper.errors import ReaperError
from reaper.lock.freeze import io_uring, other_locks
from reaper.lock.freeze.freezer import Freezer
from reaper.lock.freeze.guard import Guard
from reaper.lock.freeze.quiesce import UserFreeze
from reaper.lock.freeze.readers import find_foreign_reader, holders
from reaper.sense.host import Host

# How long the processes have to stop: all do at once, except one that waits for a disk or a server.
STOP_SEC = 2
# How long those have that would stop if the machine were less busy.
LATE_SEC = 10
# All of /proc is searched for readers, which takes longer the more processes there are: it gets no more than a fiftieth
# of the time, but a search at least every ten seconds.
SEARCH_SHARE = 50
LONGEST_PAUSE_USEC = 10_000_000
# How long readers that come and go are searched for while they run; after that they are searched for while frozen.
MOST_ROUNDS_USEC = 5_000_000
_ROUNDS = 20


class FrozenProcesses:
    """Stops the processes that have the terminals open; `save` writes down where they came from, before they are moved.

    `note` writes to the journal.
    """

    def __init__(self, session: Session, host: Host, save: Callable[[], None], note: Callable[[str], None]) -> None:
        self._session, self._host, self._save = session, host, save
        self._freezer, self._user_freeze = Freezer(session.scope), UserFreeze(session.scope)
        self._guard = Guard(self._freezer, note)
        self._origins: dict[ProcessId, str] = {}
        self._is_given_up = False
        self._search_usec = self._foreign_usec = 0  # when to search for readers again, and for those of other users

    def to_plain(self) -> list[list[Any]]:
        """Returns the state in JSON's types."""
        return [[*process, group] for process, group in self._origins.items()]

    def resume(self, value: Any) -> None:
        """Takes over what an earlier keeper had stopped. Raises TypeError or ValueError for a broken value."""
        self._origins = {ProcessId(int(pid), int(ticks)): str(group) for pid, ticks, group in value}

    def make(self) -> None:
        """Makes the cgroup for the frozen processes. Raises ReaperError if that is impossible."""
        self._user_freeze.release()
        if not self._origins and self._freezer.is_made():  # an earlier keeper could only thaw them in place
            with contextlib.suppress(ReaperError):
                self._freezer.put_back({})
        self._freezer.make()

    def look(self, names: Collection[str]) -> None:
        """Stops the processes that have opened these terminals since the last look, unless that was a moment ago.

        Raises ReaperError ("cannot-freeze") if one can read them all the same, or if a stopped process has run.
        """
        self._guard.check()
        began_usec = self._host.clock().boot_usec
        if began_usec >= self._search_usec:
            is_new = self._add_holders(names)
            self._schedule_search(began_usec)
            if is_new:
                self._guard.check()  # at once: they take seconds to stop, and could be let out in that time
                self._wait_stopped()
        if began_usec >= self._foreign_usec:
            self._refuse_foreign_readers(names)

    def stop(self, names: Collection[str]) -> None:
        """Stops every process that can read these terminals.

        One that forks and exits faster than a search takes is found while all of the user's processes are frozen.
        Raises ReaperError ("cannot-freeze") if one could read all the same, or if there are too many to search.
        """
        began_usec = self._host.clock().boot_usec
        for _ in range(_ROUNDS):
            is_late = self._host.clock().boot_usec - began_usec > MOST_ROUNDS_USEC
            if is_late or not self._add_holders(names):
                break
        self._check_given_up()
        began_usec = self._host.clock().boot_usec
        with self._user_freeze.held():
            self._check_given_up()  # held() may have waited for another lock's freeze
            self._add_holders(names, may_wait=True)
            self._check_given_up()
            self._guard.check()  # while all are frozen, so that a process that is let out later is held by then
            self._refuse_foreign_readers(names)
        self._schedule_search(began_usec)
        self._wait_stopped()

    def _wait_stopped(self) -> None:
        for seconds in (STOP_SEC, LATE_SEC):
            if self._freezer.wait(seconds) or not self._freezer.is_late():
                break
        else:
            raise ReaperError("cannot-freeze", "the processes attached to its terminals do not stop")
        busy = io_uring.find_busy(process.pid for process in self._freezer.members())
        if busy is not None:
            why = f"process {busy} has used io_uring(7), by which it can read even while it is frozen"
            raise ReaperError("cannot-freeze", why)
        self._guard.check()

    def pause_ms(self, usual_ms: int) -> int:
        """Returns how long to wait for the next look: less than usual if a stopped process could be let out and run."""
        return self._guard.pause_ms(usual_ms)

    def _refuse_foreign_readers(self, names: Collection[str]) -> None:
        """Raises ReaperError if another user's process reads a terminal; it is never frozen for what is typed here."""
        began_usec = self._host.clock().boot_usec
        pid = find_foreign_reader(self._session, names, self._host.everything(self._session))
        now_usec = self._host.clock().boot_usec
        self._foreign_usec = now_usec + SEARCH_SHARE * (now_usec - began_usec)
        if pid is not None:
            raise ReaperError("cannot-freeze", f"process {pid}, which is another user's, has its terminal open")

    def _schedule_search(self, began_usec: int) -> None:
        now_usec = self._host.clock().boot_usec
        self._search_usec = now_usec + min(SEARCH_SHARE * (now_usec - began_usec), LONGEST_PAUSE_USEC)

    def _add_holders(self, names: Collection[str], *, may_wait: bool = False) -> bool:
        """Stops the processes that one search finds; returns whether any was new."""
        members, found = set(self._freezer.members()), self._holders(names, may_wait=may_wait)
        groups = {each: self._freezer.origin(each) for each in found if each not in members}
        shared = {each for each, group in groups.items() if group and other_locks.is_frozen(group)}
        new = {each: group for each, group in groups.items() if group and each not in shared}
        unknown = shared - self._origins.keys()
        saved = other_locks.origins() if unknown else {}
        self._check_given_up()  # after all that may block, and before anything is saved or moved
        known = {**{each: saved.get(each, "") for each in unknown}, **new}
        if known:
            # A process that was moved out meanwhile is to return to where it was before the lock.
            self._origins.update({each: group for each, group in known.items() if not self._origins.get(each)})
            self._save()
            for process in new:
                self._guard.add(process)
        return bool(new)

    def release_unattached(self, names: Collection[str]) -> None:
        """Thaws the processes that have none of these remaining terminals open."""
        remaining, shared = set(self._holders(names)), other_locks.groups(self._session.name)
        for process in self._freezer.members():
            if process not in remaining:
                origin = self._origins.pop(process, self._session.scope)
                self._freezer.move_back(process, shared.get(process, origin))
                self._guard.release(process)

    def members(self) -> list[ProcessId]:
        """Returns the frozen processes."""
        return self._freezer.members()

    def put_back(self) -> None:
        """Puts every process back to where it was, running; thaws them where they are if that raises anything.

        A process that also has a terminal of another locked session open stays frozen with that session.
        """
        try:
            # A process that was moved out returns, too. And a keeper that took over only for this must hold the shells
            # whose TMOUT is due.
            with contextlib.suppress(ReaperError, OSError):
                self._guard.check()
            self._freezer.put_back({**self._origins, **other_locks.groups(self._session.name)})
        except BaseException:
            self._freezer.thaw()
            raise
        finally:
            self._guard.release_all()

    def give_up(self) -> None:
        """Called by another thread: the one that is in a call here does not come back from it (see apart).

        If it does come back late, it stops nothing more.
        """
        self._is_given_up = True
        self._user_freeze.abort()

    def _check_given_up(self) -> None:
        if self._is_given_up:
            raise ReaperError("cannot-freeze", "it was given up")

    def thaw(self) -> None:
        """Thaws every process where it is. Examines none, so it cannot block, whatever they do."""
        self._freezer.thaw()

    def _holders(self, names: Collection[str], *, may_wait: bool = False) -> list[ProcessId]:
        return holders(self._session, names, self._host.everything(self._session), may_wait=may_wait)
