"""Finds current sessions that have no limit, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from reaper.decide.policy.limits import Limits
from reaper.decide.policy.rules import Policy
from reaper.doctor.findings import Finding, note, warning

MOST_NAMED = 5
"""The most sessions that one finding names: `reaperctl list` shows all of them."""


class ListedSession(NamedTuple):
    """A session as the daemon lists it (io.reaper.Session)."""

    session: str
    user: str
    origin: str
    service: str
    rule: str
    has_next: bool  # something happens to it if nothing is typed


def parse_sessions(rows: Any) -> tuple[ListedSession, ...]:
    """Parses the sessions of io.reaper.List; an older daemon may leave keys out."""
    return tuple(_parse_row(row) for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else ()


def _parse_row(row: Mapping[str, Any]) -> ListedSession:
    is_settled = row.get("phase") not in ("active", "warned")
    return ListedSession(
        session=str(row.get("session", "")),
        user=str(row.get("user", "")),
        origin=str(row.get("origin", "")),
        service=str(row.get("service", "")),
        rule=str(row.get("rule", "")),
        has_next=is_settled or row.get("next", "") != "nothing",
    )


def check(sessions: Iterable[ListedSession], policy: Policy | None) -> Iterator[Finding]:
    """Yields the sessions that are never warned or ended, by reason. rules.py reports that there is no policy."""
    if policy is None:
        return
    unknown, unlimited, graphical = [], [], []
    for each in sessions:
        if each.has_next or not each.rule:
            continue
        if is_unlimited(limits_by_name(policy).get(each.rule)):
            unlimited.append(each)
        elif each.origin == "graphical":
            graphical.append(each)
        else:
            unknown.append(each)
    if unknown:
        yield warning(
            "session-unseen",
            f"No terminal of {_named(unknown)} is of a kind that reaper knows, and nothing else shows whether it is in"
            " use: such a session is never warned or ended.",
            f"reaperctl explain {unknown[0].session}; if possible, log in by sshd, or on a console or serial line"
            " instead",
        )
    if unlimited:
        rules = ", ".join(sorted({each.rule for each in unlimited}))
        yield note(
            "session-unlimited",
            f"No limit applies to {_named(unlimited)}: the rule {rules} has neither idle nor max.",
            f"idle: or max: in the rule {rules}, if the session should end",
        )
    if graphical:
        yield note(
            "session-unlimited",
            f"No limit applies to {_named(graphical)}: no rule has graphical in origin.",
            "a rule with match: {origin: graphical}, if the session should end",
        )


def limits_by_name(policy: Policy) -> Mapping[str, Limits]:
    """Returns the limits of each rule, and of the environment, by the names that sessions are listed with."""
    limits = {rule.name: rule.limits for rule in policy.rules}
    return {**limits, f"environment:{policy.environment}": policy.environments[policy.environment]}


def is_unlimited(limits: Limits | None) -> bool:
    """Whether a rule's own limits never end a session; the ceiling still may."""
    return limits is not None and limits.idle_usec is None and limits.max_usec is None


def _named(sessions: list[ListedSession]) -> str:
    names = [f"{each.session} of {each.user} ({each.service or each.origin})" for each in sessions[:MOST_NAMED]]
    more = len(sessions) - len(names)
    return f"session{'s' if len(sessions) > 1 else ''} {', '.join(names)}{f' and {more} more' if more else ''}"
