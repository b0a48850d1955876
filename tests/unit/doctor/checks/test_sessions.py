"""Sessions without a limit, found in what the daemon lists."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.checks import sessions
from reaper.doctor.checks.sessions import MOST_NAMED, parse_sessions
from tests.unit.doctor.facts import ids, policy

MADE = policy("rules: [{name: free, match: {user: x}, idle: never, max: never}, {name: a, match: {user: y}}]")


def row(**changed: Any) -> dict[str, Any]:
    """Returns a session without a limit, as io.reaper.List has it, with these changed."""
    values = {"session": "7", "user": "ivy", "origin": "other", "service": "vnc", "rule": "a", "phase": "active",
              "next": "nothing", "terminals": []}  # fmt: skip
    return {**values, **changed}


def findings(*rows: Any, of: Any = MADE) -> list[tuple[str, str]]:
    return ids(sessions.check(parse_sessions(list(rows)), of))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [("warning", "session-unseen")]),
        ({"next": "warn"}, []),
        ({"next": "end", "terminals": ["pts/1"]}, []),
        ({"rule": "free"}, [("note", "session-unlimited")]),
        ({"rule": "free", "terminals": ["pts/1"], "origin": "ssh"}, [("note", "session-unlimited")]),
        ({"origin": "graphical"}, [("note", "session-unlimited")]),
        ({"phase": "observed"}, []),
        ({"phase": "ending"}, []),
        ({"phase": "locked"}, []),
        ({"rule": ""}, []),  # no policy is in force, which is another finding
    ],
)
def test_findings_about_sessions(changed: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert findings(row(**changed)) == expected


def test_no_finding_without_a_policy() -> None:
    assert findings(row(), of=None) == []


def test_finding_names_the_reason_and_a_limited_number_of_sessions() -> None:
    rows = [row(session=str(number)) for number in range(MOST_NAMED + 2)]
    (finding,) = sessions.check(parse_sessions(rows), MADE)
    assert "sessions 0 of ivy (vnc), 1 of ivy (vnc)" in finding.message
    assert " and 2 more is of a kind that reaper knows" in finding.message
    (finding,) = sessions.check(parse_sessions([row(rule="free")]), MADE)
    assert finding.message == "No limit applies to session 7 of ivy (vnc): the rule free has neither idle nor max."


@pytest.mark.parametrize("rows", [None, "x", {}, [None, 3, "x"], [{}], [{"phase": [], "next": {}}]])
def test_malformed_answer_gives_no_finding(rows: Any) -> None:
    assert list(sessions.check(parse_sessions(rows), MADE)) == []
