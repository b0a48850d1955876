"""The policy in force, and the verdict it passes on one session.

Pure: no I/O, no clock, no YAML.  config.py makes a Policy out of text, and judge() picks the limits of a session:

1. The rules are tried in order and the first that matches wins; where none does, the host's environment stands.
2. What the winning rule leaves out comes from the environment.  That is settled when the policy is read
   (inherit()), so a Rule carries its limits complete.
3. The ceiling is laid over the result (cap()).  It can shorten and never lengthen, and it leaves the action alone:
   `observe` stays `observe`, for to try a policy out must not bite.

Whatever made them (an environment, a rule, a ceiling), limits keep two promises that rest on how the kernel dates
input.  A terminal's atime moves only in steps of 8 seconds and is the time of the first event in its step (FACTS:
tty times), so the last key may be up to 8 s younger than it looks, and a key pressed in the same step as the one
before leaves no trace.  Hence a limit is at least two steps, and the first warning comes at least one step after the
last input: any key pressed after a warning is then seen.
"""

from __future__ import annotations

import enum
import functools
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from reaper.decide.duration import USEC_PER_HOUR, USEC_PER_MIN, USEC_PER_SEC, format_duration
from reaper.decide.match import Match, Origin, Subject, mismatch
from reaper.decide.size import format_size
from reaper.decide.template import Template

__all__ = [
    "AUTO", "BUILT_IN", "NEVER", "SHORTEST_LIMIT_USEC", "TTY_STEP_USEC", "UNLIMITED", "Action", "Activity", "Brake",
    "Ceiling", "Kill", "Limits", "Match", "Origin", "Policy", "Rule", "Share", "Subject", "Verdict", "asks_for", "cap",
    "counted", "document", "fit_leads", "inherit", "judge", "longest_lead", "spelled", "without_limits",
    "without_warnings",
]  # fmt: skip

NEVER = "never"
UNLIMITED = "unlimited"
AUTO = "auto"
TTY_STEP_USEC = 8 * USEC_PER_SEC
SHORTEST_LIMIT_USEC = 2 * TTY_STEP_USEC


class Action(enum.Enum):
    """What happens at the limit."""

    OBSERVE = "observe"
    LOCK = "lock"
    TERMINATE = "terminate"


class Activity(enum.Enum):
    """What counts as a sign that a session is in use."""

    INPUT = "input"  # a person's keys on a terminal
    NETWORK = "network"  # bytes on the connection
    CPU = "cpu"  # CPU time of the session's processes


class Kill(enum.Enum):
    """How much of a session ends: what is attached to its terminals, or all of its scope."""

    TERMINAL = "terminal"
    SESSION = "session"


class Share(enum.Enum):
    """Whose input keeps a session: that of the session alone, or that of all sessions of its user."""

    SESSION = "session"
    USER = "user"


@dataclass(frozen=True)
class Limits:
    """The numbers for one session, in microseconds; None is never.

    `warn_usec` are the leads before a limit at which to warn, distinct, the longest first; empty where the
    administrator wants no warning.  `message` is their text of a warning; without parts, the built-in one.
    `activity` is empty where what counts goes by the kind of session (counted()).  The floors are a minute's: bytes on
    the connection, CPU time.  `busy` are patterns for the names of programs that put the end off while they run in the
    session, for `busy_max_usec` in all.  For `hold_max_usec` after their last sign of life a person may hold their
    session; 0 for not at all.
    """

    idle_usec: int | None
    max_usec: int | None
    warn_usec: tuple[int, ...]
    message: Template
    action: Action
    kill: Kill
    grace_usec: int
    activity: tuple[Activity, ...]
    network_floor_bytes: int
    cpu_floor_usec: int
    share_activity: Share
    busy: tuple[str, ...]
    busy_max_usec: int
    hold_max_usec: int


@dataclass(frozen=True)
class Rule:
    """Conditions and the complete limits for whom they fit.

    `given` names the limits that the rule itself sets, as the policy file spells them and in its order of LIMIT_KEYS;
    the others were inherited.
    """

    name: str
    match: Match
    limits: Limits
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ceiling:
    """The longest limits there may be, whatever a rule says; None caps nothing.  `exempt` (``except``): rule names."""

    idle_usec: int | None = None
    max_usec: int | None = None
    busy_max_usec: int | None = None
    hold_max_usec: int | None = None
    exempt: tuple[str, ...] = ()


@dataclass(frozen=True)
class Brake:
    """At most `sessions` end within `per_usec`; the rest wait.  None is no brake."""

    sessions: int | None
    per_usec: int


