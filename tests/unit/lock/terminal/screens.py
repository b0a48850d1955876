"""What a terminal shows that has drawn a lock screen."""

from __future__ import annotations

import re
import unicodedata


def shown(data: bytes, rows: int, columns: int) -> list[str]:
    """The rows of a terminal that has drawn this, and fails where something would scroll or wrap."""
    screen = [""] * rows
    start = data.index(b"\x1b[2J") + 4
    for match in re.finditer(r"\x1b\[(\d+);1H([^\x1b]*)", data[start:].decode()):
        row, text = int(match[1]), match[2]
        drawn_over = [char for char in text if unicodedata.category(char) not in ("Mn", "Me")]
        assert sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in drawn_over) <= columns
        assert not screen[row - 1]
        screen[row - 1] = text
    return screen
