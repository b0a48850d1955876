"""Other mechanisms that end sessions which reaper locks, holds or defers."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.checks import cut_short
from reaper.doctor.checks.logind import LogindFacts
from reaper.doctor.checks.precedence import table
from reaper.doctor.checks.shell import Tmout
from reaper.doctor.checks.sshd import Sshd
from reaper.doctor.findings import Finding
from tests.unit.doctor.facts import policy

MIN = 60_000_000
HOUR = 60 * MIN
NO_HOLD = "hold_max: 0s"


def findings(limits: str, **found: Any) -> list[Finding]:
    """Returns the findings for one rule with these limits and these mechanisms; no other session can be held."""
    values: dict[str, Any] = {"sshd": Sshd(True), "logind": LogindFacts(True), "tmouts": (), **found}
    text = f"environments: {{standard: {{{NO_HOLD}}}}}\nrules: [{{name: a, match: {{user: x}}, {limits}}}]"
    made = policy(text)
    return list(cut_short.check(made, table(made, **values)))


def tmout(seconds: int) -> tuple[Tmout, ...]:
    return (Tmout("/etc/profile.d/t.sh", 1, seconds, True),)


def ids(found: list[Finding]) -> list[str]:
    return [each.id for each in found]


@pytest.mark.parametrize(
    ("limits", "found", "expected"),
    [
        ("action: lock", {"logind": LogindFacts(True, 29 * MIN)}, 1),
        ("action: lock", {"logind": LogindFacts(True, 30 * MIN)}, 0),  # lock_for, as built in
        ("action: lock, lock_for: never", {"logind": LogindFacts(True, 99 * MIN)}, 1),
        ("action: lock, lock_for: 20min", {"logind": LogindFacts(True, 25 * MIN)}, 0),
        ("action: terminate", {"logind": LogindFacts(True, MIN)}, 0),
        ("action: lock", {"sshd": Sshd(True, (("session:shell", 29 * MIN),))}, 1),
        ("action: lock", {"sshd": Sshd(True, (("session:command", MIN),))}, 0),
        ("action: lock", {"tmouts": tmout(600)}, 1),  # before the lock
        ("action: lock", {"tmouts": tmout(900)}, 0),  # at the lock or later: the shell continues when it is unlocked
        ("action: lock, idle: never", {"tmouts": tmout(900)}, 0),
    ],
)
def test_lock_is_cut_short(limits: str, found: Any, expected: int) -> None:
    assert ids(findings(f"{limits}, {NO_HOLD}", **found)) == ["lock-cut-short"] * expected


@pytest.mark.parametrize(
    ("limits", "found", "expected"),
    [
        ("hold_max: 1h", {"tmouts": tmout(3599)}, 1),
        ("hold_max: 1h", {"tmouts": tmout(3600)}, 0),
        (NO_HOLD, {"tmouts": tmout(60)}, 0),
        ("hold_max: 1h, action: observe", {"tmouts": tmout(60)}, 0),
        ("hold_max: 1h", {"logind": LogindFacts(True, 59 * MIN)}, 1),
        ("hold_max: 1h", {"sshd": Sshd(True, (("session:shell", 59 * MIN),))}, 1),
        ("hold_max: 1h", {"sshd": Sshd(True, unused_usec=MIN)}, 0),  # a held session has a channel
    ],
)
def test_hold_is_cut_short(limits: str, found: Any, expected: int) -> None:
    assert ids(findings(limits, **found)) == ["hold-cut-short"] * expected


@pytest.mark.parametrize(
    ("limits", "found", "expected"),
    [
        ("busy: [rsync], busy_max: 1h", {"tmouts": tmout(74 * 60)}, 1),
        ("busy: [rsync], busy_max: 1h", {"tmouts": tmout(75 * 60)}, 0),
        ("busy: [rsync], busy_max: 1h, idle: never, max: 8h", {"tmouts": tmout(60)}, 0),
        ("busy_max: 1h", {"tmouts": tmout(60)}, 0),
        ("busy: [rsync], busy_max: 1h", {"logind": LogindFacts(True, 74 * MIN)}, 1),
    ],
)
def test_wait_for_a_busy_program_is_cut_short(limits: str, found: Any, expected: int) -> None:
    assert ids(findings(f"{limits}, {NO_HOLD}", **found)) == ["busy-cut-short"] * expected


def test_finding_names_the_kinds_of_session_and_the_remedy() -> None:
    (finding,) = findings("hold_max: 1h", tmouts=tmout(600))
    assert finding.message == (
        "TMOUT in /etc/profile.d/t.sh:1 (10min) ends held sessions before hold_max is over:"
        " ssh, at a shell prompt; console, at a shell prompt; serial line, at a shell prompt."
    )
    assert finding.remedy == (
        "remove TMOUT in /etc/profile.d/t.sh:1; or set hold_max to less than 10min (reaperctl policy shows where)"
    )


def test_nothing_is_cut_short_without_a_policy() -> None:
    assert list(cut_short.check(None, table(None, Sshd(True), LogindFacts(True, MIN), tmout(60)))) == []
