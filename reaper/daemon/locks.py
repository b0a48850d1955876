"""The sessions that are locked: how a lock begins, what has become of it at each look, and how it is ended.

A session of terminals is held by reaper-lock, a program of its own that goes on whatever becomes of the daemon; what it
has to tell stands in its files. A graphical session is locked by its desktop, and logind tells whether it is.
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

# A lock is in force within a second or two. One of which nobody says by now that they are at it never will be; one that
# somebody is at may be on a machine that does much else at this moment, as after a suspend.
ESTABLISH_USEC = 30 * USEC_PER_SEC
SLOW_USEC = 120 * USEC_PER_SEC
# So many locks are established at a time, each by a program that starts and reads all of /proc. One that does not get
# on is no longer counted after a while: nobody's sessions may keep those of others from being locked.
MOST_AT_ONCE = 8
COUNTED_USEC = 10 * USEC_PER_SEC
PACE_USEC = 2 * USEC_PER_SEC
COUNT_AGAIN_USEC = 100_000  # they are not counted for each of many that wait at one moment
# When to look first at what became of it.
FIRST_LOOK_USEC = 2 * USEC_PER_SEC


class LockChange(NamedTuple):
    """What a look at a lock brought: a change of its session, if any, and why."""

    change: Change | None = None
    why: str = ""


class Locks:
    """Begins locks and looks after them. Times are boot-time microseconds."""

    def __init__(self, host: Host, actor: Actor, journal: Journal) -> None:
        self._host, self._actor, self._journal = host, actor, journal
        self._policy: Policy | None = None
        self._locked: set[SessionKey] = set()
        self._begun: dict[
            SessionKey, TrackedSession
        ] = {}  # those of the locked that were not in force when last looked at
        self._counted_usec = 0  # when that was
        self._watched_usec = host.clock().boot_usec  # since when somebody has watched what becomes of them
        self._failed: dict[SessionKey, str] = {}
        self._obstacles: dict[SessionKey, str] = {}
        self._hindered: set[SessionKey] = set()
        self._hinted: set[SessionKey] = set()  # graphical sessions whose desktop has said that it is locked

    @property
    def standing(self) -> list[SessionKey]:
        """The sessions that are locked."""
        return list(self._locked)

    @property
    def hindered(self) -> list[SessionKey]:
        """The sessions that were warned and cannot be locked: what stands in the way may be gone by now."""
        return list(self._hindered)

    def follow(self, tracked: TrackedSession) -> None:
        """Takes note of where a session is in its life."""
        key = tracked.session.key
        if tracked.life.phase is Phase.WARNED and key in self._obstacles and key not in self._failed:
            self._hindered.add(key)
        else:
            self._hindered.discard(key)
        if tracked.life.phase is Phase.LOCKED:
            if key not in self._locked:
                self._begun[key] = tracked
            self._locked.add(key)
        else:
            self._begun.pop(key, None)
            self._locked.discard(key)
            self._hinted.discard(key)

    def forget(self, key: SessionKey) -> None:
        """Drops what is kept of a session that is gone; reaper-lock has seen that by itself, if it runs."""
        self._begun.pop(key, None)
        self._locked.discard(key)
        self._hinted.discard(key)
        self._hindered.discard(key)
        self._failed.pop(key, None)
        self._obstacles.pop(key, None)

    def obstacle(self, tracked: TrackedSession, policy: Policy | None) -> str:
        """Why a session cannot be locked where a rule may ask for that; "" where it can, or none does."""
        key = tracked.session.key
        self._policy = policy
        self._obstacles.pop(key, None)
        if policy is None or not policy.locks:
            return ""
        why = self._failed.get(key) or self.examine(tracked)
        if why:
            self._obstacles[key] = why
        return why

    def examine(self, tracked: TrackedSession) -> str:
        """Why a session cannot be locked at this moment; "" where it can."""
        return self._host.lock_obstacle(tracked.session, tracked.terminals)

    def why_not(self, tracked: TrackedSession) -> str:
        """Why a session that its rule would lock cannot be, as a record has it; "" for any other."""
        why = self._obstacles.get(tracked.session.key, "")
        is_asked_for = self._policy is not None and asks_to_lock(self._policy, tracked.rule)
        return f"it cannot be locked: {why}" if why and is_asked_for else ""

    def begin(self, tracked: TrackedSession, policy_id: str, by: str, now: Instant) -> None:
        """Has a session locked. What stands in the way is found at the next look.

        Where a lock of it stands already, its files are all that the terminals can be given back by: they stay.
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
                with contextlib.suppress(ReaperError):  # asked again at the next look
                    self._actor.start_keeper(session.name)
                return
            before = self._host.read_lock(session)
            if before is not None and before.stage not in OVER and self._host.is_running(before.keeper):
                raise ReaperError("lock-failed", "what an earlier lock of it has taken is still being given back")
            until = None if limits.lock_for_usec is None else now.boot_usec + limits.lock_for_usec
            heading = lock_heading(tracked, by, now.boot_usec)
            fields = session_events.lock_fields(tracked, policy_id, by, now.boot_usec)
            self._actor.lock_terminals(session.name, LockOrder(session, heading, fields, now.boot_usec, until))
        except ReaperError as error:
            self._failed[session.key] = str(error)

    def take_up(self, tracked: TrackedSession) -> TrackedSession:
        """The session, locked where a lock stands that the daemon has not known of.

        An earlier daemon ordered it, whose state was lost or could not be saved since.
        """
        order = self._host.standing_lock(tracked.session)
        if order is None or tracked.life.phase in LASTING:
            return tracked
        self._journal.note(Priority.NOTICE, f"the lock of session {plain(tracked.session.name)} is taken up again")
        tracked = operations.adopt_lock(tracked, order)
        self.follow(tracked)
        return tracked

    def look(self, tracked: TrackedSession, now: Instant) -> LockChange:
        """What has become of a lock since the last look."""
        key = tracked.session.key
        if tracked.life.phase is not Phase.LOCKED:
            return LockChange()
        if key in self._failed:
            return self._give_up(tracked, self._failed[key], now)
        if tracked.origin is Origin.GRAPHICAL:
            return self._look_at_desktop(tracked, now)
        state = self._host.read_lock(tracked.session)
        is_kept = state is not None and self._host.is_running(state.keeper)
        if state is None or state.stage is Stage.LOCKING:
            waited_usec = now.boot_usec - max(tracked.life.locked_usec, self._watched_usec)
            if waited_usec >= (SLOW_USEC if is_kept else ESTABLISH_USEC):
                return self._withdraw(tracked, now, is_lost=state is None)
        elif state.stage is Stage.UNLOCKED:
            return LockChange(operations.unlock(tracked, self._readings(tracked), state.since_usec, now))
        elif state.stage is Stage.FAILED:
            return self._give_up(tracked, state.why, now)
        elif state.stage is Stage.REFUSED:
            return LockChange(operations.terminate_locked(tracked, now.boot_usec), state.why)
        # (Without an order it was stopped, and the session is about to be gone.)
        if not is_kept and self._host.standing_lock(tracked.session) is not None:
            with contextlib.suppress(ReaperError):  # asked again at the next look
                self._actor.start_keeper(tracked.session.name)
        return LockChange()

    def _withdraw(self, tracked: TrackedSession, now: Instant, *, is_lost: bool) -> LockChange:
        """A lock is not in force in time; or `is_lost`, which cannot be told from one that nobody keeps any more."""
        if is_lost and self._host.is_frozen(tracked.session):
            return LockChange(operations.terminate_locked(tracked, now.boot_usec), "what was known of its lock is lost")
        with contextlib.suppress(ReaperError):
            self._actor.withdraw_lock(tracked.session.name)
        return self._give_up(tracked, "reaper-lock does not get it done", now)

    def _give_up(self, tracked: TrackedSession, why: str, now: Instant) -> LockChange:
        """What was to be locked is not, and will not be tried again unless somebody orders it."""
        self._failed[tracked.session.key] = why
        name = plain(tracked.session.name)
        self._journal.note(Priority.ERR, f"session {name} is not locked, and goes on as it was: {plain(why)}")
        return LockChange(operations.abandon_lock(tracked, self._readings(tracked), now.boot_usec), why)

    def _readings(self, tracked: TrackedSession) -> tuple[TerminalSample, ...]:
        return self._host.read_terminals(self._host.terminal_names(tracked.session))

    def lapse(self, now_usec: int) -> None:
        """Nobody has looked for a while, and perhaps nothing has run: nobody is late before they could be in time."""
        self._watched_usec = now_usec

    def delay_usec(self, tracked: TrackedSession, now: Instant) -> int:
        """How long what is due for a session is to wait: 0 for not at all.

        Its end waits as its person has just unlocked it, its lock while many others are being established.
        """
        if operations.would_lock(tracked, now.boot_usec):
            return self._queue_usec(now)
        return self._opening_usec(tracked, now)

    def _queue_usec(self, now: Instant) -> int:
        if len(self._begun) >= MOST_AT_ONCE and now.boot_usec - self._counted_usec >= COUNT_AGAIN_USEC:
            self._counted_usec = now.boot_usec
            self._begun = {key: each for key, each in self._begun.items() if self._is_begun(each, now)}
        return PACE_USEC if len(self._begun) >= MOST_AT_ONCE else 0

    def _is_begun(self, tracked: TrackedSession, now: Instant) -> bool:
        """Whether a lock was ordered a moment ago, and is not yet in force as far as anybody has told."""
        waited_usec = now.boot_usec - tracked.life.locked_usec
        if tracked.origin is Origin.GRAPHICAL:
            return waited_usec < PACE_USEC
        state = self._host.read_lock(tracked.session)
        return waited_usec < COUNTED_USEC and (state is None or state.stage is Stage.LOCKING)

    def _opening_usec(self, tracked: TrackedSession, now: Instant) -> int:
        if tracked.life.phase is not Phase.LOCKED or tracked.origin is Origin.GRAPHICAL:
            return 0
        state = self._host.read_lock(tracked.session)
        is_opening = state is not None and state.stage in (Stage.UNLOCKING, Stage.UNLOCKED)
        since_usec = state.since_usec if state is not None else 0
        return FIRST_LOOK_USEC if is_opening and now.boot_usec - since_usec < ESTABLISH_USEC else 0

    def _look_at_desktop(self, tracked: TrackedSession, now: Instant) -> LockChange:
        """Unlocked is what was locked by logind's word and is not any more, or what is used though it never was."""
        key = tracked.session.key
        is_locked = self._host.read_locked_hint(tracked.session)
        if is_locked is None:
            return LockChange()
        if is_locked:
            self._hinted.add(key)
            return LockChange()
        idle_usec = self._host.read_idle_usec(tracked.session)
        is_used = idle_usec is not None and now.boot_usec - idle_usec > tracked.life.locked_usec + FIRST_LOOK_USEC
        if key in self._hinted or is_used:
            policy_id = self._policy.id if self._policy else ""
            self._journal.send(session_events.desktop_unlocked(tracked, policy_id, now.boot_usec))
            return LockChange(operations.unlock(tracked, (), now.boot_usec, now))
        return LockChange()

    def end(self, tracked: TrackedSession) -> None:
        """A session ends that may be locked: what is frozen wakes to a hangup, and its terminals are not given back."""
        if tracked.life.locked_usec and tracked.origin is not Origin.GRAPHICAL:
            with contextlib.suppress(ReaperError):  # asked again at the next rung
                self._actor.end_lock(tracked.session.name)

    def thaw(self, tracked: TrackedSession) -> None:
        """What a lock has stopped goes on, of a session whose line is lost or cut: there is nothing left to listen at.

        That is for reaper-lock to do; but it may have been killed, or been stopped before it was at work, and then
        what outlives the session would stay frozen for ever.
        """
        if not self._host.is_frozen(tracked.session):
            return
        try:
            self._actor.thaw(tracked.session.scope)
        except ReaperError as error:
            name = plain(tracked.session.name)
            self._journal.note(Priority.ERR, f"what session {name} leaves stays frozen: {plain(str(error))}")

    def clear(self, tracked: TrackedSession) -> None:
        """Clears away what a lock has left that is over by reaper-lock's own word, and whose session goes on."""
        state = self._host.read_lock(tracked.session)
        if not tracked.life.locked_usec and state is not None and state.stage in OVER:
            self._actor.forget_lock(tracked.session.name)
