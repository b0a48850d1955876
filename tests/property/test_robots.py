"""No user is taken for a robot, however regularly they type; and robots are recognized, whatever their pace.

The bound is analytic: reaper/decide/session/robots.py explains it. Here users who are as punctual as people get test
it, each for a few hours with a fixed seed; `python3 -m tests.bench.robots` plays as many hours as wanted and measures
how far the score of a rhythm gets: that it reaches s has a probability of exp(-s) at most.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reaper.decide.session import robots
from reaper.decide.session.rhythm import Observation
from tests.property.typists import HOUR, PEOPLE, Watch, joined, robot, working
from tests.unit.simulated import MINUTE, SECOND

COUNTED = pytest.mark.parametrize("is_counted", [True, False], ids=["counted", "by times"])


@COUNTED
@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.__name__)
def test_no_person_is_a_robot(person, is_counted):
    for seed in range(4):
        watch = Watch(person, random.Random(seed), is_counted)
        watch.run(5 * HOUR)
        assert not watch.verdicts
        assert watch.best < robots.CONVINCING // 2, "not by far"


@pytest.mark.parametrize(
    ("period", "size", "minutes"),
    [(5, 1, 13), (7, 8, 13), (10, 1, 14), (15, 3, 15), (30, 1, 20), (60, 1, 35), (240, 1, 140)],
)
def test_counted_robot_is_recognized_in_time(period, size, minutes):
    for seed in range(2):
        watch = Watch(robot(period, size), random.Random(seed), is_counted=True)
        watch.run(minutes * MINUTE)
        assert watch.verdicts
        told = watch.verdicts[0]
        watch.run(told + 2 * HOUR)
        assert watch.verdicts == [told], "once"
        assert max(watch.counted) < told, "and nothing of it counts any more"


@pytest.mark.parametrize(("period", "minutes"), [(33, 25), (60, 35), (120, 70)])
def test_robot_is_recognized_by_times_alone(period, minutes):
    watch = Watch(robot(period), random.Random(1), is_counted=False)
    watch.run(minutes * MINUTE)
    assert watch.verdicts


@COUNTED
def test_robot_with_a_drifting_clock_and_a_slow_network_is_recognized(is_counted):
    watch = Watch(robot(60, jitter=0.01, drift=0.003), random.Random(2), is_counted)
    watch.run(2 * HOUR)
    assert watch.verdicts


@COUNTED
@pytest.mark.parametrize("poll", [1, 5, 15, 60])
def test_robot_is_recognized_at_any_poll(is_counted, poll):
    watch = Watch(robot(130), random.Random(3), is_counted, poll=poll * SECOND)
    watch.run(3 * HOUR)
    assert watch.verdicts


@COUNTED
def test_first_keys_of_a_user_who_takes_over_from_a_robot_count(is_counted):
    for seed in range(5):
        watch = Watch(joined(robot(60), HOUR, working), random.Random(seed), is_counted)
        watch.run(HOUR)
        assert watch.verdicts
        watch.run(HOUR + 5 * MINUTE)
        assert watch.rhythm is None or not watch.rhythm.decided_usec
        assert next(at for at in watch.counted if at > HOUR) < HOUR + MINUTE


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40 * SECOND), st.integers(0, 5000) | st.none(), st.integers(-40 * SECOND, SECOND) | st.none()
        ),
        max_size=60,
    )
)
def test_next_look_is_later_and_irregular_signs_count_whatever_is_seen(looks):
    rhythm, now = None, 1000 * SECOND
    for gap, octets, dated in looks:
        since, now = now, now + gap
        moments = None if dated is None else (now + dated, now + dated + SECOND)
        seen = Observation(since, now, now + 100, octets, moments, is_odd=bool(dated and dated % 7 == 0))
        rhythm, counts = robots.update(rhythm, seen)
        assert counts or (rhythm is not None and rhythm.decided_usec)
        if rhythm is not None:
            assert not rhythm.look_usec or rhythm.look_usec > now
            assert len(rhythm.bounds) <= robots.MOST_BOUNDS
