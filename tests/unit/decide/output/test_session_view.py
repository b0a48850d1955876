"""What reaperctl shows of a session that waits for a program, that another session keeps, or that is locked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.ctl.table import next_of
from reaper.decide.output import session_view
from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Action, Limits, Notify, Share
from reaper.decide.session import observation, operations, policy_change
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Instant
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text.duration import parse_duration
from tests.unit.fakes import FakeHost, make_limits, make_policy
from tests.unit.simulated import SECOND, WALL_NS

LOCKING = make_limits(action=Action.LOCK, lock_for_usec=100 * SECOND, hold_max_usec=3600 * SECOND)
LIMITS = make_limits(busy=("rsync",), busy_max_usec=100 * SECOND, share_activity=Share.USER)


def idle(limits: Limits = LIMITS) -> tuple[TrackedSession, int]:
    """A session at its limit, and that moment."""
    host = FakeHost()
    login = host.login(100, "pts/1")
    now = host.clock()
    found = observation.start_tracking(login.session, host.read_terminals(["pts/1"]), now, is_new=True)
    found = policy_change.apply_policy(found, make_policy(limits), frozenset(), now.boot_usec).tracked
    warned = operations.pass_time(found, now.boot_usec + 60 * SECOND).tracked
    return warned, now.boot_usec + 80 * SECOND


def test_deferred_session_shows_its_program_and_the_time_left():
    tracked, due = idle()
    deferred = operations.defer(tracked, due).tracked
    shown = session_view.of_session(deferred, due + 40 * SECOND)
    assert (shown["phase"], shown["reason"]) == ("deferred", "idle")
    assert (shown["next"], shown["next_usec"]) == ("warn", 60 * SECOND)
    assert shown["left_usec"] == 70 * SECOND  # and the shortest warning
    assert next_of(shown) == "ends within 1min10s"
    text = session_view.explain(deferred, make_policy(LIMITS), frozenset(), due + 40 * SECOND)["text"]
    assert text[-1] == (
        "It has reached its limit and stays while a program runs in it that its rule names as busy, 1min 10s at most."
    )


def test_session_kept_by_another_says_so():
    tracked, due = idle()
    kept = observation.share(tracked, due - 5 * SECOND, due).tracked
    text = session_view.explain(kept, make_policy(LIMITS), frozenset(), due)["text"]
    assert "The last sign of life was input in another session of the same user, 5s ago." in text


@pytest.mark.parametrize(("hold_max", "said"), [(4 * 3600, "1h"), (90, "1min30s")])
def test_session_shows_the_command_that_holds_it(hold_max, said):
    """The command can be entered as it stands: its time is one word, and as long as the rule allows at most."""
    tracked, due = idle()
    policy = make_policy(make_limits(hold_max_usec=hold_max * SECOND))
    text = session_view.explain(tracked, policy, frozenset(), due)["text"]
    name = tracked.session.name
    assert f"Its user may hold it with reaperctl hold {name} {said} --reason TEXT, until" in text[-1]
    assert parse_duration(said) == min(hold_max, 3600) * SECOND


def test_time_left_after_a_key_is_the_limit_at_most():
    """The moment that the last key counts from can be ahead of the clock."""
    host = FakeHost()
    login = host.login(100, "pts/1")
    now = host.clock()
    policy = make_policy(make_limits())
    fresh = observation.start_tracking(login.session, host.read_terminals(["pts/1"]), now, is_new=True)
    fresh = policy_change.apply_policy(fresh, policy, frozenset(), now.boot_usec).tracked
    before = fresh.life.evidence_usec - 3 * SECOND
    shown = session_view.of_session(fresh, before)
    assert (shown["idle_usec"], shown["left_usec"]) == (0, shown["limit_usec"] + 3 * SECOND)
    later, ahead = (
        session_view.explain(fresh, policy, frozenset(), at)["text"] for at in (before + 3 * SECOND, before)
    )
    assert ahead == later
    assert next_of(shown) == next_of(session_view.of_session(fresh, before + 3 * SECOND))


def test_limits_that_a_ceiling_lowered_are_named():
    tracked, due = idle()
    policy = make_policy(LIMITS, ceiling=Ceiling(busy_max_usec=30 * SECOND))
    text = session_view.explain(tracked, policy, frozenset(), due)["text"]
    assert "Its limits are those of the rule environment:standard; its busy_max lowered by the ceiling." in text


# Locks.


def test_session_that_will_be_locked_says_so():
    tracked, due = idle(LOCKING)
    shown = session_view.of_session(tracked, due - 15 * SECOND)
    assert (shown["phase"], shown["action"], shown["reason"]) == ("warned", "lock", "idle")
    assert session_view.of_session(operations.pass_time(tracked, due - 15 * SECOND).tracked, due)["next"] == "lock"
    assert next_of(shown) == "locks in 5s"
    text = session_view.explain(tracked, make_policy(LOCKING), frozenset(), due - 15 * SECOND)["text"]
    assert any(each.startswith("It is locked in 5s, at its limit of 1min without input.") for each in text)


def test_locked_session_shows_when_it_ends():
    tracked, due = idle(LOCKING)
    kept = operations.lock(tracked, due).tracked
    shown = session_view.of_session(kept, due + 40 * SECOND)
    assert (shown["phase"], shown["reason"], shown["next"]) == ("locked", "lock", "end")
    assert (shown["left_usec"], shown["next_usec"], shown["limit_usec"]) == (60 * SECOND, 60 * SECOND, 100 * SECOND)
    assert next_of(shown) == "ends in 1min"
    text = session_view.explain(kept, make_policy(LOCKING), frozenset(), due + 40 * SECOND, unlockable="it cannot")[
        "text"
    ]
    assert text[-1] == "It is locked until its user unlocks it on one of its terminals, and ends in 1min."


def test_session_locked_forever_shows_no_end():
    tracked, due = idle(make_limits(lock_for_usec=None))
    kept = operations.lock(tracked, due).tracked
    shown = session_view.of_session(kept, due)
    assert (shown["phase"], shown["reason"], shown["next"], shown["left_usec"]) == ("locked", "none", "nothing", None)
    text = session_view.explain(kept, make_policy(LIMITS), frozenset(), due)["text"]
    assert text[-1] == "It is locked until its user unlocks it on one of its terminals."


def test_unlocked_session_shows_its_evidence():
    tracked, due = idle(LOCKING)
    kept = operations.lock(tracked, due).tracked
    now = Instant(due + 50 * SECOND, WALL_NS)
    opened = operations.unlock(kept, (), due + 40 * SECOND, now).tracked
    text = session_view.explain(opened, make_policy(LOCKING), frozenset(), now.boot_usec)["text"]
    assert "The last sign of life was its user unlocking it, 10s ago." in text


WHY = "its user has no password here"


def explained(action: Action, unlockable: str, phase: Phase = Phase.ACTIVE) -> tuple[str, list[str]]:
    """Returns what explain says of a lock; the session is under its rule as reaperd applies it."""
    tracked, due = idle()
    tracked = replace(tracked, life=replace(tracked.life, phase=phase))
    told = session_view.explain(tracked, make_policy(make_limits(action=action)), frozenset(), due, None, unlockable)
    return told["unlockable"], told["text"]


def test_session_that_cannot_be_locked_says_why():
    told, text = explained(Action.LOCK, f"{WHY}\x1b")
    assert told == f"{WHY}\\x1b"
    assert f"It cannot be locked, and will be ended instead: {WHY}\\x1b." in text


@pytest.mark.parametrize(
    ("action", "unlockable", "phase"),
    [
        (Action.LOCK, "", Phase.ACTIVE),
        (Action.TERMINATE, WHY, Phase.ACTIVE),
        (Action.OBSERVE, WHY, Phase.ACTIVE),
        (Action.LOCK, WHY, Phase.ENDING),
        (Action.LOCK, WHY, Phase.LOCKED),
    ],
)
def test_locks_are_not_mentioned_where_no_rule_locks(action, unlockable, phase):
    told, text = explained(action, unlockable, phase)
    assert told == ""
    assert not any("cannot be locked" in line for line in text)


def test_session_under_notify_none_says_that_nothing_is_written():
    limits = make_limits(notify=Notify.NONE)
    tracked, due = idle(limits)
    explained = session_view.explain(tracked, make_policy(limits), frozenset(), due - 30 * SECOND)
    assert explained["session"]["phase"] == "warned"
    assert explained["text"][0].endswith(" is about to end.")
    assert explained["text"][-2] == "Nothing is written on its terminals (notify: none)."
    assert explained["text"][-1].endswith(" without input."), "and not that it is warned"
    held = Hold(due, due + 3600 * SECOND, 0, "root", "a build")
    text = session_view.explain(replace(tracked, hold=held), make_policy(limits), frozenset(), due)["text"]
    assert text[-1].endswith("Until then nothing happens to it; then it ends, if it is past its limit.")


def test_typed_login_name_is_shown_and_escaped():
    tracked, due = idle()
    assert session_view.of_session(tracked, due)["login"] == ""
    tracked = replace(tracked, session=replace(tracked.session, login="ALICE\n"))
    shown = session_view.explain(tracked, make_policy(LIMITS), frozenset(), due)
    assert shown["session"]["login"] == r"ALICE\n"
    assert r"Its user logged in as ALICE\n, which is another name of the same account." in shown["text"]


@pytest.mark.parametrize(
    ("activity", "without"),
    [
        ((), "input"),
        ((EvidenceKind.INPUT,), "input"),
        ((EvidenceKind.INPUT, EvidenceKind.CPU), "input or work"),
        ((EvidenceKind.CPU,), "work"),
    ],
)
def test_idle_session_names_the_evidence_that_is_missing(activity, without):
    limits = make_limits(activity=activity)
    tracked, due = idle(limits)
    text = session_view.explain(tracked, make_policy(limits), frozenset(), due)["text"]
    assert f" without {without}." in " ".join(text)
