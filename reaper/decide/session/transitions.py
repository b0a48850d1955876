"""What each phase of a session makes of what befalls it: the table, and what is done on the way.

Pure. The rules that it follows stand in lifecycle.py; the picture in reaper(7) is drawn from the table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Action, Limits, Notify, are_shown
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
    is_untold,
    nearest_limit,
)
from reaper.decide.text.duration import USEC_PER_SEC

# After the last rung there is nothing stronger: look again, say so, and try the last rung once more.
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
    """One transition: what the table says, and what is done on the way."""
    turn = TABLE[life.phase, stimulus]
    return turn(_TransitionInput(life, limits, opened_usec, now_usec, gap_usec, after))


class _TransitionInput(NamedTuple):
    """All that a transition may look at."""

    life: SessionState
    limits: Limits
    opened_usec: int
    now_usec: int
    gap_usec: int
    after: Limits | None  # the limits that are to be in force instead

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


def _stay(scene: _TransitionInput) -> Outcome:
    return scene.life, []


def _warn(scene: _TransitionInput) -> Outcome:
    """Announces the end. Leads that were missed together, or come within a second, are announced as one."""
    first_warned = scene.life.first_warned_usec or scene.now_usec
    life = replace(scene.life, phase=Phase.WARNED, first_warned_usec=first_warned)
    close = deadline(life, scene.limits, scene.opened_usec)
    if close is None:
        return scene.life, []
    left = close.usec - scene.now_usec
    stages = sum(1 for lead in scene.limits.warn_usec if left < lead + TOGETHER_USEC)
    is_shown = are_shown(scene.limits)
    life = replace(life, stages=max(stages, scene.life.stages), is_told=life.is_told or is_shown)
    if ends(close, scene.limits) and is_shown:
        life = replace(life, announced_usec=min(close.usec, life.announced_usec or close.usec))
    acts: list[Act] = [] if scene.limits.action is Action.OBSERVE else [Warn(close.reason, left)]
    return life, [*acts, LogEvent(LifecycleEvent.WARNED, close.reason, left)]


def _spare(scene: _TransitionInput) -> Outcome:
    life, _ = _wake(scene)
    acts: list[Act] = [WithdrawWarning()] if scene.life.is_told and scene.limits.action is not Action.OBSERVE else []
    return life, [*acts, LogEvent(LifecycleEvent.CANCELLED, Reason.IDLE, scene.gap_usec)]


def _change(scene: _TransitionInput) -> Outcome:
    """Other limits: a warning is taken back, unless it would have been given under them, too (rule 9)."""
    life, after = scene.life, scene.after
    nearest = nearest_limit(life.evidence_usec, after, scene.opened_usec) if after is not None else None
    if (
        after is None
        or nearest is None
        or Action.OBSERVE in (scene.limits.action, after.action)
        or not after.warn_usec
        or scene.now_usec < nearest.usec - after.warn_usec[0]
    ):
        return _spare(scene)
    told, lead_usec = deadline(life, scene.limits, scene.opened_usec), after.warn_usec[-1]
    was_untold = is_untold(life, after)
    if was_untold:
        life = replace(life, first_warned_usec=scene.now_usec)  # for the person it begins now (rule 10)
    elif ends(nearest, after):
        # Where only a lock was announced, an end has not been.
        since_usec = max(life.first_warned_usec, life.announced_usec - lead_usec)
        stands = bool(life.announced_usec) or after.notify is Notify.NONE
        life = replace(life, first_warned_usec=min(scene.now_usec, since_usec) if stands else scene.now_usec)
    close = deadline(life, after, scene.opened_usec)
    if close is None or close != told or after.action is not scene.limits.action or was_untold:
        return replace(life, stages=0), []  # it is announced at once
    return replace(life, stages=sum(1 for lead in after.warn_usec if close.usec - scene.now_usec <= lead)), []


def _wake(scene: _TransitionInput) -> Outcome:
    life = replace(scene.life, phase=Phase.ACTIVE, ending=None, locked_usec=0)
    return replace(life, stages=0, first_warned_usec=0, announced_usec=0, is_told=False), []


def _defer(scene: _TransitionInput) -> Outcome:
    since = scene.life.deferred_usec or scene.now_usec
    life, _ = _wake(scene)
    life = replace(life, phase=Phase.DEFERRED, deferred_usec=since)
    left = max(0, since + scene.limits.busy_max_usec - scene.now_usec)
    acts: list[Act] = [] if scene.limits.action is Action.OBSERVE else [Defer(scene.reason, left)]
    return life, [*acts, LogEvent(LifecycleEvent.DEFERRED, scene.reason, left)]


def _return(scene: _TransitionInput) -> Outcome:
    life, _ = _wake(scene)
    return life, [] if scene.limits.action is Action.OBSERVE else [WithdrawWarning()]


def _reach_limit(scene: _TransitionInput) -> Outcome:
    if scene.limits.action is Action.OBSERVE:
        return replace(scene.life, phase=Phase.OBSERVED, ending=None), [
            LogEvent(LifecycleEvent.OBSERVED, scene.reason, scene.idle_usec)
        ]
    is_locked = scene.life.phase is Phase.LOCKED
    if scene.limits.action is Action.LOCK and not is_locked and scene.reason is Reason.IDLE:
        return _lock(scene)
    until = scene.now_usec + scene.limits.grace_usec
    life = replace(
        scene.life, phase=Phase.ENDING, rung=TerminationStep.HANGUP, rung_until_usec=until, ending=scene.reason
    )
    return life, [
        LogEvent(LifecycleEvent.ENDING, scene.reason, scene.idle_usec),
        Signal(TerminationStep.HANGUP, scene.reason),
    ]


def _end_lock(scene: _TransitionInput) -> Outcome:
    return _stay(scene) if scene.limits.action is Action.OBSERVE else _reach_limit(scene)


def _order_lock(scene: _TransitionInput) -> Outcome:
    return _stay(scene) if scene.limits.action is Action.OBSERVE else _lock(scene)


def _lock(scene: _TransitionInput) -> Outcome:
    life, _ = _wake(scene)
    life = replace(life, phase=Phase.LOCKED, locked_usec=scene.now_usec)
    return life, [Lock()]


def _unlock(scene: _TransitionInput) -> Outcome:
    since = max(scene.life.evidence_usec, scene.now_usec)
    life, _ = _wake(scene)
    return replace(life, evidence=EvidenceKind.UNLOCKED, evidence_usec=since, deferred_usec=0, locked_usec=0), []


def _escalate(scene: _TransitionInput) -> Outcome:
    """The next rung. KILL leaves nothing to wait for but the kernel, so what is there after its grace is a failure.

    Where the policy has come to `observe` in the middle of an end, the ladder is left.
    """
    life, limits = scene.life, scene.limits
    if limits.action is Action.OBSERVE:
        return _reach_limit(scene)
    if life.rung is not TerminationStep.KILL:
        rung = TerminationStep(life.rung + 1)
        life = replace(life, rung=rung, rung_until_usec=scene.now_usec + max(limits.grace_usec, USEC_PER_SEC))
        return life, [Signal(rung, scene.reason)]
    life = replace(life, rung_until_usec=scene.now_usec + RETRY_USEC)
    return life, [
        LogEvent(LifecycleEvent.TERMINATE_FAILED, scene.reason, scene.idle_usec),
        Signal(TerminationStep.KILL, scene.reason),
    ]


def _break_off(scene: _TransitionInput) -> Outcome:
    """An end that nobody watched begins anew; not one out of a lock, whose terminals are hung up and not given back."""
    return _stay(scene) if scene.life.locked_usec else _wake(scene)


def _close(scene: _TransitionInput) -> Outcome:
    return replace(scene.life, phase=Phase.GONE), [LogEvent(LifecycleEvent.CLOSED, scene.reason, scene.idle_usec)]


def _terminated(scene: _TransitionInput) -> Outcome:
    return replace(scene.life, phase=Phase.GONE), [LogEvent(LifecycleEvent.TERMINATED, scene.reason, scene.idle_usec)]


class Transition(NamedTuple):
    """A row's right-hand side: where it leads, for the picture in reaper(7), and what carries it out."""

    to: tuple[Phase, ...]
    by: object

    def __call__(self, scene: _TransitionInput) -> Outcome:
        """Carries it out, and holds it to the picture."""
        assert callable(self.by)
        life, acts = self.by(scene)
        assert life.phase in self.to
        return life, acts


