"""Everything that happens to a session but evidence and a policy change. Pure.

Time passes, its limit is reached, a program defers its end, somebody holds or releases it, orders its end or its lock,
its user unlocks it, it is gone.
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
    """Holds a session; a warning that was given is withdrawn. A hold that there was gives way to this one."""
    life, limits = tracked.life, tracked.limits
    acts: list[Act] = []
    if limits is not None:
        opened = tracked.session.opened_usec
        life, acts = transitions.step(life, Stimulus.POLICY, limits, opened, now_usec)
        wanted = wanted._replace(action=limits.action if tracked.hold is None else tracked.hold.action)
        limits = with_action(limits, Action.OBSERVE)
    return changed(replace(tracked, hold=wanted, limits=limits), life, acts)


def release(tracked: TrackedSession, now_usec: int) -> TrackedSession:
    """The session without its hold, under its rule as it was. What was counted while it was held counts no more."""
    life, limits, held = tracked.life, tracked.limits, tracked.hold
    if limits is not None:
        opened = tracked.session.opened_usec
        life, _ = transitions.step(life, Stimulus.POLICY, limits, opened, now_usec)
        if held is not None and held.action is not None:
            limits = with_action(limits, held.action)
    return scheduled(replace(tracked, life=life, limits=limits, hold=None))


def terminate(tracked: TrackedSession, order: Order, now_usec: int) -> Change:
    """Begins the end of a session at somebody's word, whatever its limits say; neither hold nor `observe` keeps it."""
    limits = with_action(tracked.limits or BUILT_IN.environments[BUILT_IN.environment], Action.TERMINATE)
    opened = tracked.session.opened_usec
    life, _ = transitions.step(tracked.life, Stimulus.POLICY, limits, opened, now_usec)
    life, acts = transitions.step(life, Stimulus.LIMIT, limits, opened, now_usec)
    return changed(replace(tracked, limits=limits, hold=None, order=order), life, acts)


def lapse(tracked: TrackedSession, now_usec: int) -> TrackedSession:
    """Nobody looked for much longer than a poll: a warning from before counts no more (rule 5 of the lifecycle).

    An end that somebody ordered goes on: it waits for no answer.
    """
    if tracked.order is not None:
        return tracked
    limits = tracked.limits or BUILT_IN.environments[BUILT_IN.environment]
    life, _ = transitions.step(tracked.life, Stimulus.LAPSE, limits, tracked.session.opened_usec, now_usec)
    return scheduled(replace(tracked, life=life))


def pass_time(tracked: TrackedSession, now_usec: int) -> Change:
    """Whatever has become due, short of an end."""
    if tracked.limits is None or tracked.due_usec is None or now_usec < tracked.due_usec:
        return Change(tracked, ())
    return changed(tracked, *lifecycle.advance(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec))


def begin_termination(tracked: TrackedSession, now_usec: int) -> Change:
    """Begins the end of a session that is due."""
    assert tracked.limits is not None
    return changed(tracked, *lifecycle.end(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec))


def shorten_grace(tracked: TrackedSession, by_usec: int) -> TrackedSession:
    """The next rung of an end comes by then at the latest."""
    return scheduled(replace(tracked, life=lifecycle.shorten_grace(tracked.life, by_usec)))


def close(tracked: TrackedSession, now_usec: int) -> Change:
    """The session is not there any more."""
    limits = tracked.limits or BUILT_IN.environments[BUILT_IN.environment]
    return changed(
        tracked, *transitions.step(tracked.life, Stimulus.GONE, limits, tracked.session.opened_usec, now_usec)
    )


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
    return changed(replace(tracked, readings=readings, tampered=(), rhythm=None), life, acts)


def lock(tracked: TrackedSession, now_usec: int) -> Change:
    """Locks a session at somebody's word, whatever its limits say."""
    limits = with_action(tracked.limits or BUILT_IN.environments[BUILT_IN.environment], Action.LOCK)
    return changed(
        replace(tracked, limits=limits), *lifecycle.lock(tracked.life, limits, tracked.session.opened_usec, now_usec)
    )


def adopt_lock(tracked: TrackedSession, order: LockOrder) -> TrackedSession:
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


def abandon_lock(tracked: TrackedSession, readings: tuple[TerminalSample, ...], now_usec: int) -> Change:
    """The session could not be locked: it is as it was, and its rule will have to warn of something else."""
    assert tracked.limits is not None
    opened = tracked.session.opened_usec
    return changed(
        replace(tracked, readings=readings),
        *transitions.step(tracked.life, Stimulus.FAIL, tracked.limits, opened, now_usec),
    )


def terminate_locked(tracked: TrackedSession, now_usec: int) -> Change:
    """Begins the end of a locked session before its time, as its lock was tried too often."""
    assert tracked.limits is not None
    opened = tracked.session.opened_usec
    return changed(tracked, *transitions.step(tracked.life, Stimulus.LIMIT, tracked.limits, opened, now_usec))


def busy_left_usec(tracked: TrackedSession, now_usec: int) -> int:
    """For how much longer a program may put the end of the session off."""
    return 0 if tracked.limits is None else state.busy_left_usec(tracked.life, tracked.limits, now_usec)


def defer(tracked: TrackedSession, now_usec: int) -> Change:
    """Puts off the end of a session that is due, for a program that runs in it."""
    assert tracked.limits is not None
    return changed(tracked, *lifecycle.defer(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec))


def end_deferral(tracked: TrackedSession, now_usec: int) -> Change:
    """No program that its rule names runs in the session any more."""
    assert tracked.limits is not None
    return changed(
        tracked, *lifecycle.end_deferral(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec)
    )
