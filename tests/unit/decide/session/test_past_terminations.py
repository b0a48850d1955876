"""Which terminated session a login follows."""

from __future__ import annotations

import pytest

from reaper.decide.session.past_terminations import (
    KEPT,
    KEPT_OF_ONE,
    KEPT_USEC,
    Past,
    PastTermination,
    follow,
    remember,
)

ANN, BOB = 1000, 1001


def past(*ended: PastTermination) -> Past:
    kept: Past = ()
    for each in ended:
        kept = remember(kept, each)
    return kept


def test_login_follows_the_last_session_terminated_before_it():
    first, last, later = (
        PastTermination(ANN, "3", "idle", 10),
        PastTermination(ANN, "4", "max", 20),
        PastTermination(ANN, "5", "idle", 40),
    )
    bobs = PastTermination(BOB, "6", "idle", 25)
    followed, left = follow(past(first, last, bobs, later), ANN, 30, ())
    assert followed == last
    assert left == (bobs, later)
    assert follow(left, ANN, 35, ()) == (None, left)
    assert follow(left, ANN, 40, ()) == (later, (bobs,))


def test_login_does_not_follow_a_termination_that_was_stopped():
    """The end of session 4 was stopped; that of 3 was not."""
    kept = past(PastTermination(ANN, "3", "idle", 10), PastTermination(ANN, "4", "idle", 20))
    assert follow(kept, ANN, 30, {"4"}) == (kept[0], ())
    assert follow(kept, ANN, 30, {"3", "4"}) == (None, ())


@pytest.mark.parametrize(("later", "is_followed"), [(KEPT_USEC - 1, True), (KEPT_USEC, False)])
def test_login_on_another_day_follows_nothing(later, is_followed):
    followed, left = follow(past(PastTermination(ANN, "3", "idle", 10)), ANN, 10 + later, ())
    assert (followed is not None) is is_followed
    assert left == ()


def test_old_terminations_are_forgotten():
    young = PastTermination(BOB, "4", "idle", 10 + KEPT_USEC)
    assert past(PastTermination(ANN, "3", "idle", 10), young) == (young,)


def test_termination_that_begins_again_counts_once():
    anew = PastTermination(ANN, "3", "max", 20)
    assert past(PastTermination(ANN, "3", "idle", 10), anew) == (anew,)


def test_no_user_displaces_the_terminations_of_others():
    bobs = PastTermination(BOB, "0", "idle", 0)
    kept = past(bobs, *(PastTermination(ANN, f"{at}", "idle", at) for at in range(1, 2 * KEPT)))
    assert kept[0] == bobs
    assert [each.ended_usec for each in kept[1:]] == list(range(2 * KEPT - KEPT_OF_ONE, 2 * KEPT))


def test_number_of_terminations_is_bounded():
    kept = past(*(PastTermination(uid, f"{uid}", "idle", uid) for uid in range(KEPT + 5)))
    assert len(kept) == KEPT
    assert kept[-1].uid == KEPT + 4
