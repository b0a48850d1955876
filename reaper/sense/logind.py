"""logind's view: sessions that began before the hook, or with no hook.

systemd's own libraries tell when the set of sessions changes and which there are; their properties come from
`loginctl show-session`, whose KEY=value output is part of systemd's portability promise (the files in
/run/systemd/sessions are not). It is run only for a session that has no record, and only once.
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
# logind answers in milliseconds. While a user logs in it asks the name services itself, and answers nothing meanwhile
# (loginctl waited for 7.8 s with one that took 4 s a question): the daemon must not wait that long, nor at each poll.
_TIMEOUT_SEC = 2
_PAUSE_SEC = 30
_BATCH = 100


class LogindSession(NamedTuple):
    """One session of a person, as logind tells it."""

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
    """Reads what `loginctl show-session` prints: blocks of KEY=value, an empty line between.

    Passes over what is no person's session (classes greeter, manager, background) and blocks that lack a leader.
    """
    found = []
    for block in text.split("\n\n"):
        # Not splitlines(): loginctl takes line feeds out of values, but not what else Python takes for ends of lines.
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
    """A connection to logind, or the lack of one: without logind, the records alone carry the daemon."""

    def __init__(self) -> None:
        self._monitor = None
        self._has_news = True
        self._silent_until_sec = 0.0
        try:
            self._monitor = login.Monitor("session")
        except OSError:  # no /run/systemd/sessions: not booted with systemd, or no logind
            return

    def fileno(self) -> int | None:
        """The descriptor that becomes readable when sessions come or go, or None without logind."""
        return None if self._monitor is None else int(self._monitor.fileno())

    def flush(self) -> None:
        """Takes note of a change, so that fileno() waits for the next."""
        self._has_news = True
        if self._monitor is not None:
            self._monitor.flush()

    def list_ids(self) -> set[str] | None:
        """The ids of all sessions there are, none without logind; None where nothing is new since the last answer."""
        if not self._has_news:
            return None
        try:
            found = set(map(sys.intern, login.sessions()))  # the sessions' own ids are the same strings
        except OSError:
            return set()
        self._has_news = self._monitor is None  # without it, nobody tells of any
        return found

    def recall(self) -> None:
        """The last answer could not be used: list_ids() gives it again."""
        self._has_news = True

    def read_sessions(self, ids: Iterable[str]) -> list[LogindSession] | None:
        """What logind says of these sessions; some may be gone by now. None where it does not answer."""
        wanted = sorted(ids)
        found = []
        for start in range(0, len(wanted), _BATCH):
            text = self._show(wanted[start : start + _BATCH])
            if text is None:
                return None
            found += parse_sessions(text, time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
        return found

    def read_idle_usec(self, session_id: str) -> int | None:
        """For how long the desktop of a session has called it idle (IdleHint), 0 where it does not.

        None where logind does not tell. Of other sessions than graphical ones the hint is worth nothing: logind makes
        it of the terminal's atime, which the user can set.
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
        """Whether the desktop of a session has said that it is locked (LockedHint). None where logind does not tell."""
        text = self._show([session_id], "LockedHint")
        return {"LockedHint=yes": True, "LockedHint=no": False}.get((text or "").strip())

    def _show(self, ids: list[str], properties: str = _PROPERTIES) -> str | None:
        """What loginctl prints of these sessions; None where logind does not answer, or has not a moment ago."""
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
            return None  # not that these sessions are gone ("No session 'c7' known"): no bus, no logind
        if done.returncode and len(ids) > 1 and len(parse_sessions(text, 0)) < len(ids):
            parts = [self._show([session_id]) for session_id in ids]
            told = [part for part in parts if part is not None]
            return "\n\n".join(filter(None, told)) if len(told) == len(parts) else None
        return text
