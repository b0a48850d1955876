"""The login that follows a session which was ended: who has proved anew who they are, and after what. Pure.

Each login follows the last session of its user that was ended before it, and each such session is followed once. It is
remembered from when its end begins: people log in again at once, while what they had is still going.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from reaper.decide.text.duration import USEC_PER_DAY

KEPT = 1000
"""As many sessions as a host is made for; some 60 bytes each in the saved state."""
KEPT_OF_ONE = 4
"""Of one user, so that nobody pushes out what is remembered of others. The last counts, unless it was broken off."""
KEPT_USEC = USEC_PER_DAY
"""A login of another day follows nothing."""


class PastTermination(NamedTuple):
    """A session whose end was begun: its user, its name, the limit or `order` that it was for, and when."""

    uid: int
    session: str
    reason: str
    ended_usec: int


Past = tuple[PastTermination, ...]
"""Those that no login has followed yet, the latest last."""


def remember(past: Past, ended: PastTermination) -> Past:
    """With one more; without what is too old or too much."""
    fresh = [each for each in past if ended.ended_usec - each.ended_usec < KEPT_USEC and each.session != ended.session]
    surplus = [each for each in fresh if each.uid == ended.uid][: 1 - KEPT_OF_ONE]
    return (*(each for each in fresh if each not in surplus), ended)[-KEPT:]


def follow(past: Past, uid: int, opened_usec: int, staying: Container[str]) -> tuple[PastTermination | None, Past]:
    """What a login of that moment follows, None for nothing, and what is left for others.

    `staying` are the names of the sessions whose end was broken off: they were never left.
    """
    before = [each for each in past if each.uid == uid and each.ended_usec <= opened_usec]
    left = tuple(each for each in past if each not in before)
    followed = [each for each in before if opened_usec - each.ended_usec < KEPT_USEC and each.session not in staying]
    return (followed[-1] if followed else None), left
