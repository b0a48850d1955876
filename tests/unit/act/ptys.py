"""Terminals made by the test."""

from __future__ import annotations

import contextlib
import os
import select

# A kernel worker has moved whatever there was by then, also on a busy machine.
SETTLED_MS = 200


class Pty:
    """A pty made by the test, which reads what is shown on it."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        self.name = os.ttyname(self.slave)[len("/dev/") :]
        os.set_blocking(self.master, False)

    def read(self) -> str:
        shown = b""
        try:
            while True:
                shown += os.read(self.master, 65536)
        except (BlockingIOError, OSError):
            return shown.decode()

    def fill(self) -> None:
        """Fills the terminal until it accepts no more: nobody reads it.

        A kernel worker moves what was written to the master's own buffer (tty_flip_buffer_push), so there may be room
        again just after there was none.
        """
        fd = os.open(f"/dev/{self.name}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        room = select.poll()
        room.register(fd, select.POLLOUT)
        try:
            while room.poll(SETTLED_MS):
                with contextlib.suppress(BlockingIOError):
                    os.write(fd, b"x" * 1000)
        finally:
            os.close(fd)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)
