"""The step of a session that is due: the questions to ask, their order, and what follows from each answer.

Pure: the caller answers the questions. The daemon answers from the host and carries out the results; a simulation
answers from recorded history. So the same code decides in both.

The order is: Is a hold over? Look at the evidence, at shared input and at the lock. Let time pass. If the session is
due then: Is it alive? Was the warning delivered? Look again: is it still due? Does a program delay the end? Can it be
locked? Does the brake allow it? Did the daemon watch all the time? Then end it. Later questions cost more, and most
sessions need only the first few. No session is ended unless every question was answered in the same step.
"""

from __future__ import annotations

from typing import Protocol

from reaper.decide.session import hold, operations
from reaper.decide.session.model import Instant, Program, SessionKey
from reaper.decide.session.tracked_session import Change, TrackedSession, is_due


class Surroundings(Protocol):
    """Answers the questions about a session, and carries out the results. Times are boot-time microseconds."""

    def tracked(self, key: SessionKey) -> TrackedSession:
        """Return the session in its current state."""

    def commit(self, key: SessionKey, change: Change, now: Instant, program: Program | None = None) -> None:
        """Store a changed session and carry out its actions; `program` is the one that delays its end."""

    def wait_until(self, key: SessionKey, usec: int) -> None:
        """Take the step again at a moment."""

    def end_hold(self, key: SessionKey, now: Instant) -> None:
        """End a hold whose time is over."""

    def look(self, key: SessionKey, now: Instant) -> None:
        """Apply the evidence on the session's known terminals."""

    def look_closely(self, key: SessionKey, now: Instant) -> None:
        """Find the session's terminals, and apply the evidence on them."""

    def look_at_shared(self, key: SessionKey, now: Instant) -> None:
        """Apply input in other sessions of the same user, if the session's rule counts it."""

    def look_at_lock(self, key: SessionKey, now: Instant) -> None:
        """Apply the state of the session's lock."""

    def is_alive(self, key: SessionKey) -> bool:
        """Return whether the session still exists."""

    def check_gone(self, key: SessionKey, now: Instant) -> None:
        """Close the session if nothing of it exists any more."""

    def delay_usec(self, key: SessionKey, now: Instant) -> int:
        """Return how long the end or lock must wait for a warning to be delivered or for other locks; 0 if not."""

    def busy_program(self, key: SessionKey, now: Instant) -> Program | None:
        """Return the program that delays the end; None if there is none or its time is over."""

    def judge(self, key: SessionKey, now: Instant) -> None:
        """Apply the rule that matches the session now, after checking whether it can be locked."""

    def brake_until_usec(self, key: SessionKey, now: Instant) -> int:
        """Return until when the brake holds this end back; 0 if it does not."""

    def watched_now(self) -> Instant:
        """Return the current time; if the daemon did not watch for a while before it, apply the lapse first."""

    def lock(self, key: SessionKey, change: Change, by: str, now: Instant) -> None:
        """Save and lock the session; `by` is who ordered it, "" if its limit did."""

    def terminate(self, key: SessionKey, change: Change, now: Instant) -> None:
        """Save the session and begin to end it."""


def take(surroundings: Surroundings, key: SessionKey, now: Instant) -> None:
    """Do what is due for a session: end its hold, warn, lock or end it, or take the next step of its termination."""
    if hold.is_over(surroundings.tracked(key).hold, now.boot_usec):
        surroundings.end_hold(key, now)
    surroundings.look(key, now)
    surroundings.look_at_shared(key, now)
    surroundings.look_at_lock(key, now)
    surroundings.commit(key, operations.pass_time(surroundings.tracked(key), now.boot_usec), now)
    if is_due(surroundings.tracked(key), now.boot_usec):
        _end(surroundings, key, now)


def _end(surroundings: Surroundings, key: SessionKey, now: Instant) -> None:
    """End or lock a session that is due, unless an answer prevents it."""
    if not surroundings.is_alive(key):
        surroundings.check_gone(key, now)
        return
    delay_usec = surroundings.delay_usec(key, now)
    if delay_usec:
        surroundings.wait_until(key, now.boot_usec + delay_usec)
        return
    surroundings.look_closely(key, now)
    if not is_due(surroundings.tracked(key), now.boot_usec):
        return
    program = surroundings.busy_program(key, now)
    if program is not None:
        surroundings.commit(key, operations.defer(surroundings.tracked(key), now.boot_usec), now, program)
        return
    if operations.would_lock(surroundings.tracked(key), now.boot_usec):
        _lock(surroundings, key, now)
        return
    until_usec = surroundings.brake_until_usec(key, now)
    if until_usec:
        surroundings.wait_until(key, until_usec)
        return
    now = surroundings.watched_now()
    if is_due(surroundings.tracked(key), now.boot_usec):  # (not after a lapse since the look)
        surroundings.terminate(key, operations.begin_termination(surroundings.tracked(key), now.boot_usec), now)


def _lock(surroundings: Surroundings, key: SessionKey, now: Instant) -> None:
    """Lock a session that is due; if it cannot be locked, it gets limits that end it, after a warning."""
    surroundings.judge(key, now)
    if operations.would_lock(surroundings.tracked(key), now.boot_usec):
        change = operations.begin_termination(surroundings.tracked(key), now.boot_usec)
        surroundings.lock(key, change, "", now)
    else:
        take(surroundings, key, now)
