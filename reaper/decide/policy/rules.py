"""The policy, and the limits that it gives to one session.

Pure: no I/O, no clock, no YAML. policy/files/parse.py makes a Policy out of text, and judge() selects the limits:

1. The rules are tried in order, and the first that matches wins. If none matches, the host's environment applies.
2. What the winning rule leaves out comes from the environment. This is done when the policy is read
   (limits.inherit()), so the limits of a Rule are complete.
3. The ceiling is applied to the result (ceiling.py). It shortens limits, never lengthens them, and never changes the
   action: `observe` stays `observe`, so that a policy can be tried out safely.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reaper.decide.policy.ceiling import Ceiling, cap
from reaper.decide.policy.limits import (
    Action,
    Limits,
    duration_or_never,
    spelled,
    without_limits,
    without_warnings,
)
from reaper.decide.policy.match import Match, Origin, Subject, mismatch
from reaper.decide.text.duration import format_duration

UNLIMITED = "unlimited"


@dataclass(frozen=True)
class Rule:
    """Conditions, and the complete limits of sessions that match them.

    `given` names the limits that the rule itself sets, by their keys in the policy file and in the order of
    keys.LIMITS; the others were inherited.
    """

    name: str
    match: Match
    limits: Limits
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class Brake:
    """At most `sessions` sessions are ended within `per_usec`; the rest wait. None is no brake."""

    sessions: int | None
    per_usec: int


@dataclass(frozen=True)
class Policy:
    """Everything that the policy files say, checked and merged.

    `environment` is a key of `environments`. `terminal_servers` are programs that run as the user and hold the master
    sides of terminals on which a person types. `sources` are the files that were read, in order; empty for the
    built-in policy.
    """

    environment: str
    poll_usec: int
    environments: Mapping[str, Limits]
    rules: tuple[Rule, ...]
    ceiling: Ceiling
    brake: Brake
    terminal_servers: tuple[str, ...]
    sources: tuple[str, ...]

    @functools.cached_property
    def fallback(self) -> str:
        """The name in place of a rule's if none matches, ``environment:NAME``; one string object for all sessions."""
        return f"environment:{self.environment}"

    @functools.cached_property
    def locks(self) -> bool:
        """Whether any of its limits lock sessions."""
        limits = (*self.environments.values(), *(rule.limits for rule in self.rules))
        return any(each.action is Action.LOCK for each in limits)

    @functools.cached_property
    def id(self) -> str:
        """The first 12 hex digits of SHA-256 over document() as compact JSON with sorted keys.

        Two hosts with the same id enforce the same policy, whatever files it is divided into.
        """
        text = json.dumps(document(self), sort_keys=True, separators=(",", ":"))
        return _sha256(text.encode())[:12]


@dataclass(frozen=True)
class Verdict:
    """The limits of a session, and why it has them.

    `rule` is the name of the rule, or ``environment:NAME`` if none matched (a rule's name has no colon). `capped` names
    the limits that the ceiling lowered. `passed_over` has the rules before the winner, each with why it did not match.
    """

    rule: str
    limits: Limits
    capped: tuple[str, ...]
    passed_over: tuple[tuple[str, str], ...]


def judge(policy: Policy, subject: Subject) -> Verdict:
    """Return the verdict on one session: the first rule that matches, else the environment, under the ceiling."""
    passed_over = []
    for rule in policy.rules:
        reason = mismatch(rule.match, subject)
        if not reason:
            name, limits, exempt = rule.name, rule.limits, rule.name in policy.ceiling.exempt
            break
        passed_over.append((rule.name, reason))
    else:
        name, limits, exempt = policy.fallback, policy.environments[policy.environment], False
    capped: tuple[str, ...] = ()
    if not exempt:
        limits, capped = cap(limits, policy.ceiling)
    return Verdict(name, limits, capped, tuple(passed_over))


def asks_for(policy: Policy, rule: str, origin: Origin) -> bool:
    """Return whether a rule names this origin, rather than matching any."""
    return any(origin in each.match.origin for each in policy.rules if each.name == rule)


def asks_to_lock(policy: Policy, rule: str) -> bool:
    """Return whether a rule, or the environment if `rule` stands for it, has sessions locked."""
    if rule == policy.fallback:
        return policy.environments[policy.environment].action is Action.LOCK
    return any(each.limits.action is Action.LOCK for each in policy.rules if each.name == rule)


def limits_of_kind(policy: Policy, verdict: Verdict, origin: Origin, has_terminal: bool) -> Limits:
    """Return the limits of a verdict that can apply to this kind of session.

    A graphical session has limits only from a rule that names the origin `graphical`. A session without a terminal has
    no warnings.
    """
    if origin is Origin.GRAPHICAL and not asks_for(policy, verdict.rule, Origin.GRAPHICAL):
        return without_limits(verdict.limits)
    return verdict.limits if has_terminal else without_warnings(verdict.limits)


def document(policy: Policy) -> dict[str, Any]:
    """Return the complete policy as a policy file would have it, in plain JSON types; without `sources`."""
    return {
        "environment": policy.environment,
        "poll": format_duration(policy.poll_usec),
        "terminal_servers": list(policy.terminal_servers),
        "environments": {name: spelled(limits) for name, limits in sorted(policy.environments.items())},
        "ceiling": {
            "idle": duration_or_never(policy.ceiling.idle_usec),
            "max": duration_or_never(policy.ceiling.max_usec),
            "lock_for": duration_or_never(policy.ceiling.lock_for_usec),
            "busy_max": duration_or_never(policy.ceiling.busy_max_usec),
            "hold_max": duration_or_never(policy.ceiling.hold_max_usec),
            "except": list(policy.ceiling.exempt),
        },
        "brake": {
            "sessions": UNLIMITED if policy.brake.sessions is None else policy.brake.sessions,
            "per": format_duration(policy.brake.per_usec),
        },
        "rules": [_rule(rule) for rule in policy.rules],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    limits = spelled(rule.limits)
    conditions = {
        "user": list(rule.match.user),
        "group": list(rule.match.group),
        "origin": [origin.value for origin in rule.match.origin],
        "from": list(rule.match.remote),
        "terminal": list(rule.match.terminal),
        "service": list(rule.match.service),
        "elevated": rule.match.elevated,
        "hours": list(map(str, rule.match.hours)),
    }
    match = {key: wanted for key, wanted in conditions.items() if wanted not in (None, [])}
    return {"name": rule.name, **({"match": match} if match else {}), **{key: limits[key] for key in rule.given}}


def _sha256(data: bytes) -> str:
    """Return a SHA-256 in hex digits, by CPython's own module (3.12: _sha2) if there is one.

    hashlib maps all of OpenSSL, which takes 4 MiB of the daemon's 20. A Python without its own hashes (EL in FIPS mode)
    has only hashlib.
    """
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            digest: str = importlib.import_module(name).sha256(data).hexdigest()
        except ImportError:
            continue
        return digest
    raise AssertionError("no SHA-256 in this interpreter")


def ceiling_over(policy: Policy, rule: str) -> Ceiling:
    """Return the ceiling that applies to a rule; one that caps nothing if the rule is exempt."""
    return Ceiling() if rule in policy.ceiling.exempt else policy.ceiling
