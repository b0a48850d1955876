"""The keeper of one lock: takes the terminals of a session, authenticates its user, and gives everything back.

A loop that wakes when an authentication attempt ends, for a signal, and about once a second to look for new terminals
and readers. Every step is written to the state before it is taken, so that after a keeper was killed the next one
continues where it was: locked stays locked, and what was being given back is given back.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import traceback
from collections.abc import Collection
from typing import Any

from reaper.act.journal import Journal
from reaper.decide.output import lock_events
from reaper.decide.output.events import Priority
from reaper.decide.session.lock_protocol import MAX_FAILURES, OVER, LockState, Stage
from reaper.decide.session.model import ProcessId
from reaper.errors import ReaperError
from reaper.lock.freeze.apart import FrozenInThread
from reaper.lock.freeze.frozen import FrozenProcesses
from reaper.lock.held_terminal import HeldTerminal
from reaper.lock.prompt.pam import Outcome, load
from reaper.lock.prompt.process import Child
from reaper.lock.release import give_back, hang_up, step
from reaper.lock.store import Store
from reaper.lock.wakeup import Wakeup, pet
from reaper.sense import processes
from reaper.sense.host import Host

LOOK_MS = 1000
LATE = "it was not locked in time"
# An attempt that ended by itself, without anything typed, is not restarted in a tight loop.
ASK_PAUSE_USEC = 1_000_000


class Keeper:
    """Holds one lock, from run() until its end. Times are microseconds since boot."""

    def __init__(self, store: Store, host: Host, journal: Journal, *, is_stopped: bool = False) -> None:
        self._store, self._host, self._journal = store, host, journal
        self._order = store.read_order()
        self._session = self._order.session
        stopped = FrozenProcesses(self._session, host, self._save, functools.partial(journal.note, Priority.WARNING))
        self._stopped = FrozenInThread(stopped, pet)
        self._taken: dict[str, HeldTerminal] = {}
        self._orphans: dict[int, tuple[str, Child]] = {}
        self._me = ProcessId(os.getpid(), processes.start_ticks(os.getpid()) or 0)
        self._state = LockState(Stage.LOCKING, self._now(), 0, "", self._me)
        self._last = ""  # why the last attempt failed
        self._wakeup = Wakeup(is_stopped)

    def run(self) -> None:
        """Runs until the session is unlocked or has ended. Raises what prevents that; another keeper then takes over.

        From UNLOCKING on nothing raises (see release). Keepers that fail one after another before that: see aftermath.
        """
        self._wakeup.catch()
        self._resume()
        if self._state.stage is Stage.LOCKING:
            self._establish()
        while self._state.stage in (Stage.LOCKED, Stage.REFUSED):
            if self._state.stage is Stage.LOCKED and self._store.is_withdrawn():
                self._fail(LATE)
            elif self._wakeup.is_stopped or not self._host.is_alive(self._session):
                self._end()
                return
            else:
                self._keep()
                self._wait(self._stopped.pause_ms(LOOK_MS))
        if self._state.stage is Stage.UNLOCKING:
            self._give_back()

    # The beginning.

    def _resume(self) -> None:
        """Continues where an earlier keeper was killed, if there was one; without its state nothing can be restored."""
        try:
            known = self._store.read_state()
            if known is not None:
                self._take_over(*known)
        except (ReaperError, KeyError, TypeError, ValueError) as error:
            self._journal.note(Priority.ERR, f"the lock of session {self._session.name} cannot be kept: {error}")
            if self._state.stage is not Stage.UNLOCKING:  # a user who has authenticated does not lose the session
                self._move_on(Stage.REFUSED, f"its lock cannot be kept: {error}")
        else:
            if known is None:
                self._save()

    def _take_over(self, state: LockState, document: dict[str, Any]) -> None:
        """Takes over the state of an earlier keeper. Raises what a broken state leads to, unless that keeper was giving
        everything back: then whatever can be restored is."""
        self._state = LockState(state.stage, state.since_usec, state.failures, state.why, self._me)
        if state.stage in OVER:
            return
        tried = step if state.stage is Stage.UNLOCKING else contextlib.nullcontext
        with tried():
            self._stopped.resume(document["origins"])
        with tried():
            self._stopped.make()
        names: Collection[str] = ()
        with tried():
            names = self._host.terminal_names(self._session)
        for value in document["lines"]:
            with tried():
                taken = HeldTerminal.from_plain(value)
                with contextlib.suppress(ReaperError):  # it has hung up meanwhile
                    if taken.name in names:  # its number may belong to another login by now
                        taken.open()
                        self._taken[taken.name] = taken
        if state.stage is not Stage.UNLOCKING:
            self._journal.note(Priority.WARNING, f"the lock of session {self._session.name} is established anew")
        self._save()

    def _establish(self) -> None:
        """Locks the session. Whatever prevents that ends in FAILED, with everything as it was."""
        try:
            self._go_on()
            self._stopped.make()
            load()
            self._look()
            if not self._taken:
                raise ReaperError("no-terminal", "it has no terminal")
            self._go_on()
        except (ReaperError, OSError) as error:
            self._fail(error.message if isinstance(error, ReaperError) else str(error))
        except Exception as error:
            traceback.print_exc()
            self._fail(f"reaper-lock failed: {type(error).__name__}: {error}")
        else:
            self._move_on(Stage.LOCKED)
            self._journal.send(lock_events.locked(self._order, sorted(self._taken)))

    def _go_on(self) -> None:
        """Raises ReaperError if the lock is no longer wanted."""
        if self._wakeup.is_stopped or self._store.is_withdrawn():
            raise ReaperError("not-wanted", "reaper-lock was stopped" if self._wakeup.is_stopped else LATE)

    def _keep(self) -> None:
        """Looks; if that fails, something may be readable by others, so the session must end."""
        try:
            self._look()
        except ReaperError as error:
            if self._state.stage is Stage.LOCKED:
                self._turn_away(f"it cannot be kept locked: {error.message}")

    def _look(self) -> None:
        """Takes new terminals and readers, drops those that are gone, and keeps an attempt running on each terminal."""
        for taken in [each for each in self._taken.values() if each.is_gone()]:
            self._drop(taken)
        names = self._host.terminal_names(self._session)
        for name in sorted(names - self._taken.keys()):
            with contextlib.suppress(ReaperError):  # it has hung up already
                self._taken[name] = HeldTerminal.found(name)
        if all(taken.is_held for taken in self._taken.values()):
            self._stopped.look(self._taken)
        else:
            self._stopped.stop(self._taken)
        for taken in list(self._taken.values()):
            self._hold(taken)
        if self._state.stage is Stage.LOCKED:
            for taken in self._taken.values():
                self._ask(taken)

    def _hold(self, taken: HeldTerminal) -> None:
        """Takes a terminal whose readers are frozen. Does nothing if it is held already."""
        if taken.is_held:
            return
        try:
            self._save()  # before the terminal is root's and raw: the next keeper must know its earlier state
            taken.drain()
            self._save()  # with what was typed ahead
            taken.hold()
            self._stopped.stop(self._taken)  # processes that opened it until just now
            if taken.survey():
                self._save()
                taken.cover()
        except ReaperError:
            if not taken.is_gone():  # a terminal in use that cannot be taken would be a way around the lock
                raise
            self._drop(taken)

    def _drop(self, taken: HeldTerminal) -> None:
        """Drops a terminal that has hung up: processes attached to no other one are thawed, and notice the hangup.

        An attempt that PAM works on continues and counts; or a user who hangs up in time could guess without limit.
        """
        child = taken.hand_over()
        if child is not None:
            self._orphans[child.fd] = (taken.name, child)
        taken.close()
        del self._taken[taken.name]
        self._stopped.let_go(self._taken)
        self._save()

    def _ask(self, taken: HeldTerminal) -> None:
        if not taken.is_asking and self._now() - taken.asked_usec >= ASK_PAUSE_USEC:
            taken.asked_usec = self._now()
            taken.ask(self._order, os.uname().nodename, self._state.failures, self._last)

    def _wait(self, timeout_ms: int) -> None:
        """Waits until an attempt ends, a terminal hangs up, a signal comes, or it is time to look again."""
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        asking = {taken.child_fd: taken for taken in self._taken.values() if taken.is_asking}
        for fd in (*asking, *self._orphans):
            poll.register(fd, select.POLLIN)
        for taken in self._taken.values():
            poll.register(taken.fd, 0)
        pet()
        for fd, _ in poll.poll(timeout_ms):
            if fd == self._wakeup.fileno():
                self._wakeup.clear()
            elif fd in asking:
                self._hear(asking[fd])
            elif fd in self._orphans:
                self._hear_orphan(*self._orphans.pop(fd))

    def _hear(self, taken: HeldTerminal) -> None:
        outcome = taken.outcome()
        if outcome is None or self._state.stage is not Stage.LOCKED:
            return
        if outcome.ok:
            self._unlock(taken)
        elif outcome.is_answered:
            self._refuse(taken.name, outcome)
        else:
            self._last = ""

    def _hear_orphan(self, name: str, child: Child) -> None:
        """Handles an attempt whose terminal has hung up; even a success no longer unlocks."""
        outcome = child.outcome()
        if outcome is not None and outcome.is_answered and not outcome.ok and self._state.stage is Stage.LOCKED:
            self._refuse(name, outcome)

    def _refuse(self, name: str, outcome: Outcome) -> None:
        self._last, failures = outcome.why, self._state.failures + 1
        self._state = LockState(Stage.LOCKED, self._state.since_usec, failures, "", self._me)
        self._save()
        self._journal.send(lock_events.unlock_failed(self._order, name, failures, outcome.why))
        if failures >= MAX_FAILURES:
            self._turn_away(f"{failures} attempts to unlock it failed", "Too many attempts have failed. ")

    def _turn_away(self, why: str, told: str = "") -> None:
        """Stops asking on every terminal; reaperd then ends the session."""
        for each in self._taken.values():
            each.stop_asking()
            each.tell(f"{told}This session ends.")
        self._move_on(Stage.REFUSED, why)

    # The end.

    def _unlock(self, taken: HeldTerminal) -> None:
        self._move_on(Stage.UNLOCKING)
        self._journal.send(lock_events.unlocked(self._order, taken.name, self._now()))
        self._give_back()

    def _give_back(self) -> None:
        """Restores everything; the lock ends as UNLOCKED, or as FAILED if the state has a reason."""
        for name in give_back(self._session, self._taken.values(), self._stopped, self._host, self._save):
            self._journal.note(Priority.WARNING, f"what was typed ahead on {name} could not be restored")
        why = self._state.why
        self._move_on(Stage.FAILED if why else Stage.UNLOCKED, why)

    def _fail(self, why: str) -> None:
        """Ends the lock as failed; the session goes on, unlocked."""
        self._move_on(Stage.UNLOCKING, why)
        self._give_back()

    def _end(self) -> None:
        """Ends the lock of a session that ends or has ended."""
        if self._state.stage is Stage.LOCKED:
            self._move_on(Stage.REFUSED, "reaper-lock was stopped")  # a keeper after this one asks nobody
        hang_up(self._session, self._taken.values(), self._stopped, self._host)
        self._store.remove()

    # The state.

    def _move_on(self, stage: Stage, why: str = "") -> None:
        self._state = LockState(stage, self._now(), self._state.failures, why, self._me)
        self._save()

    def _save(self) -> None:
        """Writes the state. Raises OSError only while nothing is locked yet; after that a failure is logged only."""
        lines = [taken.to_plain() for taken in self._taken.values()]
        try:
            self._store.write_state(self._state, lines=lines, origins=self._stopped.to_plain())
        except OSError as error:
            if self._state.stage is Stage.LOCKING:
                raise
            self._journal.note(Priority.ERR, f"the lock of session {self._session.name} is not saved: {error}")
            if self._state.stage in OVER:
                self._store.remove()  # otherwise another keeper would take everything again

    def _now(self) -> int:
        return self._host.clock().boot_usec
