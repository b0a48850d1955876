"""One terminal of a locked session: taken over so that nobody else reads what is typed, and restored afterwards.

While it is held, the terminal is raw and root's alone, so that nobody else can open it. Processes that have it open
already must be frozen (see readers) before drain() is called. Its earlier state is in a SavedTty, which the caller
saves: every step here may be repeated with that after a crash, with the same result. It must not touch the screen.
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
_TIOCVHANGUP = 0x5437  # <asm-generic/ioctls.h>; Python has no name for it, nor for EXTPROC
_EXTPROC = 0o200000  # <asm-generic/termbits.h>
_DISABLED = 0  # _POSIX_VDISABLE
_MOST_READ = 1 << 20  # a limit for endless input: the rest comes to the prompt, where it does no harm
_IFLAG, _OFLAG, _CFLAG, _LFLAG, _FLAGS = 0, 1, 2, 3, 6  # tcgetattr(3), as Python lists it
_TRANSLATED = termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP | getattr(termios, "IUCLC", 0o1000)
Size = tuple[int, int, int, int]
"""Rows, columns, and both in pixels (struct winsize)."""


@dataclass(frozen=True)
class SavedTty:
    """The saved state of a terminal. `flags` are c_iflag, c_oflag, c_cflag, c_lflag and both speeds; `keys` is c_cc.

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
        """Whether the program there reads whole lines."""
        return bool(self.flags[_LFLAG] & termios.ICANON)

    def to_plain(self) -> dict[str, Any]:
        """Returns the state in JSON's types."""
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
        """Converts back from JSON's types. Raises ReaperError ("lock-state") for what to_plain() does not write."""
        try:
            flags = tuple(map(int, value["flags"]))
            if len(flags) != _FLAGS:
                raise ValueError(f"{len(flags)} flags")
            uid, gid, mode = map(int, value["owner"])
            device, inode = map(int, value["node"])
            keys, typed = bytes.fromhex(value["keys"]), typeahead.from_plain(value["typed"])
            name, number, is_drained = str(value["name"]), int(value["device"]), bool(value["drained"])
        except (KeyError, TypeError, ValueError) as error:
            message = f"the saved state of a terminal is broken: {type(error).__name__}: {error}"
            raise ReaperError("lock-state", message) from error
        return cls(name, number, (device, inode), uid, gid, mode, flags, keys, typed, is_drained)


