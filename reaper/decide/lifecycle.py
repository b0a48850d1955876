"""The life of one session: when it is warned, spared and ended.

Pure: no I/O, no clock, no logging. The daemon brings what it has seen and the time, and carries out what comes back.

Rules, each of them property-tested (tests/property/test_lifecycle.py):

1. Nobody loses a session to a limit without having been warned for at least the shortest lead of their rule: the end
   is the limit or the first warning plus that lead, whichever is later. A daemon that was stopped, or a policy that
   got stricter, therefore warns first.
2. Evidence that moves the limit takes a warning back, once. (Evidence does not move a `max` limit.)
3. Where the action is `observe`, no action comes back that would touch the session or its terminals: only Tell.
4. advance() never ends a session. It only gets as far as `is_due`; the caller looks at the session once more, asks the
   brake, and then calls end().
5. A warning counts only while somebody watches for an answer: after a lapse (daemon stopped, host suspended) it is
   given again.
6. step() is total: every phase meets every event, and a phase that has no use for an event is left as it was.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import NamedTuple, Union

from reaper.decide.duration import USEC_PER_SEC
from reaper.decide.policy import Action, Limits

RESUMED_GAP_USEC = 60 * USEC_PER_SEC
# After the last rung there is nothing stronger: look again, say so, and try the last rung once more.
RETRY_USEC = 60 * USEC_PER_SEC


class Phase(enum.Enum):
    """Where a session is in its life."""

    ACTIVE = "active"
    WARNED = "warned"
    OBSERVED = "observed"
    ENDING = "ending"
    GONE = "gone"


class Stimulus(enum.Enum):
    """What can befall a session."""

    EVIDENCE = "evidence"  # a sign of life that moved the limit
    LEAD = "lead"  # the time of a warning has come
    LIMIT = "limit"  # the limit was reached, and confirmed
    RUNG = "rung"  # the grace of a step of the termination is over, and the session is still there
    POLICY = "policy"  # other limits apply from now on
    LAPSE = "lapse"  # nobody looked at it for much longer than a poll
    GONE = "gone"  # it is no longer there


class Rung(enum.IntEnum):
    """The ladder of a termination, gentlest first."""

    HANGUP = 0
    TERM = 1
    KILL = 2


class Reason(enum.Enum):
    """Which limit it is."""

    IDLE = "idle"
    MAX = "max"


class Warn(NamedTuple):
    """Tell the person on every terminal of the session that it ends in `left_usec`."""

    reason: Reason
    left_usec: int


class Spare(NamedTuple):
    """Tell the person, who has been warned, that the session stays."""


class Signal(NamedTuple):
    """Take one step of the ladder. At the first one the person is told the reason before."""

    rung: Rung
    reason: Reason


class Fact(enum.Enum):
    """What is worth a record in the journal; the daemon adds who, where and why."""

    RESUMED = "resumed"
    WARNED = "warned"
    CANCELLED = "cancelled"
    OBSERVED = "observed"
    ENDING = "ending"
    TERMINATED = "terminated"
    TERMINATE_FAILED = "terminate-failed"
    CLOSED = "closed"


class Tell(NamedTuple):
    """Record a fact. `usec`: how long the person had been idle, or what was left at a warning."""

    fact: Fact
    reason: Reason
    usec: int


Act = Union[Warn, Spare, Signal, Tell]


@dataclass(frozen=True)
class Life:
    """What must be remembered of a session from one moment to the next; times in microseconds since boot."""

    __slots__ = ("evidence", "evidence_usec", "first_warned_usec", "phase", "rung", "rung_until_usec", "stages")

    phase: Phase
    evidence: str  # what the last evidence was: "login", "seen", "terminal", "input"
    evidence_usec: int  # the latest moment it can stand for; up to 8 s ahead of the clock
    stages: int  # how many leads have been announced
    first_warned_usec: int  # 0 when not warned
    rung: Rung
    rung_until_usec: int


def begin(evidence: str, at_usec: int) -> Life:
    """The life of a session first seen alive at a moment."""
    return Life(Phase.ACTIVE, evidence, at_usec, 0, 0, Rung.HANGUP, 0)


class Deadline(NamedTuple):
    """When a limit strikes, and which."""

    usec: int
    reason: Reason
    limit_usec: int


def deadline(life: Life, limits: Limits, opened_usec: int) -> Deadline | None:
    """When the session ends if nothing more happens, or None for never (rule 1)."""
    nearest = _nearest_limit(life.evidence_usec, limits, opened_usec)
    if nearest is None or not life.first_warned_usec or not limits.warn_usec:
        return nearest
    return nearest._replace(usec=max(nearest.usec, life.first_warned_usec + limits.warn_usec[-1]))


def _nearest_limit(evidence_usec: int, limits: Limits, opened_usec: int) -> Deadline | None:
    candidates = []
    if limits.idle_usec is not None:
        candidates.append(Deadline(evidence_usec + limits.idle_usec, Reason.IDLE, limits.idle_usec))
    if limits.max_usec is not None:
        candidates.append(Deadline(opened_usec + limits.max_usec, Reason.MAX, limits.max_usec))
    return min(candidates, key=lambda each: each.usec, default=None)


def next_due(life: Life, limits: Limits, opened_usec: int) -> int | None:
    """The next moment at which time alone changes something, or None."""
    if life.phase is Phase.ENDING:
        return life.rung_until_usec
    if life.phase in (Phase.OBSERVED, Phase.GONE):
        return None
    end = deadline(life, limits, opened_usec)
    if end is None:
        return None
    if life.stages < len(limits.warn_usec):
        return end.usec - limits.warn_usec[life.stages]
    return end.usec


def is_due(life: Life, limits: Limits, opened_usec: int, now_usec: int) -> bool:
    """Whether the session has reached a limit, after every warning that its rule grants."""
    if life.phase not in (Phase.ACTIVE, Phase.WARNED) or limits.action is Action.OBSERVE:
        return False
    end = deadline(life, limits, opened_usec)
    warned = not limits.warn_usec or life.first_warned_usec
    return end is not None and bool(warned) and now_usec >= end.usec


def advance(life: Life, limits: Limits, opened_usec: int, now_usec: int) -> tuple[Life, list[Act]]:
    """Lets time pass: whatever warning or rung has become due. Ends nothing (rule 4)."""
    acts: list[Act] = []
    due = next_due(life, limits, opened_usec)
    if due is None or now_usec < due:
        return life, acts
    if life.phase is Phase.ENDING:
        return step(life, Stimulus.RUNG, limits, opened_usec, now_usec)
    if life.stages < len(limits.warn_usec):
        life, acts = step(life, Stimulus.LEAD, limits, opened_usec, now_usec)
    end = deadline(life, limits, opened_usec)
    if limits.action is Action.OBSERVE and end is not None and now_usec >= end.usec:
        life, more = step(life, Stimulus.LIMIT, limits, opened_usec, now_usec)
        acts += more
    return life, acts


def notice(
    life: Life, evidence: str, at_usec: int, limits: Limits, opened_usec: int, now_usec: int
) -> tuple[Life, list[Act]]:
    """Takes in evidence that stands for the moment `at_usec`."""
    if at_usec <= life.evidence_usec or life.phase in (Phase.ENDING, Phase.GONE):
        return life, []
    before = _nearest_limit(life.evidence_usec, limits, opened_usec)
    gap_usec = at_usec - life.evidence_usec
    acts: list[Act] = []
    life = replace(life, evidence=evidence, evidence_usec=at_usec)
    moved = before != _nearest_limit(at_usec, limits, opened_usec)
    if moved and life.phase is not Phase.ACTIVE:
        life, acts = step(life, Stimulus.EVIDENCE, limits, opened_usec, now_usec, gap_usec)
    if gap_usec >= RESUMED_GAP_USEC or acts:
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
        nearest = _nearest_limit(self.life.evidence_usec, self.limits, self.opened_usec)
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
    return replace(scene.life, phase=Phase.ACTIVE, stages=0, first_warned_usec=0), []


def _reach_limit(scene: _Scene) -> Outcome:
    if scene.limits.action is Action.OBSERVE:
        return replace(scene.life, phase=Phase.OBSERVED), [Tell(Fact.OBSERVED, scene.reason, scene.idle_usec)]
    until = scene.now_usec + scene.limits.grace_usec
    life = replace(scene.life, phase=Phase.ENDING, rung=Rung.HANGUP, rung_until_usec=until)
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
        gone=Turn((Phase.GONE,), _close),
    ),
    **_row(
        Phase.WARNED,
        evidence=Turn((Phase.ACTIVE,), _spare),
        lead=Turn((Phase.WARNED,), _warn),
        limit=Turn((Phase.ENDING, Phase.OBSERVED), _reach_limit),
        policy=Turn((Phase.ACTIVE,), _spare),
        lapse=Turn((Phase.ACTIVE,), _wake),
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
