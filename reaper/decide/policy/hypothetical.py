"""A session that nobody has opened, to ask a policy about: what is told of it, and what is assumed.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from reaper.decide.policy.match import NO_TERMINAL, Origin, Subject
from reaper.decide.text.escape import plain
from reaper.decide.text.hours import LocalTime

UNKNOWN_UID = -1
"""Fits no user id that a rule can name."""

_USUAL = {
    Origin.SSH: ("sshd", ("pts/0",)),
    Origin.CONSOLE: ("login", ("tty1",)),
    Origin.SERIAL: ("login", ("ttyS0",)),
    Origin.GRAPHICAL: ("gdm-password", ()),
    Origin.OTHER: ("", ()),
}
"""The PAM service and the terminals of a session of each origin, where neither is told."""


@dataclass(frozen=True)
class GivenFacts:
    """What is told of a session; None is what is not.  `terminal` is without /dev/, or `none`.

    `line` is the origin that service and terminal speak of, and `elevated` what is told, root being so by itself.
    """

    user: str
    uid: int | None
    groups: frozenset[str] | None
    remote: str | None
    origin: Origin | None
    line: Origin | None
    terminal: str | None
    service: str | None
    elevated: bool
    at: LocalTime | None


@dataclass(frozen=True)
class HypotheticalSession:
    """A session as rules would see it, and why what was not told is so, by the key that `match` has for it."""

    subject: Subject
    assumed: dict[str, str]

    def document(self) -> dict[str, Any]:
        """The session in plain JSON types, spelled as `match` does."""
        subject = self.subject
        return {
            "user": plain(subject.user),
            "uid": None if subject.uid == UNKNOWN_UID else subject.uid,
            "group": sorted(map(plain, subject.groups)),
            "origin": subject.origin.value,
            "from": plain(subject.remote),
            "terminal": plain(", ".join(subject.terminals)) or NO_TERMINAL,
            "service": plain(subject.service),
            "elevated": subject.elevated,
            "hours": str(subject.local),
            "assumed": dict(self.assumed),
        }


def hypothetical_session(told: GivenFacts, known_groups: frozenset[str] | None, now: LocalTime) -> HypotheticalSession:
    """The session that is told of. `known_groups` are the user's by the name services, None where they know none."""
    assumed = {}
    origin = told.origin
    if origin is None:
        origin, assumed["origin"] = _origin(told)
    service, terminals = _USUAL[origin]
    if told.remote is None:
        assumed["from"] = "not known: no rule with from fits" if origin is Origin.SSH else "assumed: this host"
    if told.terminal is None:
        assumed["terminal"] = f"assumed for {origin.value}"
    if told.service is None:
        assumed["service"] = f"assumed for {origin.value}"
    if told.at is None:
        assumed["hours"] = "now"
    groups = told.groups
    if groups is None:
        groups = known_groups or frozenset()
        assumed["group"] = "unknown here" if known_groups is None else "as the host's name service says"
    subject = Subject(
        user=told.user,
        uid=UNKNOWN_UID if told.uid is None else told.uid,
        groups=groups,
        origin=origin,
        remote=told.remote or "",
        terminals=terminals,
        service=service if told.service is None else told.service,
        elevated=told.elevated or told.uid == 0,
        local=told.at or now,
    )
    if not told.elevated:
        assumed["elevated"] = "it is root's own" if subject.elevated else "assumed"
    if told.terminal is not None:
        subject = replace(subject, terminals=() if told.terminal == NO_TERMINAL else (told.terminal,))
    return HypotheticalSession(subject, assumed)


def _origin(told: GivenFacts) -> tuple[Origin, str]:
    if told.remote:
        return Origin.SSH, "assumed: it is from a host"
    if told.line is not None:
        return told.line, f"as its {'terminal' if told.service is None else 'service'} says"
    return Origin.CONSOLE, "assumed: it is from no host"
