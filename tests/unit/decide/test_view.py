"""What reaperctl shows of a session that waits for a program, or that others of its user keep."""

from __future__ import annotations

import pytest

from reaper.ctl.table import next_of
from reaper.decide import deferral, tracking, view
from reaper.decide.duration import parse_duration
from reaper.decide.policy import Ceiling, Share
from reaper.decide.tracking import Tracked
from tests.unit.fakes import FakeHost, make_limits, make_policy
from tests.unit.simulated import SECOND

LIMITS = make_limits(busy=("rsync",), busy_max_usec=100 * SECOND, share_activity=Share.USER)


def idle() -> tuple[Tracked, int]:
    """A session at its limit, and that moment."""
    host = FakeHost()
    login = host.login(100, "pts/1")
    now = host.clock()
    found = tracking.meet(login.session, host.read_terminals(["pts/1"]), now, is_new=True)
    found = tracking.apply_policy(found, make_policy(LIMITS), frozenset(), now.boot_usec).tracked
    warned = tracking.pass_time(found, now.boot_usec + 60 * SECOND).tracked
    return warned, now.boot_usec + 80 * SECOND


def test_a_deferred_session():
    tracked, due = idle()
    deferred = deferral.defer(tracked, due).tracked
    shown = view.of_session(deferred, due + 40 * SECOND)
    assert (shown["phase"], shown["reason"]) == ("deferred", "idle")
    assert (shown["next"], shown["next_usec"]) == ("warn", 60 * SECOND)
    assert shown["left_usec"] == 70 * SECOND  # and the shortest warning
    assert next_of(shown) == "ends within 1min10s"
    text = view.explain(deferred, make_policy(LIMITS), frozenset(), due + 40 * SECOND)["text"]
    assert text[-1] == (
        "It has reached its limit and stays while a program runs in it that its rule names as busy, 1min 10s at most."
    )


def test_a_session_that_another_keeps():
    tracked, due = idle()
    kept = tracking.share(tracked, due - 5 * SECOND, due).tracked
    text = view.explain(kept, make_policy(LIMITS), frozenset(), due)["text"]
    assert "The last sign of life was input in another session of the same user, 5s ago." in text


@pytest.mark.parametrize(("hold_max", "said"), [(4 * 3600, "1h"), (90, "1min30s")])
def test_how_its_user_may_hold_it(hold_max, said):
    """The command can be entered as it stands: its time is one word, and no longer than the rule allows."""
    tracked, due = idle()
    policy = make_policy(make_limits(hold_max_usec=hold_max * SECOND))
    text = view.explain(tracked, policy, frozenset(), due)["text"]
    name = tracked.session.name
    assert f"Its user may hold it with reaperctl hold {name} {said} --reason TEXT, until" in text[-1]
    assert parse_duration(said) == min(hold_max, 3600) * SECOND


def test_who_has_just_typed_has_no_more_than_the_limit():
    """The moment that the last key counts from can lie ahead of the clock."""
    host = FakeHost()
    login = host.login(100, "pts/1")
    now = host.clock()
    policy = make_policy(make_limits())
    fresh = tracking.meet(login.session, host.read_terminals(["pts/1"]), now, is_new=True)
    fresh = tracking.apply_policy(fresh, policy, frozenset(), now.boot_usec).tracked
    before = fresh.life.evidence_usec - 3 * SECOND
    shown = view.of_session(fresh, before)
    assert (shown["idle_usec"], shown["left_usec"]) == (0, shown["limit_usec"] + 3 * SECOND)
    later, ahead = (view.explain(fresh, policy, frozenset(), at)["text"] for at in (before + 3 * SECOND, before))
    assert ahead == later
    assert next_of(shown) == next_of(view.of_session(fresh, before + 3 * SECOND))


def test_what_a_ceiling_lowered():
    tracked, due = idle()
    policy = make_policy(LIMITS, ceiling=Ceiling(busy_max_usec=30 * SECOND))
    text = view.explain(tracked, policy, frozenset(), due)["text"]
    assert "Its limits are those of the rule environment:standard; its busy_max lowered by the ceiling." in text
