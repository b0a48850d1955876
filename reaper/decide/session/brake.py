"""The brake: if more sessions are due than the policy allows to end within a time, the rest wait. Pure.

A mistake in the policy, or in this program, that would end every session at once then ends only a few, and an alert
is logged.
"""

from __future__ import annotations

from typing import NamedTuple

from reaper.decide.policy.rules import Brake


class Ledger(NamedTuple):
    """When the latest terminations began (boot-time microseconds, oldest first), and whether other sessions wait."""

    began_usec: tuple[int, ...] = ()
    is_engaged: bool = False


def admit(ledger: Ledger, brake: Brake, now_usec: int) -> tuple[bool, Ledger]:
    """Return whether one more termination may begin now, and the ledger afterwards."""
    recent = tuple(at for at in ledger.began_usec if at > now_usec - brake.per_usec)
    if brake.sessions is not None and len(recent) >= brake.sessions:
        return False, Ledger(recent, True)
    return True, Ledger((*recent, now_usec), False)


def release_usec(ledger: Ledger, brake: Brake) -> int:
    """Return when the next termination may begin; 0 if at any time."""
    if brake.sessions is None or len(ledger.began_usec) < brake.sessions:
        return 0
    return ledger.began_usec[-brake.sessions] + brake.per_usec


def held_usec(ledger: Ledger, brake: Brake, now_usec: int) -> int | None:
    """Return for how long no other termination may begin; None if no session waits."""
    left = release_usec(ledger, brake) - now_usec
    return left if ledger.is_engaged and left > 0 else None
