"""Turns an entry of the journal into an event, and decides who wrote the entry. Pure.

Every user can write to the journal: a user's ``REAPER_EVENT=terminated`` looks like reaperd's. Only the fields that
begin with an underscore, which journald itself sets (systemd.journal-fields(7)), are trusted to name the sender.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from reaper.decide.text.escape import plain
from reaper.decide.text.number import parse_whole

UNIT = "reaper.service"
IDENTIFIER = "reaperd"
_KEEPER = re.compile(r"reaper-lock@[A-Za-z0-9.]+\.service", re.ASCII)
_PREFIX = "REAPER_"
_NUMBERS = frozenset(["uid", "leader", "freed_processes", "freed_rss"])

Value = object
"""A field as the journal's reader returns it: text, bytes that are not UTF-8, or a list of these."""


class Sender(enum.Enum):
    """Who wrote an entry."""

    OURS = enum.auto()  # the daemon, or the keeper of a lock
    OTHER = enum.auto()
    # A process of root that exited before journald could look at it, for example reaperd after `stopped` while journald
    # is restarted: the kernel reported its uid and pid, but its unit is unknown.
    GONE = enum.auto()


@dataclass(frozen=True)
class JournalRecord:
    """One event of reaper. `time_usec` is the time of day at which journald received it."""

    time_usec: int
    boot: str
    event: str
    message: str
    fields: Mapping[str, str]  # named as in reaperd(8), but without REAPER_ and in lower case

    @property
    def session(self) -> str:
        """The name of the session, or "" for an event of the daemon itself."""
        return self.fields.get("session", "")

    @property
    def user(self) -> str:
        """The user of the session, or ""."""
        return self.fields.get("user", "")

    def number(self, name: str) -> int:
        """Returns a field that counts something; 0 if it is missing."""
        return parse_whole(self.fields.get(name, "")) or 0


def sender_of(entry: Mapping[str, Value]) -> Sender:
    """Returns who wrote the entry, according to journald and the kernel."""
    if text_of(entry, "_UID") != "0":
        return Sender.OTHER
    unit = text_of(entry, "_SYSTEMD_UNIT")
    if unit == UNIT or _KEEPER.fullmatch(unit):
        return Sender.OURS
    return Sender.OTHER if unit or text_of(entry, "_SYSTEMD_CGROUP") else Sender.GONE


def units_of(entry: Mapping[str, Value]) -> list[str]:
    """Returns the units that may have written an entry, by the session that it names."""
    keeper = f"reaper-lock@{text_of(entry, f'{_PREFIX}SESSION')}.service"
    return [UNIT, keeper] if _KEEPER.fullmatch(keeper) else [UNIT]


def record_of(entry: Mapping[str, Value]) -> JournalRecord | None:
    """Returns the event that an entry records; None for any other entry. Does not check who wrote it."""
    event = text_of(entry, f"{_PREFIX}EVENT")
    if not event:
        return None
    fields = {
        name[len(_PREFIX) :].lower(): text_of(entry, name)
        for name in sorted(entry)
        if name.startswith(_PREFIX) and name != f"{_PREFIX}EVENT"
    }
    time_usec = entry.get("__REALTIME_TIMESTAMP")
    assert isinstance(time_usec, int), "set by the journal's reader"
    return JournalRecord(time_usec, text_of(entry, "_BOOT_ID"), event, text_of(entry, "MESSAGE"), fields)


def text_of(entry: Mapping[str, Value], name: str) -> str:
    """Returns a field as text, the first value if it has several, or ""."""
    value = entry.get(name, "")
    if isinstance(value, list):
        value = value[0]
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def as_document(record: JournalRecord) -> dict[str, object]:
    """Returns an event in plain JSON types, with the keys that reaperctl(1) describes."""
    document: dict[str, object] = {
        "time_usec": record.time_usec,
        "boot": record.boot,
        "event": record.event,
        "message": record.message,
    }
    for name, text in record.fields.items():
        document.setdefault(name, _value(name, text))
    return document


def _value(name: str, text: str) -> object:
    if name == "observed":
        return text == "1"
    number = parse_whole(text) if name in _NUMBERS or name.endswith("_usec") else None
    return text if number is None else number


def sentence_of(record: JournalRecord) -> str:
    """Returns the event's message without the session at its beginning and the full stop at its end.

    It may have several lines (policy-rejected). Control characters are escaped.
    """
    text = record.message
    for subject in _subjects(record):
        if text.startswith(f"{subject} "):
            text = text[len(subject) + 1 :]
            break
    text = "\n".join(plain(line) for line in text.splitlines())
    return text[:-1] if text.endswith(".") else text


def _subjects(record: JournalRecord) -> list[str]:
    """Returns how the message may begin, the longest first; decide/output/session_events.py writes it."""
    if not record.session:
        return []
    remote = record.fields.get("remote", "")
    who = f"Session {record.session} of {record.user}" + (f" from {remote}" if remote else "")
    terminals = ", ".join(record.fields.get("terminals", "").split())
    return [f"{who} on {terminals}", who] if terminals else [who]
