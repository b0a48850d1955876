"""Which of the sessions that are on the host no limit reaches, and why. Pure: what the daemon shows goes in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from reaper.decide.policy.limits import Limits
from reaper.decide.policy.rules import Policy
from reaper.doctor.findings import Finding, note, warning

MOST_NAMED = 5
"""Of one kind: `reaperctl list` shows all of them."""


class ListedSession(NamedTuple):
    """A session as the daemon shows it (io.reaper.Session)."""

    session: str
    user: str
    origin: str
    service: str
    rule: str
    is_reached: bool  # something happens to it if nothing is typed


def parse_sessions(rows: Any) -> tuple[ListedSession, ...]:
    """The sessions in an answer of io.reaper.List; of an older daemon's, too, which may not show all of it."""
    return tuple(_shown(row) for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else ()


def _shown(row: Mapping[str, Any]) -> ListedSession:
    is_settled = row.get("phase") not in ("active", "warned")
    return ListedSession(
        session=str(row.get("session", "")),
        user=str(row.get("user", "")),
        origin=str(row.get("origin", "")),
        service=str(row.get("service", "")),
        rule=str(row.get("rule", "")),
        is_reached=is_settled or row.get("next", "") != "nothing",
    )


def check(sessions: Iterable[ListedSession], policy: Policy | None) -> Iterator[Finding]:
    """The sessions that are never warned nor ended, by the reason. Without a policy no session is, as rules.py says."""
    if policy is None:
        return
    unknown, unlimited, graphical = [], [], []
    for each in sessions:
        if each.is_reached or not each.rule:
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
            f"No terminal of {_named(unknown)} is of a kind that reaper knows, and nothing else tells whether they are"
            " in use: they are never warned or ended, at no limit.",
            f"reaperctl explain {unknown[0].session}; log in by sshd, or on a console or serial line, where there is"
            " a choice",
        )
    if unlimited:
        rules = ", ".join(sorted({each.rule for each in unlimited}))
        yield note(
            "session-unlimited",
            f"No limit reaches {_named(unlimited)}: the rule {rules} has neither idle nor max.",
            f"idle or max in the rule {rules}, when that is not what you want",
        )
    if graphical:
        yield note(
            "session-unlimited",
            f"No limit reaches {_named(graphical)}: no rule asks for graphical sessions.",
            "a rule with match: {origin: graphical}, when that is not what you want",
        )


def limits_by_name(policy: Policy) -> Mapping[str, Limits]:
    """The limits of each rule, and of the environment, by the name that sessions are shown with."""
    limits = {rule.name: rule.limits for rule in policy.rules}
    return {**limits, f"environment:{policy.environment}": policy.environments[policy.environment]}


def is_unlimited(limits: Limits | None) -> bool:
    """Whether a rule's own limits end nothing, ever. The ceiling may still."""
    return limits is not None and limits.idle_usec is None and limits.max_usec is None


def _named(sessions: list[ListedSession]) -> str:
    told = [f"{each.session} of {each.user} ({each.service or each.origin})" for each in sessions[:MOST_NAMED]]
    more = len(sessions) - len(told)
    return f"session{'s' if len(sessions) > 1 else ''} {', '.join(told)}{f' and {more} more' if more else ''}"
