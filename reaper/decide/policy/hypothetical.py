"""Build a hypothetical session, to ask which rule would apply to it (`reaperctl policy`). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from reaper.decide.policy.match import NO_TERMINAL, Origin, Subject
from reaper.decide.text.escape import plain
from reaper.decide.text.hours import LocalTime

UNKNOWN_UID = -1
"""Stands for a user id that is not known; no rule can name it."""

_USUAL = {
    Origin.SSH: ("sshd", ("pts/0",)),
    Origin.CONSOLE: ("login", ("tty1",)),
    Origin.SERIAL: ("login", ("ttyS0",)),
    Origin.GRAPHICAL: ("gdm-password", ()),
    Origin.OTHER: ("", ()),
}
"""The PAM service and the terminals to assume for each origin if they are not given."""


@dataclass(frozen=True)
class GivenFacts:
    """What the administrator says about a hypothetical session; None is not given.

    `terminal` is without /dev/, or `none`. `line` is the origin that the service or the terminal implies. `elevated` is
    what was said; a session of root's is elevated in any case.
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
    """A session as rules would see it; `assumed` says, by key of `match`, why each value that was not given is so."""

    subject: Subject
    assumed: dict[str, str]

    def document(self) -> dict[str, Any]:
        """Return the session in plain JSON types, with the keys of `match`."""
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


def hypothetical_session(given: GivenFacts, known_groups: frozenset[str] | None, now: LocalTime) -> HypotheticalSession:
    """Return the session that the given facts describe, with assumed values for the rest.

    `known_groups` are the user's groups by the name services; None if these do not know the user.
    """
    assumed = {}
    origin = given.origin
    if origin is None:
        origin, assumed["origin"] = _origin(given)
    service, terminals = _USUAL[origin]
    if given.remote is None:
        assumed["from"] = "not known: no rule with from fits" if origin is Origin.SSH else "assumed: this host"
    if given.terminal is None:
        assumed["terminal"] = f"assumed for {origin.value}"
    if given.service is None:
        assumed["service"] = f"assumed for {origin.value}"
    if given.at is None:
        assumed["hours"] = "now"
    groups = given.groups
    if groups is None:
        groups = known_groups or frozenset()
        assumed["group"] = "unknown here" if known_groups is None else "as the host's name service says"
    subject = Subject(
        user=given.user,
        uid=UNKNOWN_UID if given.uid is None else given.uid,
        groups=groups,
        origin=origin,
        remote=given.remote or "",
        terminals=terminals,
        service=service if given.service is None else given.service,
        elevated=given.elevated or given.uid == 0,
        local=given.at or now,
    )
    if not given.elevated:
        assumed["elevated"] = "it is root's own" if subject.elevated else "assumed"
    if given.terminal is not None:
        subject = replace(subject, terminals=() if given.terminal == NO_TERMINAL else (given.terminal,))
    return HypotheticalSession(subject, assumed)


def _origin(given: GivenFacts) -> tuple[Origin, str]:
    if given.remote:
        return Origin.SSH, "assumed: it is from a host"
    if given.line is not None:
        return given.line, f"as its {'terminal' if given.service is None else 'service'} says"
    return Origin.CONSOLE, "assumed: it is from no host"
