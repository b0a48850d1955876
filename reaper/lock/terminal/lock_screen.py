"""What the terminal of a locked session shows, and the sequences that save and restore what it showed before.

Pure: the bytes to write, and the meaning of the bytes that come back. Sequences are xterm's (ctlseqs) and those of
console_codes(4). A serial line gets no escape sequence at all: any device may be connected to it.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reaper.decide.text.escape import plain

ASK_DEVICE = b"\x1b[c"
"""DA1, which every terminal emulator answers. It also marks the end of other questions, which may stay unanswered."""
_ALTERNATE = (47, 1047, 1049)
_CURSOR = 25
# Modes in which keys send something else than typed characters: application cursor keys and keypad, all mouse modes,
# focus reports, bracketed paste.
_INPUT = (1, 9, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004)
ASK_MODES = b"".join(b"\x1b[?%d$p" % mode for mode in (*_ALTERNATE, _CURSOR, *_INPUT)) + b"\x1b[?u" + ASK_DEVICE
_PLACE = b"\x1b[1;7H"
# Tells which screen is shown, for a terminal that does not report its modes but does report its cursor (CPR, of the
# VT100): 1049 switches to the other screen and back. On the main screen, this returns the cursor to where it was
# before; on the alternate one, to where the program was started, which is seldom that place; and if there is no such
# screen, it leaves the cursor in the corner.
ASK_SCREEN = b"\x1b[6n" + _PLACE + b"\x1b[?1049h\x1b[H\x1b[?1049l\x1b[6n" + ASK_DEVICE
_POSITION = re.compile(rb"\x1b\[([0-9]{1,5};[0-9]{1,5})R")
_DEVICE = re.compile(rb"\x1b\[\?([0-9;]{1,64})c")
_MODE = re.compile(rb"\x1b\[\?([0-9]{1,5});([0-4])\$y")
_KEYBOARD = re.compile(rb"\x1b\[\?([0-9]{1,3})u")
_UNFINISHED = re.compile(rb"\x1b\[\?[0-9;]*\$?\Z")
_SET, _RESET = (1, 3), (2, 4)
_LEVEL_2, _VT102 = 61, 6


class TerminalKind(enum.Enum):
    """The kind of a terminal."""

    PTY = "pty"
    CONSOLE = "console"  # a virtual console of the kernel's: it has one screen, and answers no question about modes
    SERIAL = "serial"


@dataclass(frozen=True)
class Modes:
    """The modes in which a terminal was found: what to set aside, and to restore.

    If the terminal does not report them, modes are left alone: the sequences that keys then send are swallowed (see
    line_editor), and changing what cannot be restored could do harm. A hidden cursor then stays hidden.
    """

    is_alternate: bool = False
    is_cursor_hidden: bool = False
    on: tuple[int, ...] = ()
    keyboard: int = 0
    """The flags of kitty's keyboard protocol; 0 if the terminal does not have it."""

    def to_plain(self) -> dict[str, Any]:
        """Returns the modes in JSON's types."""
        return {"alternate": self.is_alternate, "hidden": self.is_cursor_hidden, "on": [*self.on], "kbd": self.keyboard}

    @classmethod
    def from_plain(cls, value: Any) -> Modes:
        """Converts back from JSON's types. Raises TypeError, ValueError or KeyError for any other value."""
        return cls(bool(value["alternate"]), bool(value["hidden"]), tuple(map(int, value["on"])), int(value["kbd"]))


@dataclass(frozen=True)
class Replies:
    """What a terminal has answered, and what else came, which was typed. `modes` is None if it reports none."""

    device: tuple[int, ...] | None
    modes: Modes | None
    typed: bytes


def read_replies(data: bytes) -> Replies:
    """Separates the input after a question into answers and typed characters."""
    devices = _DEVICE.findall(data)
    device = tuple(int(part) for part in devices[-1].split(b";") if part) if devices else None
    reported = {int(mode): int(value) for mode, value in _MODE.findall(data)}
    flags = [int(value) for value in _KEYBOARD.findall(data)]
    modes = Modes(
        any(reported.get(mode) in _SET for mode in _ALTERNATE),
        reported.get(_CURSOR) in _RESET,
        tuple(mode for mode in _INPUT if reported.get(mode) == _SET[0]),
        flags[-1] if flags else 0,
    )
    typed = _UNFINISHED.sub(b"", _KEYBOARD.sub(b"", _MODE.sub(b"", _DEVICE.sub(b"", data))))
    return Replies(device, modes if any(reported.get(mode) for mode in _ALTERNATE) else None, typed)


def reports_modes(device: tuple[int, ...] | None) -> bool:
    """Whether a terminal with this device report can be asked for its modes (DECRQM, of the VT300).

    One of the first level would not know the question, and Terminal.app of macOS prints a "p" for each. Alacritty and
    PuTTY, which report a VT102, answer or ignore it.
    """
    return bool(device) and device is not None and (device[0] >= _LEVEL_2 or device == (_VT102,))


