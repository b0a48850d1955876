"""The options of reaperctl log."""

from __future__ import annotations

import pytest

from reaper.audit import journal_reader
from reaper.ctl.__main__ import main, make_parser
from reaper.ctl.commands import log


def options(*words: str):
    return make_parser().parse_args(["log", *words])


def test_without_a_subject_only_this_boot_is_read():
    assert log._selection(options(), "b").boot == "b"
    assert log._selection(options("-n", "5"), "b").boot == "b"
    assert log._selection(options("--event", "warned"), "b").boot == "b"


@pytest.mark.parametrize(
    "words", [["12"], ["--user", "ann"], ["--since", "-1h"], ["--until", "now"], ["--day", "today"]]
)
def test_with_a_subject_or_a_time_the_whole_journal_is_read(words):
    assert log._selection(options(*words), "b").boot == ""
    assert log._selection(options(*words, "-b"), "b").boot == "b"
    assert log._selection(options(*words, "-f"), "b").boot == "b"


def test_time_that_begins_with_a_minus_is_not_an_option(monkeypatch):
    monkeypatch.setattr(log, "_now_usec", lambda: 10_000_000_000)
    assert options("--since", "-1h").since == options("--since=-1h").since == 6_400_000_000


def test_all_time_options_apply():
    selection = log._selection(
        options("--day", "2026-11-23", "--since", "2026-11-23 14:00", "--until", "tomorrow"), "b"
    )
    day = options("--day", "2026-11-23").day
    assert day[0] < selection.since_usec < selection.until_usec
    assert selection.until_usec <= day[1]


def test_events_are_parsed():
    assert options("--event", "warned,terminated,").event == {"warned", "terminated"}


@pytest.mark.parametrize(
    "words",
    [["--event", "warmed"], ["--event", ","], ["--since", "noon"], ["--day", "x"], ["-n", "-1"], ["-n", "many"]],
)
def test_invalid_options_are_usage_errors(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["log", *words])
    assert caught.value.code == 2
    assert "error: argument" in capsys.readouterr().err


def test_user_who_may_not_read_the_journal_is_told(monkeypatch, capsys):
    def refuse() -> None:
        raise journal_reader.NotAllowedError

    monkeypatch.setattr(journal_reader, "check_readable", refuse)
    assert main(["log"]) == 4
    output = capsys.readouterr()
    assert "systemd-journal" in output.err
    assert output.out == ""
