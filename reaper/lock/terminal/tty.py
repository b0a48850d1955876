"""One terminal of a locked session: taken over so that nobody else reads what is typed, and put back as it was.

The terminal is root's alone while it is held (nobody opens it anew), and raw. Who has it open already is frozen (see
holders), before drain() is called. What it was like is in a Before, which the caller writes down: every step here may
be done again with it after a crash, and comes to the same. What the screen shows is not this module's business.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import stat
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from reaper.errors import ReaperError
from reaper.lock.terminal import typeahead
from reaper.lock.terminal.typeahead import End, Piece
from reaper.sense.terminals import DEV, is_console

_GONE = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENOTTY)
_TIOCVHANGUP = 0x5437  # <asm-generic/ioctls.h>; Python has no name for it, nor for this:
_EXTPROC = 0o200000  # <asm-generic/termbits.h>
_DISABLED = 0  # _POSIX_VDISABLE
_MOST_READ = 1 << 20  # of what somebody types on and on: the rest comes to the prompt, which does not mind
_IFLAG, _OFLAG, _CFLAG, _LFLAG, _FLAGS = 0, 1, 2, 3, 6  # tcgetattr(3), as Python lists it
_TRANSLATED = termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP | getattr(termios, "IUCLC", 0o1000)
Size = tuple[int, int, int, int]
"""Rows, columns, and both in pixels (struct winsize)."""


@dataclass(frozen=True)
class SavedTty:
    """What a terminal was like. `flags` are c_iflag, c_oflag, c_cflag, c_lflag and both speeds; `keys` is c_cc.

    `typed` is what was typed ahead, once it `is_drained`.
    """

    name: str
    device: int
    node: tuple[int, int]  # st_dev, st_ino
    uid: int
    gid: int
    mode: int
    flags: tuple[int, ...]
    keys: bytes
    typed: tuple[Piece, ...] = ()
    is_drained: bool = False

    @property
    def is_canonical(self) -> bool:
        """Whether the program there reads lines."""
        return bool(self.flags[_LFLAG] & termios.ICANON)

    def to_plain(self) -> dict[str, Any]:
        """In JSON's types."""
        return {
            "name": self.name,
            "device": self.device,
            "node": list(self.node),
            "owner": [self.uid, self.gid, self.mode],
            "flags": list(self.flags),
            "keys": self.keys.hex(),
            "typed": typeahead.to_plain(self.typed),
            "drained": self.is_drained,
        }

    @classmethod
    def from_plain(cls, value: Any) -> SavedTty:
        """Back. Raises ReaperError ("lock-state") for what to_plain() does not write."""
        try:
            flags = tuple(map(int, value["flags"]))
            if len(flags) != _FLAGS:
                raise ValueError(f"{len(flags)} flags")
            uid, gid, mode = map(int, value["owner"])
            device, inode = map(int, value["node"])
            keys, typed = bytes.fromhex(value["keys"]), typeahead.from_plain(value["typed"])
            name, number, is_drained = str(value["name"]), int(value["device"]), bool(value["drained"])
        except (KeyError, TypeError, ValueError) as error:
            message = f"what a terminal was like is broken: {type(error).__name__}: {error}"
            raise ReaperError("lock-state", message) from error
        return cls(name, number, (device, inode), uid, gid, mode, flags, keys, typed, is_drained)


