"""Input typed before the lock that no program has read yet: its pieces, and the keys that restore it.

Pure. The kernel's line discipline (n_tty) does not keep input as it was typed: in canonical mode it holds lines, ends
of file, and possibly one incomplete line, in which special characters may stand for themselves (VLNEXT). So the input
is restored by keys that produce the same result, not by those that were pressed.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

MOST = 4095
"""Bytes that n_tty holds for a program that does not read (N_TTY_BUF_SIZE, less one); it accepts no more."""


class End(enum.Enum):
    """How a piece of input ends."""

    NOTHING = "nothing"  # more was still to be typed; always so without canonical mode
    LINE = "line"  # its last byte ends a line
    FILE = "file"  # VEOF: a read(2) ends there


class Piece(NamedTuple):
    """What one read(2) in canonical mode returns, or an incomplete line; without canonical mode all input."""

    data: bytes
    end: End

    @property
    def size(self) -> int:
        """Its size in the kernel's buffer, where an end of file takes one byte."""
        return len(self.data) + (self.end is End.FILE)


class RetypedKeys(NamedTuple):
    """The keys to type while only `literal` (VLNEXT), `end` (VEOF), VEOL, VEOL2 and the line feed are special."""

    data: bytes
    literal: int
    end: int


def shorten(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Returns as much of the input as fits into the kernel's buffer: whole pieces, and the start of the next one."""
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
    """Returns the keys that restore canonical input; `line_ends` are VEOL and VEOL2, if they are set."""
    special = {ord("\n"), *line_ends}
    used = {byte for piece in pieces for byte in piece.data}
    # 0 would disable the key. Bytes in the input are used only if none is free: they are then typed literally.
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
    """Converts the pieces to JSON's types."""
    return [[piece.data.hex(), piece.end.value] for piece in pieces]


def from_plain(value: Any) -> tuple[Piece, ...]:
    """Converts back. Raises ValueError or TypeError for what to_plain() does not write."""
    return tuple(Piece(bytes.fromhex(data), End(end)) for data, end in value)
