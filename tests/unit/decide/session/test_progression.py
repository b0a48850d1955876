"""What is known of signs of one pace."""

from __future__ import annotations

from reaper.decide.session.progression import Bound, periods, window_of

# Signs 0, 1 and 2, given every 100, each of them bounded to a span of 10.
FIRST, SECOND, THIRD = Bound(0, 0, 0, 10), Bound(1, 100, 1, 110), Bound(2, 200, 2, 210)


def test_one_look_limits_no_period():
    assert periods((FIRST,)) == (None, None)
    assert window_of((FIRST,), 1) is None


def test_two_looks_limit_the_period_on_both_sides():
    assert periods((FIRST, SECOND)) == (90, 110)
    assert window_of((FIRST, SECOND), 2) == (190, 220)


def test_each_further_look_narrows_it():
    assert periods((FIRST, SECOND, THIRD)) == (95, 105)
    assert window_of((FIRST, SECOND, THIRD), 3) == (295, 315)


def test_a_look_that_saw_several_signs_bounds_the_first_and_the_last():
    assert periods((FIRST, Bound(1, 100, 3, 310))) == (90, 310 / 3)


def test_the_window_of_a_far_sign_is_wide():
    near, far = (window_of((FIRST, SECOND, THIRD), sign) for sign in (3, 30))
    assert near is not None
    assert far is not None
    assert far[1] - far[0] > near[1] - near[0]


OTHERS = (Bound(1, 100, 1, 110), Bound(2, 200, 2, 210), Bound(3, 300, 4, 410))


def test_bounds_of_a_period_and_of_the_next_sign():
    assert periods(OTHERS) == (95.0, (410 - 100) / 3)
    assert window_of(OTHERS, 5) == (490, 514)
    assert window_of(OTHERS[:1], 2) is None
