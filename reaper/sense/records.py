"""The records that pam_reaper.so writes: one small file for each login, see pam_reaper(8).

The directory is root's alone, so a record is trusted as far as its writer is; it is still read as if it were not
(O_NOFOLLOW, regular, root's, bounded), for a record decides whom a signal reaches.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from reaper.decide.model import SessionKey
from reaper.errors import ReaperError

DIRECTORY = "/run/reaper/sessions"
VERSION = "1"
MAX_BYTES = 8192  # twice what the module ever writes
_NAME = re.compile(r"([1-9][0-9]{0,9})\.([0-9]{1,19})", re.ASCII)
_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,31}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})")


class Record(NamedTuple):
    """One login as PAM saw it. Strings are as the module got them, hostile characters and all."""

    key: SessionKey
    user: str
    uid: int
    service: str
    tty: str
    rhost: str
    session_id: str
    opened_usec: int


def parse_name(name: str) -> SessionKey | None:
    """The session that a file name stands for, or None: a temporary or foreign file."""
    match = _NAME.fullmatch(name)
    return SessionKey(int(match[1]), int(match[2])) if match else None


def parse_record(key: SessionKey, data: bytes) -> Record:
    """Reads a record. Unknown keys are passed over, so that an older daemon can stay beside a newer module.

    Raises ReaperError for anything garbled, truncated, foreign or contradictory.
    """
    values = _parse_lines(key, data)
    if values.get("VERSION") != VERSION:
        raise _broken(key, f"VERSION is {values.get('VERSION', 'missing')!r}, not {VERSION}")
    try:
        leader = SessionKey(_number(values["LEADER"]), _number(values["START_TICKS"]))
        record = Record(
            key=leader,
            user=values["USER"],
            uid=_number(values["UID"]),
            service=values["SERVICE"],
            tty=values.get("TTY", ""),
            rhost=values.get("RHOST", ""),
            session_id=values.get("XDG_SESSION_ID", ""),
            opened_usec=_number(values["OPENED_USEC"]),
        )
    except KeyError as error:
        raise _broken(key, f"{error.args[0]} is missing") from None
    except ValueError as error:
        raise _broken(key, str(error)) from None
    if leader != key:
        raise _broken(key, f"it is about {leader}")
    return record._replace(key=key)


def _number(text: str) -> int:
    """As the module writes numbers; int() would take "1_000", " 5" and "-1", too."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a number")
    return int(text)


def _parse_lines(key: SessionKey, data: bytes) -> Mapping[str, str]:
    if len(data) > MAX_BYTES:
        raise _broken(key, f"it is longer than {MAX_BYTES} bytes")
    if not data.endswith(b"\n"):
        raise _broken(key, "its last line is cut off")
    try:
        lines = data.decode("ascii").split("\n")[:-1]
    except UnicodeDecodeError:
        raise _broken(key, "it is not plain ASCII") from None
    values = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or not _KEY.fullmatch(name):
            raise _broken(key, f"{line[:40]!r} is no KEY=value")
        values[name] = _unescape(value)
    return values


def _unescape(value: str) -> str:
    octets = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value)
    return octets.encode("latin-1").decode("utf-8", "backslashreplace")


def _broken(key: SessionKey, why: str) -> ReaperError:
    return ReaperError(
        "record-broken",
        f"login record {key} cannot be read: {why}",
        "the session is found through logind instead; if this comes back, check that pam_reaper.so and reaperd are of"
        " one version",
    )


class Records:
    """The records directory, found again whenever it is made anew."""

    def __init__(self, directory: str = DIRECTORY) -> None:
        self._directory = directory
        self._fingerprint = 0
        self._unknown: frozenset[SessionKey] = frozenset()

    def list_unknown(self, known: Container[SessionKey]) -> frozenset[SessionKey]:
        """The sessions that have a record and are not among the known.

        No directory is no records: the module makes it at the first login. The names are looked through only when they
        have changed, and not kept: a thousand known sessions would be remembered twice.
        """
        try:
            names = os.listdir(self._directory)
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        fingerprint = hash(tuple(names))
        keys: Iterable[SessionKey | None] = self._unknown
        if fingerprint != self._fingerprint:
            self._fingerprint = fingerprint
            keys = map(parse_name, names)
        self._unknown = frozenset(key for key in keys if key is not None and key not in known)
        return self._unknown

    def exists(self, key: SessionKey) -> bool:
        """Whether a session has a record, which it has until PAM closes it."""
        return os.path.lexists(f"{self._directory}/{key}")

    def read(self, key: SessionKey) -> Record | None:
        """One record; None where it is gone. Raises ReaperError where it is not what the module writes."""
        path = f"{self._directory}/{key}"
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _broken(key, error.strerror or str(error)) from error
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _broken(key, "it is not a regular file")
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise _broken(key, "somebody else than root could write it")
            return parse_record(key, os.read(fd, MAX_BYTES + 1))
        finally:
            os.close(fd)
