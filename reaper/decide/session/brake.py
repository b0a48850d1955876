"""The brake: when more sessions than the policy allows would end within its window, the rest wait.

A mistake in a policy, or in this program, that would end every session at once ends a few, and raises an alert.
"""

from __future__ import annotations

from typing import NamedTuple

from reaper.decide.policy.rules import Brake


class Ledger(NamedTuple):
    """When the latest terminations began (boot-time microseconds, oldest first), and whether others are held back."""

    began_usec: tuple[int, ...] = ()
    is_engaged: bool = False


def admit(ledger: Ledger, brake: Brake, now_usec: int) -> tuple[bool, Ledger]:
    """Whether one more termination may begin now, and the ledger with it."""
    recent = tuple(at for at in ledger.began_usec if at > now_usec - brake.per_usec)
    if brake.sessions is not None and len(recent) >= brake.sessions:
        return False, Ledger(recent, True)
    return True, Ledger((*recent, now_usec), False)


def release_usec(ledger: Ledger, brake: Brake) -> int:
    """When the next termination may begin; 0 for at any time."""
    if brake.sessions is None or len(ledger.began_usec) < brake.sessions:
        return 0
    return ledger.began_usec[-brake.sessions] + brake.per_usec


def held_usec(ledger: Ledger, brake: Brake, now_usec: int) -> int | None:
    """How long no other session may end yet; None where sessions are not held back."""
    left = release_usec(ledger, brake) - now_usec
    return left if ledger.is_engaged and left > 0 else None
