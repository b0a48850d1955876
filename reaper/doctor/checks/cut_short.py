"""Finds other mechanisms that end sessions while reaper keeps them: locked, held and deferred sessions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reaper.decide.policy.limits import Action
from reaper.decide.policy.rules import Policy
from reaper.decide.text.duration import span
from reaper.doctor.checks.precedence import FINDINGS, Mechanism, Row, SessionKind, limits_of
from reaper.doctor.findings import Finding, warning

# These also end a locked session. Their time begins at the lock, which reads from the terminal and writes to it.
# TMOUT does not: a shell that the lock freezes continues when it is unlocked, however long that took.
_ENDS_LOCKED = ("logind", "channel-timeout")
# These end a held or deferred session. TMOUT does at a prompt: the busy program can run in the background.
_ENDS_KEPT = ("logind", "tmout", "channel-timeout")


def check(policy: Policy | None, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yields the mechanisms that end a session which reaper would lock, has locked, holds or defers."""
    if policy is None:
        return
    yield from _check_locks(policy, rows)
    for by in _ENDS_KEPT:
        held = [(row, each) for row, each in _select(rows, by) if _is_before_release(policy, row.kind, each)]
        if held:
            yield warning(
                "hold-cut-short",
                f"{_setting(held)} ends held sessions before hold_max is over: {_kinds(held)}.",
                _remedy(by, "set hold_max to", held),
            )
        deferred = [(row, each) for row, each in _select(rows, by) if _is_before_busy(policy, row.kind, each)]
        if deferred:
            yield warning(
                "busy-cut-short",
                f"{_setting(deferred)} ends sessions that wait for a busy program before busy_max is over:"
                f" {_kinds(deferred)}.",
                _remedy(by, "set idle and busy_max so that their sum is", deferred),
            )


def _check_locks(policy: Policy, rows: Sequence[Row]) -> Iterator[Finding]:
    for by in _ENDS_LOCKED:
        found = [(row, each) for row, each in _select(rows, by) if _is_before_unlocking(policy, row.kind, each)]
        if found:
            yield warning(
                "lock-cut-short",
                f"{_setting(found)} ends locked sessions before lock_for is over: {_kinds(found)}.",
                _remedy(by, "set lock_for to", found),
            )
    found = [(row, each) for row, each in _select(rows, "tmout") if _is_before_lock(policy, row.kind, each)]
    if found:
        yield warning(
            "lock-cut-short",
            f"{_setting(found)} ends shells before a rule would lock them: {_kinds(found)}.",
            _remedy("tmout", "set idle to", found),
        )


def _select(rows: Sequence[Row], by: str) -> list[tuple[Row, Mechanism]]:
    return [(row, each) for row in rows for each in row.mechanisms if each.by == by]


def _remedy(by: str, edit: str, found: Sequence[tuple[Row, Mechanism]]) -> str:
    usec = min(mechanism.shortest_usec for _, mechanism in found)
    remedy = FINDINGS[by][2].format(setting=found[0][1].setting)
    return f"{remedy}; or {edit} less than {span(usec)} (reaperctl policy shows where)"


def _setting(found: Sequence[tuple[Row, Mechanism]]) -> str:
    mechanism = found[0][1]
    return f"{mechanism.setting} ({span(mechanism.shortest_usec)})"


def _kinds(found: Sequence[tuple[Row, Mechanism]]) -> str:
    return "; ".join(row.kind.words for row, _ in found)


def _is_before_unlocking(policy: Policy, kind: SessionKind, mechanism: Mechanism) -> bool:
    times = [each.lock_for_usec for each in limits_of(policy, kind) if each.action is Action.LOCK]
    return kind.has_terminal and any(time is None or mechanism.shortest_usec < time for time in times)


def _is_before_lock(policy: Policy, kind: SessionKind, mechanism: Mechanism) -> bool:
    times = [each.idle_usec for each in limits_of(policy, kind) if each.action is Action.LOCK]
    return any(time is not None and mechanism.shortest_usec < time for time in times)


def _is_before_release(policy: Policy, kind: SessionKind, mechanism: Mechanism) -> bool:
    """Whether the mechanism ends a session that its user may still hold: a hold lasts up to hold_max after a key."""
    acting = [each for each in limits_of(policy, kind) if each.action is not Action.OBSERVE]
    return any(each.hold_max_usec and mechanism.shortest_usec < each.hold_max_usec for each in acting)


def _is_before_busy(policy: Policy, kind: SessionKind, mechanism: Mechanism) -> bool:
    """Whether the mechanism ends a session that reaper still defers: busy_max begins at the limit."""
    busy = [each for each in limits_of(policy, kind) if each.busy and each.action is not Action.OBSERVE]
    ends = [each.idle_usec + each.busy_max_usec for each in busy if each.idle_usec is not None]
    return any(mechanism.shortest_usec < end for end in ends)
