"""The log of a session and lists of events, as lines of text."""

from __future__ import annotations

from reaper.audit import log_lines
from reaper.audit.timeline import timelines_of
from reaper.decide.output.events import Event, EventKind
from tests.unit.audit.entries import (
    BOOT,
    ENDING,
    LATER_BOOT,
    OPENED,
    RESUMED,
    STARTED,
    STOPPED,
    TERMINATED,
    WARNED,
    of_session,
    record,
)

RECORDS = [
    record(0, OPENED),
    record(600, WARNED),
    record(660, RESUMED),
    record(39_900, ENDING),
    record(39_906, TERMINATED),
]


def test_log_of_a_session():
    (timeline,) = timelines_of(RECORDS)
    assert log_lines.session_page(timeline, timeline.lines, BOOT, None) == [
        "Session 12 of ann from 192.0.2.7 on pts/0 (sshd, ssh)",
        "opened Mon 2026-11-23 13:00:00 CET, leader 4711, rule ops",
        "",
        "Mon 2026-11-23 CET",
        "13:00:00  opened      sshd, ssh",
        "13:10:00  warned      it ends in 5min, at its limit of 15min (idle)",
        "13:11:00  resumed     is in use again after 11min",
        "Tue 2026-11-24 CET",
        "00:05:00  ending      is being ended after 15min without input, at its limit of 15min (idle)",
        "00:05:06  terminated  is ended, at its limit of 15min (idle): 3 processes, 14336 KiB of memory freed",
        "",
        "Ended after 15min without input; 3 processes, 14 MiB freed.",
    ]


def test_lines_are_wrapped_to_the_terminal():
    (timeline,) = timelines_of(RECORDS)
    lines = log_lines.session_page(timeline, timeline.lines, BOOT, 80)
    assert max(map(len, lines)) <= 80
    assert "00:05:00  ending      is being ended after 15min without input, at its limit of" in lines
    assert "                      15min (idle)" in lines


def test_very_narrow_terminal_gets_whole_lines():
    (timeline,) = timelines_of(RECORDS)
    assert log_lines.session_page(timeline, timeline.lines, BOOT, 30) == log_lines.session_page(
        timeline, timeline.lines, BOOT, None
    )


def test_session_whose_first_events_are_lost():
    (timeline,) = timelines_of(RECORDS[1:])
    assert log_lines.session_page(timeline, timeline.lines, BOOT, None)[1].startswith(
        "first recorded Mon 2026-11-23 13:10:00 CET"
    )


def test_event_under_another_rule_names_it():
    stricter = of_session(
        EventKind.WARNED, "is warned: it ends in 1min, at its limit of 5min (idle, rule root)", rule="root"
    )
    (timeline,) = timelines_of([RECORDS[0], record(1, stricter), *RECORDS[1:]])
    assert any(
        line.endswith("at its limit of 5min (idle, rule root)")
        for line in log_lines.session_page(timeline, timeline.lines, BOOT, None)
    )


def test_columns_of_a_listing_fit_their_content():
    long_named = of_session(EventKind.CLOSED, "closed", session="4711.287364", user="bartholomew", remote="")
    lines = log_lines.listing(
        [record(0, STARTED), record(1, OPENED), record(2, long_named), record(3, OPENED, LATER_BOOT)], None
    )
    assert lines == [
        "Mon 2026-11-23 CET",
        "13:00:00  -            -            started  reaperd 0.1.0 watches the sessions of this host",
        "13:00:01  12           ann          opened   sshd, ssh",
        "13:00:02  4711.287364  bartholomew  closed",
        f"-- Boot {LATER_BOOT} --",
        "13:00:03  12           ann          opened   sshd, ssh",
    ]


def test_further_events_keep_day_boot_and_columns():
    lines = log_lines.LogLines(None, subjects=True)
    first = list(lines.of([record(0, TERMINATED)]))
    later = list(lines.of([record(1, OPENED)]))
    assert first[0] == "Mon 2026-11-23 CET"
    assert later == ["13:00:01  12  ann  opened      sshd, ssh"]
    assert list(lines.of([])) == []


def test_message_of_several_lines_stays_in_its_column():
    rejected = Event(
        EventKind.POLICY_REJECTED, "The policy files are not used.\n/etc/reaper/reaper.yaml:3: no key 'idel'", {}
    )
    assert log_lines.listing([record(0, rejected)], None)[1:] == [
        "13:00:00  -  -  policy-rejected  The policy files are not used.",
        "                                 /etc/reaper/reaper.yaml:3: no key 'idel'",
    ]


def test_control_characters_are_escaped():
    hostile = of_session(
        EventKind.STOPPED, "\x1b[2Jclosed", session="\x1b[2J", user="a\u202enn", remote="\x07", terminals="\x9b"
    )
    (timeline,) = timelines_of([record(0, hostile)])
    for page in (
        log_lines.listing([record(0, hostile)], None),
        log_lines.session_page(timeline, timeline.lines, BOOT, 80),
    ):
        assert all(line.isprintable() for line in page)
    assert log_lines.older_line("\x1b", 2) == "2 older sessions have the name \\x1b, too: see --all."


def test_log_shows_when_the_daemon_was_stopped():
    (timeline,) = timelines_of([record(0, OPENED), record(1, STOPPED), record(2, STARTED), record(3, WARNED)])
    shown = log_lines.session_page(timeline, timeline.lines, BOOT, None)
    assert "13:00:01  stopped  reaperd stops; 1 sessions are not watched until it is back" in shown
