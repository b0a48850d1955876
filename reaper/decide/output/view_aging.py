"""What of an answer about sessions moves with time alone: ages grow, and what is left shrinks. Pure.

The daemon asks whether there is anything new to tell a client that watches; the client counts on by itself in between.
"""

from __future__ import annotations

from typing import Any, Callable

# The fields of io.reaper by name, wherever in an answer they stand; all other times stand still.
GROWING = frozenset(("idle_usec", "opened_usec"))
SHRINKING = frozenset(("next_usec", "left_usec", "brake_usec"))


def aged(answer: Any, usec: int) -> Any:
    """The answer as it would be so much later, if nothing happened but time. What is left never falls below 0."""

    def move(name: str, value: int) -> int:
        return value + usec if name in GROWING else max(0, value - usec)

    return _moved(answer, move)


def lasting(answer: Any, now_usec: int) -> Any:
    """What two answers have in common, each with its own `now_usec`, between which nothing happened but time.

    Ages and remainders become moments. What is at 0 may stay there for a while: what has run out, and the age of what
    the clock of terminals dates a few seconds ahead.
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
