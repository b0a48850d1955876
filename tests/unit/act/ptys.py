"""Terminals of the test's own making."""

from __future__ import annotations

import os


class Pty:
    """A pty made by the test, which sees what is shown on it."""

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
        """Until it takes no more: nobody reads it."""
        fd = os.open(f"/dev/{self.name}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            while True:
                os.write(fd, b"x" * 1000)
        except BlockingIOError:
            pass
        finally:
            os.close(fd)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)
