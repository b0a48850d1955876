"""What was typed before the lock and nobody has read yet: what it consists of, and the keys that bring it back.

Pure. The kernel's line discipline (n_tty) holds it in another form than it was typed in: in canonical mode as lines,
ends of file, and last a line that is not complete, in which characters that are special otherwise may stand for
themselves (VLNEXT). So it is given back by keys that yield the same, and not by those that were once pressed.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

MOST = 4095
"""Bytes that n_tty holds for a program that does not read (N_TTY_BUF_SIZE, less one); it takes no more back."""


class End(enum.Enum):
    """What follows a piece of input."""

    NOTHING = "nothing"  # more is still to be typed; without canonical mode always
    LINE = "line"  # its last byte ends a line
    FILE = "file"  # VEOF: a read(2) ends there


class Piece(NamedTuple):
    """What one read(2) in canonical mode yields; or the rest; or without canonical mode all."""

    data: bytes
    end: End

    @property
    def size(self) -> int:
        """How many bytes it takes in the kernel, which keeps an end of file as one."""
        return len(self.data) + (self.end is End.FILE)


class RetypedKeys(NamedTuple):
    """What to type where only `literal` (VLNEXT), `end` (VEOF), VEOL, VEOL2 and a line feed have a meaning."""

    data: bytes
    literal: int
    end: int


def shorten(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """As much of the input as fits into the kernel's buffer again: whole pieces, and of the next one the beginning."""
    taken, room = [], MOST
    for piece in pieces:
        if piece.size > room:
            if room:
                taken.append(Piece(piece.data[:room], End.NOTHING))
            break
        taken.append(piece)
        room -= piece.size
    return tuple(taken)


def retype(pieces: Sequence[Piece], line_ends: Collection[int]) -> RetypedKeys:
    """The keys that bring canonical input back; `line_ends` are VEOL and VEOL2, where they are set."""
    special = {ord("\n"), *line_ends}
    used = {byte for piece in pieces for byte in piece.data}
    # 0 would mean that there is no such key. One that occurs in the input can be had, too: it is then typed literally.
    literal, end = sorted((byte for byte in range(1, 256) if byte not in special), key=lambda byte: byte in used)[:2]
    special |= {literal, end}
    typed = bytearray()
    for piece in pieces:
        body, last = (piece.data[:-1], piece.data[-1:]) if piece.end is End.LINE else (piece.data, b"")
        for byte in body:
            typed += bytes((literal, byte)) if byte in special else bytes((byte,))
        typed += bytes((end,)) if piece.end is End.FILE else last
    return RetypedKeys(bytes(typed), literal, end)


def to_plain(pieces: Iterable[Piece]) -> list[list[str]]:
    """In JSON's types."""
    return [[piece.data.hex(), piece.end.value] for piece in pieces]


def from_plain(value: Any) -> tuple[Piece, ...]:
    """Back. Raises ValueError or TypeError for what to_plain() does not write."""
    return tuple(Piece(bytes.fromhex(data), End(end)) for data, end in value)
