"""A session with everything that the daemon remembers of it. Pure."""

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
    """One session, the state of its life, and its limits; `limits` is None while there is no policy."""

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
    refusal: str  # why the last evidence that was refused was refused, for `explain`
    tampered: tuple[str, ...]  # the terminals whose forged times have been reported
    due_usec: int | None  # when the passing of time changes something; None for never
    work: ActivitySample | None  # if its work counts: the baseline of the next look
    elevated: bool  # it is root's session, or its user became root in it
    hold: Hold | None
    order: Order | None  # the order to end the session, if it is not ended by a limit
    membership: Membership | None  # its user's groups at login; None until a rule needs them, or if they are not known
    rhythm: Rhythm | None  # of its input, if its rule has `robots: ignore`

    @property
    def origin(self) -> Origin:
        """The origin at present: a display manager's session counts as a console login while its console shows text."""
        is_text = self.session.origin is Origin.GRAPHICAL and self.session.tty and self.readings
        return Origin.CONSOLE if is_text else self.session.origin

    @property
    def terminals(self) -> tuple[str, ...]:
        """The names of its terminals."""
        return tuple(reading.name for reading in self.readings)


@dataclass(frozen=True)
class Change:
    """A changed session, the actions to carry out, and the terminals whose times were forged."""

    tracked: TrackedSession
    acts: tuple[Act, ...]
    tampered: tuple[str, ...] = ()


def subject_of(tracked: TrackedSession, groups: frozenset[str], local: LocalTime | None) -> Subject:
    """Return the facts about a session that rules are matched against."""
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
    """Return a new tracked session, without limits yet."""
    return TrackedSession(
        session, life, readings, "", None, "", (), None, None, session.uid == 0, None, None, None, None
    )


def elevate(tracked: TrackedSession, is_marked: bool) -> TrackedSession:
    """Return the session with `elevated` set: it is marked by su or sudo, or it is root's own."""
    elevated = is_marked or tracked.session.uid == 0
    return tracked if tracked.elevated is elevated else replace(tracked, elevated=elevated)


def scheduled(tracked: TrackedSession) -> TrackedSession:
    """Return the session with `due_usec` recomputed: its next change, or a look that its rhythm needs."""
    due = next_change(tracked)
    if tracked.rhythm is not None and tracked.rhythm.look_usec and tracked.life.phase not in LASTING:
        due = min(due or tracked.rhythm.look_usec, tracked.rhythm.look_usec)
    return replace(tracked, due_usec=due)


def next_change(tracked: TrackedSession) -> int | None:
    """Return when the passing of time changes a session; None for never, or if nothing shows whether it is idle."""
    due = None
    if tracked.limits is not None and (_shows_evidence(tracked) or tracked.life.phase in LASTING):
        due = state.next_due(tracked.life, tracked.limits, tracked.session.opened_usec)
    if tracked.hold is not None:
        due = tracked.hold.until_usec if due is None else min(due, tracked.hold.until_usec)
    return due


def is_limited(tracked: TrackedSession) -> bool:
    """Return whether a session has a limit."""
    return tracked.limits is not None and (tracked.limits.idle_usec, tracked.limits.max_usec) != (None, None)


def _shows_evidence(tracked: TrackedSession) -> bool:
    """Return whether evidence would show anywhere.

    A graphical session's desktop is asked when the session is due; if it does not answer, that counts as evidence.
    """
    return bool(tracked.readings) or tracked.work is not None or tracked.session.origin is Origin.GRAPHICAL


def changed(tracked: TrackedSession, life: SessionState, acts: list[Act]) -> Change:
    """Return the change of a session to a new state of its life, with actions."""
    return Change(scheduled(replace(tracked, life=life)), tuple(acts))


def is_due(tracked: TrackedSession, now_usec: int) -> bool:
    """Return whether the session has reached its limit, after its warnings."""
    if tracked.limits is None or not (_shows_evidence(tracked) or tracked.life.phase is Phase.LOCKED):
        return False
    return state.is_due(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec)


def deadline(tracked: TrackedSession) -> Deadline | None:
    """Return when the session ends or is locked if nothing else happens; None for never."""
    if tracked.limits is None:
        return None
    return state.deadline(tracked.life, tracked.limits, tracked.session.opened_usec)
