"""The brake: how many sessions may be terminated within its window."""

from __future__ import annotations

from reaper.decide.policy.rules import Brake
from reaper.decide.session.brake import Ledger, admit, held_usec, release_usec
from tests.unit.simulated import SECOND

TWO = Brake(2, 60 * SECOND)


def test_as_many_are_admitted_as_the_policy_allows():
    first, ledger = admit(Ledger(), TWO, 0)
    second, ledger = admit(ledger, TWO, 10 * SECOND)
    third, ledger = admit(ledger, TWO, 20 * SECOND)
    assert (first, second, third) == (True, True, False)
    assert ledger == Ledger((0, 10 * SECOND), True)


def test_the_next_is_admitted_when_the_oldest_is_out_of_the_window():
    ledger = Ledger((0, 10 * SECOND), True)
    assert release_usec(ledger, TWO) == 60 * SECOND
    assert admit(ledger, TWO, 60 * SECOND - 1)[0] is False
    assert admit(ledger, TWO, 60 * SECOND) == (True, Ledger((10 * SECOND, 60 * SECOND), False))


def test_without_a_brake_everybody_is_admitted():
    ledger = Ledger(tuple(range(1000)))
    unlimited = Brake(None, 60 * SECOND)
    assert admit(ledger, unlimited, 1000)[0]
    assert release_usec(ledger, unlimited) == 0


def test_sessions_are_held_only_while_the_brake_is_engaged():
    assert held_usec(Ledger((0, 10 * SECOND), True), TWO, 20 * SECOND) == 40 * SECOND
    assert held_usec(Ledger((0, 10 * SECOND), False), TWO, 20 * SECOND) is None
    assert held_usec(Ledger((0, 10 * SECOND), True), TWO, 60 * SECOND) is None


def test_a_policy_that_allows_more_releases_at_once():
    assert release_usec(Ledger((0, 10 * SECOND), True), Brake(3, 60 * SECOND)) == 0
