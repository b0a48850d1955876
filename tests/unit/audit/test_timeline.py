"""Events grouped by session, and how each session ended."""

from __future__ import annotations

import pytest

from reaper.audit.timeline import summary_of, timelines_of, title_of
from reaper.decide.output.events import Event, EventKind
from tests.unit.audit.entries import (
    BOOT,
    CLOSED,
    ENDING,
    LATER_BOOT,
    OPENED,
    RESUMED,
    STARTED,
    STOPPED,
    TERMINATED,
    USEC,
    WARNED,
    of_session,
    record,
)

UNKNOWN = "No end is recorded: it is still open, or it ended while reaperd was not running."


def timeline(*events: Event):
    (only,) = timelines_of([record(second, event) for second, event in enumerate(events)])
    return only


def test_sessions_of_one_name_differ_by_boot_and_leader():
    other = of_session(EventKind.OPENED, "opened (sshd, ssh)", leader="999")
    of_later_boot = [record(2, OPENED, LATER_BOOT), record(4, WARNED, LATER_BOOT)]
    timelines = timelines_of(
        [record(0, OPENED), record(1, CLOSED), of_later_boot[0], record(3, other), of_later_boot[1]]
    )
    assert [(each.session.boot, each.session.leader, len(each.records)) for each in timelines] == [
        (BOOT, "4711", 2), (BOOT, "999", 1), (LATER_BOOT, "4711", 2),
    ]  # fmt: skip


def test_timeline_shows_when_the_daemon_did_not_run():
    timelines = timelines_of([
        record(0, STARTED), record(1, OPENED), record(2, STOPPED), record(3, STARTED, LATER_BOOT), record(4, STARTED),
        record(5, CLOSED), record(6, STOPPED),
    ])  # fmt: skip
    assert [line.event for line in timelines[0].lines] == ["opened", "stopped", "started", "closed"]


def test_clock_that_is_set_back_does_not_change_the_order():
    (only,) = timelines_of([record(9, OPENED), record(10, STOPPED), record(2, STARTED), record(3, CLOSED)])
    assert [line.event for line in only.lines] == ["opened", "stopped", "started", "closed"]
    assert summary_of(only, BOOT) == "Closed by itself."


def test_title_of_a_session():
    assert title_of(timeline(OPENED, WARNED)) == "Session 12 of ann from 192.0.2.7 on pts/0 (sshd, ssh)"
    console = of_session(EventKind.OPENED, "opened", remote="", terminals="tty1", service="login", origin="console")
    assert title_of(timeline(console)) == "Session 12 of ann on tty1 (login, console)"


@pytest.mark.parametrize(
    ("events", "boot", "expected"),
    [
        ([OPENED, WARNED, ENDING, TERMINATED], BOOT, "Ended after 15min without input; 3 processes, 14 MiB freed."),
        ([OPENED, RESUMED, CLOSED], BOOT, "Closed by itself after 2s."),
        ([CLOSED], BOOT, "Closed by itself."),
        ([OPENED, STOPPED], BOOT, "No end is recorded: reaperd was stopped, and has not been started since."),
        ([OPENED, STOPPED, STARTED], BOOT, UNKNOWN),
        ([OPENED], LATER_BOOT, "No end is recorded: it ended when the host went down."),
    ],
)  # fmt: skip
def test_summary_of_a_session(events, boot, expected):
    assert summary_of(timeline(*events), boot) == expected


def test_summary_of_a_session_that_reached_max():
    ending = of_session(EventKind.ENDING, "is being ended", reason="max", limit_usec=str(8 * 3600 * USEC))
    expected = "Ended after 8h, the longest time that its rule allows; 3 processes, 14 MiB freed."
    assert summary_of(timeline(OPENED, ending, TERMINATED), BOOT) == expected


@pytest.mark.parametrize(
    ("why", "cause"),
    [("", "because nobody unlocked it within 30min"), ("5 attempts failed", "while it was locked: 5 attempts failed")],
)
def test_summary_of_a_lock(why, cause):
    limit_usec = str(30 * 60 * USEC)
    ending = of_session(
        EventKind.ENDING, "is being ended", reason="lock", limit_usec=limit_usec, **({"why": why} if why else {})
    )
    lock = of_session(EventKind.LOCKED, "is locked after 15min without input")
    assert summary_of(timeline(OPENED, lock, ending, TERMINATED), BOOT).startswith(f"Ended {cause}; 3 processes")
    assert summary_of(timeline(OPENED, lock), BOOT) == UNKNOWN


def test_summary_of_a_session_without_a_terminal():
    ending = of_session(EventKind.ENDING, "is ended", reason="idle", idle_usec=str(900 * USEC), terminals="")
    gone = of_session(EventKind.TERMINATED, "is ended", terminals="", freed_processes="1", freed_rss="4096")
    assert summary_of(timeline(OPENED, ending, gone), BOOT) == "Ended after 15min without work; 1 process, 4 KiB freed."


@pytest.mark.parametrize(
    ("freed", "said"),
    [
        ({}, ""),
        ({"freed_processes": "0", "freed_rss": "0"}, ""),
        ({"freed_processes": "2", "freed_rss": "1023"}, "; 2 processes freed"),
        ({"freed_processes": "0", "freed_rss": "2048"}, "; 2 KiB freed"),
    ],
)
def test_summary_leaves_out_what_was_not_freed(freed, said):
    ended = of_session(EventKind.TERMINATED, "is ended", **freed)
    assert summary_of(timeline(OPENED, ENDING, ended), BOOT) == f"Ended after 15min without input{said}."


def test_summary_of_a_session_that_could_not_be_ended():
    failed = of_session(EventKind.TERMINATE_FAILED, "could not be ended")
    assert summary_of(timeline(OPENED, ENDING, failed), BOOT) == "Could not be ended; some of its processes still run."
