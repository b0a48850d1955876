"""How a session comes under the rule that it falls under now. Pure."""

from __future__ import annotations

from dataclasses import replace

from reaper.decide.policy.ceiling import cap
from reaper.decide.policy.limits import Action, Limits, with_action
from reaper.decide.policy.rules import Policy, ceiling_over, judge, limits_of_kind
from reaper.decide.session import lifecycle, transitions
from reaper.decide.session.hold import Bounds, trim
from reaper.decide.session.state import LASTING, Act, Phase, Stimulus, is_warning_unshown
from reaper.decide.session.tracked_session import Change, TrackedSession, scheduled, subject_of
from reaper.decide.text.hours import LocalTime


def apply_policy(
    tracked: TrackedSession,
    policy: Policy | None,
    groups: frozenset[str],
    now_usec: int,
    local: LocalTime | None = None,
    unlockable: str = "",
) -> Change:
    """Puts a session under a policy. Without one, nothing is due. `local` is for policies that ask for it.

    `unlockable` is why the session cannot be locked, "" where it can: what would be locked is ended then.
    """
    if policy is None:
        if tracked.order is not None or (tracked.life.phase in LASTING and tracked.life.locked_usec):
            return Change(scheduled(tracked), ())  # begun at somebody's word, or under a policy that there was
        return Change(scheduled(replace(tracked, rule="", limits=None)), ())
    verdict = judge(policy, subject_of(tracked, groups, local))
    verdict = replace(verdict, limits=limits_of_kind(policy, verdict, tracked.origin, bool(tracked.readings)))
    if unlockable and verdict.limits.action is Action.LOCK:
        verdict = replace(verdict, limits=with_action(verdict.limits, Action.TERMINATE))
    if tracked.order is not None:
        limits = tracked.limits or with_action(verdict.limits, Action.TERMINATE)
        return Change(scheduled(replace(tracked, rule=tracked.rule or verdict.rule, limits=limits)), ())
    phase = tracked.life.phase
    is_called_off = verdict.limits.action is Action.OBSERVE and not tracked.life.locked_usec
    stays = phase is Phase.LOCKED or (phase is Phase.ENDING and not is_called_off)
    if stays and tracked.limits is not None:
        return Change(scheduled(tracked), ())  # brought to its end under the rule that it was begun under
    if tracked.hold is not None:
        hold = trim(tracked.hold, bounds(tracked, policy, verdict.rule, verdict.limits))
        tracked = replace(tracked, hold=hold._replace(action=verdict.limits.action))
        verdict = replace(verdict, limits=with_action(verdict.limits, Action.OBSERVE))
    life, acts = tracked.life, list[Act]()
    opened = tracked.session.opened_usec
    is_other = tracked.rule not in ("", verdict.rule)
    if tracked.limits is None and (is_other or is_warning_unshown(life, verdict.limits)):
        # Restored, and under another rule than before (the user's groups changed), or under one that wrote nothing on
        # the terminals or only observed: what was announced counts no more, and there is nothing to take back.
        for stimulus in (Stimulus.LAPSE, Stimulus.POLICY):
            life, _ = transitions.step(life, stimulus, verdict.limits, opened, now_usec)
    if tracked.limits is not None and tracked.limits != verdict.limits:
        life, acts = lifecycle.change_limits(life, tracked.limits, verdict.limits, opened, now_usec)
    return Change(scheduled(replace(tracked, life=life, rule=verdict.rule, limits=verdict.limits)), tuple(acts))


def keep_limits(tracked: TrackedSession, policy: Policy) -> TrackedSession:
    """Returns a session whose rule cannot be told for now, under the limits that it has; its hold is capped again."""
    if tracked.hold is None or tracked.limits is None:
        return tracked
    limits, _ = cap(tracked.limits, ceiling_over(policy, tracked.rule))
    return scheduled(replace(tracked, hold=trim(tracked.hold, bounds(tracked, policy, tracked.rule, limits))))


def bounds(tracked: TrackedSession, policy: Policy, rule: str, limits: Limits) -> Bounds:
    """What limits the holds of a session that is under this rule."""
    return Bounds(limits, ceiling_over(policy, rule), tracked.session.opened_usec, tracked.life.evidence_usec)
