"""What systemd-logind says of sessions: those that began before pam_reaper.so was installed, or without it.

systemd's own library reports that the set of sessions has changed, and lists them; their properties come from `loginctl
show-session`, whose KEY=value output is part of systemd's portability promise (the files in /run/systemd/sessions are
not). loginctl is run only for a session that has no record, and only once.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reaper import system_commands
from reaper.decide.text.number import parse_whole
from systemd import login  # type: ignore[attr-defined,unused-ignore]

_PROPERTIES = "Id User Name TTY RemoteHost Service Leader Class Type TimestampMonotonic"
# logind answers in milliseconds, except while a user logs in: then it asks name services itself and answers nothing
# meanwhile (loginctl waited 7.8 s for one that took 4 s a question). The daemon must not wait that long, nor at each
# poll.
_TIMEOUT_SEC = 2
_PAUSE_SEC = 30
_BATCH = 100


class LogindSession(NamedTuple):
    """One session of a person, as logind reports it."""

    session_id: str
    leader: int
    user: str
    uid: int
    service: str
    tty: str
    remote: str
    kind: str  # logind's Type: "tty", "x11", "wayland", "mir", "unspecified"
    age_usec: int


def parse_sessions(text: str, monotonic_usec: int) -> list[LogindSession]:
    """Parses what `loginctl show-session` prints: blocks of KEY=value lines, separated by an empty line.

    Skips sessions that are not a person's (classes greeter, manager, background) and blocks without a leader.
    """
    found = []
    for block in text.split("\n\n"):
        # Not splitlines(): loginctl replaces line feeds in values, but not the other characters that Python takes for
        # line ends.
        values = dict(line.partition("=")[::2] for line in block.split("\n"))
        session = _session(values, monotonic_usec)
        if session is not None:
            found.append(session)
    return found


def _session(values: Mapping[str, str], monotonic_usec: int) -> LogindSession | None:
    if values.get("Class", "").partition("-")[0] != "user" or not values.get("Id"):
        return None
    leader, uid, opened_usec = (parse_whole(values.get(name, "")) for name in ("Leader", "User", "TimestampMonotonic"))
    if leader is None or uid is None or opened_usec is None:
        return None
    return LogindSession(
        session_id=values["Id"],
        leader=leader,
        user=values.get("Name", ""),
        uid=uid,
        service=values.get("Service", ""),
        tty=values.get("TTY", ""),
        remote=values.get("RemoteHost", ""),
        kind=values.get("Type", ""),
        age_usec=max(0, monotonic_usec - opened_usec),
    )


class Logind:
    """A connection to logind. Without logind, the records alone show the sessions."""

    def __init__(self) -> None:
        self._monitor = None
        self._has_news = True
        self._silent_until_sec = 0.0
        try:
            self._monitor = login.Monitor("session")
        except OSError:  # no /run/systemd/sessions: not booted with systemd, or no logind
            return

    def fileno(self) -> int | None:
        """Returns the descriptor that becomes readable when sessions come or go; None without logind."""
        return None if self._monitor is None else int(self._monitor.fileno())

    def flush(self) -> None:
        """Notes a change, so that fileno() waits for the next one."""
        self._has_news = True
        if self._monitor is not None:
            self._monitor.flush()

    def list_ids(self) -> set[str] | None:
        """Returns the ids of all sessions, none without logind; None if nothing has changed since the last answer."""
        if not self._has_news:
            return None
        try:
            found = set(map(sys.intern, login.sessions()))  # sessions share these strings
        except OSError:
            return set()
        self._has_news = self._monitor is None  # without a monitor nothing reports a change
        return found

    def recall(self) -> None:
        """Makes list_ids() give its last answer again, which could not be used."""
        self._has_news = True

    def read_sessions(self, ids: Iterable[str]) -> list[LogindSession] | None:
        """Returns what logind says of these sessions; some may have ended. None where it does not answer."""
        wanted = sorted(ids)
        found = []
        for start in range(0, len(wanted), _BATCH):
            text = self._show(wanted[start : start + _BATCH])
            if text is None:
                return None
            found += parse_sessions(text, time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
        return found

    def read_idle_usec(self, session_id: str) -> int | None:
        """Returns how long the desktop of a session has called it idle (IdleHint), 0 where it does not.

        None where logind does not report it. For sessions that are not graphical the hint is worthless: logind derives
        it from the terminal's atime, which the user can set.
        """
        text = self._show([session_id], "IdleHint IdleSinceHintMonotonic Type")
        values = dict(line.partition("=")[::2] for line in (text or "").split("\n"))
        if values.get("Type") not in ("x11", "wayland", "mir"):
            return None
        if values.get("IdleHint") == "no":
            return 0
        since_usec = parse_whole(values.get("IdleSinceHintMonotonic", ""))
        if values.get("IdleHint") != "yes" or since_usec is None:
            return None
        return max(0, time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000 - since_usec)

    def read_locked_hint(self, session_id: str) -> bool | None:
        """Returns whether a session's desktop has said that it is locked (LockedHint); None where that is unknown."""
        text = self._show([session_id], "LockedHint")
        return {"LockedHint=yes": True, "LockedHint=no": False}.get((text or "").strip())

    def _show(self, ids: list[str], properties: str = _PROPERTIES) -> str | None:
        """Returns what loginctl prints of these sessions; None if logind does not answer or recently has not."""
        if time.monotonic() < self._silent_until_sec:
            return None
        wanted = [f"--property={name}" for name in properties.split()]
        command = ["loginctl", "--no-pager", *wanted, "show-session", *ids]
        try:
            done = system_commands.run(command, _TIMEOUT_SEC)
        except subprocess.TimeoutExpired:
            self._silent_until_sec = time.monotonic() + _PAUSE_SEC
            return None
        except OSError:
            return None
        text = done.stdout.decode("utf-8", "replace")
        if done.returncode and not text.strip() and b"known" not in done.stderr:
            return None  # the sessions have not just ended ("No session 'c7' known"): there is no bus or no logind
        if done.returncode and len(ids) > 1 and len(parse_sessions(text, 0)) < len(ids):
            parts = [self._show([session_id]) for session_id in ids]
            found = [part for part in parts if part is not None]
            return "\n\n".join(filter(None, found)) if len(found) == len(parts) else None
        return text
