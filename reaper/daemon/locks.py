"""Begins locks, follows what becomes of them, and ends them.

The terminals of a session are held by reaper-lock, a separate program that continues whatever happens to the daemon;
its files show the state of the lock. A graphical session is locked by its desktop, and logind shows whether it is.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from reaper.act.actor import Actor
from reaper.act.journal import Journal
from reaper.decide.output import session_events
from reaper.decide.output.events import Priority
from reaper.decide.output.terminal_messages import lock_heading
from reaper.decide.policy.match import Origin
from reaper.decide.policy.rules import Policy, asks_to_lock
from reaper.decide.session import operations
from reaper.decide.session.lock_protocol import OVER, LockOrder, Stage
from reaper.decide.session.model import Instant, SessionKey, TerminalSample
from reaper.decide.session.state import LASTING, Phase
from reaper.decide.session.tracked_session import Change, TrackedSession
from reaper.decide.text.duration import USEC_PER_SEC
from reaper.decide.text.escape import plain
from reaper.errors import ReaperError
from reaper.sense.host import Host

# A lock is in force within a second or two. After ESTABLISH_USEC without a running keeper it never will be; a keeper
# that still runs gets SLOW_USEC, as its machine may be busy, for example after a suspend.
ESTABLISH_USEC = 30 * USEC_PER_SEC
SLOW_USEC = 120 * USEC_PER_SEC
# At most this many locks are established at a time, each by a program that starts and reads all of /proc. A lock that
# makes no progress is not counted after COUNTED_USEC: no user's sessions may delay the locks of others for long.
MOST_AT_ONCE = 8
COUNTED_USEC = 10 * USEC_PER_SEC
PACE_USEC = 2 * USEC_PER_SEC
COUNT_AGAIN_USEC = 100_000  # if many sessions wait at one moment, the locks are not counted again for each
# How soon after the order a lock is checked first.
FIRST_LOOK_USEC = 2 * USEC_PER_SEC


class LockChange(NamedTuple):
    """The result of checking a lock: a change of its session, if any, and the reason for the journal."""

    change: Change | None = None
    why: str = ""


class Locks:
    """Begins, follows and ends locks. Times are boot-time microseconds."""

    def __init__(self, host: Host, actor: Actor, journal: Journal) -> None:
        self._host, self._actor, self._journal = host, actor, journal
        self._policy: Policy | None = None
        self._locked: set[SessionKey] = set()
        # Of the locked sessions, those whose lock was not in force when they were last counted, and when that was.
        self._starting: dict[SessionKey, TrackedSession] = {}
        self._counted_usec = 0
        self._watched_usec = host.clock().boot_usec  # since when the daemon has watched without a lapse
        self._failed: dict[SessionKey, str] = {}  # why the last lock of each session failed
        self._obstacles: dict[SessionKey, str] = {}  # why each session could not be locked when last asked
        self._blocked: set[SessionKey] = set()
        self._desktop_locked: set[SessionKey] = set()  # graphical sessions that their desktop has reported as locked

    @property
    def locked(self) -> list[SessionKey]:
        """The sessions that are locked."""
        return list(self._locked)

    @property
    def blocked(self) -> list[SessionKey]:
        """The sessions that were warned and could not be locked: the obstacle may be gone by now."""
        return list(self._blocked)

    def update(self, tracked: TrackedSession) -> None:
        """Notes the phase of a session."""
        key = tracked.session.key
        if tracked.life.phase is Phase.WARNED and key in self._obstacles and key not in self._failed:
            self._blocked.add(key)
        else:
            self._blocked.discard(key)
        if tracked.life.phase is Phase.LOCKED:
            if key not in self._locked:
                self._starting[key] = tracked
            self._locked.add(key)
        else:
            self._starting.pop(key, None)
            self._locked.discard(key)
            self._desktop_locked.discard(key)

    def forget(self, key: SessionKey) -> None:
        """Forgets a session that is gone; a running reaper-lock notices that by itself."""
        self._starting.pop(key, None)
        self._locked.discard(key)
        self._desktop_locked.discard(key)
        self._blocked.discard(key)
        self._failed.pop(key, None)
        self._obstacles.pop(key, None)

    def find_obstacle(self, tracked: TrackedSession, policy: Policy | None) -> str:
        """Why a session cannot be locked; "" if it can, or if no rule of the policy locks. Remembers the answer."""
        key = tracked.session.key
        self._policy = policy
        self._obstacles.pop(key, None)
        if policy is None or not policy.locks:
            return ""
        why = self._failed.get(key) or self.current_obstacle(tracked)
        if why:
            self._obstacles[key] = why
        return why

    def current_obstacle(self, tracked: TrackedSession) -> str:
        """Why a session cannot be locked at this moment; "" if it can."""
        return self._host.lock_obstacle(tracked.session, tracked.terminals)

    def reason_not_lockable(self, tracked: TrackedSession) -> str:
        """Why a session that its rule would lock cannot be locked, as the journal says it; "" for any other session."""
        why = self._obstacles.get(tracked.session.key, "")
        is_asked_for = self._policy is not None and asks_to_lock(self._policy, tracked.rule)
        return f"it cannot be locked: {why}" if why and is_asked_for else ""

    def begin(self, tracked: TrackedSession, policy_id: str, by: str, now: Instant) -> None:
        """Orders the lock of a session. An error is handled when the lock is next checked.

        If a lock already holds the session, its files stay: only they can give the terminals back.
        """
        session, limits = tracked.session, tracked.limits
        assert limits is not None
        self._failed.pop(session.key, None)
        try:
            if tracked.origin is Origin.GRAPHICAL:
                self._actor.lock(session.session_id)
                self._journal.send(session_events.desktop_locked(tracked, policy_id, by, now.boot_usec))
                return
            if self._host.standing_lock(session) is not None:
                with contextlib.suppress(ReaperError):  # tried again when the lock is next checked
                    self._actor.start_keeper(session.name)
                return
            before = self._host.read_lock(session)
            if before is not None and before.stage not in OVER and self._host.is_running(before.keeper):
                raise ReaperError("lock-failed", "the terminals of its earlier lock are still being given back")
            until = None if limits.lock_for_usec is None else now.boot_usec + limits.lock_for_usec
            heading = lock_heading(tracked, by, now.boot_usec)
            fields = session_events.lock_fields(tracked, policy_id, by, now.boot_usec)
            self._actor.lock_terminals(session.name, LockOrder(session, heading, fields, now.boot_usec, until))
        except ReaperError as error:
            self._failed[session.key] = str(error)

    def adopt(self, tracked: TrackedSession) -> TrackedSession:
        """Returns the session as locked if a lock holds it that this daemon does not know.

        An earlier daemon ordered that lock, and its state was lost or could not be saved.
        """
        order = self._host.standing_lock(tracked.session)
        if order is None or tracked.life.phase in LASTING:
            return tracked
        self._journal.note(Priority.NOTICE, f"the lock of session {plain(tracked.session.name)} is taken up again")
        tracked = operations.adopt_lock(tracked, order)
        self.update(tracked)
        return tracked

    def check_progress(self, tracked: TrackedSession, now: Instant) -> LockChange:
        """Returns what has happened to a session's lock since the last check."""
        key = tracked.session.key
        if tracked.life.phase is not Phase.LOCKED:
            return LockChange()
        if key in self._failed:
            return self._abandon(tracked, self._failed[key], now)
        if tracked.origin is Origin.GRAPHICAL:
            return self._check_desktop(tracked, now)
        state = self._host.read_lock(tracked.session)
        is_kept = state is not None and self._host.is_running(state.keeper)
        if state is None or state.stage is Stage.LOCKING:
            waited_usec = now.boot_usec - max(tracked.life.locked_usec, self._watched_usec)
            if waited_usec >= (SLOW_USEC if is_kept else ESTABLISH_USEC):
                return self._withdraw(tracked, now, is_lost=state is None)
        elif state.stage is Stage.UNLOCKED:
            return LockChange(operations.unlock(tracked, self._readings(tracked), state.since_usec, now))
        elif state.stage is Stage.FAILED:
            return self._abandon(tracked, state.why, now)
        elif state.stage is Stage.REFUSED:
            return LockChange(operations.terminate_locked(tracked, now.boot_usec), state.why)
        # (Without an order the lock was stopped, and the session will soon be gone.)
        if not is_kept and self._host.standing_lock(tracked.session) is not None:
            with contextlib.suppress(ReaperError):  # tried again at the next check
                self._actor.start_keeper(tracked.session.name)
        return LockChange()

    def _withdraw(self, tracked: TrackedSession, now: Instant, *, is_lost: bool) -> LockChange:
        """Withdraws a lock that is not in force in time.

        `is_lost`: it has no state, so its files may have been lost. If its processes are frozen, they were.
        """
        if is_lost and self._host.is_frozen(tracked.session):
            return LockChange(operations.terminate_locked(tracked, now.boot_usec), "the state of its lock is lost")
        with contextlib.suppress(ReaperError):
            self._actor.withdraw_lock(tracked.session.name)
        return self._abandon(tracked, "reaper-lock did not lock it in time", now)

    def _abandon(self, tracked: TrackedSession, why: str, now: Instant) -> LockChange:
        """Gives up a lock; it is not tried again unless someone orders it."""
        self._failed[tracked.session.key] = why
        name = plain(tracked.session.name)
        self._journal.note(Priority.ERR, f"session {name} could not be locked and continues unlocked: {plain(why)}")
        return LockChange(operations.abandon_lock(tracked, self._readings(tracked), now.boot_usec), why)

    def _readings(self, tracked: TrackedSession) -> tuple[TerminalSample, ...]:
        return self._host.read_terminals(self._host.terminal_names(tracked.session))

    def restart_timeouts(self, now_usec: int) -> None:
        """Restarts the timeouts of locks being established: in a lapse, reaper-lock may not have run either."""
        self._watched_usec = now_usec

    def delay_usec(self, tracked: TrackedSession, now: Instant) -> int:
        """How long the end or the lock of a session that is due has to wait; 0 for not at all.

        An end waits while the user is unlocking the session, a lock while many others are being established.
        """
        if operations.would_lock(tracked, now.boot_usec):
            return self._queue_delay_usec(now)
        return self._unlocking_delay_usec(tracked, now)

    def _queue_delay_usec(self, now: Instant) -> int:
        if len(self._starting) >= MOST_AT_ONCE and now.boot_usec - self._counted_usec >= COUNT_AGAIN_USEC:
            self._counted_usec = now.boot_usec
            self._starting = {key: each for key, each in self._starting.items() if self._is_starting(each, now)}
        return PACE_USEC if len(self._starting) >= MOST_AT_ONCE else 0

    def _is_starting(self, tracked: TrackedSession, now: Instant) -> bool:
        """Whether a lock was ordered a moment ago and is not known to be in force yet."""
        waited_usec = now.boot_usec - tracked.life.locked_usec
        if tracked.origin is Origin.GRAPHICAL:
            return waited_usec < PACE_USEC
        state = self._host.read_lock(tracked.session)
        return waited_usec < COUNTED_USEC and (state is None or state.stage is Stage.LOCKING)

    def _unlocking_delay_usec(self, tracked: TrackedSession, now: Instant) -> int:
        if tracked.life.phase is not Phase.LOCKED or tracked.origin is Origin.GRAPHICAL:
            return 0
        state = self._host.read_lock(tracked.session)
        is_unlocking = state is not None and state.stage in (Stage.UNLOCKING, Stage.UNLOCKED)
        since_usec = state.since_usec if state is not None else 0
        return FIRST_LOOK_USEC if is_unlocking and now.boot_usec - since_usec < ESTABLISH_USEC else 0

    def _check_desktop(self, tracked: TrackedSession, now: Instant) -> LockChange:
        """Checks a desktop's lock: it is unlocked if logind no longer reports the lock, or if the session is used."""
        key = tracked.session.key
        is_locked = self._host.read_locked_hint(tracked.session)
        if is_locked is None:
            return LockChange()
        if is_locked:
            self._desktop_locked.add(key)
            return LockChange()
        idle_usec = self._host.read_idle_usec(tracked.session)
        is_used = idle_usec is not None and now.boot_usec - idle_usec > tracked.life.locked_usec + FIRST_LOOK_USEC
        if key in self._desktop_locked or is_used:
            policy_id = self._policy.id if self._policy else ""
            self._journal.send(session_events.desktop_unlocked(tracked, policy_id, now.boot_usec))
            return LockChange(operations.unlock(tracked, (), now.boot_usec, now))
        return LockChange()

    def end(self, tracked: TrackedSession) -> None:
        """Ends the lock of a session that is being ended: its processes wake to a hangup, its terminals stay taken."""
        if tracked.life.locked_usec and tracked.origin is not Origin.GRAPHICAL:
            with contextlib.suppress(ReaperError):  # tried again at the next step of the termination
                self._actor.end_lock(tracked.session.name)

    def thaw(self, tracked: TrackedSession) -> None:
        """Thaws the processes that a lock froze, of a session that has lost its terminals.

        They can no longer read what is typed there. Usually reaper-lock thaws them. But it may have been killed, or
        stopped before it began, and then processes that outlive the session would stay frozen forever.
        """
        if not self._host.is_frozen(tracked.session):
            return
        try:
            self._actor.thaw(tracked.session.scope)
        except ReaperError as error:
            name = plain(tracked.session.name)
            self._journal.note(Priority.ERR, f"the processes that session {name} left stay frozen: {plain(str(error))}")

    def remove_finished(self, tracked: TrackedSession) -> None:
        """Removes the files of a lock that reaper-lock reports as over, of a session that continues."""
        state = self._host.read_lock(tracked.session)
        if not tracked.life.locked_usec and state is not None and state.stage in OVER:
            self._actor.forget_lock(tracked.session.name)
