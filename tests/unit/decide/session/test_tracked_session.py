"""A session and what is remembered of it: first sight, looks and lapses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Action
from reaper.decide.policy.match import Origin
from reaper.decide.session import observation, operations, policy_change, tracked_session
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import ActivitySample, Order
from reaper.decide.session.state import LifecycleEvent, LogEvent, Phase
from tests.unit.decide.session.lives import DUE, USED, at, make_tracked
from tests.unit.fakes import make_limits, make_policy, make_session
from tests.unit.simulated import SECOND, Clock, FakeTty

WORK = ActivitySample(USED, 501, 4711, 1000, 1000, 1000)


def test_a_new_session_was_last_used_at_its_login():
    session = make_session(100, opened_usec=USED - 100 * SECOND)
    met = observation.start_tracking(session, (), at(USED), is_new=True)
    assert (met.life.evidence, met.life.evidence_usec) == (EvidenceKind.LOGIN, USED - 100 * SECOND)


def test_a_session_that_was_there_before_the_daemon_counts_as_used_now():
    session = make_session(100, opened_usec=0)
    met = observation.start_tracking(session, (), at(USED), is_new=False)
    assert (met.life.evidence, met.life.evidence_usec) == (EvidenceKind.SEEN, USED)


def test_a_session_opened_in_the_future_counts_as_opened_now():
    met = observation.start_tracking(make_session(100, opened_usec=10**15), (), at(USED), is_new=True)
    assert met.life.evidence_usec == USED


def test_input_before_the_first_sight_counts():
    clock = Clock(boot_usec=USED - 30 * SECOND)
    tty = FakeTty("pts/1", clock)
    clock.boot_usec = USED
    met = observation.start_tracking(make_session(100, opened_usec=0), (tty.read(),), clock.now(), is_new=True)
    assert USED - 30 * SECOND < met.life.evidence_usec <= USED - 22 * SECOND


def test_roots_own_session_is_always_elevated():
    root = tracked_session.elevate(make_tracked(uid=0, user="root"), False)
    assert root.elevated
    alice = make_tracked()
    assert tracked_session.elevate(alice, False) is alice
    assert tracked_session.elevate(alice, True).elevated


@pytest.mark.parametrize(
    ("tty", "has_terminal", "origin"),
    [("tty1", True, Origin.CONSOLE), ("tty1", False, Origin.GRAPHICAL), ("", True, Origin.GRAPHICAL)],
)
def test_a_display_managers_login_is_on_a_console_while_that_shows_text(tty, has_terminal, origin):
    tracked = make_tracked(origin=Origin.GRAPHICAL, tty=tty)
    assert (tracked if has_terminal else replace(tracked, readings=())).origin is origin


def test_what_rules_match_on():
    subject = tracked_session.subject_of(make_tracked(remote="192.0.2.7"), frozenset(["ops"]), None)
    assert (subject.user, subject.uid, subject.groups) == ("alice", 1000, frozenset(["ops"]))
    assert (subject.remote, subject.terminals, subject.service) == ("192.0.2.7", ("pts/1",), "sshd")


# When time alone changes something.


def test_a_session_of_which_nothing_tells_whether_it_idles_is_never_due():
    blind = tracked_session.scheduled(replace(make_tracked(Phase.WARNED), readings=()))
    assert blind.due_usec is None
    assert not tracked_session.is_due(blind, 10**15)


def test_work_and_desktops_tell_whether_a_session_idles():
    working = replace(make_tracked(), readings=(), work=WORK)
    desktop = replace(make_tracked(origin=Origin.GRAPHICAL), readings=())
    assert tracked_session.next_change(working) == tracked_session.next_change(desktop) == DUE - 20 * SECOND


def test_a_termination_goes_on_without_terminals():
    assert tracked_session.next_change(replace(make_tracked(Phase.ENDING), readings=())) == DUE + 5 * SECOND


def test_the_end_of_a_hold_is_a_moment():
    held = replace(make_tracked(), hold=Hold(0, USED + SECOND, 0, "root", ""))
    assert tracked_session.next_change(held) == USED + SECOND
    assert tracked_session.next_change(replace(held, limits=None)) == USED + SECOND


# Looks and lapses.


def test_a_look_that_finds_nothing_changes_nothing():
    tracked = make_tracked()
    assert observation.look(tracked, tracked.readings, at(USED), at(USED + SECOND)).tracked is tracked


def test_what_is_typed_at_a_lock_is_nothing():
    locked = make_tracked(Phase.LOCKED, make_limits(action=Action.LOCK))
    change = observation.look(locked, (), at(USED), at(DUE))
    assert (change.tracked.life, change.acts) == (locked.life, ())


def test_a_session_that_loses_its_last_terminal_is_warned_again():
    change = observation.look(make_tracked(Phase.WARNED), (), at(USED), at(DUE))
    assert (change.tracked.life.phase, change.tracked.due_usec) == (Phase.ACTIVE, None)


def test_input_in_another_session_of_the_user_takes_a_warning_back_without_a_return():
    change = observation.share(make_tracked(Phase.WARNED), DUE - SECOND, DUE)
    assert change.tracked.life.evidence.value == "shared"
    assert LifecycleEvent.CANCELLED in [act.event for act in change.acts if isinstance(act, LogEvent)]


def test_a_lapse_leaves_an_end_alone_that_was_ordered():
    assert operations.lapse(make_tracked(Phase.WARNED), DUE).life.phase is Phase.ACTIVE
    ordered = replace(make_tracked(Phase.ENDING), order=Order("root", ""))
    assert operations.lapse(ordered, DUE) is ordered


def test_time_passes_only_for_what_is_due():
    tracked = make_tracked()
    assert operations.pass_time(tracked, DUE - 20 * SECOND - 1).acts == ()
    assert operations.pass_time(tracked, DUE - 20 * SECOND).tracked.life.phase is Phase.WARNED


def test_a_departure_is_told_also_without_limits():
    change = operations.close(replace(make_tracked(), limits=None), DUE)
    assert change.tracked.life.phase is Phase.GONE
    assert [act.event for act in change.acts if isinstance(act, LogEvent)] == [LifecycleEvent.CLOSED]


def test_a_hold_stays_capped_while_the_rule_cannot_be_told():
    policy = make_policy()
    free = make_tracked()
    assert policy_change.keep_limits(free, policy) is free
    held = replace(free, hold=Hold(0, 10**15, 0, "root", ""))
    kept = policy_change.keep_limits(held, policy).hold
    assert kept is not None
    assert kept.until_usec == 7 * 86400 * SECOND
