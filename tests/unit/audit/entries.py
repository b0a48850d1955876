"""Entries as the journal's reader returns them: what journald says of the sender, and the fields that reaperd logs."""

from __future__ import annotations

from typing import Any

from reaper.audit.journal_records import JournalRecord, record_of
from reaper.decide.output.events import Event, EventKind

BOOT, LATER_BOOT = "4" * 32, "5" * 32
USEC = 1_000_000
NOON = 1_795_435_200 * USEC  # 2026-11-23 12:00:00 UTC
IDENTITY = {
    "session": "12", "user": "ann", "uid": "1000", "origin": "ssh", "remote": "192.0.2.7", "service": "sshd",
    "leader": "4711", "terminals": "pts/0", "rule": "ops", "policy": "9aa5f5a35a3a",
}  # fmt: skip
OURS = {"_UID": "0", "_SYSTEMD_UNIT": "reaper.service", "_SYSTEMD_CGROUP": "/system.slice/reaper.service"}


def entry(second: int, event: Event, *, boot: str = BOOT, **sender: str) -> dict[str, Any]:
    """Returns the entry of an event of the daemon, `second` seconds after noon."""
    return {
        "__REALTIME_TIMESTAMP": NOON + second * USEC,
        "__CURSOR": f"{boot}{second}",
        "_BOOT_ID": boot,
        "_PID": "100",
        "SYSLOG_IDENTIFIER": "reaperd",
        "MESSAGE": event.message,
        "REAPER_EVENT": event.kind.word,
        **{f"REAPER_{name.upper()}": value for name, value in event.fields.items()},
        **(sender or OURS),
    }


def of_session(kind: EventKind, text: str, **fields: str) -> Event:
    """Returns an event of a session, with a message as decide/output/session_events.py writes it."""
    all_fields = {**IDENTITY, **fields}
    remote = f" from {all_fields['remote']}" if all_fields["remote"] else ""
    terminals = f" on {', '.join(all_fields['terminals'].split())}" if all_fields["terminals"] else ""
    who = f"Session {all_fields['session']} of {all_fields['user']}{remote}{terminals}"
    return Event(kind, f"{who} {text}.", {name: value for name, value in all_fields.items() if value})


def record(second: int, event: Event, boot: str = BOOT) -> JournalRecord:
    """Returns the record of such an entry."""
    found = record_of(entry(second, event, boot=boot))
    assert found is not None
    return found


LIMIT = "at its limit of 15min (idle, rule ops)"
OPENED = of_session(EventKind.OPENED, "opened (sshd, ssh)", terminals="")
WARNED = of_session(EventKind.WARNED, f"is warned: it ends in 5min, {LIMIT}", left_usec=str(300 * USEC))
RESUMED = of_session(EventKind.RESUMED, "is in use again after 11min", idle_usec=str(660 * USEC))
ENDING = of_session(
    EventKind.ENDING, f"is being ended after 15min without input, {LIMIT}", reason="idle", idle_usec=str(900 * USEC)
)
TERMINATED = of_session(
    EventKind.TERMINATED,
    f"is ended, {LIMIT}: 3 processes, 14336 KiB of memory freed",
    freed_processes="3",
    freed_rss=str(14 << 20),
)
CLOSED = of_session(EventKind.CLOSED, "closed")
STOPPED = Event(EventKind.STOPPED, "reaperd stops; 1 sessions are not watched until it is back.", {})
STARTED = Event(EventKind.STARTED, "reaperd 0.1.0 watches the sessions of this host.", {})
