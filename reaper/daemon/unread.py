"""Counts unread input on terminals: it shows that the user types even if no program reads it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reaper.sense.host import Host


class Unread:
    """Keeps the highest count of unread input on each terminal since something was read there."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._counts: dict[str, int] = {}
        self._read_until: dict[str, int] = {}  # until when more input may have been read without a trace

    @property
    def counts(self) -> Mapping[str, int]:
        """By terminal, the unread bytes; in canonical mode, only those of complete lines."""
        return self._counts

    def restore(self, counts: Mapping[str, int]) -> None:
        """Continues from the counts of an earlier daemon."""
        self._counts = dict(counts)

    def keep_only(self, names: Collection[str]) -> None:
        """Forgets all terminals but these."""
        for name in (self._counts.keys() | self._read_until.keys()) - set(names):
            self.forget(name)

    def forget(self, name: str) -> None:
        """Forgets a terminal whose name now belongs to another one."""
        self._counts.pop(name, None)
        self._read_until.pop(name, None)

    def note_read(self, name: str, until_usec: int) -> None:
        """Notes that input was read on a terminal: all unread input from now on may be new.

        The kernel dates reads in steps of 8 seconds. More can be read in the same step without a trace, so this holds
        until `until_usec`, when the step is over.
        """
        self._read_until[name] = until_usec

    def has_grown(self, name: str, now_usec: int) -> bool:
        """Whether there is more unread input than at any time since something was read.

        Only a new maximum counts, as a program can make the count fall and rise at will: in canonical mode only
        complete lines are counted, in raw mode all bytes.
        """
        if name in self._read_until:
            self._counts.pop(name, None)
            if now_usec > self._read_until[name]:
                del self._read_until[name]
        before, count = self._counts.get(name, 0), self._host.unread(name)
        if count > before:
            self._counts[name] = count
        return count > before