class Tty:
    """A terminal that is held, named below /dev. What is done where it has hung up raises ReaperError ("line-gone")."""

    def __init__(self, name: str, before: SavedTty | None = None) -> None:
        """Opens it, and makes sure that it is the one that it was `before`."""
        self.name = name
        with self._told():
            flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            self.fd = os.open(f"{DEV}/{name}", flags)
        try:
            status = os.fstat(self.fd)
            if not stat.S_ISCHR(status.st_mode) or not os.isatty(self.fd):
                raise ReaperError("line-gone", f"{name} is no terminal")
            if before and (status.st_rdev, status.st_dev, status.st_ino) != (before.device, *before.node):
                raise ReaperError("line-gone", f"{name} is another terminal than it was")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets go of it, as it is."""
        os.close(self.fd)

    def is_gone(self) -> bool:
        """Whether it has hung up: whoever held the other end is gone."""
        poll = select.poll()
        poll.register(self.fd, 0)
        return bool(poll.poll(0))

    def look(self) -> SavedTty:
        """What it is like now."""
        with self._told():
            status, (*flags, keys) = os.fstat(self.fd), termios.tcgetattr(self.fd)
        return SavedTty(
            self.name,
            status.st_rdev,
            (status.st_dev, status.st_ino),
            status.st_uid,
            status.st_gid,
            stat.S_IMODE(status.st_mode),
            tuple(flags),
            bytes(key if isinstance(key, int) else key[0] for key in keys),
        )

    def drain(self, before: SavedTty) -> SavedTty:
        """Reads what was typed ahead, and returns it with the rest; nothing the second time.

        Line by line as long as the terminal is in canonical mode, for else the ends would be lost; then what is left.
        What exceeds the kernel's own buffer is dropped: nobody could put it back.
        """
        if before.is_drained:
            return before
        pieces: list[Piece] = []
        with self._told():
            self._own()
            # In its own mode first, so that what the kernel has not looked at yet means what it would have.
            if before.is_canonical:
                pieces += self._read_lines(_line_ends(before))
                rest = b""
            else:
                rest = self._read_all()
            self._set(before, iflag=before.flags[_IFLAG] & _TRANSLATED, lflag=0, keys=_raw_keys(before))
            rest += self._read_all()
        if rest:
            pieces.append(Piece(rest, End.NOTHING))
        return replace(before, typed=typeahead.shorten(pieces), is_drained=True)

    def take(self, before: SavedTty) -> None:
        """Makes it root's alone, and raw: no echo, no signals, no flow control. A terminal that ^S has stopped goes on:
        the kernel starts it as IXON is cleared."""
        with self._told():
            self._own()
            self._make_raw(before)
            termios.tcflow(self.fd, termios.TCOON)  # had a program stopped it (tcflow(3)), it would take no prompt

    def restore(self, before: SavedTty) -> bool:
        """Makes it what it was, with what was typed ahead and none of what has been typed since.

        False where what was typed ahead could not be brought back. Who reads the terminal must still be frozen.
        """
        with self._told():
            self._make_raw(before)  # so that what is left of an attempt before this one can be read, too
            self._read_all()
            termios.tcflush(self.fd, termios.TCIFLUSH)
            is_back = self._type(before)
            self._set(before, before.flags[_IFLAG], before.flags[_LFLAG], before.keys, before.flags[_OFLAG])
            os.fchmod(self.fd, before.mode)
            os.fchown(self.fd, before.uid, before.gid)
        return is_back

    def hang_up(self) -> None:
        """Ends the line, as if it were lost: whoever has it open, we too, reads an end of file from now on."""
        with self._told():
            fcntl.ioctl(self.fd, _TIOCVHANGUP)

    def nudge(self) -> Size | None:
        """Makes it a row smaller, so that a program in the foreground draws anew; returns the size to settle() on.

        A SIGWINCH alone is not enough: less(1) looks whether the size has changed. None for a console, whose size is
        that of the screen, and where there is nothing to nudge.
        """
        if is_console(self.name):
            return None
        with self._told():
            size = self._size()
            self._set_size(_nudged(size))
        return size

    def settle(self, size: Size) -> None:
        """Gives it its size back, a moment after nudge(), unless the person has given it another one meanwhile."""
        with self._told():
            if self._size() == _nudged(size):
                self._set_size(size)

    def _own(self) -> None:
        os.fchown(self.fd, 0, -1)
        os.fchmod(self.fd, 0o600)

    def _make_raw(self, before: SavedTty) -> None:
        oflag = termios.OPOST | termios.ONLCR
        self._set(before, termios.IGNBRK, 0, _raw_keys(before), oflag)

    def _set(self, before: SavedTty, iflag: int, lflag: int, keys: bytes, oflag: int | None = None) -> None:
        """At once: waiting until all is shown (TCSADRAIN) could take for ever."""
        was = before.flags
        output = was[_OFLAG] if oflag is None else oflag
        speeds = was[_LFLAG + 1 :]
        attributes: list[Any] = [iflag, output, was[_CFLAG], lflag, *speeds, [bytes((key,)) for key in keys]]
        termios.tcsetattr(self.fd, termios.TCSANOW, attributes)

    def _read_lines(self, line_ends: bytes) -> Iterator[Piece]:
        count = 0
        while count < _MOST_READ and not self.is_gone():
            try:
                data = os.read(self.fd, 2 * typeahead.MOST)
            except BlockingIOError:
                return
            count += len(data) + 1
            yield Piece(data, End.LINE if data and data[-1] in line_ends else End.FILE)

    def _read_all(self) -> bytes:
        """Without canonical mode. A read finds what is still on its way in the kernel, too (n_tty_read, since 4.6)."""
        found = bytearray()
        while len(found) < _MOST_READ:
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                break
            if not data:
                break  # hung up
            found += data
        return bytes(found)

    def _type(self, before: SavedTty) -> bool:
        if not before.typed:
            return True
        if before.is_canonical:
            data, literal, end = typeahead.retype(before.typed, set(_line_ends(before)) - {ord("\n")})
            keys = bytearray(len(before.keys))
            keys[termios.VLNEXT], keys[termios.VEOF] = literal, end
            for name in (termios.VEOL, termios.VEOL2):
                keys[name] = before.keys[name]
            # The mode stays what it was from here on: changing it would make one of all that is there.
            lflag = termios.ICANON | termios.IEXTEN | before.flags[_LFLAG] & _EXTPROC
            self._set(before, iflag=0, lflag=lflag, keys=bytes(keys))
        else:
            data = b"".join(piece.data for piece in before.typed)
        try:
            for byte in data:
                fcntl.ioctl(self.fd, termios.TIOCSTI, bytes((byte,)))
        except OSError:  # dev.tty.legacy_tiocsti=0, and not the host's own root: we are in a container
            return False
        return True

    def _size(self) -> Size:
        rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(self.fd, termios.TIOCGWINSZ, bytes(8)))
        return rows, columns, width, height

    def _set_size(self, size: Size) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", *size))

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, termios.error) as error:
            if error.args[0] in _GONE:
                raise ReaperError("line-gone", f"{self.name} is gone: {error.args[1]}") from error
            raise ReaperError("line-trouble", f"{self.name}: {error.args[1]}") from error


def _line_ends(before: SavedTty) -> bytes:
    """What ends a line besides the line feed, where it is set (termios(3), VEOL and VEOL2)."""
    keys = [before.keys[termios.VEOL]]
    if before.flags[_LFLAG] & termios.IEXTEN:
        keys.append(before.keys[termios.VEOL2])
    return bytes([ord("\n"), *(key for key in keys if key != _DISABLED)])


def _raw_keys(before: SavedTty) -> bytes:
    keys = bytearray(before.keys)
    keys[termios.VMIN], keys[termios.VTIME] = 1, 0
    return bytes(keys)


def _nudged(size: Size) -> Size:
    """Where there is no size, as on serial lines, what programs suppose then."""
    rows, columns, width, height = size
    return (rows - 1 if rows > 1 else rows + 1 if rows else 24, columns, width, height)
