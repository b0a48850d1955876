"""The lines that a person at the machine itself types on: the console, by keyboard and screen, and the serial line."""

from __future__ import annotations

import contextlib
import re
import socket
import string
import time
from typing import TYPE_CHECKING

from ..terminal import ExpectError, Line

if TYPE_CHECKING:
    from .machine import Machine

# The keys of a US keyboard as QEMU calls them (QKeyCode), without and with shift.
KEYS = {" ": "spc", "\n": "ret", "\t": "tab", "\x1b": "esc", "\b": "backspace", "-": "minus", "=": "equal",
        "[": "bracket_left", "]": "bracket_right", ";": "semicolon", "'": "apostrophe", "`": "grave_accent",
        "\\": "backslash", ",": "comma", ".": "dot", "/": "slash"}  # fmt: skip
SHIFTED = {"_": "minus", "+": "equal", "{": "bracket_left", "}": "bracket_right", ":": "semicolon", '"': "apostrophe",
           "~": "grave_accent", "|": "backslash", "<": "comma", ">": "dot", "?": "slash",
           **dict(zip("!@#$%^&*()", "1234567890"))}  # fmt: skip
HOLD_MSEC = 20


def keys_of(character: str) -> list[str]:
    """The keys that are pressed together for a character."""
    if character in string.ascii_lowercase or character in string.digits:
        return [character]
    if character in string.ascii_uppercase:
        return ["shift", character.lower()]
    if character in SHIFTED:
        return ["shift", SHIFTED[character]]
    return [KEYS[character]]


class Console:
    """The keyboard of the machine, and the screen of its tty1: what is seen is what is on it now, no transcript."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def press(self, *keys: str) -> None:
        """Presses keys together, by QEMU's names: press("ctrl", "c")."""
        codes = [{"type": "qcode", "data": key} for key in keys]
        self._machine.qemu.monitor("send-key", keys=codes, **{"hold-time": HOLD_MSEC})

    def send(self, text: str) -> None:
        """Types."""
        for character in text:
            self.press(*keys_of(character))

    def screen(self) -> str:
        """What is on the screen, without trailing blanks; a line that goes on in the next is one.

        Reading it leaves no trace on the terminal: vcs(4).
        """
        shown = self._machine.shell("od -An -tu1 -N2 /dev/vcsa1; exec cat /dev/vcs1").stdout
        size, _, cells = shown.partition("\n")
        columns = int(size.split()[1])
        cells = cells.replace("\0", " ")  # a suspend may wipe it
        lines = [cells[start : start + columns] for start in range(0, len(cells), columns)]
        return "".join(line if line[-1] != " " else f"{line.rstrip()}\n" for line in lines).rstrip("\n")

    def expect(self, pattern: str, timeout: float = 20.0) -> re.Match[str]:
        """Waits until `pattern` is on the screen; raises ExpectError at the deadline.

        A space in it also matches the end of a line: a long one may have been broken there.
        """
        regex = re.compile(re.sub("(?<!\\\\) ", r"\\s+", pattern))
        deadline = time.monotonic() + timeout
        while True:
            shown = self.screen()
            match = regex.search(shown)
            if match:
                return match
            if time.monotonic() >= deadline:
                raise ExpectError(f"{pattern!r}: not within {timeout:g} s; on the screen is:\n{shown}")

    def prompt(self, timeout: float = 20.0) -> None:
        """Waits for a shell's prompt in the last line."""
        self.expect(r"[$#]\Z", timeout)

    def log_in(self, user: str, password: str, timeout: float = 60.0) -> None:
        """Logs in at the prompt of getty(8)."""
        self.expect(r"login:\Z", timeout)
        self.send(f"{user}\n")
        self.expect(r"Password:\Z", timeout)
        self.send(f"{password}\n")
        self.prompt(timeout)


class SerialLine(Line):
    """The terminal at the other end of the guest's ttyS0. It has no modem: nothing hangs it up, and it never closes."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__(end.fileno())

    def log_in(self, user: str, password: str, timeout: float = 60.0) -> None:
        """Logs in at the prompt of getty(8)."""
        self.send("\n")
        self.expect(r"login: \Z", timeout)
        self.send(f"{user}\n")
        self.expect(r"Password: \Z", timeout)
        self.send(f"{password}\n")
        self.prompt(timeout)

    def forget(self) -> None:
        """After a restored snapshot: what has appeared has not appeared."""
        with contextlib.suppress(ExpectError):
            while self.read_available():
                pass
        self.transcript = b""
        self._seen = 0
