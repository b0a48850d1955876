"""The words of the domain, as far as they compute something."""

from __future__ import annotations

import pytest

from reaper.decide.session.model import FRESH_CTIME_NS, NS_PER_SEC, Program, SessionKey, take_reading
from tests.unit.fakes import make_session

NOW_NS = 1_800_000_000 * NS_PER_SEC


def test_name_of_a_session_is_the_id_of_logind_or_its_key():
    session = make_session(100, session_id="c3")
    assert session.name == "c3"
    assert make_session(100, session_id="").name == str(SessionKey(100, 700)) == "100.700"


@pytest.mark.parametrize(("path", "name"), [("/usr/bin/rsync", "rsync"), ("rsync", "rsync"), ("/a/b/", ""), ("", "")])
def test_a_program_is_called_by_its_file(path, name):
    assert Program(path, 1).name == name


@pytest.mark.parametrize(
    ("age_ns", "is_fresh"), [(0, True), (FRESH_CTIME_NS - 1, True), (FRESH_CTIME_NS, False), (-FRESH_CTIME_NS, False)]
)
def test_times_that_may_change_again_without_showing_are_fresh(age_ns, is_fresh):
    assert take_reading("pts/1", 0, NOW_NS - age_ns, 0, 0, NOW_NS).is_fresh is is_fresh


@pytest.mark.parametrize(
    ("ahead_ns", "is_ahead"), [(0, False), (NS_PER_SEC - 1, False), (NS_PER_SEC, True), (-NS_PER_SEC, False)]
)
def test_the_future_is_told_in_whole_seconds(ahead_ns, is_ahead):
    assert take_reading("pts/1", NOW_NS + ahead_ns, 0, 0, 0, NOW_NS).is_ahead is is_ahead
