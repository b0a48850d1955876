"""sudo's configuration interpreted, and the findings about elevations."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.checks import sudo
from reaper.doctor.checks.sudo import Default, Include, Sudo, interpret, parse_sudoers
from tests.unit.doctor.facts import ids, policy


def unmarked(text: str) -> list[str]:
    """Returns the settings of a file that prevent elevations from being marked."""
    entries = parse_sudoers("s", text)
    return [setting for _, setting in interpret(each for each in entries if isinstance(each, Default)).unmarked]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Defaults env_reset\n", []),
        ("Defaults !pam_session\n", ["!pam_session"]),
        ("Defaults\t!pam_session", ["!pam_session"]),
        ("Defaults ! pam_session", ["!pam_session"]),
        ("Defaults !!pam_session", []),
        ("Defaults !lecture, !pam_session,env_reset", ["!pam_session"]),
        ("Defaults !lecture, \\\n  !pam_session\n", ["!pam_session"]),
        ("Defaults pam_session", []),
        ("Defaults !pam_session\nDefaults pam_session\n", []),  # the last one wins
        ("Defaults pam_session\nDefaults !pam_session\n", ["!pam_session"]),
        ("# Defaults !pam_session", []),
        ("Defaults !lecture # and !pam_session", []),
        ('Defaults secure_path="/a, !pam_session"', []),
        ('Defaults badpass_message="no', []),
        ("Defaults:ann !pam_session", ["!pam_session for some (Defaults:ann)"]),
        ("Defaults:#1000 !pam_session", ["!pam_session for some (Defaults:#1000)"]),
        ("Defaults:ann, bob !pam_session", ["!pam_session for some (Defaults:ann)"]),
        ("Defaults>root !pam_session", ["!pam_session for some (Defaults>root)"]),
        ("Defaults@db1 !pam_session", ["!pam_session for some (Defaults@db1)"]),
        ("Defaults!/usr/bin/rsync !pam_session", ["!pam_session for some (Defaults!/usr/bin/rsync)"]),
        ("Defaults!pam_session", []),  # a scope: the command of that name
        ("Defaults pam_service=sudo", []),
        ("Defaults pam_login_service=sudo-i", []),
        ("Defaults pam_service=admin", ["pam_service=admin"]),
        ('Defaults pam_service = "admin"', ["pam_service=admin"]),
        ("DefaultsX !pam_session", []),
        ("root ALL=(ALL) ALL, !pam_session", []),
    ],
)
def test_settings_that_prevent_marks(text: str, expected: list[str]) -> None:
    assert unmarked(text) == expected


def test_includes_and_settings_are_parsed_in_order() -> None:
    text = '@include /etc/a\n#include b\n#includedir /etc/sudoers.d\n@includedir "/x y"\n#included\nDefaults x\n'
    assert parse_sudoers("s", text) == (
        Include("/etc/a", False),
        Include("b", False),
        Include("/etc/sudoers.d", True),
        Include("/x y", True),
        Default("x", True, None, "", "s:6"),
    )


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("[]", [("note", "sudo-unmarked")]),
        ("[{name: a, match: {elevated: true}}]", [("error", "sudo-unmarked")]),
        ("[{name: a, match: {elevated: false}}]", [("error", "sudo-unmarked")]),
    ],
)
def test_unmarked_elevation_is_an_error_if_a_rule_matches_elevated(rules: str, expected: Any) -> None:
    found = Sudo((("/etc/sudoers:3", "!pam_session"),))
    assert ids(sudo.check(found, policy(f"rules: {rules}"))) == expected
    assert list(sudo.check(Sudo(), policy(f"rules: {rules}"))) == []


def test_finding_names_the_place_of_the_setting() -> None:
    (finding,) = sudo.check(Sudo((("/etc/sudoers:3", "!pam_session"),)), None)
    assert "(!pam_session in /etc/sudoers:3)" in finding.message
