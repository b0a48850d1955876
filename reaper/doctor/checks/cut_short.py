"""Other mechanisms that end what reaper leaves alone for a while: locked, held and deferred sessions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reaper.decide.policy.limits import Action
from reaper.decide.policy.rules import Policy
from reaper.decide.text.duration import span
from reaper.doctor.checks.precedence import SAID, Mechanism, Row, SessionKind, limits_of
from reaper.doctor.findings import Finding, warning

# What ends a session while it is locked, too. It begins to count at the lock, which reads and writes on the terminal.
# (Not TMOUT: a shell that is stopped at a lock goes on afterwards, however long that was.)
_OF_LOCKED = ("logind", "channel-timeout")
# What ends a held or a deferred session. A shell whose TMOUT falls due can have the busy program in the background.
_OF_SPARED = ("logind", "tmout", "channel-timeout")


def check(policy: Policy | None, rows: Sequence[Row]) -> Iterator[Finding]:
    """The other mechanisms that end what reaper would lock, has locked, or holds."""
    if policy is None:
        return
    yield from _check_locks(policy, rows)
    for by in _OF_SPARED:
        held = [(row, each) for row, each in _of(rows, by) if _is_before_release(policy, row.kind, each)]
        if held:
            yield warning(
                "hold-cut-short",
                f"{_told(held)} ends sessions that are held, before hold_max is over: {_kinds(held)}.",
                f"{SAID[by][2]}; or a hold_max below it",
            )
        deferred = [(row, each) for row, each in _of(rows, by) if _is_before_busy(policy, row.kind, each)]
        if deferred:
            yield warning(
                "busy-cut-short",
                f"{_told(deferred)} ends sessions that wait for a busy program, before busy_max is over:"
                f" {_kinds(deferred)}.",
                f"{SAID[by][2]}; or a busy_max below it",
            )


def _check_locks(policy: Policy, rows: Sequence[Row]) -> Iterator[Finding]:
    for by in _OF_LOCKED:
        found = [(row, each) for row, each in _of(rows, by) if _is_before_unlocking(policy, row.kind, each)]
        if found:
            yield warning(
                "lock-cut-short",
                f"{_told(found)} ends locked sessions before lock_for is over: {_kinds(found)}.",
                f"{SAID[by][2]}; or a lock_for below it",
            )
    found = [(row, each) for row, each in _of(rows, "tmout") if _is_before_lock(policy, row.kind, each)]
    if found:
        yield warning(
            "lock-cut-short",
            f"{_told(found)} ends shells before a rule would lock them: {_kinds(found)}.",
            f"{SAID['tmout'][2]}; or an idle below it",
        )


def _of(rows: Sequence[Row], by: str) -> list[tuple[Row, Mechanism]]:
    return [(row, each) for row in rows for each in row.mechanisms if each.by == by]


def _told(found: Sequence[tuple[Row, Mechanism]]) -> str:
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
    """Whether it ends a session for which its user may still ask: a hold may last hold_max after the last key."""
    acting = [each for each in limits_of(policy, kind) if each.action is not Action.OBSERVE]
    return any(each.hold_max_usec and mechanism.shortest_usec < each.hold_max_usec for each in acting)


def _is_before_busy(policy: Policy, kind: SessionKind, mechanism: Mechanism) -> bool:
    """Whether it ends a session that reaper defers: busy_max begins at the limit."""
    busy = [each for each in limits_of(policy, kind) if each.busy and each.action is not Action.OBSERVE]
    ends = [each.idle_usec + each.busy_max_usec for each in busy if each.idle_usec is not None]
    return any(mechanism.shortest_usec < end for end in ends)
