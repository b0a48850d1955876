"""The output of reaperctl list, with the daemon's answer replaced."""

from __future__ import annotations

import json
import re

import pytest

from reaper.ctl import session_processes, style
from reaper.ctl.__main__ import main
from reaper.ctl.commands import list as verb
from tests.unit.ctl.shown import ANN, BOB, CROWD, HOSTILE, answer
from tests.unit.simulated import SECOND


@pytest.fixture
def ask(monkeypatch, capsys):
    def run(reply, *words: str) -> tuple[str, str]:
        monkeypatch.setattr(verb, "call", lambda _method, _parameters: json.loads(json.dumps(reply)))
        monkeypatch.setenv("LC_ALL", "C.UTF-8")
        assert main(["list", *words]) == 0
        shown = capsys.readouterr()
        return shown.out, shown.err

    return run


def test_pipe_gets_whole_values(ask):
    out, err = ask(answer(ANN, BOB))
    assert out == (
        "SESSION USER FROM      TERMINAL     IDLE PHASE  NEXT\n"
        "12      ann  192.0.2.7 pts/0+1        4s active ends in 14min56s\n"
        "15      bob  192.0.2.9 pts/3    14min10s warned ends in 50s\n"
    )
    assert err == ""


def test_full_has_every_column(ask):
    out, _ = ask(CROWD, "-l")
    assert re.search(r"OPENED EVIDENCE SERVICE ORIGIN +COMMAND", out)
    assert "root: migration" in out


def test_the_sessions_alone(ask):
    out, _ = ask(answer(ANN, brake_usec=9 * SECOND), "--no-header")
    assert out == "12      ann  192.0.2.7 pts/0+1    4s active ends in 14min56s\n"


def test_note_about_the_brake_is_at_the_top(ask):
    out, _ = ask(answer(ANN, brake_usec=9 * SECOND))
    assert out.splitlines()[0] == "The brake is on: too many sessions would end at once. None ends for 9s."


def test_json_has_the_same_shape(ask):
    out, _ = ask(CROWD, "--json", "--user", "[ab]*", "--sort", "user", "-r")
    assert json.loads(out) == answer(BOB, ANN)


def test_message_if_no_session_is_shown(ask):
    assert ask(answer()) == ("", "There is no session that you may see.\n")
    assert ask(CROWD, "--user", "nobody") == ("", "No session matches the options; there are 5.\n")
    assert ask(answer(ANN), "--user", "nobody") == ("", "No session matches the options; there is 1.\n")
    out, err = ask(answer(), "--json")
    assert (json.loads(out), err) == (answer(), "")


def test_commands_stand_last_are_escaped_and_fit(ask, monkeypatch):
    commands = {"12": HOSTILE, "15": None, "9": ""}
    told = [commands.get(each["session"], "vim " + "x" * 300) for each in CROWD["sessions"]]
    monkeypatch.setattr(session_processes, "read_commands", lambda sessions: told[: len(sessions)])
    out, _ = ask(CROWD, "-l", "--no-header")
    lines = out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert lines[0].endswith(style.tell(HOSTILE, style.ASCII))
    assert [lines[index][-2:] for index in (1, 4)] == [" ?", " -"]
    monkeypatch.setattr(verb.style, "terminal_width", lambda _stream: 220)
    lines = ask(CROWD, "-l", "--no-header")[0].splitlines()
    assert max(map(len, lines)) == 220
    assert any(" vim xx" in line for line in lines)
    monkeypatch.setattr(verb.style, "terminal_width", lambda _stream: 80)
    lines = ask(CROWD, "-l", "--no-header")[0].splitlines()
    assert lines[2].endswith(" vim xxxxxxx\u2026"), "nothing else is cut, and the command is told"


def test_without_full_no_process_is_read(ask, monkeypatch):
    monkeypatch.setattr(session_processes, "read_commands", None)
    assert "COMMAND" not in ask(CROWD)[0]
