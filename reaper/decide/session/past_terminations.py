"""Match each login with the ended session that it follows, to log re-authentication. Pure.

A login follows the last session of its user that was ended before it, and each ended session is followed once. A
session is remembered from the beginning of its termination, because users log in again while the old session is still
being ended.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from reaper.decide.text.duration import USEC_PER_DAY

KEPT = 1000
"""The most that are remembered: reaper is made for 1,000 sessions a host. Each takes about 60 bytes in the saved state.
"""
KEPT_OF_ONE = 4
"""The most of one user, so that no user displaces others. More than one, as the end of the last can be cancelled."""
KEPT_USEC = USEC_PER_DAY
"""A login more than a day later follows nothing."""


class PastTermination(NamedTuple):
    """A session whose termination has begun: its user and name, the reason (a limit, or `order`), and when."""

    uid: int
    session: str
    reason: str
    ended_usec: int


Past = tuple[PastTermination, ...]
"""Those that no login has followed yet, the latest last."""


def remember(past: Past, ended: PastTermination) -> Past:
    """Return `past` with one more, without those that are too old or too many."""
    fresh = [each for each in past if ended.ended_usec - each.ended_usec < KEPT_USEC and each.session != ended.session]
    surplus = [each for each in fresh if each.uid == ended.uid][: 1 - KEPT_OF_ONE]
    return (*(each for each in fresh if each not in surplus), ended)[-KEPT:]


def follow(past: Past, uid: int, opened_usec: int, staying: Container[str]) -> tuple[PastTermination | None, Past]:
    """Return what a login at `opened_usec` follows (None for nothing), and what remains for other users' logins.

    `staying` has the names of sessions whose termination was cancelled; no login follows them.
    """
    before = [each for each in past if each.uid == uid and each.ended_usec <= opened_usec]
    left = tuple(each for each in past if each not in before)
    followed = [each for each in before if opened_usec - each.ended_usec < KEPT_USEC and each.session not in staying]
    return (followed[-1] if followed else None), left
