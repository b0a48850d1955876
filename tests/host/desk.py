"""A person's own terminal: a tmux on this machine, in a window of which ssh logs in to a host.

Its screen can be looked at, with its attributes, its cursor, its modes and what has scrolled away. tmux says of itself
that it is a VT100 and answers no question about a mode; the emulator in between (see there) makes one of it that does.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .lab import Host
from .window import Window

EMULATOR = Path(__file__).with_name("emulator.py")
FLAGS = (
    "cursor_x cursor_y cursor_flag alternate_on keypad_flag keypad_cursor_flag mouse_any_flag mouse_sgr_flag "
    "insert_flag origin_flag wrap_flag scroll_region_upper scroll_region_lower pane_width pane_height"
)


class Picture(NamedTuple):
    """All that a window shows: its lines with their attributes, those that scrolled away first, and its flags."""

    lines: tuple[str, ...]
    flags: str


class Desk(Window):
    """One window, in which a person has logged in to a host."""

    def __init__(self, host: Host, user: str, directory: Path, *, tells_modes: bool, **more: Any) -> None:
        self.host = host
        self._environment = {**os.environ, "TMUX_TMPDIR": str(directory), "TERM": "xterm", "LANG": "C.UTF-8"}
        self._environment.pop("TMUX", None)
        words = host.ssh_words(user, **more)
        if tells_modes:
            words = [sys.executable, str(EMULATOR), *words]
        options = ["set", "-g", "status", "off", ";", "set", "-g", "default-terminal", "screen", ";"]
        self.tmux("-f", "/dev/null", "start-server", ";", *options, "new-session", "-d", "-x", "80", "-y", "24", *words)

    def tmux(self, *words: str) -> str:
        """A command of tmux's own, and what it prints."""
        command = ["tmux", "-L", "desk", *words]
        result = subprocess.run(
            command, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, (words, result.stderr)
        return result.stdout

    def picture(self) -> Picture:
        """What the window shows now."""
        flags = self.tmux("display-message", "-p", " ".join(f"{name}=#{{{name}}}" for name in FLAGS.split()))
        return Picture(tuple(self.tmux("capture-pane", "-p", "-e", "-S", "-").rstrip("\n").split("\n")), flags)

    def wait_picture(self, picture: Picture, but: str = "$^") -> None:
        """Until the window shows just that; what matches `but` is of no account."""
        with contextlib.suppress(AssertionError):
            self.wait(lambda _: without(self.picture(), but) == without(picture, but))
        shown = self.picture()
        assert without(shown, but) == without(picture, but), f"{shown}\nand not {picture}"

    def resize(self, rows: int, columns: int) -> None:
        """Makes the window another size."""
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))


def without(picture: Picture, pattern: str) -> Picture:
    """The picture, without what in its lines matches."""
    return Picture(tuple(re.sub(pattern, "", line) for line in picture.lines), picture.flags)


@contextlib.contextmanager
def desk(host: Host, user: str, directory: Path, *, tells_modes: bool = True, **more: Any) -> Iterator[Desk]:
    """A person at their desk, logged in."""
    found = Desk(host, user, directory, tells_modes=tells_modes, **more)
    try:
        found.wait(lambda shown: shown.rstrip().endswith("$"))
        yield found
    finally:
        found.tmux("kill-server")
