"""Which mechanism ends each kind of session first."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.checks.logind import LogindFacts
from reaper.doctor.checks.precedence import KINDS, Row, check, sentence, table
from reaper.doctor.checks.shell import Tmout
from reaper.doctor.checks.sshd import Sshd
from tests.unit.doctor.facts import ids, policy

MIN = 60_000_000
TMOUT = Tmout("/etc/profile.d/t.sh", 1, 600, True)
ALL = {kind.id for kind in KINDS}
PROMPTS = {kind.id for kind in KINDS if kind.at_prompt}
LOCAL = {"console-prompt", "console-program", "serial-prompt", "serial-program"}
ON_SSH_TERMINAL = {"ssh-prompt", "ssh-program"}


def rows(text: str | None = "", **found: Any) -> dict[str, Row]:
    """Returns the table of a policy on a host with only these other mechanisms."""
    values: dict[str, Any] = {"sshd": Sshd(True), "logind": LogindFacts(True), "tmouts": (), **found}
    made = table(None if text is None else policy(text), **values)
    return {row.kind.id: row for row in made}


def where(made: dict[str, Row], by: str) -> set[str]:
    """Returns the kinds of session that a mechanism may end."""
    return {name for name, row in made.items() if any(each.by == by for each in row.mechanisms)}


def times(row: Row, by: str = "reaper") -> tuple[int, int | None] | None:
    found = [(each.shortest_usec, each.longest_usec) for each in row.mechanisms if each.by == by]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("found", "by", "kinds"),
    [
        ({}, "reaper", ALL),
        ({"tmouts": (TMOUT,)}, "tmout", PROMPTS),
        ({"logind": LogindFacts(True, MIN)}, "logind", LOCAL),
        ({"logind": LogindFacts(True, MIN, knows_ssh_terminals=True)}, "logind", LOCAL | ON_SSH_TERMINAL),
        ({"sshd": Sshd(True, (("session:*", MIN),))}, "channel-timeout", ON_SSH_TERMINAL | {"ssh-no-terminal"}),
        ({"sshd": Sshd(True, (("session:shell", MIN),))}, "channel-timeout", ON_SSH_TERMINAL),
        ({"sshd": Sshd(True, unused_usec=MIN)}, "unused-timeout", {"ssh-no-terminal"}),
        ({"sshd": None}, "reaper", LOCAL),
        ({"sshd": Sshd(False)}, "reaper", LOCAL),
        ({"sshd": Sshd(False), "logind": LogindFacts(True, MIN, knows_ssh_terminals=True)}, "logind", LOCAL),
        ({"sshd": Sshd(None)}, "reaper", ALL),
    ],
)
def test_kinds_of_session_that_a_mechanism_ends(found: dict[str, Any], by: str, kinds: set[str]) -> None:
    assert where(rows(**found), by) == kinds


RULES = "environments: {{standard: {{idle: 15min}}}}\nrules:\n  - {{name: a, match: {match}, {limits}}}"


@pytest.mark.parametrize(
    ("match", "limits", "kind", "expected"),
    [
        ("{user: x}", "idle: 5min", "ssh-prompt", (5 * MIN, 15 * MIN)),
        ("{user: x}", "idle: never", "ssh-prompt", (15 * MIN, None)),
        ("{user: x}", "action: observe", "ssh-prompt", (15 * MIN, None)),
        ("{origin: console}", "idle: 5min", "ssh-prompt", (15 * MIN, 15 * MIN)),
        ("{origin: console}", "idle: 5min", "console-prompt", (5 * MIN, 5 * MIN)),  # the environment never applies
        ("{origin: console, elevated: true}", "idle: 5min", "console-prompt", (5 * MIN, 15 * MIN)),
        ("{from: 10.0.0.0/8}", "idle: 5min", "console-prompt", (15 * MIN, 15 * MIN)),
        ("{from: 10.0.0.0/8}", "idle: 5min", "ssh-prompt", (5 * MIN, 15 * MIN)),
        ("{terminal: none}", "idle: 5min", "ssh-prompt", (15 * MIN, 15 * MIN)),
        ("{terminal: none}", "idle: 5min", "ssh-no-terminal", (5 * MIN, 5 * MIN)),
        ("{terminal: any}", "idle: 5min", "ssh-prompt", (5 * MIN, 5 * MIN)),
        ("{terminal: tty1}", "idle: 5min", "console-prompt", (5 * MIN, 15 * MIN)),
        ("{service: login}", "idle: 5min", "ssh-prompt", (15 * MIN, 15 * MIN)),
        ("{hours: '08:00-09:00'}", "idle: 5min", "ssh-prompt", (5 * MIN, 15 * MIN)),
    ],
)
def test_times_range_over_every_rule_that_could_apply(match: str, limits: str, kind: str, expected: Any) -> None:
    assert times(rows(RULES.format(match=match, limits=limits))[kind]) == expected


def test_ceiling_caps_every_rule_that_is_not_exempt() -> None:
    text = "ceiling: {idle: 4min, except: [a]}\nrules: [{name: a, match: {user: x}, idle: 6min, warn: [1min]}]"
    assert times(rows(text)["ssh-prompt"]) == (4 * MIN, 6 * MIN)


def test_max_is_a_mechanism_of_its_own() -> None:
    row = rows("environments: {standard: {idle: never, max: 8h}}")["ssh-prompt"]
    assert times(row, "reaper-max") == (480 * MIN, 480 * MIN)
    assert times(row) is None


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("", {}, []),
        ("", {"tmouts": (TMOUT,)}, [("warning", "shell-tmout")]),
        ("environments: {standard: {idle: 5min, warn: [1min]}}", {"tmouts": (TMOUT,)}, [("note", "shell-tmout")]),
        ("environments: {standard: {idle: never}}", {"tmouts": (TMOUT,)}, [("warning", "shell-tmout")]),
        (None, {"tmouts": (TMOUT,)}, [("warning", "shell-tmout")]),
        ("", {"logind": LogindFacts(True, 5 * MIN)}, [("warning", "logind-stop-idle")]),
        ("", {"logind": LogindFacts(True, 20 * MIN)}, [("note", "logind-stop-idle")]),
        ("", {"sshd": Sshd(True, (("*", MIN),))}, [("warning", "sshd-channel-timeout")]),
        ("", {"sshd": Sshd(True, unused_usec=MIN)}, [("warning", "sshd-unused-timeout")]),
        ("", {"sshd": Sshd(True, alive_usec=MIN)}, [("note", "sshd-client-alive")]),
    ],
)
def test_mechanism_that_acts_before_reaper_is_a_warning(text: str | None, found: dict[str, Any], expected: Any) -> None:
    made = rows(text, **found)
    assert ids(check(list(made.values()), found.get("sshd"), is_known=True)) == expected


def test_finding_says_if_the_limits_are_unknown() -> None:
    (finding,) = check(list(rows(None, tmouts=(TMOUT,)).values()), None, is_known=False)
    assert finding.message.endswith("it is not known whether reaper ends them first.")


def test_row_in_words() -> None:
    text = "environments: {standard: {idle: 15min, max: 8h}}\nrules: [{name: a, match: {user: x}, idle: 20min}]"
    made = rows(text, tmouts=(Tmout("/etc/profile", 3, 600, False),))
    assert sentence(made["ssh-prompt"]) == (
        "TMOUT in /etc/profile:3 10min (unless the user unsets it), then reaper, without input 15min to 20min,"
        " then reaper, by age 8h"
    )
    assert sentence(rows(None)["ssh-prompt"]) == "nothing ends it"
    never = rows("rules: [{name: a, match: {user: x}, action: observe}]")["ssh-no-terminal"]
    assert sentence(never) == "reaper, without work 15min, by some rules never"
