"""Reads the state of a terminal before anything is drawn on it: its modes, and the contents of a console."""

from __future__ import annotations

import contextlib
import os
import select
import time

from reaper.lock.terminal.lock_screen import (
    ASK_DEVICE,
    ASK_MODES,
    ASK_SCREEN,
    Modes,
    TerminalKind,
    read_replies,
    read_screen,
    reports_modes,
)
from reaper.sense.terminals import DEV, is_console

# A terminal emulator answers within one round trip of the connection; this allows for a slow one.
ANSWER_MS = 1000
_MOST_BYTES = 64 * 1024


def kind_of(name: str) -> TerminalKind:
    """Returns the kind of a terminal, by its name below /dev."""
    if name.startswith("pts/"):
        return TerminalKind.PTY
    return TerminalKind.CONSOLE if is_console(name) else TerminalKind.SERIAL


def survey(fd: int, kind: TerminalKind) -> Modes:
    """Asks a pty's terminal emulator for its modes. The terminal must be raw, and every other reader frozen.

    What is typed meanwhile is dropped. If it does not answer in time, or is no pty, the modes are unknown. If it
    answers without its modes, it is asked for the most important one only: whether a program uses its alternate screen.
    """
    if kind is not TerminalKind.PTY:
        return Modes()
    device = read_replies(_ask(fd, ASK_DEVICE)).device
    if device is None:
        return Modes()
    modes = read_replies(_ask(fd, ASK_MODES)).modes if reports_modes(device) else None
    if modes is None:
        modes, undo = read_screen(_ask(fd, ASK_SCREEN))
        with contextlib.suppress(OSError):
            os.write(fd, undo)
    return modes


def _ask(fd: int, question: bytes) -> bytes:
    """Returns the input until the device report at the question's end is answered, or the time is over."""
    data = b""
    with contextlib.suppress(OSError):  # a hangup, or a terminal that takes nothing, counts as no answer
        os.write(fd, question)
        end, poll = time.monotonic() + ANSWER_MS / 1000, select.poll()
        poll.register(fd, select.POLLIN)
        while read_replies(data).device is None and len(data) < _MOST_BYTES:
            left_ms = int((end - time.monotonic()) * 1000)
            if left_ms <= 0 or not poll.poll(left_ms):
                break
            data += os.read(fd, 4096)
    return data


def read_contents(name: str) -> bytes:
    """Returns the contents, attributes and cursor of a virtual console (vcs(4)); b"" for any other terminal."""
    if kind_of(name) is not TerminalKind.CONSOLE:
        return b""
    try:
        with open(f"{DEV}/vcsa{name[len('tty') :]}", "rb", buffering=0) as file:
            return file.read(_MOST_BYTES)
    except OSError:
        return b""


def write_contents(name: str, contents: bytes) -> None:
    """Shows saved contents again; does nothing if the console's size has changed: its program must then redraw it."""
    if not contents or read_contents(name)[:2] != contents[:2]:
        return
    with contextlib.suppress(OSError), open(f"{DEV}/vcsa{name[len('tty') :]}", "wb", buffering=0) as file:
        file.write(contents)
