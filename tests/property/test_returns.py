"""Whatever the order of logins and ends: a terminated session is followed once at most, and by its own user."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reaper.decide.session.past_terminations import KEPT_OF_ONE, KEPT_USEC, Past, PastTermination, follow, remember

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["end", "login"]),
        st.integers(0, 2),
        st.sampled_from([1, 5, KEPT_USEC // 2, KEPT_USEC]),
        st.booleans(),
    ),
    max_size=60,
)


@given(STEPS)
def test_terminated_session_is_followed_once_at_most_and_by_its_own_user(steps):
    past: Past = ()
    told: list[str] = []
    now = 0
    for number, (step, uid, pause, is_spared) in enumerate(steps):
        now += pause
        if step == "end":
            past = remember(past, PastTermination(uid, f"{number}", "idle", now))
            assert past[-1].session == f"{number}"
        else:
            staying = {past[-1].session} if past and is_spared else set()
            followed, left = follow(past, uid, now, staying)
            if followed is not None:
                assert followed.uid == uid
                assert now - KEPT_USEC < followed.ended_usec <= now
                assert followed.session not in staying
                told.append(followed.session)
            assert [each for each in left if each.uid == uid] == []
            assert [each for each in past if each.uid != uid] == list(left)
            past = left
        assert all(sum(each.uid == who for each in past) <= KEPT_OF_ONE for who in range(3))
        assert [each.ended_usec for each in past] == sorted(each.ended_usec for each in past)
    assert len(set(told)) == len(told)


@given(STEPS)
def test_login_on_the_day_of_a_termination_follows_it(steps):
    past: Past = ()
    now = 0
    for number, (_, uid, pause, _) in enumerate(steps):
        now += pause
        past = remember(past, PastTermination(uid, f"{number}", "idle", now))
        followed, _ = follow(past, uid, now + 1, ())
        assert followed == past[-1]
