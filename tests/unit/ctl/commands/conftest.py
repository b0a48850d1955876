"""The daemon's answer to a subcommand about one session, replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

import pytest

from reaper.ctl import session_argument
from reaper.ctl.__main__ import main

Tool = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.fixture
def with_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Runs reaperctl with the daemon's answer; returns the exit status, the output and the parameters of the call."""

    def run(answer: Mapping[str, Any], *words: str) -> tuple[int, str, dict[str, Any]]:
        sent: dict[str, Any] = {}

        def call(method: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
            sent.update(parameters, method=method)
            return answer

        monkeypatch.setattr(session_argument, "call", call)
        status = main(list(words))
        return status, capsys.readouterr().out, sent

    return run
