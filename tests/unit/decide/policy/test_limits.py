"""Limits of one session: the promises that they keep, whoever set them."""

from __future__ import annotations

import pytest

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import (
    SHORTEST_LIMIT_USEC,
    Action,
    Notify,
    counted,
    fit_leads,
    inherit,
    is_lock_impossible,
    longest_lead,
    missing,
    shows_warnings,
    with_action,
    without_limits,
    without_warnings,
)
from tests.unit.fakes import make_limits
from tests.unit.simulated import MINUTE, SECOND


@pytest.mark.parametrize(
    ("idle", "longest", "lead"),
    [(None, None, None), (60, None, 52), (None, 60, 52), (60, 30, 22), (16, 600, 8)],
)
def test_the_first_warning_comes_a_step_of_the_terminals_clock_after_the_last_input(idle, longest, lead):
    found = longest_lead(*(None if each is None else each * SECOND for each in (idle, longest)))
    assert found == (None if lead is None else lead * SECOND)


@pytest.mark.parametrize(
    ("leads", "idle", "fitted"),
    [
        ((20, 10), 60, (20, 10)),
        ((52, 10), 60, (52, 10)),
        ((53, 10), 60, (10,)),
        ((53, 52), 60, (52,)),
        ((53,), 60, (30,)),
        ((100, 90), 61, (30,)),
        ((), 60, ()),
        ((100, 90), None, (100, 90)),
    ],
)
def test_leads_are_fitted_to_the_limit(leads, idle, fitted):
    limits = make_limits(
        idle_usec=None if idle is None else idle * SECOND, warn_usec=tuple(each * SECOND for each in leads)
    )
    assert fit_leads(limits).warn_usec == tuple(each * SECOND for each in fitted)


def test_half_of_the_shortest_limit_is_a_lead_that_fits():
    fitted = fit_leads(make_limits(idle_usec=SHORTEST_LIMIT_USEC, warn_usec=(MINUTE,)))
    assert fitted.warn_usec == (8 * SECOND,)
    assert fit_leads(fitted) == fitted


INPUT, NETWORK, CPU = EvidenceKind.INPUT, EvidenceKind.NETWORK, EvidenceKind.CPU


@pytest.mark.parametrize(
    ("activity", "with_terminal", "without"),
    [
        ((), (INPUT,), (NETWORK, CPU)),
        ((INPUT,), (INPUT,), (NETWORK, CPU)),
        ((CPU,), (CPU,), (CPU,)),
        ((INPUT, NETWORK), (INPUT, NETWORK), (NETWORK,)),
    ],
)
def test_what_counts_goes_by_the_rule_and_by_the_kind_of_session(activity, with_terminal, without):
    assert counted(activity, True) == with_terminal
    assert counted(activity, False) == without


@pytest.mark.parametrize(
    ("activity", "has_terminal", "words"),
    [((), True, "input"), ((), False, "work"), ((INPUT, CPU), True, "input or work"), ((CPU,), True, "work")],
)
def test_what_an_idle_session_is_without(activity, has_terminal, words):
    assert missing(make_limits(activity=activity), has_terminal) == words


def test_what_a_session_without_limits_is_without():
    assert (missing(None, True), missing(None, False)) == ("input", "work")


def test_inherited_warnings_give_way_to_a_shorter_limit():
    assert inherit(make_limits(), {"idle_usec": 24 * SECOND}).warn_usec == (10 * SECOND,)


def test_warnings_that_were_given_stay():
    """The parser has refused those that do not fit."""
    given = {"idle_usec": 24 * SECOND, "warn_usec": (5 * SECOND,)}
    assert inherit(make_limits(), given).warn_usec == (5 * SECOND,)


def test_an_inherited_lock_gives_way_to_a_silent_rule():
    locking = make_limits(action=Action.LOCK)
    assert inherit(locking, {"notify": Notify.NONE}).action is Action.TERMINATE
    assert is_lock_impossible(inherit(locking, {"notify": Notify.NONE, "action": Action.LOCK})), (
        "which the parser refuses"
    )


@pytest.mark.parametrize(
    ("action", "notify", "is_shown"),
    [
        (Action.TERMINATE, Notify.TERMINAL, True),
        (Action.LOCK, Notify.TERMINAL, True),
        (Action.OBSERVE, Notify.TERMINAL, False),
        (Action.TERMINATE, Notify.NONE, False),
    ],
)
def test_where_warnings_are_shown(action, notify, is_shown):
    assert shows_warnings(make_limits(action=action, notify=notify)) is is_shown


def test_a_lock_writes_on_the_terminals_whatever_the_rule_says_of_them():
    silent = make_limits(notify=Notify.NONE)
    assert with_action(silent, Action.LOCK).notify is Notify.TERMINAL
    assert with_action(silent, Action.OBSERVE).notify is Notify.NONE
    assert with_action(silent, silent.action) == silent


def test_limits_without_something_are_one_object_for_all_sessions_under_a_rule():
    limits = make_limits(max_usec=MINUTE)
    bare = without_limits(limits)
    assert (bare.idle_usec, bare.max_usec, bare.warn_usec) == (None, None, ())
    assert without_warnings(limits).warn_usec == ()
    assert without_warnings(limits).idle_usec == limits.idle_usec
    assert without_limits(make_limits(max_usec=MINUTE)) is bare
    assert without_warnings(make_limits(max_usec=MINUTE)) is without_warnings(limits)
