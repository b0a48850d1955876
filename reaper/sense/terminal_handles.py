"""Tells a terminal from a later one of the same name: a pty's number is reused as soon as the pty is closed.

A user can set every time of a terminal but cannot undo that ctime moves, so a terminal whose ctime moved was tampered
with, or is another one of the same number. No time and no process shows which. devpts gives an inode the number of its
pty and no time of birth (stat -c %w /dev/pts/0, Linux 6.18). And a child of sshd's whose controlling terminal is the
pty can be one of the user's own processes, started by clone(CLONE_PARENT) after the shell had given the terminal up.
The inode itself shows it: the kernel unlinks it when the master is closed (devpts_pty_kill), and nothing else does. So
each terminal of a session is kept by an O_PATH descriptor, which keeps the inode and does not open the terminal: the
inode of a closed one has no link any more.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Container
from typing import NamedTuple


class _Handle(NamedTuple):
    descriptor: int
    number: int


class TerminalHandles:
    """The terminals that are kept, each with a number that is never reused."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._lines: dict[str, _Handle] = {}
        self._numbers = itertools.count(1)

    def status(self, name: str) -> tuple[os.stat_result, int]:
        """Returns what stat(2) says of the terminal, and its number; 0 as the number where no descriptor is left.

        Raises FileNotFoundError or NotADirectoryError where there is no such terminal.
        """
        line = self._lines.get(name)
        if line is not None:
            status = os.fstat(line.descriptor)
            if status.st_nlink:
                return status, line.number
            self._drop(name)
        path = f"{self._directory}/{name}"
        try:
            descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError:
            return os.stat(path, follow_symlinks=False), 0
        line = self._lines[name] = _Handle(descriptor, next(self._numbers))
        return os.fstat(descriptor), line.number

    def keep(self, names: Container[str]) -> None:
        """Closes the descriptor of every terminal that is not among these."""
        for name in [name for name in self._lines if name not in names]:
            self._drop(name)

    def _drop(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.close(self._lines.pop(name).descriptor)
