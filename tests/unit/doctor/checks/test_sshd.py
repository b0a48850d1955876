"""sshd's configuration interpreted, from its files and from `sshd -T`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reaper.doctor.checks.sshd import Sshd, check, interpret, parse_keywords, parse_time
from tests.unit.doctor.facts import ids

MIN = 60_000_000


@pytest.mark.parametrize(
    ("text", "usec"),
    [
        ("600", 10 * MIN),
        ("10m", 10 * MIN),
        ("1H30m", 90 * MIN),
        ("1w", 7 * 24 * 60 * MIN),
        ("0", None),
        ("none", None),
        ("", None),
        ("10 m", None),
        ("10x", None),
        ("-5", None),
        ("5\u017f", None),  # the long s is an "s" to a pattern that ignores case
        ("²", None),
    ],
)
def test_times_are_parsed(text: str, usec: int | None) -> None:
    assert parse_time(text) == usec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UsePAM yes", Sshd(True)),
        ("usepam no", Sshd(False)),
        ("UsePAM=yes", Sshd(True)),
        ("\tUsePAM\tyes\n", Sshd(True)),
        ("#UsePAM yes", Sshd(False)),
        ("", Sshd(False)),  # sshd's default
        ("UsePAM yes\nUsePAM no", Sshd(True)),  # the first wins
        (
            "UsePAM yes\nMatch User a\nChannelTimeout *=1m\nUsePAM no\nMatch all\nClientAliveInterval 60",
            Sshd(True, alive_usec=3 * MIN, matched=("channeltimeout",)),
        ),
        (
            "usepam yes\nchanneltimeout session:*=10m direct-tcpip=1h\nunusedconnectiontimeout 300",
            Sshd(True, channels=(("session:*", 10 * MIN), ("direct-tcpip", 60 * MIN)), unused_usec=5 * MIN),
        ),
        ("usepam yes\nchanneltimeout none\nunusedconnectiontimeout none", Sshd(True, channels=(("none", 0),))),
        ("usepam yes\nclientaliveinterval 0\nclientalivecountmax 3", Sshd(True)),
        ("usepam yes\nclientaliveinterval 60\nclientalivecountmax 0", Sshd(True)),
        ("usepam yes\nclientaliveinterval 60\nclientalivecountmax ²", Sshd(True)),
        (f"usepam yes\nclientaliveinterval 60\nclientalivecountmax {'9' * 5000}", Sshd(True)),
        ("usepam yes\npamservicename ssh-in", Sshd(True, pam_service="ssh-in")),
    ],
)
def test_keywords_are_interpreted(text: str, expected: Sshd) -> None:
    assert interpret(parse_keywords(text), complete=True) == expected


def test_use_pam_is_unknown_if_the_files_are_incomplete() -> None:
    assert interpret([], complete=False).use_pam is None
    assert interpret([("usepam", "yes")], complete=False).use_pam is True


@pytest.mark.parametrize(
    ("channels", "kinds", "usec"),
    [
        ((("session:*", MIN),), ["session:shell"], MIN),
        ((("session:shell", MIN),), ["session:shell"], MIN),
        ((("session:shell", MIN), ("*", 5 * MIN)), ["session:shell"], MIN),  # the first pattern wins
        ((("session:shell", MIN),), ["session:command"], None),
        ((("session:command", MIN), ("session:*", 2 * MIN)), ["session:command", "session:subsystem:sftp"], 2 * MIN),
        ((("none", 0),), ["session:shell"], None),
        ((("*", MIN),), [], None),
        ((), ["session:shell"], None),
    ],
)
def test_channel_timeout(channels: tuple[tuple[str, int], ...], kinds: list[str], usec: int | None) -> None:
    assert Sshd(True, channels=channels).channel_usec(kinds) == usec


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"use_pam": None}, []),
        ({"use_pam": False}, [("error", "sshd-without-pam")]),
        ({"matched": ("channeltimeout",)}, [("note", "sshd-match")]),
        ({"problem": "line 3"}, [("note", "sshd-not-asked")]),
    ],
)
def test_findings(changed: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert ids(check(replace(Sshd(True), **changed))) == expected
