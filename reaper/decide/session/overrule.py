"""What somebody's word changes about a session: a hold, the end of one, an end that no limit asks for.  Pure."""

from __future__ import annotations

from dataclasses import replace

from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.limits import Action, with_action
from reaper.decide.session import transitions
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Order
from reaper.decide.session.state import Act, Stimulus
from reaper.decide.session.tracking import Change, TrackedSession, go_on, scheduled


def hold(tracked: TrackedSession, wanted: Hold, now_usec: int) -> Change:
    """Holds a session; a warning that was given is withdrawn. A hold that there was gives way to this one."""
    life, limits = tracked.life, tracked.limits
    acts: list[Act] = []
    if limits is not None:
        opened = tracked.session.opened_usec
        life, acts = transitions.step(life, Stimulus.POLICY, limits, opened, now_usec)
        wanted = wanted._replace(action=limits.action if tracked.hold is None else tracked.hold.action)
        limits = with_action(limits, Action.OBSERVE)
    return go_on(replace(tracked, hold=wanted, limits=limits), life, acts)


def release(tracked: TrackedSession, now_usec: int) -> TrackedSession:
    """The session without its hold, under its rule as it was. What was counted while it was held counts no more."""
    life, limits, held = tracked.life, tracked.limits, tracked.hold
    if limits is not None:
        opened = tracked.session.opened_usec
        life, _ = transitions.step(life, Stimulus.POLICY, limits, opened, now_usec)
        if held is not None and held.action is not None:
            limits = with_action(limits, held.action)
    return scheduled(replace(tracked, life=life, limits=limits, hold=None))


def dismiss(tracked: TrackedSession, order: Order, now_usec: int) -> Change:
    """Begins the end of a session at somebody's word, whatever its limits say; neither hold nor `observe` keeps it."""
    limits = with_action(tracked.limits or BUILT_IN.environments[BUILT_IN.environment], Action.TERMINATE)
    opened = tracked.session.opened_usec
    life, _ = transitions.step(tracked.life, Stimulus.POLICY, limits, opened, now_usec)
    life, acts = transitions.step(life, Stimulus.LIMIT, limits, opened, now_usec)
    return go_on(replace(tracked, limits=limits, hold=None, order=order), life, acts)
