"""How long a hold lasts at the most."""

from __future__ import annotations

import pytest

from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.limits import LONGEST_HOLD_USEC
from reaper.decide.session.hold import Bounds, Hold, is_over, latest_usec, trim
from tests.unit.fakes import make_limits
from tests.unit.simulated import MINUTE, SECOND

HOUR = 60 * MINUTE
ROOT, ALICE = 0, 1000
OPENED, EVIDENCE, NOW = 0, 10 * HOUR, 10 * HOUR + MINUTE


def bounds(ceiling: Ceiling | None = None, **limits: object) -> Bounds:
    return Bounds(make_limits(hold_max_usec=2 * HOUR, **limits), ceiling or Ceiling(), OPENED, EVIDENCE)


def test_roots_hold_lasts_a_week():
    assert latest_usec(bounds(), ROOT, NOW) == (NOW + LONGEST_HOLD_USEC, "a week")


def test_a_users_hold_lasts_hold_max_after_their_last_sign_of_life():
    """Asking for it is none."""
    assert latest_usec(bounds(), ALICE, NOW) == (EVIDENCE + 2 * HOUR, "hold_max")


def test_a_users_hold_lasts_hold_max_after_the_oldest_a_session_may_be():
    assert latest_usec(bounds(max_usec=9 * HOUR), ALICE, NOW) == (OPENED + 11 * HOUR, "hold_max")


def test_without_hold_max_a_user_holds_nothing():
    """Evidence can be some seconds ahead of the clock."""
    none = Bounds(make_limits(), Ceiling(), OPENED, NOW + 8 * SECOND)
    assert latest_usec(none, ALICE, NOW) == (0, "hold_max")


@pytest.mark.parametrize(
    ("ceiling", "until", "says"),
    [
        (Ceiling(hold_max_usec=HOUR), NOW + HOUR, "ceiling: hold_max"),
        (Ceiling(idle_usec=HOUR), EVIDENCE + HOUR - 10 * SECOND, "ceiling: idle"),
        (Ceiling(max_usec=11 * HOUR), OPENED + 11 * HOUR - 10 * SECOND, "ceiling: max"),
    ],
)
def test_a_ceiling_caps_everybodys_hold_less_the_shortest_warning(ceiling, until, says):
    assert latest_usec(bounds(ceiling), ROOT, NOW) == (until, says)


def test_a_hold_is_only_ever_trimmed():
    held = Hold(NOW, NOW + HOUR, ROOT, "root", "a build")
    assert trim(held, bounds()) is held
    shorter = trim(held, bounds(Ceiling(hold_max_usec=30 * MINUTE)))
    assert shorter == held._replace(until_usec=NOW + 30 * MINUTE)
    assert trim(shorter, bounds()) is shorter


def test_a_hold_is_over_at_its_end():
    held = Hold(NOW, NOW + HOUR, ROOT, "root", "a build")
    assert [is_over(held, NOW + HOUR + offset) for offset in (-1, 0)] == [False, True]
    assert not is_over(None, NOW)
