"""Who wrote an entry of the journal, and what event it records."""

from __future__ import annotations

import json

import pytest

from reaper.audit.journal_records import Sender, as_document, record_of, sender_of, sentence_of
from reaper.decide.output import lock_events, session_events
from reaper.decide.output.events import FIELDS, Event, EventKind
from reaper.decide.policy.match import Origin
from reaper.decide.session import observation, tracked_session
from reaper.decide.session.lock_protocol import LockOrder
from reaper.decide.session.model import Session, SessionKey
from tests.unit.audit.entries import (
    BOOT,
    IDENTITY,
    NOON,
    OPENED,
    STARTED,
    TERMINATED,
    WARNED,
    entry,
    of_session,
    record,
)
from tests.unit.fakes import FakeHost


def login(**fields: str) -> tracked_session.TrackedSession:
    host = FakeHost()
    session = host.login(100, "pts/1", **fields).session
    return observation.start_tracking(session, host.read_terminals(["pts/1"]), host.clock(), is_new=True)


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ({"_UID": "0", "_SYSTEMD_UNIT": "reaper.service"}, Sender.OURS),
        ({"_UID": "0", "_SYSTEMD_UNIT": "reaper-lock@12.service"}, Sender.OURS),
        ({"_UID": "0", "_SYSTEMD_UNIT": "reaper-lock@4711.17.service"}, Sender.OURS),
        ({"_UID": "0", "_SYSTEMD_UNIT": "reaper-lock@.service"}, Sender.OTHER),
        ({"_UID": "0", "_SYSTEMD_UNIT": "not-reaper-lock@12.service"}, Sender.OTHER),
        ({"_UID": "1000", "_SYSTEMD_UNIT": "reaper-lock@12.service"}, Sender.OTHER),
        ({"_UID": "1000", "_SYSTEMD_UNIT": "session-3.scope"}, Sender.OTHER),
        # A user's own service manager runs a unit of that name: journald names it in another field.
        (
            {"_UID": "1000", "_SYSTEMD_UNIT": "user@1000.service", "_SYSTEMD_USER_UNIT": "reaper.service"},
            Sender.OTHER,
        ),
        ({"_UID": "1000", "_SYSTEMD_UNIT": "reaper.service"}, Sender.OTHER),
        ({"_UID": "0", "_SYSTEMD_UNIT": "session-3.scope"}, Sender.OTHER),
        ({"_UID": "0", "_SYSTEMD_CGROUP": "/"}, Sender.OTHER),
        ({"_UID": "0"}, Sender.GONE),
        ({"_UID": "1000"}, Sender.OTHER),
        # A user can write fields without an underscore; journald drops a user's fields with one.
        ({"UNIT": "reaper.service", "SYSLOG_IDENTIFIER": "reaperd"}, Sender.OTHER),
    ],
)
def test_sender_of_an_entry(sender, expected):
    assert sender_of(entry(0, OPENED, **sender)) is expected


def test_event_of_an_entry():
    found = record_of(entry(1, WARNED))
    assert (found.time_usec, found.boot, found.event) == (NOON + 1_000_000, BOOT, "warned")
    assert (found.session, found.user, found.number("left_usec")) == ("12", "ann", 300_000_000)
    assert found.number("freed_rss") == 0
    assert found.fields.keys() <= FIELDS


def test_lock_events_are_of_the_session():
    """The beginning of their messages names no terminals, because each event is about one terminal."""
    session = Session(SessionKey(4711, 17), "12", "ann", "", 1000, "sshd", Origin.SSH, "192.0.2.7", "", "", 0, "pam")
    order = LockOrder(session, "", {**IDENTITY, "idle_usec": str(900_000_000)}, 0, 1_800_000_000)
    for event, sentence in (
        (lock_events.locked(order, ["pts/0"]), "is locked after 15min without input (rule ops), for 30min at most"),
        (lock_events.unlocked(order, "pts/0", 60_000_000), "is unlocked on pts/0, 1min after it was locked"),
        (lock_events.unlock_failed(order, "pts/0", 2, "no"), "is not unlocked by attempt 2 of 5 on pts/0: no"),
    ):
        found = record_of(entry(1, event))
        assert (found.session, found.user, sentence_of(found)) == ("12", "ann", sentence)
        assert event.fields.keys() <= FIELDS


def test_entry_without_an_event():
    line = entry(1, STARTED)
    del line["REAPER_EVENT"]
    assert record_of(line) is None


def test_odd_values_become_text():
    """Bytes that are not UTF-8, and fields with two values."""
    odd = {**entry(1, OPENED), "REAPER_USER": b"an\xffn", "REAPER_REMOTE": ["one", "two"]}
    assert record_of(odd).fields["user"] == "an\\xffn"
    assert record_of(odd).fields["remote"] == "one"


def test_event_as_json():
    document = as_document(record(1, TERMINATED))
    assert document["time_usec"] == NOON + 1_000_000
    assert (document["boot"], document["event"], document["message"]) == (BOOT, "terminated", TERMINATED.message)
    assert {name: document[name] for name in ("session", "user", "uid", "leader")} == {
        "session": "12", "user": "ann", "uid": 1000, "leader": 4711,
    }  # fmt: skip
    assert (document["freed_processes"], document["freed_rss"]) == (3, 14 << 20)
    assert as_document(record(1, of_session(EventKind.OBSERVED, "would end", observed="1")))["observed"] is True
    assert "observed" not in document
    json.dumps(document)


@pytest.mark.parametrize("text", ["9" * 5000, "²", "-1", ""])
def test_malformed_number_stays_text(text):
    """Python raises ValueError for more than 4,300 digits."""
    odd = record_of({**entry(1, TERMINATED), "REAPER_FREED_RSS": text})
    assert odd.number("freed_rss") == 0
    assert as_document(odd)["freed_rss"] == text


def test_fields_do_not_overwrite_keys():
    assert {"time_usec", "boot", "event", "message"}.isdisjoint(FIELDS)


def test_sentence_leaves_out_the_session():
    assert sentence_of(record(1, WARNED)).startswith("is warned: it ends in 5min")
    assert sentence_of(record(1, OPENED)) == "opened (sshd, ssh)"
    assert sentence_of(record(1, STARTED)) == "reaperd 0.1.0 watches the sessions of this host"
    two = of_session(EventKind.CLOSED, "closed", terminals="pts/0 pts/3", remote="")
    assert sentence_of(record(1, two)) == "closed"


def test_message_of_another_version_is_kept_whole():
    assert sentence_of(record(1, Event(EventKind.CLOSED, "Ann left.", IDENTITY))) == "Ann left"


def test_control_characters_are_escaped():
    rejected = Event(EventKind.POLICY_REJECTED, "Not used.\n/etc/reaper: \x1b]0;x\x07\n more.", {})
    assert sentence_of(record(1, rejected)) == "Not used.\n/etc/reaper: \\x1b]0;x\\x07\n more"


@pytest.mark.parametrize("fields", [{}, {"remote": ""}, {"user": "a b"}])
def test_daemons_message_is_cut_where_the_sentence_begins(fields):
    tracked = login(**fields)
    assert sentence_of(record(1, session_events.opened(tracked, "p"))) == f"opened ({tracked.session.service}, ssh)"
