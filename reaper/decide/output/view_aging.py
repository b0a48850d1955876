"""The fields of an answer about sessions that change with time alone: ages grow, and times left shrink. Pure.

The daemon uses it to find out whether a client that watches must get a new answer; in between the client counts itself.
"""

from __future__ import annotations

from typing import Any, Callable

# The fields of io.reaper by name, anywhere in an answer; no other field changes with time.
GROWING = frozenset(("idle_usec", "opened_usec"))
SHRINKING = frozenset(("next_usec", "left_usec", "brake_usec"))


def aged(answer: Any, usec: int) -> Any:
    """Return the answer as it is `usec` later if nothing else happens. A time left never falls below 0."""

    def move(name: str, value: int) -> int:
        return value + usec if name in GROWING else max(0, value - usec)

    return _moved(answer, move)


def lasting(answer: Any, now_usec: int) -> Any:
    """Return an answer with points in time in place of ages and times left.

    Two answers, each with its own `now_usec`, become equal if only time passed between them. A 0 stays 0, because it
    can last for a while: a time left that is over, or the age of evidence that is dated a few seconds ahead.
    """

    def fix(name: str, value: int) -> int:
        if not value:
            return 0
        return now_usec - value if name in GROWING else now_usec + value

    return _moved(answer, fix)


def _moved(part: Any, move: Callable[[str, int], int]) -> Any:
    if isinstance(part, dict):
        return {
            name: move(name, value) if name in GROWING | SHRINKING and isinstance(value, int) else _moved(value, move)
            for name, value in part.items()
        }
    return [_moved(each, move) for each in part] if isinstance(part, list) else part