def _row(phase: Phase, **turns: Transition) -> dict[tuple[Phase, Stimulus], Transition]:
    ignore = Transition((phase,), _stay)
    return {(phase, stimulus): turns.get(stimulus.value, ignore) for stimulus in Stimulus}


TABLE: dict[tuple[Phase, Stimulus], Transition] = {
    **_row(
        Phase.ACTIVE,
        lead=Transition((Phase.ACTIVE, Phase.WARNED), _warn),
        limit=Transition((Phase.LOCKED, Phase.ENDING, Phase.OBSERVED), _reach_limit),
        busy=Transition((Phase.DEFERRED,), _defer),
        lock=Transition((Phase.ACTIVE, Phase.LOCKED), _order_lock),
        gone=Transition((Phase.GONE,), _close),
    ),
    **_row(
        Phase.WARNED,
        evidence=Transition((Phase.ACTIVE,), _spare),
        lead=Transition((Phase.WARNED,), _warn),
        limit=Transition((Phase.LOCKED, Phase.ENDING, Phase.OBSERVED), _reach_limit),
        busy=Transition((Phase.DEFERRED,), _defer),
        lock=Transition((Phase.WARNED, Phase.LOCKED), _order_lock),
        policy=Transition((Phase.ACTIVE, Phase.WARNED), _change),
        lapse=Transition((Phase.ACTIVE,), _wake),
        gone=Transition((Phase.GONE,), _close),
    ),
    **_row(
        Phase.DEFERRED,
        evidence=Transition((Phase.ACTIVE,), _return),
        free=Transition((Phase.ACTIVE,), _wake),
        lock=Transition((Phase.DEFERRED, Phase.LOCKED), _order_lock),
        policy=Transition((Phase.ACTIVE,), _wake),
        gone=Transition((Phase.GONE,), _close),
    ),
    **_row(
        Phase.LOCKED,
        unlock=Transition((Phase.ACTIVE,), _unlock),
        fail=Transition((Phase.ACTIVE,), _wake),
        limit=Transition((Phase.LOCKED, Phase.ENDING), _end_lock),
        gone=Transition((Phase.GONE,), _close),
    ),
    **_row(
        Phase.OBSERVED,
        evidence=Transition((Phase.ACTIVE,), _wake),
        policy=Transition((Phase.ACTIVE,), _wake),
        gone=Transition((Phase.GONE,), _close),
    ),
    **_row(
        Phase.ENDING,
        rung=Transition((Phase.ENDING, Phase.OBSERVED), _escalate),
        lapse=Transition((Phase.ACTIVE, Phase.ENDING), _break_off),
        gone=Transition((Phase.GONE,), _terminated),
    ),
    **_row(Phase.GONE),
}
