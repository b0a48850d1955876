"""Findings about logind, and its properties parsed."""

from __future__ import annotations

import pytest

from reaper.doctor.checks import logind
from reaper.doctor.checks.logind import LogindFacts
from tests.unit.doctor.facts import ids


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (LogindFacts(True), []),
        (LogindFacts(None), []),
        (LogindFacts(False), [("warning", "no-logind")]),
        (LogindFacts(True, kills_user_processes=True), [("warning", "logind-kills")]),
    ],
)
def test_logind_findings(read: LogindFacts, expected: list[tuple[str, str]]) -> None:
    assert ids(logind.check(read)) == expected


@pytest.mark.parametrize(
    ("printed", "value", "usec"),
    [
        ("t 300000000\n", "300000000", 300_000_000),
        ("t 18446744073709551615\n", "18446744073709551615", None),
        ("t 0\n", "0", None),
        ("b true\n", "true", None),
        ("", "", None),
    ],
)
def test_logind_properties_are_parsed(printed: str, value: str, usec: int | None) -> None:
    assert logind.parse_property(printed) == value
    assert logind.parse_span(value) == usec


@pytest.mark.parametrize("number", ["²", "٣", "9" * 5000, "-1", ""])
def test_number_that_is_not_one_is_ignored(number: str) -> None:
    assert logind.parse_span(number) is None