def read_screen(data: bytes) -> tuple[Modes, bytes]:
    """Returns the modes shown by the input after ASK_SCREEN, and the bytes that undo what that question did."""
    positions = _POSITION.findall(data)
    if len(positions) < 2:
        return Modes(), b""
    is_alternate = b"\x1b[%sH" % positions[-1] != _PLACE
    return Modes(is_alternate), b"\x1b[?1049h" if is_alternate else b"\x1b[%sH" % positions[0]


def save_sequence(modes: Modes, kind: TerminalKind) -> bytes:
    """Returns what to write once, before the first drawing. Its ESC ends a sequence that a frozen program left open."""
    if kind is TerminalKind.SERIAL:
        return b""
    if kind is TerminalKind.CONSOLE:
        return b"\x1b\\\x1b7"
    start = b"\x1b\\" if modes.is_alternate else b"\x1b\\\x1b[?1049h"
    cursor = b"\x1b[?25h" if modes.is_cursor_hidden else b""
    keyboard = b"\x1b[>0u" if modes.keyboard else b""
    return start + cursor + keyboard + b"".join(b"\x1b[?%dl" % mode for mode in modes.on)


def restore_sequence(modes: Modes, kind: TerminalKind) -> bytes:
    """Returns what to write once, when the lock is over. A program on the alternate screen must redraw it."""
    if kind is TerminalKind.SERIAL:
        return b"\r\n"
    if kind is TerminalKind.CONSOLE:
        return b"\x1b[m\x1b[H\x1b[2J\x1b8"
    keyboard = b"\x1b[<u" if modes.keyboard else b""
    screen = b"\x1b[H\x1b[2J" if modes.is_alternate else b"\x1b[?1049l"
    cursor = b"\x1b[?25l" if modes.is_cursor_hidden else b""
    return b"\x1b[m" + keyboard + screen + cursor + b"".join(b"\x1b[?%dh" % mode for mode in modes.on)


@dataclass(frozen=True)
class LockView:
    """What to show on a locked terminal. All of it is unescaped outside text."""

    host: str
    user: str
    tty: str
    rhost: str
    heading: str
    left: int  # the number of attempts left until the session ends
    messages: tuple[str, ...] = ()  # the result of the last attempt, and PAM's messages since
    prompt: str = ""
    typed: str = ""  # at a prompt with echo


def screen_lines(view: LockView) -> list[str]:
    """Returns the lock screen as escaped lines, of any width; the last one is the prompt."""
    where = f"on {plain(view.tty)}" + (f", from {plain(view.rhost)}" if view.rhost else "")
    chances = "If the next attempt fails" if view.left == 1 else f"After {view.left} more attempts that fail"
    return [
        f"This session on {plain(view.host)} is locked.",
        *plain_lines(view.heading),
        "",
        f"It is the session of {plain(view.user)}, {where}.",
        f"To go on where it was left, authenticate as {plain(view.user)}. {chances}, the session ends.",
        "",
        *(line for text in view.messages for line in plain_lines(text)),
        *([""] if view.messages else []),
        prompt_line(view.prompt) + plain(view.typed),
    ]


def plain_lines(text: str) -> list[str]:
    """Returns outside text of any length as escaped lines."""
    lines = text.replace("\t", " ").replace("\r\n", "\n").strip("\n").split("\n")
    return [plain(line) for line in lines] if text else []


def prompt_line(text: str) -> str:
    """Returns the last line of a module's prompt, ending in one space."""
    shown = "".join(plain_lines(text)[-1:]).rstrip()
    return f"{shown} " if shown else ""


def render(lines: list[str], kind: TerminalKind, rows: int, columns: int) -> bytes:
    """Returns what to write to show these lines, cursor after the last one; drops the first ones if rows are few."""
    rows, columns = rows or 24, columns or 80
    if kind is TerminalKind.SERIAL:
        return ("\r\n" + "\r\n".join(lines)).encode(errors="replace")
    wrapped = [part for line in lines for part in _wrap(line, columns)]
    start = 2 if len(wrapped) < rows else 1
    placed = "".join(f"\x1b[{start + row};1H{line}" for row, line in enumerate(wrapped[-rows:]))
    return f"\x1b\\\x1b(B\x0f\x1b[m\x1b[H\x1b[2J{placed}".encode(errors="replace")


def _wrap(line: str, columns: int) -> Iterator[str]:
    """Yields a line in parts of at most so many columns, cut at spaces if possible."""
    part, width, space = "", 0, -1
    for char in line:
        wide = _columns(char)
        if part and width + wide > columns:
            if char == " ":
                yield part
                part, width, space = "", 0, -1
                continue
            cut = space if space > 0 else len(part)
            yield part[:cut]
            part = part[cut:].lstrip(" ")
            width, space = sum(map(_columns, part)), -1
        if char == " ":
            space = len(part)
        part, width = part + char, width + wide
    yield part


def _columns(char: str) -> int:
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me") else 1
