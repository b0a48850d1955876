"""Calls for the session that the command line names, with the daemon's answers replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reaper.control.client import DaemonRefusedError
from reaper.ctl import session_argument


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Exception | None]:
    """The names that the daemon knows, with the error that it answers; it knows no other session."""
    names: dict[str, Exception | None] = {}

    def call(_method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        name = parameters["session"]
        error = names.get(name, DaemonRefusedError("io.reaper.NoSuchSession", parameters))
        if error is not None:
            raise error
        return {"session": name}

    monkeypatch.setattr(session_argument, "call", call)
    monkeypatch.setattr(session_argument, "_terminal", lambda: "/dev/pts/7")
    return names


def called(session: str) -> str:
    return str(session_argument.call_for("io.reaper.Explain", session, {})["session"])


def test_name_is_passed_on(known):
    known["12"] = None
    assert called("12") == "12"


def test_self_is_the_session_of_the_terminal(known):
    known.update({"/dev/pts/7": None, "self": None})
    assert called("self") == "/dev/pts/7"


def test_self_is_the_session_of_the_process_if_the_terminal_has_none(known):
    known["self"] = None
    assert called("self") == "self"


def test_refusal_for_the_terminal_is_not_hidden(known):
    known.update({"/dev/pts/7": DaemonRefusedError("io.reaper.NotAllowed", {"why": "no"}), "self": None})
    with pytest.raises(DaemonRefusedError, match="not allowed: no"):
        called("self")


def test_unknown_session_is_an_error(known):
    with pytest.raises(DaemonRefusedError, match="no session 'self'"):
        called("self")
