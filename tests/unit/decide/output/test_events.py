"""The kinds of events: what auditors filter by."""

from __future__ import annotations

import re

import pytest

from reaper.decide.output.events import FIELDS, Event, EventKind, Priority


def test_words_and_message_ids_are_unique():
    assert len({kind.word for kind in EventKind}) == len({kind.message_id for kind in EventKind}) == len(EventKind)


@pytest.mark.parametrize("kind", list(EventKind), ids=lambda kind: kind.word)
def test_a_kind_has_a_word_an_id_and_a_priority(kind):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.word)
    assert kind.word == kind.name.lower().replace("_", "-")
    assert re.fullmatch(r"[0-9a-f]{32}", kind.message_id)
    assert isinstance(kind.priority, Priority)


def test_priorities_are_those_of_syslog():
    assert [(each.name, each.value) for each in Priority] == [
        ("ALERT", 1), ("ERR", 3), ("WARNING", 4), ("NOTICE", 5), ("INFO", 6),
    ]  # fmt: skip


def test_names_of_fields_can_be_fields_of_the_journal():
    assert all(re.fullmatch(r"[a-z][a-z_]{1,40}", name) for name in FIELDS)


def test_an_event_has_no_field_that_is_not_documented():
    assert Event(EventKind.OPENED, "text", {"user": "alice"}).fields == {"user": "alice"}
    with pytest.raises(AssertionError, match="password"):
        Event(EventKind.OPENED, "text", {"password": "x"})
