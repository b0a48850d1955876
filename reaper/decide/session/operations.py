"""Everything that changes a session except evidence (observation.py) and a policy change (policy_change.py). Pure.

Time passes, a limit is reached, a program delays the end, somebody holds or releases the session, orders its end or
its lock, the user unlocks it, or it is gone.
"""

from __future__ import annotations

from dataclasses import replace

from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.limits import Action, with_action
from reaper.decide.session import lifecycle, state, terminal_evidence, transitions
from reaper.decide.session.hold import Hold
from reaper.decide.session.lock_protocol import LockOrder
from reaper.decide.session.model import Instant, Order, TerminalSample
from reaper.decide.session.state import Act, Phase, Reason, Stimulus
from reaper.decide.session.tracked_session import Change, TrackedSession, changed, deadline, is_due, scheduled


def hold(tracked: TrackedSession, wanted: Hold, now_usec: int) -> Change:
    """Hold a session: a warning is withdrawn, and an earlier hold is replaced."""
    life, limits = tracked.life, tracked.limits
    acts: list[Act] = []
    if limits is not None:
        opened = tracked.session.opened_usec
        life, acts = transitions.step(life, Stimulus.POLICY, limits, opened, now_usec)
        wanted = wanted._replace(action=limits.action if tracked.hold is None else tracked.hold.action)
        limits = with_action(limits, Action.OBSERVE)
    return changed(replace(tracked, hold=wanted, limits=limits), life, acts)


def release(tracked: TrackedSession, now_usec: int) -> TrackedSession:
    """Return the session without its hold, under the limits of its rule.

    Warnings that were only logged during the hold do not count any more.
    """
    life, limits, held = tracked.life, tracked.limits, tracked.hold
    if limits is not None:
        opened = tracked.session.opened_usec
        life, _ = transitions.step(life, Stimulus.POLICY, limits, opened, now_usec)
        if held is not None and held.action is not None:
            limits = with_action(limits, held.action)
    return scheduled(replace(tracked, life=life, limits=limits, hold=None))


def terminate(tracked: TrackedSession, order: Order, now_usec: int) -> Change:
    """Begin to end a session by order of an administrator, whatever its limits are, even if it is held or observed."""
    limits = with_action(tracked.limits or BUILT_IN.environments[BUILT_IN.environment], Action.TERMINATE)
    opened = tracked.session.opened_usec
    life, _ = transitions.step(tracked.life, Stimulus.POLICY, limits, opened, now_usec)
    life, acts = transitions.step(life, Stimulus.LIMIT, limits, opened, now_usec)
    return changed(replace(tracked, limits=limits, hold=None, order=order), life, acts)


def lapse(tracked: TrackedSession, now_usec: int) -> TrackedSession:
    """Apply a lapse: the daemon did not watch for a while, so earlier warnings do not count (rule 5 of lifecycle.py).

    An end that an administrator ordered continues, as it waits for no answer.
    """
    if tracked.order is not None:
        return tracked
    limits = tracked.limits or BUILT_IN.environments[BUILT_IN.environment]
    life, _ = transitions.step(tracked.life, Stimulus.LAPSE, limits, tracked.session.opened_usec, now_usec)
    return scheduled(replace(tracked, life=life))


def pass_time(tracked: TrackedSession, now_usec: int) -> Change:
    """Apply the passing of time: whatever is due except an end."""
    if tracked.limits is None or tracked.due_usec is None or now_usec < tracked.due_usec:
        return Change(tracked, ())
    return changed(tracked, *lifecycle.advance(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec))


def begin_termination(tracked: TrackedSession, now_usec: int) -> Change:
    """Begin to end, or lock, a session that is due."""
    assert tracked.limits is not None
    return changed(tracked, *lifecycle.end(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec))


def shorten_grace(tracked: TrackedSession, by_usec: int) -> TrackedSession:
    """Return the session with the next step of its termination no later than `by_usec`."""
    return scheduled(replace(tracked, life=lifecycle.shorten_grace(tracked.life, by_usec)))


