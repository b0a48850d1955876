"""The output of reaperctl explain, on a terminal and in a pipe."""

from __future__ import annotations

import pytest

from reaper.ctl.commands.explain import folded

SENTENCES = [
    "Session 614 of ivy is active.",
    "Its user may hold it with reaperctl hold 614 1h --reason TEXT, until 4h after the last sign of life.",
]


def test_pipe_gets_one_line_for_each_sentence():
    assert folded(SENTENCES, None) == SENTENCES


def test_terminal_gets_lines_broken_between_words():
    assert folded(SENTENCES, 50) == [
        SENTENCES[0],
        "Its user may hold it with reaperctl hold 614 1h",
        "  --reason TEXT, until 4h after the last sign of",
        "  life.",
    ]


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_very_narrow_terminal_gets_all_words(width):
    assert " ".join(" ".join(folded(SENTENCES, width)).split()) == " ".join(SENTENCES)
