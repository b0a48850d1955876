"""What an auditor reads: events, catalog and manual say the same."""

from __future__ import annotations

import re

import pytest

from reaper.decide.output.events import FIELDS, EventKind

from .tree import files, listed, read

CATALOG = "systemd/reaper.catalog"
FIELD_NAMES = {f"REAPER_{field.upper()}" for field in FIELDS} | {"REAPER_EVENT"}


def entries() -> dict[str, str]:
    """The catalog's entries by MESSAGE_ID, without the first line (https://systemd.io/CATALOG/)."""
    found: dict[str, str] = {}
    for entry in re.split(r"^-- ", read(CATALOG), flags=re.MULTILINE)[1:]:
        message_id, _, text = entry.partition("\n")
        assert message_id not in found, f"{message_id} is there twice"
        found[message_id] = text
    return found


def test_message_ids():
    ids = [kind.message_id for kind in EventKind]
    assert all(re.fullmatch(r"[0-9a-f]{32}", message_id) for message_id in ids)
    assert len(set(ids)) == len(ids)
    assert len({kind.word for kind in EventKind}) == len(ids)


def test_the_catalog_has_every_event_and_no_other():
    assert set(entries()) == {kind.message_id for kind in EventKind}


@pytest.mark.parametrize("kind", list(EventKind), ids=lambda kind: kind.word)
def test_an_entry_says_what_happened_and_what_to_do(kind):
    header, _, text = entries()[kind.message_id].partition("\n\n")
    assert re.search(r"^Subject: \S.{10,70}$", header, re.MULTILINE)
    assert {"Defined-By: reaper", "Support: man:reaper(7)", "Documentation: man:reaperd(8)"} <= set(header.splitlines())
    paragraphs = [paragraph.strip() for paragraph in text.strip().split("\n\n")]
    assert len(paragraphs) >= 2, "one paragraph for what happened, one for what to do"
    assert all(paragraph.endswith((".", "`.")) for paragraph in paragraphs)


def test_the_catalog_refers_to_fields_that_there_are():
    assert set(re.findall(r"\bREAPER_[A-Z_]+", read(CATALOG))) <= FIELD_NAMES


def documented(title: str) -> set[str]:
    """The items of a part of reaperd(8)."""
    part = re.search(rf"^\.Ss {title}\n(.*?)(?=^\.S[sh] )", read("packaging/man/reaperd.8"), re.MULTILINE | re.DOTALL)
    assert part, f"reaperd(8) has no part {title}"
    items = re.findall(r"^\.It (?:Cm|Dv) (.*)$", part[1], re.MULTILINE)
    return {word for item in items for word in re.split(r" , | Pq .*", item) if word}


def test_the_manual_has_every_event_with_its_priority():
    words = {kind.word for kind in EventKind}
    assert documented("Events") == words
    page = read("packaging/man/reaperd.8")
    wrong = [kind.word for kind in EventKind if f".It Cm {kind.word} Pq {kind.priority.name.lower()}\n" not in page]
    assert not wrong


def test_the_manual_has_every_field():
    assert documented("Fields") == FIELD_NAMES - {"REAPER_EVENT"}
    assert "REAPER_EVENT" in read("packaging/man/reaperd.8")


def test_prose_names_no_other_event_field_or_id():
    wrong = []
    ids = {kind.message_id for kind in EventKind}
    words = {kind.word for kind in EventKind}
    for name in files():
        if not name.startswith("packaging/man/") and not name.endswith(".md"):
            continue
        text = read(name)
        wrong += [
            f"{name}: {field}" for field in re.findall(r"\bREAPER_[A-Z_]+(?=\b|=)", text) if field not in FIELD_NAMES
        ]
        wrong += [f"{name}: {word}" for word in re.findall(r"REAPER_EVENT=([\w-]+)", text) if word not in words]
        wrong += [f"{name}: {each}" for each in re.findall(r"MESSAGE_ID=([0-9a-f]+)", text) if each not in ids]
    assert not wrong, listed(wrong)
