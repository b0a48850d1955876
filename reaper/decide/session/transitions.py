"""The transition table: what each stimulus does in each phase, and the actions that result.

Pure. The rules are in lifecycle.py; the table in reaper(7) is drawn from this one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Action, Limits, Notify, shows_warnings
from reaper.decide.session.state import (
    TOGETHER_USEC,
    Act,
    Defer,
    LifecycleEvent,
    Lock,
    LogEvent,
    Phase,
    Reason,
    SessionState,
    Signal,
    Stimulus,
    TerminationStep,
    Warn,
    WithdrawWarning,
    deadline,
    ends,
    is_warning_unshown,
    nearest_limit,
)
from reaper.decide.text.duration import USEC_PER_SEC

# After the last step there is nothing stronger: the failure is logged, and the last step repeated after this time.
RETRY_USEC = 60 * USEC_PER_SEC


def step(
    life: SessionState,
    stimulus: Stimulus,
    limits: Limits,
    opened_usec: int,
    now_usec: int,
    gap_usec: int = 0,
    after: Limits | None = None,
) -> tuple[SessionState, list[Act]]:
    """Return the next state by the table, and the actions to carry out."""
    transition = TABLE[life.phase, stimulus]
    return transition(_TransitionInput(life, limits, opened_usec, now_usec, gap_usec, after))


class _TransitionInput(NamedTuple):
    """Everything on which a transition depends."""

    life: SessionState
    limits: Limits
    opened_usec: int
    now_usec: int
    gap_usec: int
    after: Limits | None  # the limits that apply from now on, for Stimulus.POLICY

    @property
    def reason(self) -> Reason:
        if self.life.ending is not None:
            return self.life.ending
        if self.life.phase is Phase.LOCKED:
            nearest = deadline(self.life, self.limits, self.opened_usec)
            return nearest.reason if nearest else Reason.LOCK
        nearest = nearest_limit(self.life.evidence_usec, self.limits, self.opened_usec)
        return nearest.reason if nearest else Reason.IDLE

    @property
    def idle_usec(self) -> int:
        return max(0, self.now_usec - self.life.evidence_usec)


Outcome = tuple[SessionState, list[Act]]


def _stay(context: _TransitionInput) -> Outcome:
    return context.life, []


def _warn(context: _TransitionInput) -> Outcome:
    """Warn of the end or lock. Warnings that were missed, or are due within a second, are given as one."""
    first_warned = context.life.first_warned_usec or context.now_usec
    life = replace(context.life, phase=Phase.WARNED, first_warned_usec=first_warned)
    end = deadline(life, context.limits, context.opened_usec)
    if end is None:
        return context.life, []
    left = end.usec - context.now_usec
    stages = sum(1 for lead in context.limits.warn_usec if left < lead + TOGETHER_USEC)
    is_shown = shows_warnings(context.limits)
    life = replace(life, stages=max(stages, context.life.stages), was_shown=life.was_shown or is_shown)
    if ends(end, context.limits) and is_shown:
        life = replace(life, announced_usec=min(end.usec, life.announced_usec or end.usec))
    acts: list[Act] = [] if context.limits.action is Action.OBSERVE else [Warn(end.reason, left)]
    return life, [*acts, LogEvent(LifecycleEvent.WARNED, end.reason, left)]


def _withdraw_warning(context: _TransitionInput) -> Outcome:
    life, _ = _reset(context)
    acts: list[Act] = (
        [WithdrawWarning()] if context.life.was_shown and context.limits.action is not Action.OBSERVE else []
    )
    return life, [*acts, LogEvent(LifecycleEvent.CANCELLED, Reason.IDLE, context.gap_usec)]


def _change_limits(context: _TransitionInput) -> Outcome:
    """Apply other limits: withdraw the warning, unless it would have been given by now under them too (rule 9)."""
    life, after = context.life, context.after
    nearest = nearest_limit(life.evidence_usec, after, context.opened_usec) if after is not None else None
    if (
        after is None
        or nearest is None
        or Action.OBSERVE in (context.limits.action, after.action)
        or not after.warn_usec
        or context.now_usec < nearest.usec - after.warn_usec[0]
    ):
        return _withdraw_warning(context)
    announced, lead_usec = deadline(life, context.limits, context.opened_usec), after.warn_usec[-1]
    was_unshown = is_warning_unshown(life, after)
    if was_unshown:
        life = replace(life, first_warned_usec=context.now_usec)  # the user is warned for the first time (rule 10)
    elif ends(nearest, after):
        # If only a lock was announced, the user has not been warned of an end.
        since_usec = max(life.first_warned_usec, life.announced_usec - lead_usec)
        stands = bool(life.announced_usec) or after.notify is Notify.NONE
        life = replace(life, first_warned_usec=min(context.now_usec, since_usec) if stands else context.now_usec)
    end = deadline(life, after, context.opened_usec)
    if end is None or end != announced or after.action is not context.limits.action or was_unshown:
        return replace(life, stages=0), []  # the new deadline is announced at once
    return replace(life, stages=sum(1 for lead in after.warn_usec if end.usec - context.now_usec <= lead)), []


def _reset(context: _TransitionInput) -> Outcome:
    life = replace(context.life, phase=Phase.ACTIVE, ending=None, locked_usec=0)
    return replace(life, stages=0, first_warned_usec=0, announced_usec=0, was_shown=False), []


def _defer(context: _TransitionInput) -> Outcome:
    since = context.life.deferred_usec or context.now_usec
    life, _ = _reset(context)
    life = replace(life, phase=Phase.DEFERRED, deferred_usec=since)
    left = max(0, since + context.limits.busy_max_usec - context.now_usec)
    acts: list[Act] = [] if context.limits.action is Action.OBSERVE else [Defer(context.reason, left)]
    return life, [*acts, LogEvent(LifecycleEvent.DEFERRED, context.reason, left)]


def _end_deferral(context: _TransitionInput) -> Outcome:
    life, _ = _reset(context)
    return life, [] if context.limits.action is Action.OBSERVE else [WithdrawWarning()]


def _reach_limit(context: _TransitionInput) -> Outcome:
    if context.limits.action is Action.OBSERVE:
        return replace(context.life, phase=Phase.OBSERVED, ending=None), [
            LogEvent(LifecycleEvent.OBSERVED, context.reason, context.idle_usec)
        ]
    is_locked = context.life.phase is Phase.LOCKED
    if context.limits.action is Action.LOCK and not is_locked and context.reason is Reason.IDLE:
        return _lock(context)
    until = context.now_usec + context.limits.grace_usec
    life = replace(
        context.life, phase=Phase.ENDING, rung=TerminationStep.HANGUP, rung_until_usec=until, ending=context.reason
    )
    return life, [
        LogEvent(LifecycleEvent.ENDING, context.reason, context.idle_usec),
        Signal(TerminationStep.HANGUP, context.reason),
    ]


def _terminate_locked(context: _TransitionInput) -> Outcome:
    return _stay(context) if context.limits.action is Action.OBSERVE else _reach_limit(context)


def _order_lock(context: _TransitionInput) -> Outcome:
    return _stay(context) if context.limits.action is Action.OBSERVE else _lock(context)


def _lock(context: _TransitionInput) -> Outcome:
    life, _ = _reset(context)
    life = replace(life, phase=Phase.LOCKED, locked_usec=context.now_usec)
    return life, [Lock()]


def _unlock(context: _TransitionInput) -> Outcome:
    since = max(context.life.evidence_usec, context.now_usec)
    life, _ = _reset(context)
    return replace(life, evidence=EvidenceKind.UNLOCKED, evidence_usec=since, deferred_usec=0, locked_usec=0), []


def _escalate(context: _TransitionInput) -> Outcome:
    """Take the next step of the termination. If the session still exists after KILL and its grace, log a failure.

    If the action has changed to `observe` in the meantime, no further step is taken.
    """
    life, limits = context.life, context.limits
    if limits.action is Action.OBSERVE:
        return _reach_limit(context)
    if life.rung is not TerminationStep.KILL:
        rung = TerminationStep(life.rung + 1)
        life = replace(life, rung=rung, rung_until_usec=context.now_usec + max(limits.grace_usec, USEC_PER_SEC))
        return life, [Signal(rung, context.reason)]
    life = replace(life, rung_until_usec=context.now_usec + RETRY_USEC)
    return life, [
        LogEvent(LifecycleEvent.TERMINATE_FAILED, context.reason, context.idle_usec),
        Signal(TerminationStep.KILL, context.reason),
    ]


def _abort_termination(context: _TransitionInput) -> Outcome:
    """Cancel an end after a lapse; but not that of a locked session, whose terminals are hung up, not given back."""
    return _stay(context) if context.life.locked_usec else _reset(context)


def _close(context: _TransitionInput) -> Outcome:
    return replace(context.life, phase=Phase.GONE), [LogEvent(LifecycleEvent.CLOSED, context.reason, context.idle_usec)]


def _terminated(context: _TransitionInput) -> Outcome:
    return replace(context.life, phase=Phase.GONE), [
        LogEvent(LifecycleEvent.TERMINATED, context.reason, context.idle_usec)
    ]


class Transition(NamedTuple):
    """An entry of the table: the possible next phases, and the function that makes the transition."""

    to: tuple[Phase, ...]
    by: object

    def __call__(self, context: _TransitionInput) -> Outcome:
        """Make the transition, and check that its phase is one of `to`."""
        assert callable(self.by)
        life, acts = self.by(context)
        assert life.phase in self.to
        return life, acts


def _transitions(phase: Phase, **transitions: Transition) -> dict[tuple[Phase, Stimulus], Transition]:
    ignore = Transition((phase,), _stay)
    return {(phase, stimulus): transitions.get(stimulus.value, ignore) for stimulus in Stimulus}


TABLE: dict[tuple[Phase, Stimulus], Transition] = {
    **_transitions(
        Phase.ACTIVE,
        lead=Transition((Phase.ACTIVE, Phase.WARNED), _warn),
        limit=Transition((Phase.LOCKED, Phase.ENDING, Phase.OBSERVED), _reach_limit),
        busy=Transition((Phase.DEFERRED,), _defer),
        lock=Transition((Phase.ACTIVE, Phase.LOCKED), _order_lock),
        gone=Transition((Phase.GONE,), _close),
    ),
    **_transitions(
        Phase.WARNED,
        evidence=Transition((Phase.ACTIVE,), _withdraw_warning),
        lead=Transition((Phase.WARNED,), _warn),
        limit=Transition((Phase.LOCKED, Phase.ENDING, Phase.OBSERVED), _reach_limit),
        busy=Transition((Phase.DEFERRED,), _defer),
        lock=Transition((Phase.WARNED, Phase.LOCKED), _order_lock),
        policy=Transition((Phase.ACTIVE, Phase.WARNED), _change_limits),
        lapse=Transition((Phase.ACTIVE,), _reset),
        gone=Transition((Phase.GONE,), _close),
    ),
    **_transitions(
        Phase.DEFERRED,
        evidence=Transition((Phase.ACTIVE,), _end_deferral),
        free=Transition((Phase.ACTIVE,), _reset),
        lock=Transition((Phase.DEFERRED, Phase.LOCKED), _order_lock),
        policy=Transition((Phase.ACTIVE,), _reset),
        gone=Transition((Phase.GONE,), _close),
    ),
    **_transitions(
        Phase.LOCKED,
        unlock=Transition((Phase.ACTIVE,), _unlock),
        fail=Transition((Phase.ACTIVE,), _reset),
        limit=Transition((Phase.LOCKED, Phase.ENDING), _terminate_locked),
        gone=Transition((Phase.GONE,), _close),
    ),
    **_transitions(
        Phase.OBSERVED,
        evidence=Transition((Phase.ACTIVE,), _reset),
        policy=Transition((Phase.ACTIVE,), _reset),
        gone=Transition((Phase.GONE,), _close),
    ),
    **_transitions(
        Phase.ENDING,
        rung=Transition((Phase.ENDING, Phase.OBSERVED), _escalate),
        lapse=Transition((Phase.ACTIVE, Phase.ENDING), _abort_termination),
        gone=Transition((Phase.GONE,), _terminated),
    ),
    **_transitions(Phase.GONE),
}
