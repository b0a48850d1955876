"""The options and output of reaperctl hold."""

from __future__ import annotations

import json
import re

import pytest

from reaper.ctl.__main__ import main
from tests.unit.simulated import MINUTE

HELD = {"session": "12", "hold": {"left_usec": 90 * MINUTE}, "shortened": ""}
WORDS = ("hold", "12", "2h", "--reason", "a build")


def test_hold_is_asked_for_and_its_length_printed(with_answer):
    status, out, sent = with_answer(HELD, *WORDS)
    assert (status, sent) == (
        0,
        {"method": "io.reaper.Hold", "session": "12", "duration_usec": 120 * MINUTE, "why": "a build"},
    )
    assert re.fullmatch(r"session 12 is held for 1h 30min, until \w{3} \d\d:\d\d\n", out)


def test_output_says_what_shortens_the_hold(with_answer):
    _, out, _ = with_answer({**HELD, "shortened": "hold_max"}, *WORDS)
    assert out.endswith(", as hold_max allows no longer\n")


def test_json_is_the_daemons_answer(with_answer):
    assert json.loads(with_answer(HELD, *WORDS, "--json")[1]) == HELD


@pytest.mark.parametrize("duration", ["soon", "0s", "8d", "never"])
def test_invalid_duration_is_a_usage_error(duration, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["hold", "12", duration, "--reason", "x"])
    assert ended.value.code == 2
    assert "argument DURATION" in capsys.readouterr().err