def close(tracked: TrackedSession, now_usec: int) -> Change:
    """Close a session that does not exist any more."""
    limits = tracked.limits or BUILT_IN.environments[BUILT_IN.environment]
    return changed(
        tracked, *transitions.step(tracked.life, Stimulus.GONE, limits, tracked.session.opened_usec, now_usec)
    )


def would_lock(tracked: TrackedSession, now_usec: int) -> bool:
    """Return whether the session is due and would be locked rather than ended."""
    if tracked.limits is None or tracked.limits.action is not Action.LOCK or tracked.life.phase is Phase.LOCKED:
        return False
    end = deadline(tracked)
    return is_due(tracked, now_usec) and end is not None and end.reason is Reason.IDLE


def unlock(tracked: TrackedSession, readings: tuple[TerminalSample, ...], since_usec: int, now: Instant) -> Change:
    """Unlock a session whose user was authenticated at `since_usec`; `readings` were taken since.

    Only the terminals show what the user has typed since then.
    """
    assert tracked.limits is not None
    at_usec = max([since_usec, *(terminal_evidence.bucket_end(reading, now) for reading in readings)])
    life, acts = lifecycle.unlock(tracked.life, tracked.limits, tracked.session.opened_usec, at_usec)
    return changed(replace(tracked, readings=readings, tampered=(), rhythm=None), life, acts)


def lock(tracked: TrackedSession, now_usec: int) -> Change:
    """Lock a session by order of a user, whatever its limits are."""
    limits = with_action(tracked.limits or BUILT_IN.environments[BUILT_IN.environment], Action.LOCK)
    return changed(
        replace(tracked, limits=limits), *lifecycle.lock(tracked.life, limits, tracked.session.opened_usec, now_usec)
    )


def adopt_lock(tracked: TrackedSession, order: LockOrder) -> TrackedSession:
    """Return a session as locked by an existing lock, when the daemon remembers nothing else of it.

    It is locked since the time of the order and for as long as the order says, whatever its rule's action is now, and
    without earlier warnings or holds.
    """
    limits = with_action(tracked.limits or BUILT_IN.environments[BUILT_IN.environment], Action.LOCK)
    lock_for_usec = None if order.until_usec is None else order.until_usec - order.locked_usec
    limits, opened = replace(limits, lock_for_usec=lock_for_usec), tracked.session.opened_usec
    life, _ = transitions.step(tracked.life, Stimulus.POLICY, limits, opened, order.locked_usec)
    life, _ = lifecycle.lock(life, limits, opened, order.locked_usec)
    rule = order.fields.get("rule") or tracked.rule
    return scheduled(replace(tracked, life=life, limits=limits, rule=rule, hold=None))


def abandon_lock(tracked: TrackedSession, readings: tuple[TerminalSample, ...], now_usec: int) -> Change:
    """Return a session that could not be locked to its rule, which warns again."""
    assert tracked.limits is not None
    opened = tracked.session.opened_usec
    return changed(
        replace(tracked, readings=readings),
        *transitions.step(tracked.life, Stimulus.FAIL, tracked.limits, opened, now_usec),
    )


def terminate_locked(tracked: TrackedSession, now_usec: int) -> Change:
    """Begin to end a locked session early, after too many failed attempts to unlock it."""
    assert tracked.limits is not None
    opened = tracked.session.opened_usec
    return changed(tracked, *transitions.step(tracked.life, Stimulus.LIMIT, tracked.limits, opened, now_usec))


def busy_left_usec(tracked: TrackedSession, now_usec: int) -> int:
    """Return for how much longer programs may delay the end of the session; 0 if they may not."""
    return 0 if tracked.limits is None else state.busy_left_usec(tracked.life, tracked.limits, now_usec)


def defer(tracked: TrackedSession, now_usec: int) -> Change:
    """Delay the end of a session that is due, because of a program that runs in it."""
    assert tracked.limits is not None
    return changed(tracked, *lifecycle.defer(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec))


def end_deferral(tracked: TrackedSession, now_usec: int) -> Change:
    """End the delay of a session in which no `busy` program runs any more."""
    assert tracked.limits is not None
    return changed(
        tracked, *lifecycle.end_deferral(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec)
    )
