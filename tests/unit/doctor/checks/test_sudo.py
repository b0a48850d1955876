"""What sudo's configuration means for elevations."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.checks import sudo
from reaper.doctor.checks.sudo import Default, Include, Sudo, interpret, parse_sudoers
from tests.unit.doctor.facts import ids, policy


def unmarked(text: str) -> list[str]:
    """What a file sets by which no elevation is marked."""
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
        ("Defaults !pam_session\nDefaults pam_session\n", []),  # the last one holds
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
        ("Defaults!pam_session", []),  # a command of that name, and no setting
        ("Defaults pam_service=sudo", []),
        ("Defaults pam_login_service=sudo-i", []),
        ("Defaults pam_service=admin", ["pam_service=admin"]),
        ('Defaults pam_service = "admin"', ["pam_service=admin"]),
        ("DefaultsX !pam_session", []),
        ("root ALL=(ALL) ALL, !pam_session", []),
    ],
)
def test_settings(text: str, expected: list[str]) -> None:
    assert unmarked(text) == expected


def test_includes_stand_among_the_settings() -> None:
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
def test_it_is_an_error_where_a_rule_asks(rules: str, expected: Any) -> None:
    found = Sudo((("/etc/sudoers:3", "!pam_session"),))
    assert ids(sudo.check(found, policy(f"rules: {rules}"))) == expected
    assert list(sudo.check(Sudo(), policy(f"rules: {rules}"))) == []


def test_where_it_is_set_is_said() -> None:
    (finding,) = sudo.check(Sudo((("/etc/sudoers:3", "!pam_session"),)), None)
    assert "(!pam_session in /etc/sudoers:3)" in finding.message
