"""An entry of the journal as an event, and whose entry it is. Pure.

journald lets everybody write: a user's ``REAPER_EVENT=terminated`` is a field like ours. Fields that begin with an
underscore are journald's own word on who sent an entry (systemd.journal-fields(7)), and nothing else is believed.
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
"""What the journal's reader makes of a field: text, bytes that are no UTF-8, or a list of these."""


class Sender(enum.Enum):
    """Who wrote an entry."""

    OURS = enum.auto()  # the daemon, or the reaper-lock of a session
    OTHER = enum.auto()
    # A process of root's that was gone before journald looked at it, as after `stopped` while journald is restarted:
    # the kernel has told its uid and pid, and nobody its unit.
    GONE = enum.auto()


@dataclass(frozen=True)
class JournalRecord:
    """One event of reaper's. `time_usec` is the wall clock's, as journald took it."""

    time_usec: int
    boot: str
    event: str
    message: str
    fields: Mapping[str, str]  # without REAPER_, in lower case, as DESIGN and reaperd(8) name them

    @property
    def session(self) -> str:
        """The session's name, or "" in an event of the daemon itself."""
        return self.fields.get("session", "")

    @property
    def user(self) -> str:
        """Whose session it is, or ""."""
        return self.fields.get("user", "")

    def number(self, name: str) -> int:
        """A field that counts something; 0 where it is left out."""
        return parse_whole(self.fields.get(name, "")) or 0


def sender_of(entry: Mapping[str, Value]) -> Sender:
    """Who sent it, by what journald and the kernel say."""
    if text_of(entry, "_UID") != "0":
        return Sender.OTHER
    unit = text_of(entry, "_SYSTEMD_UNIT")
    if unit == UNIT or _KEEPER.fullmatch(unit):
        return Sender.OURS
    return Sender.OTHER if unit or text_of(entry, "_SYSTEMD_CGROUP") else Sender.GONE


def units_of(entry: Mapping[str, Value]) -> list[str]:
    """The units that may have sent an entry, by what it says of itself."""
    keeper = f"reaper-lock@{text_of(entry, f'{_PREFIX}SESSION')}.service"
    return [UNIT, keeper] if _KEEPER.fullmatch(keeper) else [UNIT]


def record_of(entry: Mapping[str, Value]) -> JournalRecord | None:
    """The event that an entry tells; None where it is a line of another kind. Does not ask who sent it."""
    event = text_of(entry, f"{_PREFIX}EVENT")
    if not event:
        return None
    fields = {
        name[len(_PREFIX) :].lower(): text_of(entry, name)
        for name in sorted(entry)
        if name.startswith(_PREFIX) and name != f"{_PREFIX}EVENT"
    }
    time_usec = entry.get("__REALTIME_TIMESTAMP")
    assert isinstance(time_usec, int), "the reader's own; see history"
    return JournalRecord(time_usec, text_of(entry, "_BOOT_ID"), event, text_of(entry, "MESSAGE"), fields)


def text_of(entry: Mapping[str, Value], name: str) -> str:
    """A field as text, the first where there are several, or ""."""
    value = entry.get(name, "")
    if isinstance(value, list):
        value = value[0]
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def as_document(record: JournalRecord) -> dict[str, object]:
    """An event as JSON has it, with the keys that reaperctl(1) promises."""
    told: dict[str, object] = {
        "time_usec": record.time_usec,
        "boot": record.boot,
        "event": record.event,
        "message": record.message,
    }
    for name, text in record.fields.items():
        told.setdefault(name, _value(name, text))
    return told


def _value(name: str, text: str) -> object:
    if name == "observed":
        return text == "1"
    number = parse_whole(text) if name in _NUMBERS or name.endswith("_usec") else None
    return text if number is None else number


def sentence_of(record: JournalRecord) -> str:
    """The event's message without whom it is about, and without its last stop.

    May have several lines (policy-rejected); nothing in any of them is one that a terminal obeys.
    """
    text = record.message
    for subject in _subjects(record):
        if text.startswith(f"{subject} "):
            text = text[len(subject) + 1 :]
            break
    text = "\n".join(plain(line) for line in text.splitlines())
    return text[:-1] if text.endswith(".") else text


def _subjects(record: JournalRecord) -> list[str]:
    """How the message may begin, the longest first; as decide/report.py writes it."""
    if not record.session:
        return []
    remote = record.fields.get("remote", "")
    who = f"Session {record.session} of {record.user}" + (f" from {remote}" if remote else "")
    terminals = ", ".join(record.fields.get("terminals", "").split())
    return [f"{who} on {terminals}", who] if terminals else [who]
