"""The exact words that a person reads on the terminal."""

from __future__ import annotations

import pytest

from reaper.decide import messages
from reaper.decide.lifecycle import Reason
from tests.unit.simulated import MINUTE, SECOND

HOUR = 60 * MINUTE


def test_the_warning_before_idleness_ends_it():
    assert messages.warning(Reason.IDLE, 5 * MINUTE, 15 * MINUTE, "host1", "") == (
        "\a\r\nreaper: This session on host1 is idle and ends in 5min. Press any key to stay.\r\n"
    )


def test_the_warning_before_its_age_ends_it():
    assert messages.warning(Reason.MAX, 90 * SECOND, 8 * HOUR, "host1", "") == (
        "\a\r\nreaper: This session on host1 ends in 1min 30s: sessions here last at most 8h."
        " Save your work and log in again.\r\n"
    )


def test_the_administrators_own_line():
    assert messages.warning(Reason.IDLE, MINUTE, 15 * MINUTE, "host1", "Questions: 4711, help@example.org") == (
        "\a\r\nreaper: This session on host1 is idle and ends in 1min. Press any key to stay.\r\n"
        "reaper: Questions: 4711, help@example.org\r\n"
    )


def test_what_is_said_where_a_program_runs():
    assert messages.deferral(Reason.IDLE, 4 * HOUR, 15 * MINUTE, "host1", "rsync") == (
        "\r\nreaper: This session on host1 is idle, and stays while rsync runs, 4h at most. Press any key to stay.\r\n"
    )
    assert messages.deferral(Reason.MAX, HOUR, 8 * HOUR, "host1", "\x1b[2Jrsync") == (
        "\r\nreaper: This session on host1 is past the 8h that sessions here last, and stays while \\x1b[2Jrsync runs,"
        " 1h at most. Save your work and log in again.\r\n"
    )


def test_the_withdrawal():
    assert messages.spared() == "\r\nreaper: Thank you, this session stays.\r\n"


def test_the_farewells():
    assert messages.farewell(Reason.IDLE, 15 * MINUTE, "host1") == (
        "\a\r\nreaper: This session on host1 ends now: nobody has typed for 15min. Log in again to go on.\r\n"
    )
    assert messages.farewell(Reason.MAX, 8 * HOUR, "host1") == (
        "\a\r\nreaper: This session on host1 ends now: it has lasted 8h, the longest that is allowed."
        " Log in again to go on.\r\n"
    )


@pytest.mark.parametrize(
    ("usec", "text"),
    [
        (-SECOND, "0s"),
        (0, "0s"),
        (499_999, "0s"),
        (500_000, "1s"),
        (59_600_000, "1min"),
        (90 * SECOND, "1min 30s"),
        (HOUR + 1, "1h"),
    ],
)
def test_times_are_whole_seconds(usec, text):
    assert messages.span(usec) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("alice", "alice"),
        ("Ünïcödé 名", "Ünïcödé 名"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_plain(text, shown):
    assert messages.plain(text) == shown


def test_a_message_fits_a_terminals_buffer_whole():
    """notify.write_message counts on less than a page; a host's name is at most 64 bytes (uname(2))."""
    assert len(messages.warning(Reason.MAX, HOUR, HOUR, "h" * 64, "x" * 2000).encode()) < 4096
