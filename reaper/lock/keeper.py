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
from reaper.lock.wakeup import Wakeup, ping_watchdog
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
        frozen = FrozenProcesses(self._session, host, self._save, functools.partial(journal.note, Priority.WARNING))
        self._frozen = FrozenInThread(frozen, ping_watchdog)
        self._terminals: dict[str, HeldTerminal] = {}
        self._orphans: dict[int, tuple[str, Child]] = {}
        self._own_process = ProcessId(os.getpid(), processes.start_ticks(os.getpid()) or 0)
        self._state = LockState(Stage.LOCKING, self._now(), 0, "", self._own_process)
        self._last_failure = ""  # why the last attempt failed
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
                self._watch()
                self._wait(self._frozen.pause_ms(LOOK_MS))
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
                self._set_stage(Stage.REFUSED, f"its lock cannot be kept: {error}")
        else:
            if known is None:
                self._save()

    def _take_over(self, state: LockState, document: dict[str, Any]) -> None:
        """Takes over the state of an earlier keeper. Raises what a broken state leads to, unless that keeper was giving
        everything back: then whatever can be restored is."""
        self._state = LockState(state.stage, state.since_usec, state.failures, state.why, self._own_process)
        if state.stage in OVER:
            return
        tried = step if state.stage is Stage.UNLOCKING else contextlib.nullcontext
        with tried():
            self._frozen.resume(document["origins"])
        with tried():
            self._frozen.make()
        names: Collection[str] = ()
        with tried():
            names = self._host.terminal_names(self._session)
        for value in document["lines"]:
            with tried():
                terminal = HeldTerminal.from_plain(value)
                with contextlib.suppress(ReaperError):  # it has hung up meanwhile
                    if terminal.name in names:  # its number may belong to another login by now
                        terminal.open()
                        self._terminals[terminal.name] = terminal
        if state.stage is not Stage.UNLOCKING:
            self._journal.note(Priority.WARNING, f"the lock of session {self._session.name} is established again")
        self._save()

    def _establish(self) -> None:
        """Locks the session. Whatever prevents that ends in FAILED, with everything as it was."""
        try:
            self._check_wanted()
            self._frozen.make()
            load()
            self._look()
            if not self._terminals:
                raise ReaperError("no-terminal", "it has no terminal")
            self._check_wanted()
        except (ReaperError, OSError) as error:
            self._fail(error.message if isinstance(error, ReaperError) else str(error))
        except Exception as error:
            traceback.print_exc()
            self._fail(f"reaper-lock failed: {type(error).__name__}: {error}")
        else:
            self._set_stage(Stage.LOCKED)
            self._journal.send(lock_events.locked(self._order, sorted(self._terminals)))

    def _check_wanted(self) -> None:
        """Raises ReaperError if the lock is no longer wanted."""
        if self._wakeup.is_stopped or self._store.is_withdrawn():
            raise ReaperError("not-wanted", "reaper-lock was stopped" if self._wakeup.is_stopped else LATE)

    def _watch(self) -> None:
        """Looks; if that fails, something may be readable by others, so the session must end."""
        try:
            self._look()
        except ReaperError as error:
            if self._state.stage is Stage.LOCKED:
                self._refuse_session(f"it cannot be kept locked: {error.message}")

    def _look(self) -> None:
        """Takes new terminals and readers, drops those that are gone, and keeps an attempt running on each terminal."""
        for terminal in [each for each in self._terminals.values() if each.is_gone()]:
            self._drop(terminal)
        names = self._host.terminal_names(self._session)
        for name in sorted(names - self._terminals.keys()):
            with contextlib.suppress(ReaperError):  # it has hung up already
                self._terminals[name] = HeldTerminal.open_new(name)
        if all(terminal.is_held for terminal in self._terminals.values()):
            self._frozen.look(self._terminals)
        else:
            self._frozen.stop(self._terminals)
        for terminal in list(self._terminals.values()):
            self._hold(terminal)
        if self._state.stage is Stage.LOCKED:
            for terminal in self._terminals.values():
                self._ask(terminal)

    def _hold(self, terminal: HeldTerminal) -> None:
        """Takes a terminal whose readers are frozen. Does nothing if it is held already."""
        if terminal.is_held:
            return
        try:
            self._save()  # before the terminal is root's and raw: the next keeper must know its earlier state
            terminal.drain()
            self._save()  # with what was typed ahead
            terminal.hold()
            self._frozen.stop(self._terminals)  # processes that opened it until just now
            if terminal.survey():
                self._save()
                terminal.set_aside_screen()
        except ReaperError:
            if not terminal.is_gone():  # a terminal in use that cannot be taken would be a way around the lock
                raise
            self._drop(terminal)

    def _drop(self, terminal: HeldTerminal) -> None:
        """Drops a terminal that has hung up: processes attached to no other one are thawed, and notice the hangup.

        An attempt that PAM works on continues and counts; or a user who hangs up in time could guess without limit.
        """
        child = terminal.hand_over()
        if child is not None:
            self._orphans[child.fd] = (terminal.name, child)
        terminal.close()
        del self._terminals[terminal.name]
        self._frozen.release_unattached(self._terminals)
        self._save()

    def _ask(self, terminal: HeldTerminal) -> None:
        if not terminal.is_asking and self._now() - terminal.asked_usec >= ASK_PAUSE_USEC:
            terminal.asked_usec = self._now()
            terminal.ask(self._order, os.uname().nodename, self._state.failures, self._last_failure)

    def _wait(self, timeout_ms: int) -> None:
        """Waits until an attempt ends, a terminal hangs up, a signal comes, or it is time to look again."""
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        asking = {terminal.child_fd: terminal for terminal in self._terminals.values() if terminal.is_asking}
        for fd in (*asking, *self._orphans):
            poll.register(fd, select.POLLIN)
        for terminal in self._terminals.values():
            poll.register(terminal.fd, 0)
        ping_watchdog()
        for fd, _ in poll.poll(timeout_ms):
            if fd == self._wakeup.fileno():
                self._wakeup.clear()
            elif fd in asking:
                self._handle_outcome(asking[fd])
            elif fd in self._orphans:
                self._handle_orphan(*self._orphans.pop(fd))

    def _handle_outcome(self, terminal: HeldTerminal) -> None:
        outcome = terminal.outcome()
        if outcome is None or self._state.stage is not Stage.LOCKED:
            return
        if outcome.ok:
            self._unlock(terminal)
        elif outcome.is_answered:
            self._record_failure(terminal.name, outcome)
        else:
            self._last_failure = ""

    def _handle_orphan(self, name: str, child: Child) -> None:
        """Handles an attempt whose terminal has hung up; even a success no longer unlocks."""
        outcome = child.outcome()
        if outcome is not None and outcome.is_answered and not outcome.ok and self._state.stage is Stage.LOCKED:
            self._record_failure(name, outcome)

    def _record_failure(self, name: str, outcome: Outcome) -> None:
        self._last_failure, failures = outcome.why, self._state.failures + 1
        self._state = LockState(Stage.LOCKED, self._state.since_usec, failures, "", self._own_process)
        self._save()
        self._journal.send(lock_events.unlock_failed(self._order, name, failures, outcome.why))
        if failures >= MAX_FAILURES:
            self._refuse_session(f"{failures} attempts to unlock it failed", "Too many attempts have failed. ")

    def _refuse_session(self, why: str, notice: str = "") -> None:
        """Stops asking on every terminal; reaperd then ends the session."""
        for each in self._terminals.values():
            each.stop_asking()
            each.show_line(f"{notice}This session ends.")
        self._set_stage(Stage.REFUSED, why)

    # The end.

    def _unlock(self, terminal: HeldTerminal) -> None:
        self._set_stage(Stage.UNLOCKING)
        self._journal.send(lock_events.unlocked(self._order, terminal.name, self._now()))
        self._give_back()

    def _give_back(self) -> None:
        """Restores everything; the lock ends as UNLOCKED, or as FAILED if the state has a reason."""
        for name in give_back(self._session, self._terminals.values(), self._frozen, self._host, self._save):
            self._journal.note(Priority.WARNING, f"what was typed ahead on {name} could not be restored")
        why = self._state.why
        self._set_stage(Stage.FAILED if why else Stage.UNLOCKED, why)

    def _fail(self, why: str) -> None:
        """Ends the lock as failed; the session goes on, unlocked."""
        self._set_stage(Stage.UNLOCKING, why)
        self._give_back()

    def _end(self) -> None:
        """Ends the lock of a session that ends or has ended."""
        if self._state.stage is Stage.LOCKED:
            self._set_stage(Stage.REFUSED, "reaper-lock was stopped")  # a keeper after this one asks nobody
        hang_up(self._session, self._terminals.values(), self._frozen, self._host)
        self._store.remove()

    # The state.

    def _set_stage(self, stage: Stage, why: str = "") -> None:
        self._state = LockState(stage, self._now(), self._state.failures, why, self._own_process)
        self._save()

    def _save(self) -> None:
        """Writes the state. Raises OSError only while nothing is locked yet; after that a failure is logged only."""
        lines = [terminal.to_plain() for terminal in self._terminals.values()]
        try:
            self._store.write_state(self._state, lines=lines, origins=self._frozen.to_plain())
        except OSError as error:
            if self._state.stage is Stage.LOCKING:
                raise
            self._journal.note(Priority.ERR, f"the lock of session {self._session.name} is not saved: {error}")
            if self._state.stage in OVER:
                self._store.remove()  # otherwise another keeper would take everything again

    def _now(self) -> int:
        return self._host.clock().boot_usec
