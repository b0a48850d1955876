"""Combine the evidence that a look at a session has found, and apply it to the session. Pure.

combine() combines the evidence of all terminals with the extra evidence from elsewhere; look() applies the result to
the session's life.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import counted
from reaper.decide.policy.match import Origin
from reaper.decide.session import lifecycle, robots, state, terminal_evidence, transitions
from reaper.decide.session.model import ActivitySample, Instant, Session, TerminalSample
from reaper.decide.session.rhythm import Observation, Rhythm, is_decided, with_other_evidence
from reaper.decide.session.state import Act, Phase, Stimulus
from reaper.decide.session.tracked_session import Change, TrackedSession, changed, scheduled, track


class ExtraEvidence(NamedTuple):
    """Evidence of a look other than the times of the terminals.

    - `unseen_usec`: the latest input that left no trace in a terminal's times, 0 for none; `unseen` is its kind.
    - `work`: counters of the session's work; None if work does not count or cannot be read.
    - `typing`: what the look saw of typed input apart from the terminals; None unless the rule has `robots: ignore`.
    """

    unseen_usec: int = 0
    unseen: EvidenceKind = EvidenceKind.INPUT
    work: ActivitySample | None = None
    typing: Observation | None = None


NO_EXTRA_EVIDENCE = ExtraEvidence()


def counts_work(tracked: TrackedSession, has_terminal: bool) -> bool:
    """Return whether work (network, CPU) counts as evidence for a session.

    Without a terminal it counts for ssh connections alone: for others, nothing shows what work would be.
    """
    if tracked.limits is None or not (has_terminal or tracked.session.origin is Origin.SSH):
        return False
    return counted(tracked.limits.activity, has_terminal) != (EvidenceKind.INPUT,)


class CombinedEvidence(NamedTuple):
    """The evidence of one look at a session."""

    evidence: EvidenceKind | None
    at_usec: int
    refusal: str
    forged: tuple[str, ...]
    work: ActivitySample | None  # the baseline of the next look
    rhythm: Rhythm | None


def previous_readings(tracked: TrackedSession, readings: Iterable[TerminalSample]) -> dict[str, TerminalSample]:
    """Return, by name, the previous reading of each of these terminals that the session had before."""
    before = {reading.name: reading for reading in tracked.readings}
    return {
        after.name: before[after.name]
        for after in readings
        if after.name in before and not terminal_evidence.is_another(before[after.name], after)
    }


def _baseline(tracked: TrackedSession, work: ActivitySample | None) -> ActivitySample | None:
    """Return the baseline for the next look: the previous sample if this one came too soon after it, else this one."""
    is_too_soon = tracked.work is not None and work is not None and not terminal_evidence.is_settled(tracked.work, work)
    return tracked.work if is_too_soon else work


def _work_kind(tracked: TrackedSession, work: ActivitySample | None) -> EvidenceKind | None:
    if tracked.work is None or work is None or tracked.limits is None:
        return None
    kinds = counted(tracked.limits.activity, bool(tracked.readings))
    return terminal_evidence.weigh_work(tracked.work, work, kinds, tracked.limits)


def combine(
    tracked: TrackedSession, readings: tuple[TerminalSample, ...], previous: Instant, now: Instant, extra: ExtraEvidence
) -> CombinedEvidence:
    """Combine all evidence of a look: the latest counts, and input is preferred to work."""
    before = previous_readings(tracked, readings)
    evidence_usec, refusal, forged = 0, tracked.refusal, []
    kind: EvidenceKind | None = None
    typed: list[tuple[int, TerminalSample]] = []
    for after in readings:
        if after.name not in before:
            made_usec = max(now.boot_usec, terminal_evidence.bucket_end(after, now))
            evidence_usec, kind = max(evidence_usec, made_usec), kind or EvidenceKind.TERMINAL
            continue
        finding = terminal_evidence.weigh(before[after.name], after, previous, now)
        if finding.input_usec is not None:
            typed.append((finding.input_usec, after))
        if finding.refused is not None:
            refusal = f"{after.name}: {finding.refused.value}"
        if finding.tampered and after.name not in tracked.tampered:
            forged.append(after.name)
    rhythm, counted_usec = _weigh_typing(tracked, typed, previous, now, extra)
    if counted_usec:
        evidence_usec, kind = max(evidence_usec, counted_usec), EvidenceKind.INPUT
    if extra.unseen_usec > evidence_usec and not _is_extra_input(extra):
        evidence_usec, kind = extra.unseen_usec, extra.unseen
    working = _work_kind(tracked, extra.work)
    if working is not None and not kind:
        evidence_usec, kind = now.boot_usec, working
    elif extra.work is not None and tracked.work is None and not kind:  # nothing is known about the time before
        evidence_usec, kind = now.boot_usec, EvidenceKind.SEEN
    work = extra.work if working else _baseline(tracked, extra.work)
    rhythm = rhythm if kind in (None, EvidenceKind.INPUT) else with_other_evidence(rhythm, evidence_usec)
    return CombinedEvidence(kind, evidence_usec, refusal, tuple(forged), work, rhythm)


def _is_extra_input(extra: ExtraEvidence) -> bool:
    """Return whether the extra evidence is input, which counts only if its rhythm is not a robot's."""
    return extra.typing is not None and extra.unseen_usec > 0 and extra.unseen is EvidenceKind.INPUT


