"""Which sessions are shown, and in what order."""

from __future__ import annotations

import argparse

import pytest

from reaper.ctl.selection import PHASES, SORT_KEYS, add_arguments, select, selection_of
from tests.unit.ctl.shown import ANN, CROWD, session


def chosen(*words: str, sessions=None) -> list[str]:
    parser = argparse.ArgumentParser()
    add_arguments(parser, "opened")
    found = select(CROWD["sessions"] if sessions is None else sessions, selection_of(parser.parse_args(words)))
    return [each["user"].partition("-")[0] for each in found]


ALL = ["ann", "bob", "dave", "erin", "carol"]


@pytest.mark.parametrize(
    ("words", "users"),
    [
        ("", ALL),
        ("--user ann", ["ann"]),
        ("--user ann --user d*", ["ann", "dave"]),
        ("--user Ann", []),
        ("--origin console", ["dave"]),
        ("--phase warned --phase held", ["bob", "dave"]),
        ("--rule watched", ["carol"]),
        ("--rule environment:*", ["ann", "bob", "dave", "erin"]),
        ("--from 192.0.2.0/24", ["ann", "bob", "erin"]),
        ("--from 192.0.2.9 --from 2001:db8::/32", ["bob", "carol"]),
        ("--from *", ["ann", "bob", "erin", "carol"]),
        ("--from 192.0.2.0/24 --phase active --user ann", ["ann"]),
        ("--sort session", ["erin", "ann", "bob", "carol", "dave"]),
        ("--sort user", ["ann", "bob", "carol", "dave", "erin"]),
        ("--sort user -r", ["erin", "dave", "carol", "bob", "ann"]),
        ("--sort from,user", ["ann", "erin", "bob", "carol", "dave"]),
        ("--sort idle", ["ann", "dave", "erin", "carol", "bob"]),
        ("--sort next", ["bob", "carol", "ann", "dave", "erin"]),
        ("--sort phase", ["ann", "carol", "erin", "bob", "dave"]),
        ("--sort rule,session", ["erin", "ann", "bob", "dave", "carol"]),
        ("--sort terminal", ["erin", "carol", "ann", "bob", "dave"]),
    ],
)
def test_what_is_chosen(words, users):
    assert chosen(*words.split()) == users


@pytest.mark.parametrize("key", SORT_KEYS)
def test_every_order_is_one_of_any_sessions(key):
    """Names and numbers, addresses of both kinds, local and hostile: all can be compared."""
    odd = [
        session(name, "u", remote=host)
        for name, host in [("a1", "h"), ("1a", "::1"), ("", ""), ("\u0661", "fe80::1%e")]
    ]
    every = [*CROWD["sessions"], *odd, session("7", "u", phase="unheard-of")]
    assert len(chosen("--sort", key, sessions=every)) == len(every)


def test_numbers_are_numbers():
    sessions = [{**ANN, "user": name, "terminals": [name]} for name in ("pts/12", "pts/9", "pts/100")]
    assert chosen("--sort", "terminal", sessions=sessions) == ["pts/9", "pts/12", "pts/100"]


@pytest.mark.parametrize(
    "words", ["--sort nothing", "--sort user,", "--from 10.0.0.1/8", "--phase gone", "--origin moon"]
)
def test_what_cannot_be_asked_for(words, capsys):
    with pytest.raises(SystemExit) as ended:
        chosen(*words.split())
    assert ended.value.code == 2
    assert words.split()[0] in capsys.readouterr().err


def test_a_session_can_be_held():
    assert "held" in PHASES
