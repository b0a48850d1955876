"""The command line of reaper-lock."""

from __future__ import annotations

import pytest

from reaper.errors import ReaperError
from reaper.lock import __main__ as module


@pytest.mark.parametrize(
    "words", [[], ["--died"], ["3", "4"], ["--died", "3", "4"], ["../3"], ["--died", "/etc"], [""], ["--help"]]
)
def test_anything_but_one_name_is_a_usage_error(words, monkeypatch, capsys):
    monkeypatch.setattr(module, "_keep", lambda name: pytest.fail(name))
    monkeypatch.setattr(module, "_follow", lambda name: pytest.fail(name))
    assert module.main(words) == 2
    assert capsys.readouterr().err.startswith("usage: reaper-lock")


def test_name_alone_keeps_and_died_follows(monkeypatch):
    called = []
    monkeypatch.setattr(module, "_keep", lambda name: called.append(("keep", name)) or 0)
    monkeypatch.setattr(module, "_follow", lambda name: called.append(("follow", name)) or 0)
    assert module.main(["3"]) == 0
    assert module.main(["--died", "c1"]) == 0
    assert called == [("keep", "3"), ("follow", "c1")]


@pytest.mark.parametrize(
    ("error", "text"),
    [(ReaperError("lock-order", "there is no order"), "reaper-lock: there is no order"), (KeyError("x"), "Traceback")],
)
def test_any_error_exits_1_and_is_reported(error, text, monkeypatch, capsys):
    def fail(name: str) -> int:
        raise error

    monkeypatch.setattr(module, "_keep", fail)
    assert module.main(["3"]) == 1
    assert text in capsys.readouterr().err
