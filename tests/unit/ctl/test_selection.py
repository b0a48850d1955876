"""Sessions chosen and sorted by options."""

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
def test_sessions_are_chosen_and_sorted(words, users):
    assert chosen(*words.split()) == users


@pytest.mark.parametrize("key", SORT_KEYS)
def test_any_sessions_can_be_sorted_by_every_key(key):
    """Names and numbers, IPv4 and IPv6 addresses, local and hostile ones: all can be compared."""
    odd = [
        session(name, "u", remote=host)
        for name, host in [("a1", "h"), ("1a", "::1"), ("", ""), ("\u0661", "fe80::1%e")]
    ]
    every = [*CROWD["sessions"], *odd, session("7", "u", phase="unheard-of")]
    assert len(chosen("--sort", key, sessions=every)) == len(every)


def test_numbers_in_names_are_sorted_as_numbers():
    sessions = [{**ANN, "user": name, "terminals": [name]} for name in ("pts/12", "pts/9", "pts/100")]
    assert chosen("--sort", "terminal", sessions=sessions) == ["pts/9", "pts/12", "pts/100"]


@pytest.mark.parametrize(
    "words", ["--sort nothing", "--sort user,", "--from 10.0.0.1/8", "--phase gone", "--origin moon"]
)
def test_invalid_options_are_refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        chosen(*words.split())
    assert ended.value.code == 2
    assert words.split()[0] in capsys.readouterr().err


def test_held_is_a_phase_to_choose():
    assert "held" in PHASES
