"""A session together with all that is remembered of it, and how a look at its terminals changes that."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reaper.decide.policy.limits import Limits
from reaper.decide.policy.match import Origin, Subject
from reaper.decide.policy.membership import Membership
from reaper.decide.session import state
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import ActivitySample, Order, Session, TerminalSample
from reaper.decide.session.rhythm import Rhythm
from reaper.decide.session.state import LASTING, Act, Deadline, Phase, SessionState
from reaper.decide.text.hours import LocalTime


@dataclass(frozen=True)
class TrackedSession:
    """One session, its life, and the limits that apply; `limits` is None while no policy is known."""

    __slots__ = (
        "due_usec",
        "elevated",
        "hold",
        "life",
        "limits",
        "membership",
        "order",
        "readings",
        "refusal",
        "rhythm",
        "rule",
        "session",
        "tampered",
        "work",
    )

    session: Session
    life: SessionState
    readings: tuple[TerminalSample, ...]
    rule: str
    limits: Limits | None
    refusal: str  # why the last sign of life that was refused was refused, for explain
    tampered: tuple[str, ...]  # the terminals whose forgery has been reported
    due_usec: int | None  # when time alone changes something
    work: ActivitySample | None  # where its work counts: what the next look is held against
    elevated: bool  # root acts in it, or it is root's own
    hold: Hold | None
    order: Order | None  # whose word it is that the session ends, where that is no limit
    membership: Membership | None  # its user's groups at login; None before a rule has asked, and where nothing tells
    rhythm: Rhythm | None  # of what is typed, where its rule asks whether that is a robot's

    @property
    def origin(self) -> Origin:
        """Where the person sits now: a display manager's login is one on its console as long as that shows text."""
        is_text = self.session.origin is Origin.GRAPHICAL and self.session.tty and self.readings
        return Origin.CONSOLE if is_text else self.session.origin

    @property
    def terminals(self) -> tuple[str, ...]:
        """The names of its terminals."""
        return tuple(reading.name for reading in self.readings)


@dataclass(frozen=True)
class Change:
    """What came of a look: the session as it is now, what is to be done, and the terminals that were tampered with."""

    tracked: TrackedSession
    acts: tuple[Act, ...]
    tampered: tuple[str, ...] = ()


def subject_of(tracked: TrackedSession, groups: frozenset[str], local: LocalTime | None) -> Subject:
    """What rules match on."""
    session = tracked.session
    return Subject(
        user=session.user,
        uid=session.uid,
        groups=groups,
        origin=tracked.origin,
        remote=session.remote,
        terminals=tracked.terminals,
        service=session.service,
        elevated=tracked.elevated,
        local=local,
    )


def track(session: Session, life: SessionState, readings: tuple[TerminalSample, ...]) -> TrackedSession:
    """A session that is watched from now on, as yet without limits."""
    return TrackedSession(
        session, life, readings, "", None, "", (), None, None, session.uid == 0, None, None, None, None
    )


def elevate(tracked: TrackedSession, is_marked: bool) -> TrackedSession:
    """The same with or without a root that acts in it (su, sudo); root's own session always has one."""
    elevated = is_marked or tracked.session.uid == 0
    return tracked if tracked.elevated is elevated else replace(tracked, elevated=elevated)


def scheduled(tracked: TrackedSession) -> TrackedSession:
    """The same with its next moment worked out: when it is to be looked at for its rhythm's sake is one, too."""
    due = next_change(tracked)
    if tracked.rhythm is not None and tracked.rhythm.look_usec and tracked.life.phase not in LASTING:
        due = min(due or tracked.rhythm.look_usec, tracked.rhythm.look_usec)
    return replace(tracked, due_usec=due)


def next_change(tracked: TrackedSession) -> int | None:
    """When time alone changes something of a session. Of one of which nothing tells if it idles, it does not."""
    due = None
    if tracked.limits is not None and (_shows(tracked) or tracked.life.phase in LASTING):
        due = state.next_due(tracked.life, tracked.limits, tracked.session.opened_usec)
    if tracked.hold is not None:
        due = tracked.hold.until_usec if due is None else min(due, tracked.hold.until_usec)
    return due


def is_limited(tracked: TrackedSession) -> bool:
    """Whether there is a limit to what it may do."""
    return tracked.limits is not None and (tracked.limits.idle_usec, tracked.limits.max_usec) != (None, None)


def _shows(tracked: TrackedSession) -> bool:
    """Whether there is something on which a sign of life would show.

    A graphical session's desktop is asked when its moment has come; where it does not answer, that counts as one.
    """
    return bool(tracked.readings) or tracked.work is not None or tracked.session.origin is Origin.GRAPHICAL


def changed(tracked: TrackedSession, life: SessionState, acts: list[Act]) -> Change:
    """The session with what the lifecycle has made of its life."""
    return Change(scheduled(replace(tracked, life=life)), tuple(acts))


def is_due(tracked: TrackedSession, now_usec: int) -> bool:
    """Whether the session has reached its limit, with every warning given."""
    if tracked.limits is None or not (_shows(tracked) or tracked.life.phase is Phase.LOCKED):
        return False
    return state.is_due(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec)


def deadline(tracked: TrackedSession) -> Deadline | None:
    """When the session ends if nothing more happens, or None for never."""
    if tracked.limits is None:
        return None
    return state.deadline(tracked.life, tracked.limits, tracked.session.opened_usec)
