"""Takes over a terminal for a full-screen display, and always restores it.

It does not use curses, which refuses a TERM without terminfo on this host, as an ssh client may send it, and which
handles the size and the signals itself. Every terminal since the VT100 understands or ignores what is used here: cursor
addressing, erasing, SGR, and the alternate screen of xterm(1), which keeps the lines of the shell.
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
# The screen is erased first, because the Linux console has no alternate screen.
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
    """Splits input into keys: the name of a key that has one, or its character."""
    return [_KEYS.get(each, each.decode("latin-1")) for each in _KEY.findall(data)]


class Screen:
    """A terminal with two descriptors, as a context manager. suspend() restores it until resume()."""

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
        """Takes the terminal over: keys are read one by one and not echoed; Ctrl-C and Ctrl-Z still send signals."""
        mode = termios.tcgetattr(self._input)
        mode[3] &= ~(termios.ICANON | termios.ECHO)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        self._set(mode)
        self._write(_ENTER)
        self.invalidate()

    def suspend(self) -> None:
        """Restores the terminal, unless it has hung up."""
        with contextlib.suppress(OSError):
            self._write(_LEAVE)
        with contextlib.suppress(termios.error):
            self._set(self._saved)

    def _set(self, mode: list[Any]) -> None:
        """Calls tcsetattr(3), which stops a background job, and fails with EINTR when the job is continued."""
        while True:
            try:
                return termios.tcsetattr(self._input, termios.TCSANOW, mode)
            except termios.error as error:  # noqa: PERF203 - twice at most
                if error.args[0] != errno.EINTR:
                    raise

    def invalidate(self) -> None:
        """Makes the next draw() write everything."""
        self._size = (0, 0)

    def size(self) -> tuple[int, int]:
        """Returns columns and lines; 80 and 24 if the terminal does not know its size."""
        try:
            size = os.get_terminal_size(self._output)
        except OSError:
            return 80, 24
        return size.columns or 80, size.lines or 24

    def draw(self, lines: list[Line], size: tuple[int, int]) -> None:
        """Shows these lines, laid out for this size, by writing what has changed since the last call.

        Errors of a terminal that has hung up are ignored: SIGHUP or the end of the input ends the program.
        """
        with contextlib.suppress(OSError):
            self._write(self.changes(lines, size))

    def changes(self, lines: list[Line], size: tuple[int, int]) -> str:
        """Returns the output that changes the current screen into these lines, and takes it as written."""
        written = []
        if size != self._size:
            written.append("\x1b[m\x1b[2J")
            self._shown, self._size = [], size
        for number, line in enumerate(lines):
            if number >= len(self._shown) or self._shown[number] != line:
                # A full line needs no erasing; after its last column, that would erase its last character.
                erase = "\x1b[K" if visible_width(line) < size[0] else ""
                written.append(f"\x1b[{number + 1};1H{render(line, is_coloured=self._is_coloured)}{erase}")
        written += [f"\x1b[{number + 1};1H\x1b[K" for number in range(len(lines), len(self._shown))]
        self._shown = list(lines)
        return "".join(written)

    def read_keys(self) -> list[str] | None:
        """Returns the keys that were typed; None at the end of the input."""
        try:
            data = os.read(self._input, 1024)
        except OSError:
            return None
        return keys_of(data) if data else None

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._output, data) :]
