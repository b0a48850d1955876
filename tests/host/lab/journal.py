"""Follows a host's journal as it grows."""

from __future__ import annotations

import json
import os
import subprocess
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .guest import JournalEntry
    from .host import Host


class JournalFollower:
    """journalctl --follow in a host, for those who select on several things. Begins with what comes from now on."""

    def __init__(self, host: Host, **matches: str) -> None:
        words = ["journalctl", "--quiet", "--no-pager", "--all", "--output=json", "--follow", "--lines=0"]
        words += [f"{key}={value}" for key, value in matches.items()]
        self._process = subprocess.Popen(host.words(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._rest = b""

    def __enter__(self) -> JournalFollower:  # noqa: PYI034 - Python 3.9 has no Self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from .host import end_entered

        assert self._process.stdout is not None
        self._process.stdout.close()
        end_entered(self._process)

    def fileno(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def read_available(self) -> list[JournalEntry]:
        """The entries that have come; waits for none if select() did not say there is something."""
        import select

        if not select.select([self], [], [], 0)[0]:
            return []
        *lines, self._rest = (self._rest + os.read(self.fileno(), 1 << 16)).split(b"\n")
        return [json.loads(line) for line in lines]