class Tty:
    """An open terminal, by its name below /dev. Methods raise ReaperError ("line-gone") after a hangup."""

    def __init__(self, name: str, before: SavedTty | None = None) -> None:
        """Opens the terminal, and verifies that it is the one with the state `before`."""
        self.name = name
        with self._translated_errors():
            flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            self.fd = os.open(f"{DEV}/{name}", flags)
        try:
            status = os.fstat(self.fd)
            if not stat.S_ISCHR(status.st_mode) or not os.isatty(self.fd):
                raise ReaperError("line-gone", f"{name} is not a terminal")
            if before and (status.st_rdev, status.st_dev, status.st_ino) != (before.device, *before.node):
                raise ReaperError("line-gone", f"{name} is a different terminal than before")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the descriptor; changes nothing else."""
        os.close(self.fd)

    def is_gone(self) -> bool:
        """Whether the terminal has hung up: the process at its other end is gone."""
        poll = select.poll()
        poll.register(self.fd, 0)
        return bool(poll.poll(0))

    def look(self) -> SavedTty:
        """Returns the current state of the terminal."""
        with self._translated_errors():
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
        """Reads what was typed ahead, and returns the state with it; does nothing the second time.

        Reads line by line while the terminal is in canonical mode, as the line ends would be lost otherwise; then the
        rest. What exceeds the kernel's own buffer is dropped: it could not be put back.
        """
        if before.is_drained:
            return before
        pieces: list[Piece] = []
        with self._translated_errors():
            self._make_private()
            # First in the terminal's own mode, so that input that the kernel has not processed yet is processed as
            # usual.
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
        """Makes the terminal root's alone, and raw: no echo, signals or flow control; clearing IXON also undoes ^S."""
        with self._translated_errors():
            self._make_private()
            self._make_raw(before)
            termios.tcflow(self.fd, termios.TCOON)  # a terminal stopped by a program (tcflow(3)) would show no prompt

    def restore(self, before: SavedTty) -> bool:
        """Restores the terminal, with what was typed ahead before the lock and nothing typed since.

        Returns False if what was typed ahead could not be restored. Its readers must still be frozen.
        """
        with self._translated_errors():
            self._make_raw(before)  # so that input left by an interrupted attempt to restore can be read, too
            self._read_all()
            termios.tcflush(self.fd, termios.TCIFLUSH)
            is_back = self._retype(before)
            self._set(before, before.flags[_IFLAG], before.flags[_LFLAG], before.keys, before.flags[_OFLAG])
            os.fchmod(self.fd, before.mode)
            os.fchown(self.fd, before.uid, before.gid)
        return is_back

    def hang_up(self) -> None:
        """Hangs up the terminal, as if the line were lost: every process, this one too, reads end of file."""
        with self._translated_errors():
            fcntl.ioctl(self.fd, _TIOCVHANGUP)

    def shrink(self) -> Size | None:
        """Makes the window a row smaller, so that the foreground program redraws; returns the size for restore_size().

        A SIGWINCH alone is not enough: less(1) checks whether the size has changed. Returns None for a console, whose
        size is that of the screen.
        """
        if is_console(self.name):
            return None
        with self._translated_errors():
            size = self._size()
            self._set_size(_shrunk(size))
        return size

    def restore_size(self, size: Size) -> None:
        """Restores the size a moment after shrink(), unless the user has changed it meanwhile."""
        with self._translated_errors():
            if self._size() == _shrunk(size):
                self._set_size(size)

    def _make_private(self) -> None:
        os.fchown(self.fd, 0, -1)
        os.fchmod(self.fd, 0o600)

    def _make_raw(self, before: SavedTty) -> None:
        oflag = termios.OPOST | termios.ONLCR
        self._set(before, termios.IGNBRK, 0, _raw_keys(before), oflag)

    def _set(self, before: SavedTty, iflag: int, lflag: int, keys: bytes, oflag: int | None = None) -> None:
        """Sets attributes at once: waiting for the output to drain (TCSADRAIN) could take forever."""
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
        """Reads without canonical mode, including input still in transit in the kernel (n_tty_read, since 4.6)."""
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

    def _retype(self, before: SavedTty) -> bool:
        if not before.typed:
            return True
        if before.is_canonical:
            data, literal, end = typeahead.retype(before.typed, set(_line_ends(before)) - {ord("\n")})
            keys = bytearray(len(before.keys))
            keys[termios.VLNEXT], keys[termios.VEOF] = literal, end
            for name in (termios.VEOL, termios.VEOL2):
                keys[name] = before.keys[name]
            # Canonical mode stays on from here: switching it would merge all typed pieces into one.
            lflag = termios.ICANON | termios.IEXTEN | before.flags[_LFLAG] & _EXTPROC
            self._set(before, iflag=0, lflag=lflag, keys=bytes(keys))
        else:
            data = b"".join(piece.data for piece in before.typed)
        try:
            for byte in data:
                fcntl.ioctl(self.fd, termios.TIOCSTI, bytes((byte,)))
        except OSError:  # dev.tty.legacy_tiocsti=0, and no CAP_SYS_ADMIN on the host itself: we are in a container
            return False
        return True

    def _size(self) -> Size:
        rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(self.fd, termios.TIOCGWINSZ, bytes(8)))
        return rows, columns, width, height

    def _set_size(self, size: Size) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", *size))

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, termios.error) as error:
            if error.args[0] in _GONE:
                raise ReaperError("line-gone", f"{self.name} is gone: {error.args[1]}") from error
            raise ReaperError("line-trouble", f"{self.name}: {error.args[1]}") from error


def _line_ends(before: SavedTty) -> bytes:
    """Returns the characters that end a line: the line feed, and VEOL and VEOL2 if set (termios(3))."""
    keys = [before.keys[termios.VEOL]]
    if before.flags[_LFLAG] & termios.IEXTEN:
        keys.append(before.keys[termios.VEOL2])
    return bytes([ord("\n"), *(key for key in keys if key != _DISABLED)])


def _raw_keys(before: SavedTty) -> bytes:
    keys = bytearray(before.keys)
    keys[termios.VMIN], keys[termios.VTIME] = 1, 0
    return bytes(keys)


def _shrunk(size: Size) -> Size:
    """Returns a size that differs by one row; 24 rows if there is no size, as on serial lines: programs assume that."""
    rows, columns, width, height = size
    return (rows - 1 if rows > 1 else rows + 1 if rows else 24, columns, width, height)
