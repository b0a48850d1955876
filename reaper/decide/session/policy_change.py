"""Apply the policy to a session: the rule that matches it now, and its limits. Pure."""

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
    """Apply a policy to a session. Without a policy, nothing is due. `local` is needed if a rule has `hours`.

    `unlockable` is why the session cannot be locked, "" if it can; `action: lock` then becomes `terminate`.
    """
    if policy is None:
        if tracked.order is not None or (tracked.life.phase in LASTING and tracked.life.locked_usec):
            return Change(scheduled(tracked), ())  # begun by order, or under an earlier policy
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
        return Change(scheduled(tracked), ())  # completed under the rule under which it began
    if tracked.hold is not None:
        hold = trim(tracked.hold, bounds(tracked, policy, verdict.rule, verdict.limits))
        tracked = replace(tracked, hold=hold._replace(action=verdict.limits.action))
        verdict = replace(verdict, limits=with_action(verdict.limits, Action.OBSERVE))
    life, acts = tracked.life, list[Act]()
    opened = tracked.session.opened_usec
    is_other = tracked.rule not in ("", verdict.rule)
    if tracked.limits is None and (is_other or is_warning_unshown(life, verdict.limits)):
        # The session was restored, and it has another rule than before (the user's groups changed), or its warnings
        # were only logged: they do not count any more, and there is nothing to withdraw.
        for stimulus in (Stimulus.LAPSE, Stimulus.POLICY):
            life, _ = transitions.step(life, stimulus, verdict.limits, opened, now_usec)
    if tracked.limits is not None and tracked.limits != verdict.limits:
        life, acts = lifecycle.change_limits(life, tracked.limits, verdict.limits, opened, now_usec)
    return Change(scheduled(replace(tracked, life=life, rule=verdict.rule, limits=verdict.limits)), tuple(acts))


def keep_limits(tracked: TrackedSession, policy: Policy) -> TrackedSession:
    """Return a session whose rule is not known for now with the limits that it has; only its hold is trimmed again."""
    if tracked.hold is None or tracked.limits is None:
        return tracked
    limits, _ = cap(tracked.limits, ceiling_over(policy, tracked.rule))
    return scheduled(replace(tracked, hold=trim(tracked.hold, bounds(tracked, policy, tracked.rule, limits))))


def bounds(tracked: TrackedSession, policy: Policy, rule: str, limits: Limits) -> Bounds:
    """Return what bounds the holds of a session under this rule."""
    return Bounds(limits, ceiling_over(policy, rule), tracked.session.opened_usec, tracked.life.evidence_usec)
