"""Real ptys that are locked, unlocked and read."""

from __future__ import annotations

import contextlib
import json
import os
import termios

from reaper.lock.terminal.tty import SavedTty, Tty
from tests.unit.act.ptys import Pty

LITERAL, END, ERASE, KILL, WERASE, LINE_END = b"\x16", b"\x04", b"\x7f", b"\x15", b"\x17", b"\x1d"


def set_up(pty: Pty, *, lflag_off: int = 0, iflag: int | None = None, keys: dict[int, bytes] | None = None) -> None:
    attributes = termios.tcgetattr(pty.slave)
    attributes[3] &= ~lflag_off
    if iflag is not None:
        attributes[0] = iflag
    for name, key in (keys or {}).items():
        attributes[6][name] = key
    termios.tcsetattr(pty.slave, termios.TCSANOW, attributes)


def reads(pty: Pty) -> list[bytes]:
    """Returns what a program reads there, read by read, until it would block."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while len(found) < 5000:
            found.append(os.read(pty.slave, 8192))
    return found


def lock_and_unlock(name: str, meanwhile: bytes = b"", master: int = -1) -> SavedTty:
    """Locks and unlocks, with the state saved and read back at each step, as if the keeper was killed at each."""
    held = Tty(name)
    try:
        before = through_json(held.drain(through_json(held.look())))
        held.take(before)
        if meanwhile:
            os.write(master, meanwhile)
        held.restore(before)
    finally:
        held.close()
    return before


def through_json(before: SavedTty) -> SavedTty:
    return SavedTty.from_plain(json.loads(json.dumps(before.to_plain())))
