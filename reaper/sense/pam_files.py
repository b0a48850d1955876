"""The files that pam_reaper.so writes, login records and marks of elevation: PID.START_TICKS, with KEY=value lines.

Only root can write to their directories, so a file is as trustworthy as its writer. It is still read as if it were not
(O_NOFOLLOW, regular, owned by root, bounded), because it decides which processes get a signal. A symbolic link is never
followed: its target is the text, written where the module's process might write no file (setrlimit(2), RLIMIT_FSIZE).
What is wrong with a file is a ValueError here; the caller says what follows from it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping

VERSION = "1"
MAX_BYTES = 16384  # twice what the module ever writes
_NAME = re.compile(r"([1-9][0-9]{0,9})\.([0-9]{1,19})", re.ASCII)
_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,31}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})")


def parse_name(name: str) -> tuple[int, int] | None:
    """Returns the pid and start time that a file name stands for; None for a temporary or foreign file."""
    match = _NAME.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None


def parse_number(text: str) -> int:
    """Parses a number as the module writes it; int() would also accept "1_000", " 5" and "-1"."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a number")
    return int(text)


def parse_values(leader: tuple[int, int], data: bytes) -> Mapping[str, str]:
    """Returns the keys and values of the file named after a leader. Strings are as the module got them, hostile or not.

    Raises ValueError for a file that is garbled, truncated, of another version or about another process.
    """
    values = _parse_lines(data)
    if values.get("VERSION") != VERSION:
        raise ValueError(f"VERSION is {values.get('VERSION', 'missing')!r}, not {VERSION}")
    try:
        about = parse_number(values["LEADER"]), parse_number(values["START_TICKS"])
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is missing") from None
    if about != tuple(leader):
        raise ValueError(f"it is about {about[0]}.{about[1]}")
    return values


def _parse_lines(data: bytes) -> Mapping[str, str]:
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES} bytes")
    if not data.endswith(b"\n"):
        raise ValueError("its last line is cut off")
    try:
        lines = data.decode("ascii").split("\n")[:-1]
    except UnicodeDecodeError:
        raise ValueError("it is not plain ASCII") from None
    values = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or not _KEY.fullmatch(name):
            raise ValueError(f"{line[:40]!r} is no KEY=value")
        values[name] = _unescape(value)
    return values


def _unescape(value: str) -> str:
    octets = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value)
    return octets.encode("latin-1").decode("utf-8", "backslashreplace")


class Directory:
    """A directory of such files; it is found again when it is removed and made again."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fingerprint = 0

    def list_if_changed(self) -> list[str] | None:
        """Returns the names in the directory; None where they are the same as the last time.

        A missing directory has no names: the module makes it when it first writes something. The names are not kept.
        """
        try:
            names = os.listdir(self.path)
        except (FileNotFoundError, NotADirectoryError):
            names = []
        except OSError:  # no descriptor left: nothing new is known, and the next call lists again
            return None
        fingerprint = hash(tuple(names))
        if fingerprint == self._fingerprint:
            return None
        self._fingerprint = fingerprint
        return names

    def read(self, name: str) -> bytes | None:
        """Returns a file's contents; None if it is gone. Raises ValueError if the module cannot have written it."""
        try:
            fd = os.open(f"{self.path}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return self._read_link(name)
            raise ValueError(error.strerror or str(error)) from error
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("it is not a regular file")
            if status.st_uid != os.geteuid():
                raise ValueError("it does not belong to root")
            if status.st_mode & 0o022:
                raise ValueError("other users than root can write it")
            return os.read(fd, MAX_BYTES + 1)
        finally:
            os.close(fd)

    def _read_link(self, name: str) -> bytes | None:
        """Returns the text of a file that is a symbolic link."""
        path = os.fsencode(f"{self.path}/{name}")
        try:
            owner, target = os.lstat(path).st_uid, os.readlink(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(error.strerror or str(error)) from error
        if owner != os.geteuid():
            raise ValueError("it does not belong to root")
        return target
