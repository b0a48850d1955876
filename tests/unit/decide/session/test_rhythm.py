"""What a look saw of what is typed, and a rhythm that it may have."""

from __future__ import annotations

import pytest

from reaper.decide.session.progression import Bound
from reaper.decide.session.rhythm import Observation, Rhythm, describe, is_decided, with_other_evidence
from tests.unit.simulated import SECOND

BOUNDS = (Bound(0, 0, 0, SECOND), Bound(1, 30 * SECOND, 1, 31 * SECOND))
RHYTHM = Rhythm(3, 2, 5, BOUNDS)


@pytest.mark.parametrize(
    ("octets", "dated", "is_typed"),
    [(0, None, False), (0, (1, 2), False), (3, None, True), (None, None, False), (None, (1, 2), True)],
)
def test_where_bytes_are_counted_they_alone_tell_whether_anything_was_typed(octets, dated, is_typed):
    assert Observation(0, 5, 6, octets, dated).is_typed is is_typed


def test_evidence_of_another_kind_counts_from_its_latest_moment():
    assert RHYTHM.alone_usec == 5
    later = with_other_evidence(RHYTHM, 9)
    assert later is not None
    assert later.alone_usec == 9
    assert with_other_evidence(later, 7) == later
    assert with_other_evidence(None, 7) is None


def test_the_period_is_the_middle_of_what_it_can_be():
    assert RHYTHM.period_usec == 30 * SECOND
    assert RHYTHM._replace(bounds=BOUNDS[:1]).period_usec == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [(3, "one code of 3 bytes every 30s"), (1, "one code of 1 byte every 30s"), (0, "one code every 30s")],
)
def test_a_rhythm_in_words(size, text):
    assert describe(RHYTHM._replace(size=size)) == text


def test_a_robot_is_found_once():
    decided = RHYTHM._replace(decided_usec=9)
    assert not is_decided(None, RHYTHM)
    assert is_decided(None, decided)
    assert is_decided(RHYTHM, decided)
    assert not is_decided(decided, decided)


@pytest.mark.parametrize(
    ("size", "period", "said"),
    [
        (0, 30.0, "one code every 30s"),
        (1, 4.52, "one code of 1 byte every 4s 500ms"),
        (8, 60.04, "one code of 8 bytes every 1min"),
    ],
)
def test_pace_in_words(size, period, said):
    end = round(period * SECOND) + 100
    assert describe(Rhythm(size, 2, 100, (Bound(1, 100, 1, 100), Bound(2, end, 2, end)))) == said
