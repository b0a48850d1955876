"""What a scenario is, and the list of all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .person import Person

LIMIT = 60.0  # autolog and utmp know only minutes
GAP = 0.4 * LIMIT  # between two signs of a person who is there
OBSERVED = 2.5 * LIMIT  # how long one who is there is watched
LATEST = 2.25 * LIMIT  # from the last sign of the person: by then the session of one who left is over
WATCHED = 4.0 * LIMIT  # how long one who left is watched, to tell late from never
STEP = 8.0  # the kernel dates terminals in steps of so many seconds: before LIMIT - STEP is early

KEPT, ENDED, SHOWN = "kept", "ended", "shown"
Play = Callable[["Person"], None]


@dataclass(frozen=True)
class Scenario:
    """One person's way of using, or leaving, a session."""

    name: str  # also the user's name on the host
    title: str
    theme: str
    expect: str  # KEPT, ENDED, or SHOWN: nobody on the host can know
    why: str  # what there is to say for another expectation, or ""
    play: Play
    asked: bool = False  # for what only reaper can be told to do: no mistake of the others
    deaf: bool = False  # nobody sees what is written to the terminal: they cannot be warned


ALL: dict[str, Scenario] = {}


def enter(one: Scenario) -> None:
    """Enters a scenario in the list."""
    assert one.name not in ALL, one.name
    ALL[one.name] = one


def scenario(expect: str, title: str, *, asked: bool = False, deaf: bool = False) -> Callable[[Play], Play]:
    """Enters a function in the list; its docstring is the reason for what is expected, where that is debatable."""

    def decorate(play: Play) -> Play:
        name = play.__name__.replace("_", "-")
        theme = (inspect.getmodule(play).__doc__ or "").partition("\n")[0]
        enter(Scenario(name, title, theme, expect, " ".join((play.__doc__ or "").split()), play, asked, deaf))
        return play

    return decorate