@dataclass(frozen=True)
class Policy:
    """Everything that the policy files say, checked and merged.

    `environment` is a key of `environments`.  `terminal_servers` are programs that run as the user and hold the masters
    of terminals on which a person types.  `sources` are the files read, in order; empty for the built-in policy.
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
        """What stands for a rule's name where none matches; one string for all sessions."""
        return f"environment:{self.environment}"

    @functools.cached_property
    def id(self) -> str:
        """The first 12 hex digits of SHA-256 over document() as compact JSON with sorted keys.

        Two hosts with the same id enforce the same policy, however it is spread over files.
        """
        text = json.dumps(document(self), sort_keys=True, separators=(",", ":"))
        return _sha256(text.encode())[:12]


@dataclass(frozen=True)
class Verdict:
    """What judge() found: the limits, the name of the rule they come from, and how that came about.

    `rule` is ``environment:NAME`` where no rule matched (a rule's name has no colon).  `capped` names the limits that
    the ceiling lowered.  `passed_over` holds the rules before the winner, each with why it did not match.
    """

    rule: str
    limits: Limits
    capped: tuple[str, ...]
    passed_over: tuple[tuple[str, str], ...]


def judge(policy: Policy, subject: Subject) -> Verdict:
    """The limits of one session: the first rule that matches, else the environment; then the ceiling."""
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


@functools.lru_cache(maxsize=64)  # a thousand sessions are under few rules
def cap(limits: Limits, ceiling: Ceiling) -> tuple[Limits, tuple[str, ...]]:
    """The limits under the ceiling, and the names of those it lowered: the strictest wins, and never is the longest.

    Warnings that no longer fit a lowered limit are dropped as fit_leads() says.  For how long programs may put the end
    off is lowered only where some may.  What it does to holds that there are is hold.py's.
    """
    idle, idle_capped = _lower(limits.idle_usec, ceiling.idle_usec)
    longest, max_capped = _lower(limits.max_usec, ceiling.max_usec)
    busy_max, busy_capped = _lower(limits.busy_max_usec, ceiling.busy_max_usec if limits.busy else None)
    hold_max, hold_capped = _lower(limits.hold_max_usec, ceiling.hold_max_usec)
    assert busy_max is not None
    assert hold_max is not None
    lowered = {"idle": idle_capped, "max": max_capped, "busy_max": busy_capped, "hold_max": hold_capped}
    capped = tuple(name for name, is_lower in lowered.items() if is_lower)
    if not capped:
        return limits, ()
    limits = replace(limits, idle_usec=idle, max_usec=longest, busy_max_usec=busy_max, hold_max_usec=hold_max)
    return fit_leads(limits), capped


def _lower(limit: int | None, ceiling: int | None) -> tuple[int | None, bool]:
    if ceiling is None or (limit is not None and limit <= ceiling):
        return limit, False
    return ceiling, True


def longest_lead(idle_usec: int | None, max_usec: int | None) -> int | None:
    """How long before the nearer limit the first warning may come; None when nothing is limited.

    One step of the terminal's clock must lie between the last input and the first warning (see the top of this file).
    """
    limits = [limit for limit in (idle_usec, max_usec) if limit is not None]
    return min(limits) - TTY_STEP_USEC if limits else None


def counted(activity: tuple[Activity, ...], has_terminal: bool) -> tuple[Activity, ...]:
    """What counts for a session: what its rule says as far as such a session can show it, else what its kind shows.

    Who types into a session without a terminal leaves no input that a terminal could tell of.
    """
    if has_terminal:
        return activity or (Activity.INPUT,)
    shown = tuple(each for each in activity if each is not Activity.INPUT)
    return shown or (Activity.NETWORK, Activity.CPU)


@functools.lru_cache(maxsize=64)
def without_limits(limits: Limits) -> Limits:
    """The same with nothing that would end a session."""
    return replace(limits, idle_usec=None, max_usec=None, warn_usec=())


def asks_for(policy: Policy, rule: str, origin: Origin) -> bool:
    """Whether a rule names an origin, rather than that it fits any."""
    return any(origin in each.match.origin for each in policy.rules if each.name == rule)


@functools.lru_cache(maxsize=64)
def without_warnings(limits: Limits) -> Limits:
    """The limits of a session on which there is nowhere to show a warning; one object for all under the same."""
    return replace(limits, warn_usec=())


