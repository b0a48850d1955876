"""Encode and decode the daemon's saved state: everything that a restart must not forget. Pure.

A state belongs to one boot and one version of this format; any other is refused. The daemon then starts without it,
which can only make sessions last longer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from reaper.decide.policy import membership
from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.files import parse
from reaper.decide.policy.files.problems import PolicyError, Source
from reaper.decide.policy.limits import Action, Limits, spelled
from reaper.decide.policy.membership import Membership
from reaper.decide.session.brake import Ledger
from reaper.decide.session.codec import decode_session, encode_session, integer, string
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import (
    ActivitySample,
    ConnectionSample,
    ForwardedConnection,
    Instant,
    Order,
    SessionKey,
    TerminalSample,
    Traffic,
)
from reaper.decide.session.past_terminations import Past, PastTermination
from reaper.decide.session.progression import Bound
from reaper.decide.session.rhythm import Rhythm
from reaper.decide.session.robots import MOST_BOUNDS
from reaper.decide.session.state import LASTING, Phase, Reason, SessionState, TerminationStep
from reaper.decide.session.tracked_session import TrackedSession, track
from reaper.decide.text.document import parse_document
from reaper.errors import ReaperError

VERSION = 5
_LIMITS = "saved"


class Counted(NamedTuple):
    """The counters of the daemon, in bytes."""

    lines: Mapping[SessionKey, ConnectionSample] = MappingProxyType({})
    unread: Mapping[str, int] | None = None  # unread input by terminal; None if not known
    written: Mapping[SessionKey, int] = MappingProxyType({})  # by the daemon itself, on the session's terminals


_NOTHING_COUNTED = Counted()


@dataclass(frozen=True)
class Snapshot:
    """Everything that outlives the daemon within one boot.

    `policy` is the last valid policy as the text of a policy file; "" if there was none. `polled` is when the terminals
    were last read. `past` has the ended sessions that no login has followed yet.
    """

    boot_id: str
    polled: Instant
    policy: str
    ledger: Ledger
    sessions: tuple[TrackedSession, ...]
    past: Past = ()
    counted: Counted = _NOTHING_COUNTED


def encode_lines(snapshot: Snapshot) -> Iterator[str]:
    """Yield lines of JSON: one for the daemon itself, then one for each session.

    It yields line by line, because the memory for the text of a thousand sessions would stay allocated to the daemon.
    """
    document = {
        "version": VERSION,
        "boot_id": snapshot.boot_id,
        "polled": list(snapshot.polled),
        "policy": snapshot.policy,
        "ended_usec": list(snapshot.ledger.began_usec),
        "past": [list(each) for each in snapshot.past],
        "unread": None if snapshot.counted.unread is None else dict(snapshot.counted.unread),
        "sessions": len(snapshot.sessions),
    }
    yield json.dumps(document, separators=(",", ":")) + "\n"
    for tracked in snapshot.sessions:
        key, counted = tracked.session.key, snapshot.counted
        line = counted.lines.get(key)
        more = {"line": None if line is None else list(line), "written": counted.written.get(key, 0)}
        value = {**_encode_tracked(tracked), **more}
        yield json.dumps(value, separators=(",", ":")) + "\n"


def encode(snapshot: Snapshot) -> str:
    """Return the lines of encode_lines() as one text."""
    return "".join(encode_lines(snapshot))


def _encode_tracked(tracked: TrackedSession) -> dict[str, Any]:
    session, life = tracked.session, tracked.life
    return {
        **encode_session(session),
        "rule": tracked.rule,
        "phase": life.phase.value,
        "evidence": life.evidence.value,
        "evidence_usec": life.evidence_usec,
        "stages": life.stages,
        "first_warned_usec": life.first_warned_usec,
        "rung": life.rung.value,
        "rung_until_usec": life.rung_until_usec,
        "deferred_usec": life.deferred_usec,
        "ending": life.ending and life.ending.value,
        "locked_usec": life.locked_usec,
        "announced_usec": life.announced_usec,
        "is_told": life.was_shown,
        "readings": [
            list(reading[:-1]) for reading in tracked.readings
        ],  # (not `line`, which each daemon counts itself)
        "tampered": list(tracked.tampered),
        "work": tracked.work and list(tracked.work),
        "hold": tracked.hold and [*tracked.hold[:-1], tracked.hold.action and tracked.hold.action.value],
        "order": tracked.order and list(tracked.order),
        "groups": None if tracked.membership is None else [list(group) for group in tracked.membership],
        "rhythm": tracked.rhythm and list(tracked.rhythm),
        "limits": spelled(tracked.limits) if tracked.limits and life.phase in LASTING else None,
    }


def decode(text: str, boot_id: str) -> Snapshot:
    """Return the state of a text. Raises ReaperError if it is invalid, of another boot, or of another version."""
    try:
        first, *rest = text.rstrip("\n").split("\n")
        document = parse_document(first)
        if document["version"] != VERSION:
            raise _refused(f"it is of version {document['version']!r}, not {VERSION}")
        if document["boot_id"] != boot_id:
            raise _refused("it is of another boot")
        polled = Instant(*map(integer, document["polled"]))
        ledger = Ledger(tuple(map(integer, document["ended_usec"])))
        if len(rest) != integer(document["sessions"]):
            raise _refused(f"it has {len(rest)} sessions and should have {document['sessions']}")
        values = [parse_document(line) for line in rest]
        sessions = tuple(map(_decode_tracked, values))
        past = tuple(map(_decode_ended, document["past"]))
        counted = _decode_counted(document.get("unread"), sessions, values)
        return Snapshot(boot_id, polled, string(document["policy"]), ledger, sessions, past, counted)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, PolicyError) as error:
        raise _refused(f"{type(error).__name__}: {error}") from error


def _decode_tracked(value: Any) -> TrackedSession:
    session = decode_session(value)
    life = SessionState(
        phase=Phase(value["phase"]),
        evidence=EvidenceKind(value["evidence"]),
        evidence_usec=integer(value["evidence_usec"]),
        stages=integer(value["stages"]),
        first_warned_usec=integer(value["first_warned_usec"]),
        rung=TerminationStep(value["rung"]),
        rung_until_usec=integer(value["rung_until_usec"]),
        deferred_usec=integer(value["deferred_usec"]),
        ending=None if value["ending"] is None else Reason(value["ending"]),
        locked_usec=integer(value["locked_usec"]),
        announced_usec=integer(value["announced_usec"]),
        was_shown=bool(value.get("is_told", True)),  # not written by 0.1.0, which showed every warning
    )
    tracked = track(session, life, tuple(map(_decode_reading, value["readings"])))
    return replace(
        tracked,
        rule=string(value["rule"]),
        tampered=tuple(map(string, value["tampered"])),
        work=None if value["work"] is None else ActivitySample(*map(integer, value["work"])),
        hold=None if value["hold"] is None else _decode_hold(value["hold"]),
        order=None if value["order"] is None else Order(*map(string, value["order"])),
        membership=_decode_groups(value.get("groups")),  # not written by 0.1.0
        rhythm=_decode_rhythm(value.get("rhythm")),  # not written by 0.1.0
        limits=None if value["limits"] is None else _decode_limits(value["limits"]),
    )


def _decode_groups(value: Any) -> Membership | None:
    return None if value is None else membership.make((integer(gid), string(name)) for gid, name in value)


def _decode_counted(unread: Any, sessions: tuple[TrackedSession, ...], values: Sequence[Any]) -> Counted:
    """Return the counters; 0.1.0 did not write them."""
    by_key = {tracked.session.key: value for tracked, value in zip(sessions, values)}
    lines = {key: _decode_line(each["line"]) for key, each in by_key.items() if each.get("line") is not None}
    counts = None if unread is None else {string(name): integer(count) for name, count in unread.items()}
    written = {key: integer(each["written"]) for key, each in by_key.items() if each.get("written")}
    return Counted(lines, counts, written)


def _decode_line(value: Any) -> ConnectionSample:
    boot_usec, wall_ns, traffic, *rest = value
    *numbers, is_settled, forwards, hindrance = traffic
    carrier, inode, typed, printed, heard_usec = map(integer, numbers)
    open_ones = tuple(ForwardedConnection(*map(integer, each)) for each in forwards)
    counts = Traffic(carrier, inode, typed, printed, heard_usec, bool(is_settled), open_ones, string(hindrance))
    return ConnectionSample(integer(boot_usec), integer(wall_ns), counts, *map(integer, rest))


def _decode_rhythm(value: Any) -> Rhythm | None:
    if value is None:
        return None
    size, signs, began_usec, bounds, *rest = value
    own = tuple(Bound(*map(integer, bound)) for bound in bounds[-MOST_BOUNDS:])
    return Rhythm(integer(size), integer(signs), integer(began_usec), own, *map(integer, rest))


def _decode_ended(value: Any) -> PastTermination:
    uid, session, reason, ended_usec = value
    return PastTermination(integer(uid), string(session), string(reason), integer(ended_usec))


def _decode_limits(value: Any) -> Limits:
    """Return the limits under which a session was locked or is being ended; the policy may have changed since."""
    text = json.dumps({"environments": {_LIMITS: value}})
    return parse.parse([Source("the saved limits", text)]).environments[_LIMITS]


def _decode_hold(value: Any) -> Hold:
    since, until, uid, by, why, action = value
    known = None if action is None else Action(action)
    return Hold(integer(since), integer(until), integer(uid), string(by), string(why), known)


def _decode_reading(value: Any) -> TerminalSample:
    name, atime, ctime, mode, uid, is_fresh, is_ahead = value
    return TerminalSample(
        string(name), integer(atime), integer(ctime), integer(mode), integer(uid), bool(is_fresh), bool(is_ahead)
    )


def _refused(why: str) -> ReaperError:
    return ReaperError(
        "state-refused", f"the saved state is not used: {why}", "every session counts as in use just now"
    )
