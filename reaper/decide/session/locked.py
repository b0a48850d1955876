"""What a lock changes about a session: it begins, its person opens it, or it does not hold.  Pure."""

from __future__ import annotations

from dataclasses import replace

from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.limits import Action, with_action
from reaper.decide.session import lifecycle, terminal_evidence, transitions
from reaper.decide.session.lock_protocol import LockOrder
from reaper.decide.session.model import Instant, TerminalSample
from reaper.decide.session.state import Phase, Reason, Stimulus
from reaper.decide.session.tracking import Change, TrackedSession, deadline, go_on, is_due, scheduled


def would_lock(tracked: TrackedSession, now_usec: int) -> bool:
    """Whether the session is due, and would then be locked and not ended."""
    if tracked.limits is None or tracked.limits.action is not Action.LOCK or tracked.life.phase is Phase.LOCKED:
        return False
    end = deadline(tracked)
    return is_due(tracked, now_usec) and end is not None and end.reason is Reason.IDLE


def unlock(tracked: TrackedSession, readings: tuple[TerminalSample, ...], since_usec: int, now: Instant) -> Change:
    """The person of a locked session has proved who they are, and its terminals read like this since.

    What they have typed since then shows on the terminals alone.
    """
    assert tracked.limits is not None
    at_usec = max([since_usec, *(terminal_evidence.bucket_end(reading, now) for reading in readings)])
    life, acts = lifecycle.unlock(tracked.life, tracked.limits, tracked.session.opened_usec, at_usec)
    return go_on(replace(tracked, readings=readings, tampered=(), rhythm=None), life, acts)


def lock(tracked: TrackedSession, now_usec: int) -> Change:
    """Locks a session at somebody's word, whatever its limits say."""
    limits = with_action(tracked.limits or BUILT_IN.environments[BUILT_IN.environment], Action.LOCK)
    return go_on(
        replace(tracked, limits=limits), *lifecycle.lock(tracked.life, limits, tracked.session.opened_usec, now_usec)
    )


def take_up(tracked: TrackedSession, order: LockOrder) -> TrackedSession:
    """A session that a lock holds, and of which nothing else is remembered: it is locked since then, and for as long.

    Whatever the action of its rule is by now, and whatever was announced or held.
    """
    limits = with_action(tracked.limits or BUILT_IN.environments[BUILT_IN.environment], Action.LOCK)
    lock_for_usec = None if order.until_usec is None else order.until_usec - order.locked_usec
    limits, opened = replace(limits, lock_for_usec=lock_for_usec), tracked.session.opened_usec
    life, _ = transitions.step(tracked.life, Stimulus.POLICY, limits, opened, order.locked_usec)
    life, _ = lifecycle.lock(life, limits, opened, order.locked_usec)
    rule = order.fields.get("rule") or tracked.rule
    return scheduled(replace(tracked, life=life, limits=limits, rule=rule, hold=None))


def give_up(tracked: TrackedSession, readings: tuple[TerminalSample, ...], now_usec: int) -> Change:
    """The session could not be locked: it is as it was, and its rule will have to warn of something else."""
    assert tracked.limits is not None
    opened = tracked.session.opened_usec
    return go_on(
        replace(tracked, readings=readings),
        *transitions.step(tracked.life, Stimulus.FAIL, tracked.limits, opened, now_usec),
    )


def break_off(tracked: TrackedSession, now_usec: int) -> Change:
    """Begins the end of a locked session before its time, as its lock was tried too often."""
    assert tracked.limits is not None
    opened = tracked.session.opened_usec
    return go_on(tracked, *transitions.step(tracked.life, Stimulus.LIMIT, tracked.limits, opened, now_usec))
