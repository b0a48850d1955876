"""The picture in reaper(7) is the table that the daemon goes by."""

from __future__ import annotations

import re

from reaper.decide.session import transitions
from reaper.decide.session.state import Phase, Stimulus
from reaper.decide.session.transitions import TABLE

from .tree import read


def draw() -> str:
    """A column for each phase, a line for each stimulus; a dash where nothing changes."""
    width = max(len(word.value) for word in (*Phase, *Stimulus)) + 3
    lines = [["", *(phase.value for phase in Phase)]]
    for stimulus in Stimulus:
        cells = [outcomes(phase, stimulus) for phase in Phase]
        for number in range(max(map(len, cells))):
            first = stimulus.value if number == 0 else ""
            lines.append([first, *(cell[number] if number < len(cell) else "" for cell in cells)])
    return "".join("".join(word.ljust(width) for word in line).rstrip() + "\n" for line in lines)


def outcomes(phase: Phase, stimulus: Stimulus) -> list[str]:
    turn = TABLE[phase, stimulus]
    return ["-"] if turn.by is transitions._stay else [to.value for to in turn.to]


def test_the_table_is_total():
    assert set(TABLE) == {(phase, stimulus) for phase in Phase for stimulus in Stimulus}


def test_the_picture_is_the_table():
    page = read("packaging/man/reaper.7")
    picture = re.search(r'^\.\\" Drawn from TABLE.*?\n\.Bd -literal\n(.*?)^\.Ed$', page, re.MULTILINE | re.DOTALL)
    assert picture, "reaper(7) has lost its picture"
    assert picture[1] == draw(), f"put this into reaper(7):\n{draw()}"


def test_the_manual_explains_every_phase_and_stimulus():
    page = read("packaging/man/reaper.7")
    for word in (*Phase, *Stimulus):
        assert re.search(rf"^\.It Cm {word.value}$", page, re.MULTILINE), word.value
