"""What a scenario is, and the list of all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .person import Person

LIMIT = 60.0  # autolog and utmp know only minutes
GAP = 0.4 * LIMIT  # seconds between two signs of life of a person who is there
OBSERVED = 2.5 * LIMIT  # how long the session of a person who is there is watched
LATEST = 2.25 * LIMIT  # from the last sign of life: by then the session of a person who left must be over
WATCHED = 4.0 * LIMIT  # how long the session of a person who left is watched, to distinguish late from never
STEP = 8.0  # the kernel dates terminals in steps of this many seconds: an end before LIMIT - STEP is too early

KEPT, ENDED, SHOWN = "kept", "ended", "shown"
Play = Callable[["Person"], None]


@dataclass(frozen=True)
class Scenario:
    """One person's way of using, or leaving, a session."""

    name: str  # also the user's name on the host
    title: str
    theme: str
    expect: str  # KEPT, ENDED, or SHOWN: nothing on the host shows which is right
    why: str  # an argument about the expectation, or ""
    play: Play
    asked: bool = False  # only reaper can be configured to do this: the others are not judged
    deaf: bool = False  # nobody sees what is written to the terminal, so the person cannot be warned


ALL: dict[str, Scenario] = {}


def enter(one: Scenario) -> None:
    """Adds a scenario to the list."""
    assert one.name not in ALL, one.name
    ALL[one.name] = one


def scenario(expect: str, title: str, *, asked: bool = False, deaf: bool = False) -> Callable[[Play], Play]:
    """Adds a function to the list as a scenario; its docstring explains the expectation if that is debatable."""

    def decorate(play: Play) -> Play:
        name = play.__name__.replace("_", "-")
        theme = (inspect.getmodule(play).__doc__ or "").partition("\n")[0]
        enter(Scenario(name, title, theme, expect, " ".join((play.__doc__ or "").split()), play, asked, deaf))
        return play

    return decorate
