"""Real ptys that are locked, unlocked and read."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import struct
import termios

from reaper.lock.terminal.tty import SavedTty, Tty
from tests.unit.act.ptys import Pty

LITERAL, END, ERASE, KILL, WERASE, LINE_END = b"\x16", b"\x04", b"\x7f", b"\x15", b"\x17", b"\x1d"
_TIOCSETD = 0x5423  # <asm-generic/ioctls.h>; Python has no name for it, nor for this:
_N_TTY = 0  # <linux/tty.h>


def set_up(pty: Pty, *, lflag_off: int = 0, iflag: int | None = None, keys: dict[int, bytes] | None = None) -> None:
    attributes = termios.tcgetattr(pty.slave)
    attributes[3] &= ~lflag_off
    if iflag is not None:
        attributes[0] = iflag
    for name, key in (keys or {}).items():
        attributes[6][name] = key
    termios.tcsetattr(pty.slave, termios.TCSANOW, attributes)


def type_keys(pty: Pty, keys: bytes) -> None:
    """Types, and returns when the line discipline has handled every key. Nothing may lie there to be read before.

    A worker of the kernel takes what is written to the master to the line discipline (flush_to_ldisc). A reader that
    comes while the worker is half-way gets lines that a later ^C would have discarded. poll(2) waits for the worker
    where there is nothing to read yet (n_tty_poll). Where there is, the worker has begun: setting the line discipline
    that the terminal has changes nothing, and waits until the worker no longer uses it (tty_set_ldisc).
    """
    os.write(pty.master, keys)
    poll = select.poll()
    poll.register(pty.slave, select.POLLIN)
    poll.poll(0)
    fcntl.ioctl(pty.slave, _TIOCSETD, struct.pack("i", _N_TTY))


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
