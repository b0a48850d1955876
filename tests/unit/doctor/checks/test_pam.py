"""PAM lines parsed, and findings about logins and elevations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reaper.doctor.checks.pam import Pam, Stack, check
from reaper.pam_stack import PamLine, parse_lines
from tests.unit.doctor.facts import ELEVATIONS, GOOD_PAM, REAPER, SYSTEMD, ids, policy

REQUIRED = PamLine("session", "required", "pam_reaper.so")
ELEVATED = policy("rules: [{name: roots, match: {elevated: true}}]")


def logins(*lines: PamLine) -> Pam:
    """Returns a host on which all logins have these lines."""
    return replace(GOOD_PAM, logins=(Stack("sshd", lines), Stack("login", lines)))


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("session optional pam_reaper.so", REAPER),
        ("-session\toptional pam_reaper.so # why not", REAPER),
        ("SESSION Optional pam_reaper.so", REAPER),
        ("session [success=ok default=ignore] pam_reaper.so elevations", ELEVATIONS),
        ("session \\\n optional \\\n pam_reaper.so", REAPER),
        ("@include common-session", PamLine("*", "include", "common-session")),
        ("session include system-auth", PamLine("session", "include", "system-auth")),
        ("session x /lib/a.so [one two] b", PamLine("session", "x", "/lib/a.so", ("one two", "b"))),
    ],
)
def test_pam_line_is_parsed(line: str, parsed: PamLine) -> None:
    assert parse_lines(line) == (parsed,)


@pytest.mark.parametrize("text", ["", "# session optional pam_reaper.so", "session optional", "@include", "[", "[]]"])
def test_text_without_a_pam_line(text: str) -> None:
    assert parse_lines(text) == ()


@pytest.mark.parametrize(
    ("pam", "has_logind", "expected"),
    [
        (GOOD_PAM, True, []),
        (GOOD_PAM, False, []),
        (logins(SYSTEMD), True, [("warning", "pam-not-enabled")]),
        (logins(SYSTEMD), False, [("error", "logins-unseen")]),
        (logins(), True, [("error", "logins-unseen")]),
        (logins(SYSTEMD, ELEVATIONS), True, [("warning", "pam-not-enabled")]),
        (logins(REAPER, SYSTEMD), True, [("note", "pam-order")]),
        (logins(REAPER), True, []),
        (logins(SYSTEMD, replace(REAPER, module="/lib/security/pam_reaper.so")), True, []),
        (
            replace(GOOD_PAM, logins=(Stack("sshd", (SYSTEMD, replace(REAPER, arguments=("skip=sshd",)))),)),
            True,
            [("warning", "pam-not-enabled")],
        ),
        (replace(GOOD_PAM, has_module=False), True, [("warning", "pam-module-missing")]),
        (replace(logins(SYSTEMD, REQUIRED), has_module=False), True, [("error", "pam-module-missing")]),
        (replace(logins(), elevators=(), has_module=False), True, [("error", "logins-unseen")]),
    ],
)
def test_findings_about_logins(pam: Pam, has_logind: bool, expected: list[tuple[str, str]]) -> None:
    assert ids(check(pam, has_logind, policy())) == expected


@pytest.mark.parametrize(
    ("control", "severity"),
    [
        ("required", "error"),
        ("requisite", "error"),
        ("optional", "warning"),
        ("sufficient", "warning"),
        ("success=ok default=ignore", "warning"),
        ("success=ok default=bad", "error"),
        ("success=ok module_unknown=ignore default=bad", "warning"),
        ("module_unknown=die default=ignore", "error"),
    ],
)
def test_missing_module_is_an_error_if_it_denies_logins(control: str, severity: str) -> None:
    pam = replace(logins(SYSTEMD, PamLine("session", control, "pam_reaper.so")), has_module=False)
    assert ids(check(pam, True, policy())) == [(severity, "pam-module-missing")]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"elevators": (Stack("sudo", ()),)}, [("error", "elevation-unmarked")]),
        ({"elevators": (Stack("sudo", (REAPER,)),)}, []),
        ({"elevators": ()}, []),
    ],
)
def test_findings_about_elevations(changed: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    pam = replace(GOOD_PAM, **changed)
    assert ids(check(pam, True, ELEVATED)) == expected
    assert ids(check(pam, True, policy())) == []


def test_remedy_depends_on_the_distribution() -> None:
    (debian,) = check(logins(SYSTEMD), True, None)
    (other,) = check(replace(logins(SYSTEMD), has_updater=False), True, None)
    assert debian.remedy.startswith("pam-auth-update")
    assert other.remedy.startswith("session optional pam_reaper.so")