def _weigh_typing(
    tracked: TrackedSession,
    typed: list[tuple[int, TerminalSample]],
    previous: Instant,
    now: Instant,
    extra: ExtraEvidence,
) -> tuple[Rhythm | None, int]:
    """Return the rhythm of what is typed, and the latest moment of input that counts; 0 for none.

    If every byte is counted, a person's key counts even if the terminal does not show it, because it was pressed in
    the same 8 seconds as an earlier key.
    """
    latest_usec = max((usec for usec, _ in typed), default=0)
    seen = extra.typing
    if seen is None:
        return None, latest_usec
    if _is_extra_input(extra):
        latest_usec = max(latest_usec, extra.unseen_usec)
    if latest_usec:
        is_dated = len(typed) == 1 and not _is_extra_input(extra) and not terminal_evidence.clock_step_ns(previous, now)
        dated = terminal_evidence.first_moments(typed[0][1], now) if is_dated else (seen.since_usec, seen.until_usec)
        if seen.dated is not None:  # no input came after the last packet
            dated = dated[0], min(dated[1], seen.dated[1])
        seen = seen._replace(dated=dated, is_odd=not is_dated and seen.octets is None)
    updated = robots.update(tracked.rhythm, seen)
    if not updated.counts:
        return updated.rhythm, 0
    return updated.rhythm, max(latest_usec, seen.until_usec if seen.octets else 0)


def start_tracking(
    session: Session,
    readings: tuple[TerminalSample, ...],
    now: Instant,
    *,
    is_new: bool,
    work: ActivitySample | None = None,
) -> TrackedSession:
    """Return a session that is seen for the first time.

    Its last evidence is its login if that `is_new`, or else this moment; or the last input on its terminals, if later.
    """
    since = min(session.opened_usec, now.boot_usec) if is_new else now.boot_usec
    latest = max([since, *(terminal_evidence.bucket_end(reading, now) for reading in readings)])
    return replace(
        track(session, state.begin(EvidenceKind.LOGIN if is_new else EvidenceKind.SEEN, latest), readings), work=work
    )


def look(
    tracked: TrackedSession,
    readings: tuple[TerminalSample, ...],
    previous: Instant,
    now: Instant,
    extra: ExtraEvidence = NO_EXTRA_EVIDENCE,
) -> Change:
    """Apply a new look at the session; `previous` is no later than the last look."""
    if readings == tracked.readings and extra == NO_EXTRA_EVIDENCE and (tracked.work, tracked.rhythm) == (None, None):
        return Change(tracked, ())
    if tracked.life.phase is Phase.LOCKED:  # what is typed at a lock is not evidence
        return Change(replace(tracked, readings=readings, rhythm=None), ())
    found = combine(tracked, readings, previous, now, extra)
    life, acts = tracked.life, list[Act]()
    if tracked.limits is not None:
        opened = tracked.session.opened_usec
        has_lost_all = bool(tracked.readings) and not readings
        if (has_lost_all or found.evidence is EvidenceKind.SEEN) and life.phase is not Phase.ENDING:
            life, _ = transitions.step(life, Stimulus.LAPSE, tracked.limits, opened, now.boot_usec)
        if found.evidence is EvidenceKind.SEEN:  # not a return of the user: only from now on is evidence visible
            life = replace(life, evidence=EvidenceKind.SEEN, evidence_usec=max(life.evidence_usec, found.at_usec))
        elif found.evidence is not None:
            life, acts = lifecycle.add_evidence(
                life, found.evidence, found.at_usec, tracked.limits, opened, now.boot_usec
            )
        if found.rhythm is not None and is_decided(tracked.rhythm, found.rhythm):
            life, more = lifecycle.discard_robot_evidence(life, found.rhythm.alone_usec, tracked.limits, now.boot_usec)
            acts = [*acts, *more]
    elif found.evidence is not None and found.at_usec > life.evidence_usec:
        life = replace(life, evidence=found.evidence, evidence_usec=found.at_usec)
    tampered = tuple(name for name in tracked.tampered if name in {each.name for each in readings}) + found.forged
    tracked = replace(tracked, life=life, readings=readings, refusal=found.refusal, tampered=tampered, work=found.work)
    return Change(scheduled(replace(tracked, rhythm=found.rhythm)), tuple(acts), found.forged)


def share(tracked: TrackedSession, typed_usec: int, now_usec: int) -> Change:
    """Apply input in another session of the same user (`share_activity: user`)."""
    assert tracked.limits is not None
    opened, rhythm = tracked.session.opened_usec, with_other_evidence(tracked.rhythm, typed_usec)
    life, acts = lifecycle.add_evidence(tracked.life, EvidenceKind.SHARED, typed_usec, tracked.limits, opened, now_usec)
    return changed(replace(tracked, rhythm=rhythm), life, acts)
