"""What the terminal of a locked session shows, and how what it showed before is set aside and brought back.

Pure: bytes to be written, and what the bytes that come back mean. Sequences are xterm's (ctlseqs) and those of
console_codes(4). A serial line is sent no escape at all: anything may listen there.
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
"""DA1, which whatever draws a pty answers: it is also the fence after other questions, which may be left unanswered."""
_ALTERNATE = (47, 1047, 1049)
_CURSOR = 25
# What would make something else than typed characters of keys: application cursor keys and keypad, the mouse in all its
# ways, reports of the focus, brackets around what is pasted.
_INPUT = (1, 9, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004)
ASK_MODES = b"".join(b"\x1b[?%d$p" % mode for mode in (*_ALTERNATE, _CURSOR, *_INPUT)) + b"\x1b[?u" + ASK_DEVICE
_PLACE = b"\x1b[1;7H"
# What tells the screens of a terminal apart that does not tell its modes, but does tell where its cursor is (CPR, of
# the VT100): 1049 goes to the other screen and back. On the main one, this brings the cursor back to where it was
# before; on the alternate one, to where the program was started, which is seldom that place; and where there is no such
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
    """What a terminal is."""

    PTY = "pty"
    CONSOLE = "console"  # a virtual console of the kernel's: it has one screen, and answers no question about a mode
    SERIAL = "serial"


@dataclass(frozen=True)
class Modes:
    """How a terminal was found: what there is to set aside, and to bring back.

    Where it is not known, because the terminal does not tell, modes are left alone: what they make of keys is swallowed
    (see keys), and what is not brought back might be missed. A cursor that is hidden stays hidden then.
    """

    is_alternate: bool = False
    is_cursor_hidden: bool = False
    on: tuple[int, ...] = ()
    keyboard: int = 0
    """The flags of kitty's keyboard protocol; 0 where there is no such thing."""

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"alternate": self.is_alternate, "hidden": self.is_cursor_hidden, "on": [*self.on], "kbd": self.keyboard}

    @classmethod
    def from_plain(cls, value: Any) -> Modes:
        """Back from JSON. Raises TypeError, ValueError or KeyError for what is no such thing."""
        return cls(bool(value["alternate"]), bool(value["hidden"]), tuple(map(int, value["on"])), int(value["kbd"]))


@dataclass(frozen=True)
class Replies:
    """What a terminal has answered, and what else has come: that was typed. `modes` is None where it tells none."""

    device: tuple[int, ...] | None
    modes: Modes | None
    typed: bytes


def read_replies(data: bytes) -> Replies:
    """Takes what has come after a question apart."""
    devices = _DEVICE.findall(data)
    device = tuple(int(part) for part in devices[-1].split(b";") if part) if devices else None
    told = {int(mode): int(value) for mode, value in _MODE.findall(data)}
    flags = [int(value) for value in _KEYBOARD.findall(data)]
    modes = Modes(
        any(told.get(mode) in _SET for mode in _ALTERNATE),
        told.get(_CURSOR) in _RESET,
        tuple(mode for mode in _INPUT if told.get(mode) == _SET[0]),
        flags[-1] if flags else 0,
    )
    typed = _UNFINISHED.sub(b"", _KEYBOARD.sub(b"", _MODE.sub(b"", _DEVICE.sub(b"", data))))
    return Replies(device, modes if any(told.get(mode) for mode in _ALTERNATE) else None, typed)


def tells_modes(device: tuple[int, ...] | None) -> bool:
    """Whether a terminal that says this of itself can be asked for its modes (DECRQM, of the VT300).

    One of the first level would not know the question, and Terminal.app of macOS prints a "p" for each. Alacritty and
    PuTTY, which say that they are a VT102, answer or ignore it.
    """
    return bool(device) and device is not None and (device[0] >= _LEVEL_2 or device == (_VT102,))


def read_screen(data: bytes) -> tuple[Modes, bytes]:
    """What has come after ASK_SCREEN, and what is to be written so that the terminal is as before that question."""
    positions = _POSITION.findall(data)
    if len(positions) < 2:
        return Modes(), b""
    is_alternate = b"\x1b[%sH" % positions[-1] != _PLACE
    return Modes(is_alternate), b"\x1b[?1049h" if is_alternate else b"\x1b[%sH" % positions[0]


def set_aside(modes: Modes, kind: TerminalKind) -> bytes:
    """What is written once, before the first picture. ESC first: it ends what a stopped program may have begun."""
    if kind is TerminalKind.SERIAL:
        return b""
    if kind is TerminalKind.CONSOLE:
        return b"\x1b\\\x1b7"
    start = b"\x1b\\" if modes.is_alternate else b"\x1b\\\x1b[?1049h"
    cursor = b"\x1b[?25h" if modes.is_cursor_hidden else b""
    keyboard = b"\x1b[>0u" if modes.keyboard else b""
    return start + cursor + keyboard + b"".join(b"\x1b[?%dl" % mode for mode in modes.on)


def bring_back(modes: Modes, kind: TerminalKind) -> bytes:
    """What is written once, when the lock is over. A program on the alternate screen is to draw it anew."""
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
    """What there is to be said on a locked terminal. All of it is as it came from outside."""

    host: str
    user: str
    tty: str
    rhost: str
    heading: str
    left: int  # attempts, until the session ends
    told: tuple[str, ...] = ()  # what became of the last attempt, and what PAM has said since
    prompt: str = ""
    typed: str = ""  # at a prompt that shows it


def lines_of(view: LockView) -> list[str]:
    """The lock screen as lines that are fit for a terminal, of any width; the last one is the prompt."""
    where = f"on {plain(view.tty)}" + (f", from {plain(view.rhost)}" if view.rhost else "")
    chances = "If the next attempt fails" if view.left == 1 else f"After {view.left} more attempts that fail"
    return [
        f"This session on {plain(view.host)} is locked.",
        *plain_lines(view.heading),
        "",
        f"It is the session of {plain(view.user)}, {where}.",
        f"To go on where it was left, authenticate as {plain(view.user)}. {chances}, the session ends.",
        "",
        *(line for text in view.told for line in plain_lines(text)),
        *([""] if view.told else []),
        prompt_of(view.prompt) + plain(view.typed),
    ]


def plain_lines(text: str) -> list[str]:
    """Outside text of any length as lines that are fit for a terminal."""
    lines = text.replace("\t", " ").replace("\r\n", "\n").strip("\n").split("\n")
    return [plain(line) for line in lines] if text else []


def prompt_of(text: str) -> str:
    """A module's own prompt: the last of its lines, with a space to its end."""
    shown = "".join(plain_lines(text)[-1:]).rstrip()
    return f"{shown} " if shown else ""


def drawn(lines: list[str], kind: TerminalKind, rows: int, columns: int) -> bytes:
    """What is written to show these lines. The cursor stays after the last one; where rows are few, the first go."""
    rows, columns = rows or 24, columns or 80
    if kind is TerminalKind.SERIAL:
        return ("\r\n" + "\r\n".join(lines)).encode(errors="replace")
    folded = [part for line in lines for part in _folded(line, columns)]
    start = 2 if len(folded) < rows else 1
    placed = "".join(f"\x1b[{start + row};1H{line}" for row, line in enumerate(folded[-rows:]))
    return f"\x1b\\\x1b(B\x0f\x1b[m\x1b[H\x1b[2J{placed}".encode(errors="replace")


def _folded(line: str, columns: int) -> Iterator[str]:
    """The line in parts of so many columns at most, cut at spaces where that can be."""
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
