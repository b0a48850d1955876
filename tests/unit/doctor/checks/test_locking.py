"""Findings about sessions that a rule locks."""

from __future__ import annotations

import pytest

from reaper.doctor.checks import locking
from reaper.doctor.checks.locking import Locking, rules_that_lock
from tests.unit.doctor.facts import ids, policy

LOCKS = policy("rules: [{name: desks, match: {user: ann}, action: lock}]")


@pytest.mark.parametrize(
    ("found", "locks", "expected"),
    [
        (Locking(), True, []),
        (Locking(has_service=False), True, ["lock-service-missing"]),
        (Locking(has_service=False, unable=(("ann", "x"),)), False, []),
        (Locking(unable=(("ann", "x"), ("bob", "y"), ("eve", "x"))), True, ["user-unlockable", "user-unlockable"]),
    ],
)
def test_locking_findings(found: Locking, locks: bool, expected: list[str]) -> None:
    findings = list(locking.check(found, LOCKS if locks else policy()))
    assert ids(findings) == [("warning", name) for name in expected]


def test_users_who_cannot_unlock_are_grouped_by_reason() -> None:
    found = Locking(unable=(("ann", "no password"), ("bob", "expired"), ("eve", "no password")))
    first, second = locking.check(found, LOCKS)
    assert first.message == "Sessions of ann, eve cannot be locked, and are ended instead: no password."
    assert "bob" in second.message


def test_rules_that_lock_are_found() -> None:
    environment = "environments: {standard: {action: lock}}\nrules: [{name: a, action: terminate}, {name: b}]"
    assert rules_that_lock(policy(environment)) == {"b", "environment:standard"}
    assert rules_that_lock(LOCKS) == {"desks"}
    assert rules_that_lock(None) == rules_that_lock(policy()) == frozenset()
