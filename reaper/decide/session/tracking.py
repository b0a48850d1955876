"""A session together with all that is remembered of it, and how a look at its terminals changes that."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reaper.decide.policy.ceiling import cap
from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.limits import Action, Limits, with_action
from reaper.decide.policy.match import Origin, Subject
from reaper.decide.policy.membership import Membership
from reaper.decide.policy.rules import Policy, ceiling_over, judge, limits_of_kind
from reaper.decide.session import lifecycle, state, terminal_evidence, transitions
from reaper.decide.session.hold import Bounds, Hold, trim
from reaper.decide.session.model import ActivitySample, Instant, Order, Session, TerminalSample
from reaper.decide.session.rhythm import Rhythm, beside, is_decided
from reaper.decide.session.signs import NO_CLUES, SEEN, ExtraEvidence, combine
from reaper.decide.session.state import LASTING, SHARED, Act, Deadline, Phase, SessionState, Stimulus, is_untold
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


def meet(
    session: Session,
    readings: tuple[TerminalSample, ...],
    now: Instant,
    *,
    is_new: bool,
    work: ActivitySample | None = None,
) -> TrackedSession:
    """A session at first sight: last in use at its login if that `is_new`, or just now if not, or at its last input."""
    since = min(session.opened_usec, now.boot_usec) if is_new else now.boot_usec
    latest = max([since, *(terminal_evidence.bucket_end(reading, now) for reading in readings)])
    return replace(track(session, state.begin("login" if is_new else SEEN, latest), readings), work=work)


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
    if tracked.limits is None and (is_other or is_untold(life, verdict.limits)):
        # Restored, and under another rule than before (the user's groups changed), or under one that wrote nothing on
        # the terminals or only observed: what was announced counts no more, and there is nothing to take back.
        for stimulus in (Stimulus.LAPSE, Stimulus.POLICY):
            life, _ = transitions.step(life, stimulus, verdict.limits, opened, now_usec)
    if tracked.limits is not None and tracked.limits != verdict.limits:
        life, acts = lifecycle.change_limits(life, tracked.limits, verdict.limits, opened, now_usec)
    return Change(scheduled(replace(tracked, life=life, rule=verdict.rule, limits=verdict.limits)), tuple(acts))


def look(
    tracked: TrackedSession,
    readings: tuple[TerminalSample, ...],
    previous: Instant,
    now: Instant,
    clues: ExtraEvidence = NO_CLUES,
) -> Change:
    """Takes in a new look at the session; `previous` is when the last one was taken, or earlier."""
    if readings == tracked.readings and clues == NO_CLUES and (tracked.work, tracked.rhythm) == (None, None):
        return Change(tracked, ())
    if tracked.life.phase is Phase.LOCKED:  # who types at a lock is nobody until they unlock it
        return Change(replace(tracked, readings=readings, rhythm=None), ())
    found = combine(tracked, readings, previous, now, clues)
    life, acts = tracked.life, list[Act]()
    if tracked.limits is not None:
        opened = tracked.session.opened_usec
        has_lost_all = bool(tracked.readings) and not readings
        if (has_lost_all or found.evidence == SEEN) and life.phase is not Phase.ENDING:
            life, _ = transitions.step(life, Stimulus.LAPSE, tracked.limits, opened, now.boot_usec)
        if found.evidence == SEEN:  # nobody has come back: only from now on it can be told
            life = replace(life, evidence=SEEN, evidence_usec=max(life.evidence_usec, found.at_usec))
        elif found.evidence:
            life, acts = lifecycle.notice(life, found.evidence, found.at_usec, tracked.limits, opened, now.boot_usec)
        if found.rhythm is not None and is_decided(tracked.rhythm, found.rhythm):
            life, more = lifecycle.discount(life, found.rhythm.alone_usec, tracked.limits, now.boot_usec)
            acts = [*acts, *more]
    elif found.at_usec > life.evidence_usec:
        life = replace(life, evidence=found.evidence, evidence_usec=found.at_usec)
    tampered = tuple(name for name in tracked.tampered if name in {each.name for each in readings}) + found.forged
    tracked = replace(tracked, life=life, readings=readings, refusal=found.refusal, tampered=tampered, work=found.work)
    return Change(scheduled(replace(tracked, rhythm=found.rhythm)), tuple(acts), found.forged)


def go_on(tracked: TrackedSession, life: SessionState, acts: list[Act]) -> Change:
    """The session with what the lifecycle has made of its life."""
    return Change(scheduled(replace(tracked, life=life)), tuple(acts))


def keep_limits(tracked: TrackedSession, policy: Policy) -> TrackedSession:
    """Returns a session whose rule cannot be told for now, under the limits that it has; its hold is capped again."""
    if tracked.hold is None or tracked.limits is None:
        return tracked
    limits, _ = cap(tracked.limits, ceiling_over(policy, tracked.rule))
    return scheduled(replace(tracked, hold=trim(tracked.hold, bounds(tracked, policy, tracked.rule, limits))))


def bounds(tracked: TrackedSession, policy: Policy, rule: str, limits: Limits) -> Bounds:
    """What limits the holds of a session that is under this rule."""
    return Bounds(limits, ceiling_over(policy, rule), tracked.session.opened_usec, tracked.life.evidence_usec)


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
    return go_on(tracked, *lifecycle.advance(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec))


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


def finish(tracked: TrackedSession, now_usec: int) -> Change:
    """Begins the end of a session that is due."""
    assert tracked.limits is not None
    return go_on(tracked, *lifecycle.end(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec))


def share(tracked: TrackedSession, typed_usec: int, now_usec: int) -> Change:
    """Takes in what was typed in another session of the same user, which the session's rule counts."""
    assert tracked.limits is not None
    opened, rhythm = tracked.session.opened_usec, beside(tracked.rhythm, typed_usec)
    life, acts = lifecycle.notice(tracked.life, SHARED, typed_usec, tracked.limits, opened, now_usec)
    return go_on(replace(tracked, rhythm=rhythm), life, acts)


def hurry(tracked: TrackedSession, by_usec: int) -> TrackedSession:
    """The next rung of an end comes by then at the latest."""
    return scheduled(replace(tracked, life=lifecycle.hurry(tracked.life, by_usec)))


def depart(tracked: TrackedSession, now_usec: int) -> Change:
    """The session is not there any more."""
    limits = tracked.limits or BUILT_IN.environments[BUILT_IN.environment]
    return go_on(tracked, *transitions.step(tracked.life, Stimulus.GONE, limits, tracked.session.opened_usec, now_usec))
