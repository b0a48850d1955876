"""Which ended session a login follows."""

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


def test_a_login_follows_the_last_session_that_was_ended_before_it():
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


def test_who_never_left_does_not_come_back():
    """The end of session 4 was broken off; that of 3 was not."""
    kept = past(PastTermination(ANN, "3", "idle", 10), PastTermination(ANN, "4", "idle", 20))
    assert follow(kept, ANN, 30, {"4"}) == (kept[0], ())
    assert follow(kept, ANN, 30, {"3", "4"}) == (None, ())


@pytest.mark.parametrize(("later", "is_followed"), [(KEPT_USEC - 1, True), (KEPT_USEC, False)])
def test_a_login_of_another_day_follows_nothing(later, is_followed):
    followed, left = follow(past(PastTermination(ANN, "3", "idle", 10)), ANN, 10 + later, ())
    assert (followed is not None) is is_followed
    assert left == ()


def test_what_is_too_old_is_forgotten():
    young = PastTermination(BOB, "4", "idle", 10 + KEPT_USEC)
    assert past(PastTermination(ANN, "3", "idle", 10), young) == (young,)


def test_an_end_that_begins_anew_is_one():
    anew = PastTermination(ANN, "3", "max", 20)
    assert past(PastTermination(ANN, "3", "idle", 10), anew) == (anew,)


def test_nobody_pushes_out_what_is_remembered_of_others():
    bobs = PastTermination(BOB, "0", "idle", 0)
    kept = past(bobs, *(PastTermination(ANN, f"{at}", "idle", at) for at in range(1, 2 * KEPT)))
    assert kept[0] == bobs
    assert [each.ended_usec for each in kept[1:]] == list(range(2 * KEPT - KEPT_OF_ONE, 2 * KEPT))


def test_so_many_are_remembered_and_no_more():
    kept = past(*(PastTermination(uid, f"{uid}", "idle", uid) for uid in range(KEPT + 5)))
    assert len(kept) == KEPT
    assert kept[-1].uid == KEPT + 4
