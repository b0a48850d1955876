"""Who of a locked session stands still, and where each came from: holders found, frozen, and put back."""

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
from reaper.lock.freeze.readers import find_stranger, holders
from reaper.sense.host import Host

# How long what is attached gets to stop: all do at once, but one that waits for a disk or a server does not.
STOP_SEC = 2
# And what would, but that this machine is busy with something else.
LATE_SEC = 10
# Holders are looked for in all of /proc, which takes longer the more processes there are: no more than a fiftieth of
# the time, and not less often than every ten seconds.
SEARCH_SHARE = 50
LONGEST_PAUSE_USEC = 10_000_000
# And holders that come and go: after that, they are looked for while nothing runs.
MOST_ROUNDS_USEC = 5_000_000
_ROUNDS = 20


class FrozenProcesses:
    """Stops the holders of terminals; `save` writes down where they came from, before they are moved.

    `note` is for the journal.
    """

    def __init__(self, session: Session, host: Host, save: Callable[[], None], note: Callable[[str], None]) -> None:
        self._session, self._host, self._save = session, host, save
        self._freezer, self._still = Freezer(session.scope), UserFreeze(session.scope)
        self._guard = Guard(self._freezer, note)
        self._origins: dict[ProcessId, str] = {}
        self._is_given_up = False
        self._search_usec = self._strangers_usec = 0  # when to look for holders again, and for strangers

    def to_plain(self) -> list[list[Any]]:
        """In JSON's types."""
        return [[*process, group] for process, group in self._origins.items()]

    def resume(self, value: Any) -> None:
        """Takes over what another keeper had stopped. Raises TypeError or ValueError for what to_plain() writes not."""
        self._origins = {ProcessId(int(pid), int(ticks)): str(group) for pid, ticks, group in value}

    def make(self) -> None:
        """Makes the place where they stand still. Raises ReaperError where there can be none."""
        self._still.release()
        if not self._origins and self._freezer.is_made():  # an earlier keeper could do no more than thaw them
            with contextlib.suppress(ReaperError):
                self._freezer.put_back({})
        self._freezer.make()

    def look(self, names: Collection[str]) -> None:
        """Stops who holds these terminals since the last look, unless that was a moment ago.

        Raises ReaperError ("cannot-freeze") where one reads all the same, or what was stopped has run.
        """
        self._guard.check()
        began_usec = self._host.clock().boot_usec
        if began_usec >= self._search_usec:
            is_new = self._add_holders(names)
            self._pace(began_usec)
            if is_new:
                self._guard.check()  # at once: until they have stopped takes seconds, in which they could be let out
                self._make_sure()
        if began_usec >= self._strangers_usec:
            self._refuse_strangers(names)

    def stop(self, names: Collection[str]) -> None:
        """Stops every holder of these terminals. Who forks and exits faster than a look is found while nothing runs.

        Raises ReaperError ("cannot-freeze") where one would read all the same, and where they are too many to look at.
        """
        began_usec = self._host.clock().boot_usec
        for _ in range(_ROUNDS):
            is_late = self._host.clock().boot_usec - began_usec > MOST_ROUNDS_USEC
            if is_late or not self._add_holders(names):
                break
        self._go_on()
        began_usec = self._host.clock().boot_usec
        with self._still.held():
            self._go_on()  # it may have waited for the moment of another lock
            self._add_holders(names, may_wait=True)
            self._go_on()
            self._guard.check()  # while nothing runs, so that whoever gets out later is held already
            self._refuse_strangers(names)
        self._pace(began_usec)
        self._make_sure()

    def _make_sure(self) -> None:
        for seconds in (STOP_SEC, LATE_SEC):
            if self._freezer.wait(seconds) or not self._freezer.is_late():
                break
        else:
            raise ReaperError("cannot-freeze", "what is attached to its terminals does not stop")
        busy = io_uring.find_busy(process.pid for process in self._freezer.members())
        if busy is not None:
            why = f"process {busy} has used io_uring(7), by which it can read even while it is frozen"
            raise ReaperError("cannot-freeze", why)
        self._guard.check()

    def pause_ms(self, usual_ms: int) -> int:
        """How long to wait for the next look: less than usual where one that is stopped could be let out and run."""
        return self._guard.pause_ms(usual_ms)

    def _refuse_strangers(self, names: Collection[str]) -> None:
        """Raises ReaperError where another user reads there, who is not to be frozen for what is typed here."""
        began_usec = self._host.clock().boot_usec
        pid = find_stranger(self._session, names, self._host.everything(self._session))
        now_usec = self._host.clock().boot_usec
        self._strangers_usec = now_usec + SEARCH_SHARE * (now_usec - began_usec)
        if pid is not None:
            raise ReaperError("cannot-freeze", f"process {pid}, which is another user's, has its terminal open")

    def _pace(self, began_usec: int) -> None:
        now_usec = self._host.clock().boot_usec
        self._search_usec = now_usec + min(SEARCH_SHARE * (now_usec - began_usec), LONGEST_PAUSE_USEC)

    def _add_holders(self, names: Collection[str], *, may_wait: bool = False) -> bool:
        """Stops who is found at one look; whether that was anybody new."""
        members, found = set(self._freezer.members()), self._holders(names, may_wait=may_wait)
        groups = {each: self._freezer.origin(each) for each in found if each not in members}
        shared = {each for each, group in groups.items() if group and other_locks.is_frozen(group)}
        new = {each: group for each, group in groups.items() if group and each not in shared}
        unknown = shared - self._origins.keys()
        told = other_locks.origins() if unknown else {}
        self._go_on()  # after all that may wait, and before anything is written down or moved
        known = {**{each: told.get(each, "") for each in unknown}, **new}
        if known:
            # One that was moved out meanwhile is to return to where it was before the lock.
            self._origins.update({each: group for each, group in known.items() if not self._origins.get(each)})
            self._save()
            for process in new:
                self._guard.add(process)
        return bool(new)

    def let_go(self, names: Collection[str]) -> None:
        """Has those go on who hold none of these terminals, which are left."""
        still, shared = set(self._holders(names)), other_locks.groups(self._session.name)
        for process in self._freezer.members():
            if process not in still:
                origin = self._origins.pop(process, self._session.scope)
                self._freezer.let_go(process, shared.get(process, origin))
                self._guard.let_go(process)

    def members(self) -> list[ProcessId]:
        """Who stands still."""
        return self._freezer.members()

    def put_back(self) -> None:
        """Has everybody go on, where they were; where they are where it raises, whatever that is.

        Who holds a terminal of another locked session, too, stands still with that.
        """
        try:
            # A process that is out returns, too. A keeper that took over only for this holds the shells that are late.
            with contextlib.suppress(ReaperError, OSError):
                self._guard.check()
            self._freezer.put_back({**self._origins, **other_locks.groups(self._session.name)})
        except BaseException:
            self._freezer.thaw()
            raise
        finally:
            self._guard.let_all_go()

    def give_up(self) -> None:
        """Another thread says that the one which is at a call here does not come back from it (see apart).

        Should it do so late, it stops nothing more.
        """
        self._is_given_up = True
        self._still.break_off()

    def _go_on(self) -> None:
        if self._is_given_up:
            raise ReaperError("cannot-freeze", "it was given up")

    def thaw(self) -> None:
        """Has everybody go on where they are. Looks at no process, so it ends whatever any of them does."""
        self._freezer.thaw()

    def _holders(self, names: Collection[str], *, may_wait: bool = False) -> list[ProcessId]:
        return holders(self._session, names, self._host.everything(self._session), may_wait=may_wait)
