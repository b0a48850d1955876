"""A terminal that is taken over for a while, and given back as it was whatever happens.

Not curses: it refuses a TERM that the host has no terminfo of, as ssh brings it along, and takes the size and the
signals into its own hands. What is used here every terminal since the VT100 understands, or ignores: cursor addressing,
erasing, SGR, and the other screen of xterm(1), on which a shell's own lines are not lost.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import termios
from types import TracebackType
from typing import Any

from reaper.ctl.frame import Line, visible_width
from reaper.ctl.style import render

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[m\x1b[2J"
# Erased first: the Linux console has no other screen to leave.
_LEAVE = "\x1b[m\x1b[2J\x1b[H\x1b[?25h\x1b[?1049l"
_KEYS = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"k": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"j": "down",
    b"\x1b[5~": "page-up",
    b"\x1b[6~": "page-down",
    b"\x1b[H": "home",
    b"\x1bOH": "home",
    b"\x1b[1~": "home",
    b"g": "home",
    b"\x1b[F": "end",
    b"\x1bOF": "end",
    b"\x1b[4~": "end",
    b"G": "end",
}
_KEY = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.|\x1b|[^\x1b]", re.DOTALL)


def keys_of(data: bytes) -> list[str]:
    """The keys that some input is: a name for those that have one, or their character."""
    return [_KEYS.get(each, each.decode("latin-1")) for each in _KEY.findall(data)]


class Screen:
    """The terminal of two descriptors, as a context manager; suspend() and resume() give it back for a while."""

    def __init__(self, input_fd: int, output_fd: int, *, is_coloured: bool) -> None:
        self._input, self._output, self._is_coloured = input_fd, output_fd, is_coloured
        self._saved = termios.tcgetattr(input_fd)
        self._shown: list[Line] = []
        self._size = (0, 0)

    def __enter__(self) -> Screen:  # noqa: PYI034 - Python 3.9 has no Self
        try:
            self.resume()
        except BaseException:
            self.suspend()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.suspend()

    def resume(self) -> None:
        """Takes the terminal: keys come one by one and are not echoed; Ctrl-C and Ctrl-Z stay signals."""
        mode = termios.tcgetattr(self._input)
        mode[3] &= ~(termios.ICANON | termios.ECHO)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        self._set(mode)
        self._write(_ENTER)
        self.forget()

    def suspend(self) -> None:
        """Gives the terminal back, as far as it is still there."""
        with contextlib.suppress(OSError):
            self._write(_LEAVE)
        with contextlib.suppress(termios.error):
            self._set(self._saved)

    def _set(self, mode: list[Any]) -> None:
        """tcsetattr(3), which stops a job in the background, and fails when a signal then continues it."""
        while True:
            try:
                return termios.tcsetattr(self._input, termios.TCSANOW, mode)
            except termios.error as error:  # noqa: PERF203 - twice at most
                if error.args[0] != errno.EINTR:
                    raise

    def forget(self) -> None:
        """Has the next draw() write everything."""
        self._size = (0, 0)

    def size(self) -> tuple[int, int]:
        """Columns and lines. A line that does not know its size has those of a VT100."""
        try:
            size = os.get_terminal_size(self._output)
        except OSError:
            return 80, 24
        return size.columns or 80, size.lines or 24

    def draw(self, lines: list[Line], size: tuple[int, int]) -> None:
        """Shows the lines, which were made for this size, in one write of what has changed since the last.

        A terminal that has gone away takes nothing; that is for SIGHUP to tell, or the end of its input.
        """
        with contextlib.suppress(OSError):
            self._write(self.changes(lines, size))

    def changes(self, lines: list[Line], size: tuple[int, int]) -> str:
        """What turns the screen as it is into these lines. They are taken as written from then on."""
        written = []
        if size != self._size:
            written.append("\x1b[m\x1b[2J")
            self._shown, self._size = [], size
        for number, line in enumerate(lines):
            if number >= len(self._shown) or self._shown[number] != line:
                # A full line needs no erasing, and after its last column that would take the last character away.
                erase = "\x1b[K" if visible_width(line) < size[0] else ""
                written.append(f"\x1b[{number + 1};1H{render(line, is_coloured=self._is_coloured)}{erase}")
        written += [f"\x1b[{number + 1};1H\x1b[K" for number in range(len(lines), len(self._shown))]
        self._shown = list(lines)
        return "".join(written)

    def read_keys(self) -> list[str] | None:
        """The keys that were pressed, where there is input; None at its end."""
        try:
            data = os.read(self._input, 1024)
        except OSError:
            return None
        return keys_of(data) if data else None

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._output, data) :]
