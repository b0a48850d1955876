"""Findings about missing Python packages."""

from __future__ import annotations

import pytest

from reaper.doctor.checks import libraries
from tests.unit.doctor.facts import ids, policy

LOCKS = policy("rules: [{name: desks, match: {user: ann}, action: lock}]")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ((), []),
        (("psutil",), [("note", "python-psutil-missing")]),
        (("pam", "six"), [("note", "python-pam-missing")]),
        (("six",), [("note", "python-pam-missing")]),
        (("yaml", "systemd"), [("error", "python-missing")] * 2),
    ],
)
def test_missing_modules(missing: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    assert ids(libraries.check(missing, policy())) == expected


def test_missing_python_pam_is_a_warning_if_a_rule_locks() -> None:
    assert ids(libraries.check(("pam",), LOCKS)) == [("warning", "python-pam-missing")]
