"""The host's process table for the judge, as inside.py prints it every second."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from types import TracebackType
from typing import NamedTuple

from tests.host.lab import Host, LabError
from tests.host.lab.host import end_entered

HOLDERS = ("sshd", "sshd-session", "login")


class Process(NamedTuple):
    """One process of the host; pid and start time are its identity."""

    pid: int
    start: int
    parent: int
    uid: int
    name: str

    @property
    def key(self) -> tuple[int, int]:
        return self.pid, self.start


class Table:
    """Follows the process table of a host in a thread of its own."""

    def __init__(self, host: Host) -> None:
        here = os.path.join(os.path.dirname(__file__), "inside.py")
        with open(here, encoding="utf-8") as stream:
            words = ["python3", "-c", stream.read()]
        self._process = subprocess.Popen(host.words(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._changed = threading.Condition()
        self._processes: list[Process] = []
        self._alive: set[tuple[int, int]] = set()
        self._at = time.monotonic()
        self._looks = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found = [Process(*fields) for fields in json.loads(line)]
            with self._changed:
                self._processes, self._at = found, time.monotonic()
                self._alive = {process.key for process in found}
                self._looks += 1
                self._changed.notify_all()

    def __enter__(self) -> Table:  # noqa: PYI034 - Python 3.9 has no Self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_entered(self._process)
        self._thread.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def stop(self) -> None:
        """Makes all later calls fail."""
        self._stopped = True

    def fresh(self, timeout: float = 20.0) -> list[Process]:
        """Returns the processes as they were read after this call."""
        with self._changed:
            # The second table from now: the first may have been read before now.
            wanted = self._looks + 2
            if not self._changed.wait_for(lambda: self._looks >= wanted, timeout) or self._stopped:
                raise LabError("the host does not send its process table")
            return self._processes

    def alive(self, key: tuple[int, int]) -> bool:
        """Whether the process existed when the table was last read, which must be at most 30 s ago."""
        with self._changed:
            if self._stopped or time.monotonic() - self._at > 30:
                raise LabError("the host no longer sends its process table")
            return key in self._alive

    def session(self, uid: int, others: str = "") -> set[tuple[int, int]]:
        """Returns what holds a user's sessions: sshd's monitors and their children, login(1), processes named `others`.

        A monitor is a process of root with a child that belongs to the user.
        """
        found = self.fresh()
        by_pid = {process.pid: process for process in found}
        keys = set()
        for process in found:
            if process.uid != uid:
                continue
            parent = by_pid.get(process.parent)
            if parent is not None and parent.uid == 0 and parent.name in HOLDERS:
                keys.add(parent.key)
                if process.name in HOLDERS:
                    keys.add(process.key)
            if process.name == others:
                keys.add(process.key)
        return keys
