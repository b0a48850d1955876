"""What is done when the moment of a session has come: the order of the questions, and what follows from each answer.

Pure: whoever drives a session answers the questions. The daemon answers from the host and carries out what comes of it;
a simulation answers from recorded history. So both decide by this code.

The order is: hold over, look, shared input, lock, time, due? then alive, told, look again, due?, busy, lockable, brake,
watched, end. Each question costs the more the later it comes, and most sessions need only the first few. Nothing is
ended before every question has been answered in this very step.
"""

from __future__ import annotations

from typing import Protocol

from reaper.decide.session import hold, operations
from reaper.decide.session.model import Instant, Program, SessionKey
from reaper.decide.session.tracked_session import Change, TrackedSession, is_due


class Surroundings(Protocol):
    """Answers the questions about a session, and takes over what comes of the answers. Times are boot-time usec."""

    def tracked(self, key: SessionKey) -> TrackedSession:
        """The session as it is after all that was done so far."""

    def commit(self, key: SessionKey, change: Change, now: Instant, program: Program | None = None) -> None:
        """Takes over a changed session and carries out its acts; `program` is what its end is deferred for."""

    def wait_until(self, key: SessionKey, usec: int) -> None:
        """Has the step taken again at a moment."""

    def end_hold(self, key: SessionKey, now: Instant) -> None:
        """Ends a hold whose time is over."""

    def look(self, key: SessionKey, now: Instant) -> None:
        """Takes in the evidence on the session's known terminals."""

    def look_closely(self, key: SessionKey, now: Instant) -> None:
        """The same, and which its terminals are by now."""

    def look_at_shared(self, key: SessionKey, now: Instant) -> None:
        """Takes in input in other sessions of the same user, where the session's rule counts it."""

    def look_at_lock(self, key: SessionKey, now: Instant) -> None:
        """Takes in what has become of the session's lock."""

    def is_alive(self, key: SessionKey) -> bool:
        """Whether the session is still there."""

    def check_gone(self, key: SessionKey, now: Instant) -> None:
        """Closes the session if nothing of it is left."""

    def delay_usec(self, key: SessionKey, now: Instant) -> int:
        """How long the end or lock has to wait: the warning was refused, or other locks come first; 0 for not."""

    def busy_program(self, key: SessionKey, now: Instant) -> Program | None:
        """The program that the end has to wait for; None for none, or where it has waited long enough."""

    def judge(self, key: SessionKey, now: Instant) -> None:
        """Puts the session under the rule that it falls under now, by whether it can be locked."""

    def brake_until_usec(self, key: SessionKey, now: Instant) -> int:
        """Until when too many other ends hold this one back; 0 for not at all."""

    def watched_now(self) -> Instant:
        """The time. Where nobody watched for a while before it, the sessions have lapsed by the return."""

    def lock(self, key: SessionKey, change: Change, by: str, now: Instant) -> None:
        """Saves and locks the session; `by` is "" where its limit does."""

    def terminate(self, key: SessionKey, change: Change, now: Instant) -> None:
        """Saves and begins to end the session."""


def take(surroundings: Surroundings, key: SessionKey, now: Instant) -> None:
    """Does what is due for a session: the end of its hold, a warning, its lock, its end or the next step of that."""
    if hold.is_over(surroundings.tracked(key).hold, now.boot_usec):
        surroundings.end_hold(key, now)
    surroundings.look(key, now)
    surroundings.look_at_shared(key, now)
    surroundings.look_at_lock(key, now)
    surroundings.commit(key, operations.pass_time(surroundings.tracked(key), now.boot_usec), now)
    if is_due(surroundings.tracked(key), now.boot_usec):
        _end(surroundings, key, now)


def _end(surroundings: Surroundings, key: SessionKey, now: Instant) -> None:
    """Ends or locks a session that is due, if nothing speaks against it at this moment."""
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
    if is_due(surroundings.tracked(key), now.boot_usec):  # (not where nobody watched since the look)
        surroundings.terminate(key, operations.begin_termination(surroundings.tracked(key), now.boot_usec), now)


def _lock(surroundings: Surroundings, key: SessionKey, now: Instant) -> None:
    """Locks a session that is due, if it can be locked; else it comes under limits that end it, with a warning."""
    surroundings.judge(key, now)
    if operations.would_lock(surroundings.tracked(key), now.boot_usec):
        change = operations.begin_termination(surroundings.tracked(key), now.boot_usec)
        surroundings.lock(key, change, "", now)
    else:
        take(surroundings, key, now)
