"""Targets for what describes logins: the files of pam_reaper.so, loginctl, shadow(5), and PAM's own files."""

from __future__ import annotations

import os
import re
import tempfile

from reaper import pam_stack
from reaper.decide.session.model import ProcessId, SessionKey
from reaper.errors import ReaperError
from reaper.sense import lockability, pam_files
from reaper.sense.elevations import parse_mark
from reaper.sense.login_records import LoginRecord, parse_name, parse_record
from reaper.sense.logind import LogindSession, parse_sessions

from .engine import refusing, target

KEY = SessionKey(123, 456)


def unescaped(text: str) -> str:
    """A slow reference for reading \\xNN, byte by byte."""
    octets, at = bytearray(), 0
    while at < len(text):
        if (
            text.startswith("\\x", at)
            and len(text) >= at + 4
            and set(text[at + 2 : at + 4]) <= set("0123456789abcdefABCDEF")
        ):
            octets.append(int(text[at + 2 : at + 4], 16))
            at += 4
        else:
            octets.append(ord(text[at]))
            at += 1
    return octets.decode("utf-8", "backslashreplace")


def values(data: bytes) -> dict[str, str]:
    """A slow reference for reading a record's lines; the last line of a name counts."""
    return {name: unescaped(value) for name, _, value in (line.partition("=") for line in data.decode().split("\n"))}


@target(longest=pam_files.MAX_BYTES + 10)
def record(data: bytes) -> None:
    """A login record: read as the slow reference reads it, or refused with `record-broken`."""
    with refusing(ReaperError, lambda error: error.problem == "record-broken"):
        read, told = parse_record(KEY, data), values(data)
        rest = (told["SERVICE"], told.get("TTY", ""), told.get("RHOST", ""), told.get("XDG_SESSION_ID", ""))
        assert read == LoginRecord(KEY, told["USER"], int(told["UID"]), *rest, int(told["OPENED_USEC"]))


@target(longest=pam_files.MAX_BYTES + 10)
def mark(data: bytes) -> None:
    """The mark of an elevation."""
    with refusing(ReaperError, lambda error: error.problem == "mark-broken"):
        assert parse_mark(ProcessId(123, 456), data) >= 0


@target(longest=255)
def record_name(data: bytes) -> None:
    """A file's name in the directory of login records."""
    name = os.fsdecode(data)
    key = parse_name(name)
    assert key is None or re.fullmatch(r"[1-9]\d*\.\d+", name, re.ASCII)


@target()
def loginctl(data: bytes) -> None:
    """What `loginctl show-session` prints."""
    for session in parse_sessions(data.decode("utf-8", "replace"), 10**9):
        assert isinstance(session, LogindSession)
        assert session.session_id
        assert session.age_usec >= 0


@target(longest=8192)
def shadow(data: bytes) -> None:
    """The lines of shadow(5), from which one user's is read."""
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(f"{root}/etc")
        with open(f"{root}/etc/shadow", "wb") as file:
            file.write(data)
        entry = lockability.read_shadow("ann", root)
        assert entry is None or "\n" not in entry.password
        assert isinstance(lockability.user_obstacle("ann", root), str)


@target(longest=4096)
def pam_includes(data: bytes) -> None:
    """Files in /etc/pam.d that include each other; the parts of the input are the files."""
    texts = data.decode("utf-8", "replace").split("\0")
    files = dict(zip("abc", texts))

    def read(path: str) -> str | None:
        return files.get(path.rpartition("/")[2])

    for kind in ("auth", "session"):
        lines = pam_stack.collect(texts[0], kind, read)
        assert len(lines) <= pam_stack.MOST_LINES
        assert all(line.kind == kind and line.control not in pam_stack.INCLUDES for line in lines)
        pam_stack.asks_elsewhere(lines, has_sssd=True)
