"""The life of one session: when it is warned, spared and ended.

Pure: no I/O, no clock, no logging. The daemon brings what it has seen and the time, and carries out what comes back.
The words of it (phases, acts, facts) are in life.py; here is how one moment leads to the next.

Rules, each of them property-tested (tests/property/test_lifecycle.py):

1. Nobody loses a session to a limit without having been warned for at least the shortest lead of their rule: the end
   is the limit or the first warning plus that lead, whichever is later. A daemon that was stopped, or a policy that
   got stricter, therefore warns first.
2. Evidence that moves the limit takes a warning back, once. (Evidence does not move a `max` limit.)
3. Where the action is `observe`, no action comes back that would touch the session or its terminals: only Tell.
4. advance() never ends a session. It only gets as far as `is_due`; the caller looks at the session once more, and for
   programs that put the end off (then it calls defer()), asks the brake, and then calls end().
5. A warning counts only while somebody watches for an answer: after a lapse (daemon stopped, host suspended) it is
   given again.
6. step() is total: every phase meets every event, and a phase that has no use for an event is left as it was.
7. A program can put the end off for `busy_max` in all, counted from the first time since the evidence that moved the
   limit last. Whatever ends a deferral, the person is warned anew as rule 1 says. (A lapse does not: the person has
   nothing to answer then.)
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from reaper.decide.duration import USEC_PER_SEC
from reaper.decide.life import (
    SHARED,
    Act,
    Deadline,
    Defer,
    Fact,
    Life,
    Phase,
    Reason,
    Rung,
    Signal,
    Spare,
    Stimulus,
    Tell,
    Warn,
    begin,
    busy_left_usec,
    deadline,
    is_due,
    nearest_limit,
    next_due,
)
from reaper.decide.policy import Action, Limits

__all__ = [
    "RESUMED_GAP_USEC", "RETRY_USEC", "SHARED", "TABLE", "Act", "Deadline", "Defer", "Fact", "Life", "Phase", "Reason",
    "Rung", "Signal", "Spare", "Stimulus", "Tell", "Turn", "Warn", "advance", "begin", "busy_left_usec", "deadline",
    "defer", "end", "free", "hurry", "is_due", "next_due", "notice", "step",
]  # fmt: skip

RESUMED_GAP_USEC = 60 * USEC_PER_SEC
# After the last rung there is nothing stronger: look again, say so, and try the last rung once more.
RETRY_USEC = 60 * USEC_PER_SEC


def advance(life: Life, limits: Limits, opened_usec: int, now_usec: int) -> tuple[Life, list[Act]]:
    """Lets time pass: whatever warning or rung has become due. Ends nothing (rule 4)."""
    due = next_due(life, limits, opened_usec)
    if due is None or now_usec < due:
        return life, []
    if life.phase is Phase.ENDING:
        return step(life, Stimulus.RUNG, limits, opened_usec, now_usec)
    if life.phase is Phase.DEFERRED:
        life, _ = step(life, Stimulus.FREE, limits, opened_usec, now_usec)
        return advance(life, limits, opened_usec, now_usec)
    acts: list[Act] = []
    end = deadline(life, limits, opened_usec)
    if life.first_warned_usec and end is not None and now_usec >= end.usec:
        life = replace(life, stages=len(limits.warn_usec))  # too late for what has been missed: nothing is left
    elif life.stages < len(limits.warn_usec):
        life, acts = step(life, Stimulus.LEAD, limits, opened_usec, now_usec)
        end = deadline(life, limits, opened_usec)
    if limits.action is Action.OBSERVE and end is not None and now_usec >= end.usec:
        life, more = step(life, Stimulus.LIMIT, limits, opened_usec, now_usec)
        acts += more
    return life, acts


def notice(
    life: Life, evidence: str, at_usec: int, limits: Limits, opened_usec: int, now_usec: int
) -> tuple[Life, list[Act]]:
    """Takes in evidence that stands for the moment `at_usec`. It stops no end that has begun, unless a lapse does."""
    if at_usec <= life.evidence_usec or life.phase is Phase.GONE:
        return life, []
    if life.phase is Phase.ENDING:
        return replace(life, evidence=evidence, evidence_usec=at_usec), []
    before = nearest_limit(life.evidence_usec, limits, opened_usec)
    gap_usec = at_usec - life.evidence_usec
    acts: list[Act] = []
    moved = before != nearest_limit(at_usec, limits, opened_usec)
    life = replace(life, evidence=evidence, evidence_usec=at_usec, deferred_usec=0 if moved else life.deferred_usec)
    if moved and life.phase is not Phase.ACTIVE:
        life, acts = step(life, Stimulus.EVIDENCE, limits, opened_usec, now_usec, gap_usec)
    if (gap_usec >= RESUMED_GAP_USEC and evidence != SHARED) or acts:
        acts.append(Tell(Fact.RESUMED, Reason.IDLE, gap_usec))
    return life, acts


def hurry(life: Life, by_usec: int) -> Life:
    """The next rung comes by then at the latest: there is nobody left on a terminal who could use the grace.

    Not after the last: what did not end by SIGKILL waits for the kernel, and once a minute is enough to say so.
    """
    if life.rung is Rung.KILL:
        return life
    return replace(life, rung_until_usec=min(life.rung_until_usec, by_usec))


def end(life: Life, limits: Limits, opened_usec: int, now_usec: int) -> tuple[Life, list[Act]]:
    """Begins the termination of a session that is due, was looked at once more, and is let through by the brake."""
    assert is_due(life, limits, opened_usec, now_usec)
    return step(life, Stimulus.LIMIT, limits, opened_usec, now_usec)


def defer(life: Life, limits: Limits, opened_usec: int, now_usec: int) -> tuple[Life, list[Act]]:
    """Puts off the end of a session that is due, for a program that runs in it."""
    assert is_due(life, limits, opened_usec, now_usec)
    assert busy_left_usec(life, limits, now_usec)
    return step(life, Stimulus.BUSY, limits, opened_usec, now_usec)


def free(life: Life, limits: Limits, opened_usec: int, now_usec: int) -> tuple[Life, list[Act]]:
    """Ends a deferral: there is no such program any more."""
    return step(life, Stimulus.FREE, limits, opened_usec, now_usec)


def step(
    life: Life, stimulus: Stimulus, limits: Limits, opened_usec: int, now_usec: int, gap_usec: int = 0
) -> tuple[Life, list[Act]]:
    """One transition: what the table says, and what is done on the way."""
    turn = TABLE[life.phase, stimulus]
    return turn(_Scene(life, limits, opened_usec, now_usec, gap_usec))


class _Scene(NamedTuple):
    """All that a transition may look at."""

    life: Life
    limits: Limits
    opened_usec: int
    now_usec: int
    gap_usec: int

    @property
    def reason(self) -> Reason:
        if self.life.ending is not None:
            return self.life.ending
        nearest = nearest_limit(self.life.evidence_usec, self.limits, self.opened_usec)
        return nearest.reason if nearest else Reason.IDLE

    @property
    def idle_usec(self) -> int:
        return max(0, self.now_usec - self.life.evidence_usec)


Outcome = tuple[Life, list[Act]]


def _stay(scene: _Scene) -> Outcome:
    return scene.life, []


def _warn(scene: _Scene) -> Outcome:
    """Announces the end. Leads that were missed together are announced as one."""
    first_warned = scene.life.first_warned_usec or scene.now_usec
    life = replace(scene.life, phase=Phase.WARNED, first_warned_usec=first_warned)
    close = deadline(life, scene.limits, scene.opened_usec)
    if close is None:
        return scene.life, []
    left = close.usec - scene.now_usec
    stages = sum(1 for lead in scene.limits.warn_usec if left <= lead)
    life = replace(life, stages=max(stages, scene.life.stages))
    acts: list[Act] = [] if scene.limits.action is Action.OBSERVE else [Warn(close.reason, left)]
    return life, [*acts, Tell(Fact.WARNED, close.reason, left)]


def _spare(scene: _Scene) -> Outcome:
    life = replace(scene.life, phase=Phase.ACTIVE, stages=0, first_warned_usec=0)
    acts: list[Act] = [] if scene.limits.action is Action.OBSERVE else [Spare()]
    return life, [*acts, Tell(Fact.CANCELLED, Reason.IDLE, scene.gap_usec)]


def _wake(scene: _Scene) -> Outcome:
    return replace(scene.life, phase=Phase.ACTIVE, stages=0, first_warned_usec=0, ending=None), []


def _defer(scene: _Scene) -> Outcome:
    since = scene.life.deferred_usec or scene.now_usec
    life = replace(scene.life, phase=Phase.DEFERRED, stages=0, first_warned_usec=0, deferred_usec=since)
    left = max(0, since + scene.limits.busy_max_usec - scene.now_usec)
    acts: list[Act] = [] if scene.limits.action is Action.OBSERVE else [Defer(scene.reason, left)]
    return life, [*acts, Tell(Fact.DEFERRED, scene.reason, left)]


def _return(scene: _Scene) -> Outcome:
    life, _ = _wake(scene)
    return life, [] if scene.limits.action is Action.OBSERVE else [Spare()]


def _reach_limit(scene: _Scene) -> Outcome:
    if scene.limits.action is Action.OBSERVE:
        return replace(scene.life, phase=Phase.OBSERVED, ending=None), [
            Tell(Fact.OBSERVED, scene.reason, scene.idle_usec)
        ]
    until = scene.now_usec + scene.limits.grace_usec
    life = replace(scene.life, phase=Phase.ENDING, rung=Rung.HANGUP, rung_until_usec=until, ending=scene.reason)
    return life, [Tell(Fact.ENDING, scene.reason, scene.idle_usec), Signal(Rung.HANGUP, scene.reason)]


def _climb(scene: _Scene) -> Outcome:
    """The next rung. KILL leaves nothing to wait for but the kernel, so what is there after its grace is a failure.

    Where the policy has come to `observe` in the middle of an end, the ladder is left.
    """
    life, limits = scene.life, scene.limits
    if limits.action is Action.OBSERVE:
        return _reach_limit(scene)
    if life.rung is not Rung.KILL:
        rung = Rung(life.rung + 1)
        life = replace(life, rung=rung, rung_until_usec=scene.now_usec + max(limits.grace_usec, USEC_PER_SEC))
        return life, [Signal(rung, scene.reason)]
    life = replace(life, rung_until_usec=scene.now_usec + RETRY_USEC)
    return life, [Tell(Fact.TERMINATE_FAILED, scene.reason, scene.idle_usec), Signal(Rung.KILL, scene.reason)]


def _close(scene: _Scene) -> Outcome:
    return replace(scene.life, phase=Phase.GONE), [Tell(Fact.CLOSED, scene.reason, scene.idle_usec)]


def _terminated(scene: _Scene) -> Outcome:
    return replace(scene.life, phase=Phase.GONE), [Tell(Fact.TERMINATED, scene.reason, scene.idle_usec)]


class Turn(NamedTuple):
    """A row's right-hand side: where it leads, for the picture in reaper(7), and what carries it out."""

    to: tuple[Phase, ...]
    by: object

    def __call__(self, scene: _Scene) -> Outcome:
        """Carries it out, and holds it to the picture."""
        assert callable(self.by)
        life, acts = self.by(scene)
        assert life.phase in self.to
        return life, acts


