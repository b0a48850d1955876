"""What is assumed of a session that only a question is about."""

from __future__ import annotations

import pytest

from reaper.decide.policy.hypothetical import GivenFacts, HypotheticalSession, hypothetical_session
from reaper.decide.policy.match import Origin
from reaper.decide.text.hours import HoursError, LocalTime, parse_local_time

NOW = LocalTime(0, 60)


def supposed(known: frozenset[str] | None = None, **fields: object) -> HypotheticalSession:
    nothing = dict.fromkeys(["groups", "remote", "origin", "line", "terminal", "service", "at"])
    told = {"user": "ann", "uid": 1000, **nothing, "elevated": False, **fields}
    return hypothetical_session(GivenFacts(**told), known, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "origin", "service", "terminals"),
    [
        ({}, Origin.CONSOLE, "login", ("tty1",)),
        ({"remote": "10.0.0.1"}, Origin.SSH, "sshd", ("pts/0",)),
        ({"remote": "10.0.0.1", "origin": Origin.OTHER}, Origin.OTHER, "", ()),
        ({"origin": Origin.GRAPHICAL}, Origin.GRAPHICAL, "gdm-password", ()),
        ({"line": Origin.SERIAL, "terminal": "ttyS1"}, Origin.SERIAL, "login", ("ttyS1",)),
        ({"line": Origin.SSH, "terminal": "none"}, Origin.SSH, "sshd", ()),
        ({"line": Origin.OTHER, "service": "cron"}, Origin.OTHER, "cron", ()),
    ],
)
def test_defaults_of_what_is_not_given(told, origin, service, terminals):
    subject = supposed(**told).subject
    assert (subject.origin, subject.service, subject.terminals) == (origin, service, terminals)


def test_only_assumptions_are_reported():
    every = {"groups": frozenset(["b", "a"]), "remote": "h", "origin": Origin.SSH, "terminal": "none", "service": "x"}
    assert supposed(**every, elevated=True, at=NOW).assumed == {}
    assert set(supposed().assumed) == {"group", "origin", "from", "terminal", "service", "elevated", "hours"}


def test_document_is_plain_json():
    document = supposed(user="an\x1bn", uid=None, groups=frozenset(["b", "a"])).document()
    assert (document["user"], document["uid"], document["group"]) == ("an\\x1bn", None, ["a", "b"])
    assert (document["terminal"], document["hours"]) == ("tty1", "Mon 01:00")


def test_groups_are_those_given_or_known_or_none():
    assert supposed(frozenset(["ops"])).subject.groups == {"ops"}
    assert supposed(frozenset(["ops"]), groups=frozenset()).subject.groups == frozenset()
    assert supposed(None).assumed["group"] == "unknown here"


def test_root_is_elevated():
    assert supposed(uid=0).subject.elevated
    assert not supposed(uid=None).subject.elevated
    assert supposed(elevated=True).subject.elevated


@pytest.mark.parametrize("text", ["Mon 14:30", "monday  14:30", " MON 14:30 "])
def test_moments_of_the_week(text):
    assert str(parse_local_time(text)) == "Mon 14:30"


@pytest.mark.parametrize("text", ["", "Mon", "14:30", "Mon 24:00", "Mon 25:00", "Moon 14:30", "Mon 14:30 x", "x" * 999])
def test_text_that_is_no_moment_is_refused(text):
    with pytest.raises(HoursError) as caught:
        parse_local_time(text)
    assert caught.value.hint
    assert len(caught.value.message) < 300
