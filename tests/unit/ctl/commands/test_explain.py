"""reaperctl explain: the daemon's sentences on a terminal and in a pipe, and the processes below them."""

from __future__ import annotations

import json

import pytest

from reaper.ctl import session_processes
from reaper.ctl.__main__ import main
from reaper.ctl.commands import explain
from reaper.ctl.commands.explain import folded
from reaper.ctl.session_processes import ShownProcess, ShownProcesses
from reaper.sense.process_details import ProcessDetails
from reaper.sense.survivors import ProcessOutcome
from tests.unit.ctl.shown import ANN, answer

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


@pytest.fixture
def ask(monkeypatch, capsys):
    explanation = {"session": ANN, "scope": "", "kill": "terminal", "text": SENTENCES}
    calls = {"io.reaper.Explain": {"explanation": explanation}, "io.reaper.List": answer(ANN)}

    def run(found: ShownProcesses | None, *words: str) -> str:
        monkeypatch.setattr(explain, "call", lambda method, _parameters: calls[method])
        monkeypatch.setattr(explain.session_argument, "call", lambda method, _parameters: calls[method])
        monkeypatch.setattr(session_processes, "read", lambda *_: found)
        assert main(["explain", "12", *words]) == 0
        return capsys.readouterr().out

    return run


BASH = ShownProcess(4711, 5_000_000, ProcessOutcome.ENDS, ProcessDetails("-bash", 0, 1 << 20))


def test_processes_stand_below_the_sentences(ask):
    assert ask(ShownProcesses((BASH,))).splitlines() == [
        *SENTENCES,
        "",
        "Its process, and what the end of the session does to it (kill: terminal):",
        "ENDS  PID STARTED CPU  MEMORY COMMAND",
        "yes  4711      5s  0s 1.0 MiB -bash",
    ]
    assert ask(None).endswith("\n\nIts processes could not be read in time.\n")


def test_json_has_the_processes_beside_the_answer(ask):
    told = json.loads(ask(ShownProcesses((BASH,), (ProcessOutcome.ENDS,) * 3), "--json"))
    assert told["explanation"]["text"] == SENTENCES
    assert [each["pid"] for each in told["processes"]] == [4711]
    assert told["processes_left_out"] == 3
    assert json.loads(ask(None, "--json"))["processes"] is None
