"""The exact words that a user reads on the terminal."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from reaper.decide.output import terminal_messages
from reaper.decide.output.terminal_messages import Outlook
from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.limits import Kill
from reaper.decide.policy.template import PLACEHOLDERS, Template, parse_template
from reaper.decide.session.state import Reason
from reaper.decide.text import duration
from reaper.decide.text.hours import LocalMoment, LocalTime
from tests.unit.fakes import make_limits
from tests.unit.simulated import MINUTE, SECOND

HOUR = 60 * MINUTE
BUILT_IN_TEXT = Template()
HOLD = "To keep it: reaperctl hold 7 1h --reason TEXT"
ODD = Outlook(MINUTE, "14:32", 14 * MINUTE, 15 * MINUTE, "host1", "alice", "7", "")


def test_warning_before_the_idle_limit():
    assert terminal_messages.warning(BUILT_IN_TEXT, Reason.IDLE, ODD._replace(left_usec=5 * MINUTE)) == (
        "\a\r\nreaper: This session on host1 is idle and ends in 5min. Press any key to stay.\r\n"
    )


def test_warning_before_max():
    outlook = ODD._replace(left_usec=90 * SECOND, limit_usec=8 * HOUR)
    assert terminal_messages.warning(BUILT_IN_TEXT, Reason.MAX, outlook) == (
        "\a\r\nreaper: This session on host1 ends in 1min 30s: sessions here last at most 8h."
        " Save your work and log in again.\r\n"
    )


def test_warning_says_how_to_hold_the_session():
    assert terminal_messages.warning(BUILT_IN_TEXT, Reason.IDLE, ODD._replace(hold=HOLD)) == (
        f"\a\r\nreaper: This session on host1 is idle and ends in 1min. Press any key to stay.\r\nreaper: {HOLD}\r\n"
    )


def test_warning_mentions_no_hold_where_the_rule_allows_none():
    assert terminal_messages.hold_hint(make_limits(), "7") == ""


EVERYTHING = "\n".join(
    f"{name} {{{name}}}" for name in PLACEHOLDERS if name not in ("what", "limit", "host", "user", "session", "key")
)


@pytest.mark.parametrize(
    ("reason", "why", "stay", "key"),
    [
        (Reason.IDLE, "idle for 14min", "Press any key to stay.", "any key"),
        (Reason.IDLE, "idle for 14min", "Press Enter to stay.", "Enter"),
        (Reason.MAX, "sessions here last at most 15min", "Save your work and log in again.", "any key"),
    ],
)
def test_warning_with_the_text_of_the_policy(reason, why, stay, key):
    outlook = ODD._replace(hold=HOLD, needs_enter=key == "Enter")
    names = terminal_messages.warning(
        parse_template("{limit} {host} {user} {session} {what} {key} {left}"), reason, outlook
    )
    assert names == f"\a\r\nreaper: 15min host1 alice 7 ends {key} 1min\r\n"
    words = terminal_messages.warning(parse_template(EVERYTHING), reason, outlook)
    lines = ["left 1min", "deadline 14:32", f"reason {why}", f"stay {stay}", f"hold {HOLD}"]
    assert words == "\a\r\n" + "".join(f"reaper: {line}\r\n" for line in lines)


def test_names_are_escaped():
    outlook = ODD._replace(host="h\x1b[2J", user="a\r\nb", session="\u202e7")
    text = terminal_messages.warning(parse_template("{host} {user} {session} {left}"), Reason.IDLE, outlook)
    assert text == "\a\r\nreaper: h\\x1b[2J a\\r\\nb \\u202e7 1min\r\n"


TUESDAY = (2026, 11, 24)


@pytest.mark.parametrize(
    ("now", "end", "words"),
    [
        (LocalMoment(TUESDAY, LocalTime(1, 0)), LocalMoment(TUESDAY, LocalTime(1, 872)), "14:32"),
        (
            LocalMoment(TUESDAY, LocalTime(1, 1439)),
            LocalMoment((2026, 11, 25), LocalTime(2, 4)),
            "Wed 2026-11-25 00:04",
        ),
        (LocalMoment(TUESDAY, LocalTime(1, 0)), LocalMoment((2026, 12, 1), LocalTime(1, 0)), "Tue 2026-12-01 00:00"),
    ],
)
def test_warning_names_the_end_in_local_time(now, end, words):
    assert end.relative_to(now) == words
    assert len(words) <= PLACEHOLDERS["deadline"]


@pytest.mark.parametrize("name", ["pts/0", "pts/12", "tty1", "tty63"])
def test_rest_of_each_row_is_erased_on_a_screen(name):
    """Not of the row that the cursor was in: that text is the user's."""
    assert terminal_messages.for_terminal("\a\r\none\r\ntwo\r\n", name) == "\a\r\none \x1b[K\r\ntwo \x1b[K\r\n"


