"""The journal's matches for a query."""

from __future__ import annotations

from reaper.audit.query import EventQuery, matches, session_matches
from tests.unit.audit.entries import BOOT, LATER_BOOT, NOON, USEC, WARNED, record

OURS = ["_UID=0", "SYSLOG_IDENTIFIER=reaperd"]


def test_matches_of_a_query():
    assert matches(EventQuery()) == [OURS]
    assert matches(EventQuery(boot=BOOT, user="ann")) == [[*OURS, f"_BOOT_ID={BOOT}", "REAPER_USER=ann"]]
    assert matches(EventQuery(user="1000")) == [[*OURS, "REAPER_UID=1000"]]
    kinds = [*OURS, "REAPER_EVENT=ending", "REAPER_EVENT=terminated"]
    assert matches(EventQuery(events=frozenset(["terminated", "ending"]))) == [kinds]


def test_names_are_escaped_as_the_daemon_logs_them():
    """The daemon escapes names before it logs them."""
    assert matches(EventQuery(session="a\nb", user="\u202eann"))[0][2:] == [
        "REAPER_USER=\\u202eann",
        "REAPER_SESSION=a\\nb",
    ]


def test_session_is_read_with_all_its_events():
    selection = EventQuery(session="12", events=frozenset(["warned"]), since_usec=NOON, boot=BOOT)
    session, runs = session_matches(selection)
    assert session == [*OURS, f"_BOOT_ID={BOOT}", "REAPER_SESSION=12"]
    assert runs == [*OURS, f"_BOOT_ID={BOOT}", "REAPER_EVENT=started", "REAPER_EVENT=stopped"]


def test_query_tests_kind_boot_and_time():
    at_one = record(1, WARNED)
    assert EventQuery().has(at_one)
    assert EventQuery(events=frozenset(["warned"]), boot=BOOT, since_usec=NOON + USEC, until_usec=NOON + USEC).has(
        at_one
    )
    assert not EventQuery(events=frozenset(["opened"])).has(at_one)
    assert not EventQuery(boot=LATER_BOOT).has(at_one)
    assert not EventQuery(since_usec=NOON + USEC + 1).has(at_one)
    assert not EventQuery(until_usec=NOON).has(at_one)