def fit_leads(limits: Limits) -> Limits:
    """The same limits without the warnings that would come too early for them.

    Where all would go, one stays, half way to the limit in whole seconds: nobody who was to be warned goes unwarned
    (law 1 of DESIGN), and half way is neither in the person's face at once nor too late to react.  That lead always
    fits, as a limit is at least two steps of the terminal's clock.  Limits without warnings stay without.
    """
    longest = longest_lead(limits.idle_usec, limits.max_usec)
    if longest is None or not limits.warn_usec:
        return limits
    fitting = tuple(lead for lead in limits.warn_usec if lead <= longest)
    half = (longest + TTY_STEP_USEC) // 2 // USEC_PER_SEC * USEC_PER_SEC
    return replace(limits, warn_usec=fitting or (half,))


def inherit(base: Limits, given: Mapping[str, Any]) -> Limits:
    """`base` with the given fields (of Limits) in place of its own; inherited warnings give way to a shorter limit."""
    limits = replace(base, **given)
    return limits if "warn_usec" in given else fit_leads(limits)


def document(policy: Policy) -> dict[str, Any]:
    """The policy as the file would say it, in plain JSON types and complete; `sources` is no part of it."""
    return {
        "environment": policy.environment,
        "poll": format_duration(policy.poll_usec),
        "terminal_servers": list(policy.terminal_servers),
        "environments": {name: spelled(limits) for name, limits in sorted(policy.environments.items())},
        "ceiling": {
            "idle": _or_never(policy.ceiling.idle_usec),
            "max": _or_never(policy.ceiling.max_usec),
            "busy_max": _or_never(policy.ceiling.busy_max_usec),
            "hold_max": _or_never(policy.ceiling.hold_max_usec),
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


def spelled(limits: Limits) -> dict[str, Any]:
    """Limits as document() has them."""
    return {
        "idle": _or_never(limits.idle_usec),
        "max": _or_never(limits.max_usec),
        "warn": [format_duration(lead) for lead in limits.warn_usec],
        "message": str(limits.message),
        "action": limits.action.value,
        "kill": limits.kill.value,
        "grace": format_duration(limits.grace_usec),
        "activity": [each.value for each in limits.activity] or AUTO,
        "network_floor": format_size(limits.network_floor_bytes),
        "cpu_floor": format_duration(limits.cpu_floor_usec),
        "share_activity": limits.share_activity.value,
        "busy": list(limits.busy),
        "busy_max": format_duration(limits.busy_max_usec),
        "hold_max": format_duration(limits.hold_max_usec),
    }


def _or_never(usec: int | None) -> str:
    return NEVER if usec is None else format_duration(usec)


def _sha256(data: bytes) -> str:
    """hashlib maps all of OpenSSL, 4 MiB of the daemon's 20; CPython's own SHA-256 (3.12: _sha2) is there without it.

    A build without its own hashes (EL in FIPS mode) has only hashlib.
    """
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            digest: str = importlib.import_module(name).sha256(data).hexdigest()
        except ImportError:
            continue
        return digest
    raise AssertionError("no SHA-256 in this interpreter")


_STANDARD = Limits(
    idle_usec=15 * USEC_PER_MIN,
    max_usec=None,
    warn_usec=(5 * USEC_PER_MIN, USEC_PER_MIN),
    message=Template(),
    action=Action.TERMINATE,
    kill=Kill.TERMINAL,
    grace_usec=10 * USEC_PER_SEC,
    activity=(),
    network_floor_bytes=16,  # less than the smallest packet: whatever is no keepalive
    cpu_floor_usec=USEC_PER_SEC,
    share_activity=Share.SESSION,
    busy=(),
    busy_max_usec=4 * USEC_PER_HOUR,
    hold_max_usec=0,  # a person prolongs nothing before an administrator says for how long they may
)
_RESTRICTED = replace(
    _STANDARD,
    idle_usec=10 * USEC_PER_MIN,
    max_usec=8 * USEC_PER_HOUR,
    warn_usec=(2 * USEC_PER_MIN, 30 * USEC_PER_SEC),
    kill=Kill.SESSION,
)

BUILT_IN = Policy(
    environment="standard",
    poll_usec=15 * USEC_PER_SEC,
    environments=MappingProxyType({"standard": _STANDARD, "restricted": _RESTRICTED}),
    rules=(),
    ceiling=Ceiling(),
    brake=Brake(sessions=10, per_usec=USEC_PER_MIN),
    terminal_servers=("mosh-server", "cockpit-bridge"),
    sources=(),
)
"""The policy in force when there is no file, and what files leave out."""