@pytest.mark.parametrize("name", ["ttyS0", "ttyAMA0", "ttyUSB0", "hvc0", "console", "tty", "xpts/0"])
def test_serial_line_gets_printable_text_only(name):
    assert terminal_messages.for_terminal("\a\r\none\r\n", name) == "\a\r\none\r\n"


def test_message_while_a_program_runs():
    assert terminal_messages.deferral(Reason.IDLE, 4 * HOUR, 15 * MINUTE, "host1", "rsync") == (
        "\r\nreaper: This session on host1 is idle, and stays while rsync runs, 4h at most. Press any key to stay.\r\n"
    )
    assert terminal_messages.deferral(Reason.MAX, HOUR, 8 * HOUR, "host1", "\x1b[2Jrsync") == (
        "\r\nreaper: This session on host1 is past the 8h that sessions here last, and stays while \\x1b[2Jrsync runs,"
        " 1h at most. Save your work and log in again.\r\n"
    )


def test_message_that_withdraws_a_warning():
    assert terminal_messages.withdrawal() == "\r\nreaper: Thank you, this session stays.\r\n"


def test_last_messages_before_an_end():
    assert terminal_messages.farewell(Reason.IDLE, 15 * MINUTE, "host1", Kill.SESSION) == (
        "\a\r\nreaper: This session on host1 ends now: nobody has typed for 15min. Log in again to go on.\r\n"
    )
    assert terminal_messages.farewell(Reason.MAX, 8 * HOUR, "host1", Kill.TERMINAL) == (
        "\a\r\nreaper: This session on host1 ends now: it has lasted 8h, the longest that is allowed."
        " Log in again to go on. What you have detached (tmux, nohup) is left running.\r\n"
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
    assert duration.span(usec) == text


@pytest.mark.parametrize("reason", [Reason.IDLE, Reason.MAX])
def test_longest_values_fit_into_a_message(reason):
    """All but names, which are cut; a host's name has at most 64 bytes (uname(2))."""
    longest = BUILT_IN.environments["standard"].busy_max_usec * 400 * 6 + 23 * HOUR + 59 * MINUTE + 59 * SECOND
    outlook = Outlook(longest, "Wed 2026-11-25 00:04", longest, longest, "h" * 64, "u" * 32, "12345.1234567890", HOLD)
    text = terminal_messages.warning(parse_template(EVERYTHING), reason, outlook)
    assert "..." not in text
    assert len(terminal_messages.warning(BUILT_IN_TEXT, reason, outlook).encode()) < 1024


def test_warning_of_a_lock():
    warning = terminal_messages.warning(BUILT_IN_TEXT, Reason.IDLE, ODD._replace(left_usec=5 * MINUTE), locks=True)
    assert "is idle and is locked in 5min. Press any key to stay." in warning
    assert "locked" not in terminal_messages.warning(BUILT_IN_TEXT, Reason.MAX, ODD, locks=True)
    own = terminal_messages.warning(parse_template("It {what} in {left}."), Reason.IDLE, ODD, locks=True)
    assert "reaper: It is locked in 1min.\r\n" in own


def test_last_message_of_a_session_that_was_not_unlocked():
    said = terminal_messages.farewell(Reason.LOCK, 30 * MINUTE, "host1", Kill.SESSION)
    assert "ends now: nobody has unlocked it for 30min. Log in again to go on." in said


def test_heading_of_a_lock():
    tracked = SimpleNamespace(life=SimpleNamespace(evidence_usec=0))
    assert terminal_messages.lock_heading(tracked, "", 15 * MINUTE) == "Locked after 15min without input."
    assert terminal_messages.lock_heading(tracked, "ro\x1b[2Jot", 0) == "Locked by ro\\x1b[2Jot."
