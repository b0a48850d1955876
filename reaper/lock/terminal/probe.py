"""What a terminal is found like before anything is drawn on it: its modes, and what a console shows."""

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
    tells_modes,
)
from reaper.sense.terminals import DEV, is_console

# A terminal answers by itself, after one way there and back of the connection; a slow one has a second for it.
ANSWER_MS = 1000
_MOST_BYTES = 64 * 1024


def kind_of(name: str) -> TerminalKind:
    """What sort of terminal a name below /dev is."""
    if name.startswith("pts/"):
        return TerminalKind.PTY
    return TerminalKind.CONSOLE if is_console(name) else TerminalKind.SERIAL


def survey(fd: int, kind: TerminalKind) -> Modes:
    """Asks a pty's terminal for its modes; it must be raw, and nobody else read it.

    What was typed meanwhile is dropped. What does not answer in time, or is no pty, has none that are known. One that
    answers, and does not tell its modes, is asked for what is worst to be mistaken about: whether a program has its
    alternate screen.
    """
    if kind is not TerminalKind.PTY:
        return Modes()
    device = read_replies(_ask(fd, ASK_DEVICE)).device
    if device is None:
        return Modes()
    modes = read_replies(_ask(fd, ASK_MODES)).modes if tells_modes(device) else None
    if modes is None:
        modes, undo = read_screen(_ask(fd, ASK_SCREEN))
        with contextlib.suppress(OSError):
            os.write(fd, undo)
    return modes


def _ask(fd: int, question: bytes) -> bytes:
    """What comes until the fence at the question's end is answered, or the time is up."""
    data = b""
    with contextlib.suppress(OSError):  # it is gone, or takes nothing: it has not answered
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
    """What a virtual console shows, with its attributes and its cursor (vcs(4)); b"" for any other terminal."""
    if kind_of(name) is not TerminalKind.CONSOLE:
        return b""
    try:
        with open(f"{DEV}/vcsa{name[len('tty') :]}", "rb", buffering=0) as file:
            return file.read(_MOST_BYTES)
    except OSError:
        return b""


def write_contents(name: str, contents: bytes) -> None:
    """Shows that again; where the console has got another size meanwhile, its program has to draw it anew."""
    if not contents or read_contents(name)[:2] != contents[:2]:
        return
    with contextlib.suppress(OSError), open(f"{DEV}/vcsa{name[len('tty') :]}", "wb", buffering=0) as file:
        file.write(contents)