def _row(phase: Phase, **turns: Turn) -> dict[tuple[Phase, Stimulus], Turn]:
    ignore = Turn((phase,), _stay)
    return {(phase, stimulus): turns.get(stimulus.value, ignore) for stimulus in Stimulus}


TABLE: dict[tuple[Phase, Stimulus], Turn] = {
    **_row(
        Phase.ACTIVE,
        lead=Turn((Phase.ACTIVE, Phase.WARNED), _warn),
        limit=Turn((Phase.ENDING, Phase.OBSERVED), _reach_limit),
        busy=Turn((Phase.DEFERRED,), _defer),
        gone=Turn((Phase.GONE,), _close),
    ),
    **_row(
        Phase.WARNED,
        evidence=Turn((Phase.ACTIVE,), _spare),
        lead=Turn((Phase.WARNED,), _warn),
        limit=Turn((Phase.ENDING, Phase.OBSERVED), _reach_limit),
        busy=Turn((Phase.DEFERRED,), _defer),
        policy=Turn((Phase.ACTIVE,), _spare),
        lapse=Turn((Phase.ACTIVE,), _wake),
        gone=Turn((Phase.GONE,), _close),
    ),
    **_row(
        Phase.DEFERRED,
        evidence=Turn((Phase.ACTIVE,), _return),
        free=Turn((Phase.ACTIVE,), _wake),
        policy=Turn((Phase.ACTIVE,), _wake),
        gone=Turn((Phase.GONE,), _close),
    ),
    **_row(
        Phase.OBSERVED,
        evidence=Turn((Phase.ACTIVE,), _wake),
        policy=Turn((Phase.ACTIVE,), _wake),
        gone=Turn((Phase.GONE,), _close),
    ),
    **_row(
        Phase.ENDING,
        rung=Turn((Phase.ENDING, Phase.OBSERVED), _climb),
        lapse=Turn((Phase.ACTIVE,), _wake),
        gone=Turn((Phase.GONE,), _terminated),
    ),
    **_row(Phase.GONE),
}
