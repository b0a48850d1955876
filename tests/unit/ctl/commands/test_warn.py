"""The output and exit status of reaperctl warn."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("terminals", "status", "out"),
    [
        (["pts/1", "pts/2"], 0, "shown on pts/1, pts/2\n"),
        ([], 1, "not shown: no terminal of the session takes the message\n"),
    ],
)
def test_terminals_that_show_the_message_are_printed(with_answer, terminals, status, out):
    assert with_answer({"terminals": terminals}, "warn", "12", "back at noon") == (
        status,
        out,
        {"method": "io.reaper.Warn", "session": "12", "text": "back at noon"},
    )


def test_json_is_the_daemons_answer(with_answer):
    status, out, sent = with_answer({"terminals": []}, "warn", "--json", "12")
    assert (status, json.loads(out), sent["text"]) == (1, {"terminals": []}, "")
