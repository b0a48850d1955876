"""Which mechanism comes first, for which sessions."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.checks.logind import LogindFacts
from reaper.doctor.checks.precedence import KINDS, Row, check, sentence, table
from reaper.doctor.checks.shell import Tmout, parse_tmout
from reaper.doctor.checks.sshd import Sshd
from tests.unit.doctor.facts import ids, policy

MIN = 60_000_000
TMOUT = Tmout("/etc/profile.d/t.sh", 1, 600, True)
ALL = {kind.id for kind in KINDS}
PROMPTS = {kind.id for kind in KINDS if kind.at_prompt}
LOCAL = {"console-prompt", "console-program", "serial-prompt", "serial-program"}
ON_SSH_TERMINAL = {"ssh-prompt", "ssh-program"}


def rows(text: str | None = "", **found: Any) -> dict[str, Row]:
    """The table of a policy with nothing else there, but for these."""
    values: dict[str, Any] = {"sshd": Sshd(True), "logind": LogindFacts(True), "tmouts": (), **found}
    made = table(None if text is None else policy(text), **values)
    return {row.kind.id: row for row in made}


def where(made: dict[str, Row], by: str) -> set[str]:
    """The kinds of sessions that a mechanism may end."""
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
def test_who_ends_what(found: dict[str, Any], by: str, kinds: set[str]) -> None:
    assert where(rows(**found), by) == kinds


RULES = "environments: {{standard: {{idle: 15min}}}}\nrules:\n  - {{name: a, match: {match}, {limits}}}"


@pytest.mark.parametrize(
    ("match", "limits", "kind", "expected"),
    [
        ("{user: x}", "idle: 5min", "ssh-prompt", (5 * MIN, 15 * MIN)),
        ("{user: x}", "idle: never", "ssh-prompt", (15 * MIN, None)),
        ("{user: x}", "action: observe", "ssh-prompt", (15 * MIN, None)),
        ("{origin: console}", "idle: 5min", "ssh-prompt", (15 * MIN, 15 * MIN)),
        ("{origin: console}", "idle: 5min", "console-prompt", (5 * MIN, 5 * MIN)),  # nothing is left for what follows
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
def test_the_limits_of_whatever_rule_could_apply(match: str, limits: str, kind: str, expected: Any) -> None:
    assert times(rows(RULES.format(match=match, limits=limits))[kind]) == expected


def test_the_ceiling_is_over_them_but_for_who_is_exempt() -> None:
    text = "ceiling: {idle: 4min, except: [a]}\nrules: [{name: a, match: {user: x}, idle: 6min, warn: [1min]}]"
    assert times(rows(text)["ssh-prompt"]) == (4 * MIN, 6 * MIN)


def test_age_is_apart() -> None:
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
def test_what_comes_before_reaper_interferes(text: str | None, found: dict[str, Any], expected: Any) -> None:
    made = rows(text, **found)
    assert ids(check(list(made.values()), found.get("sshd"), is_known=True)) == expected


def test_where_the_limits_are_not_known_that_is_said() -> None:
    (finding,) = check(list(rows(None, tmouts=(TMOUT,)).values()), None, is_known=False)
    assert finding.message.endswith("whether before reaper cannot be told.")


def test_sentences() -> None:
    text = "environments: {standard: {idle: 15min, max: 8h}}\nrules: [{name: a, match: {user: x}, idle: 20min}]"
    made = rows(text, tmouts=(Tmout("/etc/profile", 3, 600, False),))
    assert sentence(made["ssh-prompt"]) == (
        "TMOUT in /etc/profile:3 10min (unless the user unsets it), then reaper, without input 15min to 20min,"
        " then reaper, by age 8h"
    )
    assert sentence(rows(None)["ssh-prompt"]) == "nothing ends it"
    never = rows("rules: [{name: a, match: {user: x}, action: observe}]")["ssh-no-terminal"]
    assert sentence(never) == "reaper, without work 15min, by some rules never"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("TMOUT=600", [(600, False)]),
        ("export TMOUT=600", [(600, False)]),
        ("readonly TMOUT=600", [(600, True)]),
        ("declare -rx TMOUT=600", [(600, True)]),
        ("TMOUT=600; readonly TMOUT; export TMOUT", [(600, True)]),
        ("  [ -n x ] && TMOUT='300'", [(300, False)]),
        ('TMOUT="300"', [(300, False)]),
        ("TMOUT DEFAULT=300", [(300, False)]),
        ("TMOUT=0", []),
        ("# TMOUT=600", []),
        ("MYTMOUT=600", []),
        ("unset TMOUT", []),
    ],
)
def test_tmout(line: str, expected: list[tuple[int, bool]]) -> None:
    found = parse_tmout("p", f"\n{line}\n")
    assert [(each.seconds, each.is_readonly) for each in found] == expected
    assert all(each.line == 2 for each in found)
