"""Findings about the time of day."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.checks import clock
from reaper.doctor.checks.clock import Clock
from tests.unit.doctor.facts import ids, policy

AT_NIGHT = policy("rules: [{name: night, match: {hours: '22:00-06:00'}}]")


@pytest.mark.parametrize(
    ("read", "in_force", "expected"),
    [
        (Clock(True, True), None, []),
        (Clock(True), AT_NIGHT, []),
        (Clock(True, False), AT_NIGHT, [("note", "clock-alone")]),
        (Clock(False, False), None, [("warning", "clock-not-set")]),
        (Clock(False), AT_NIGHT, [("error", "clock-not-set")]),
    ],
)
def test_clock_findings(read: Clock, in_force: Any, expected: list[tuple[str, str]]) -> None:
    assert ids(clock.check(read, in_force)) == expected
