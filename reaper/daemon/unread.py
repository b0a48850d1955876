"""What lies unread on terminals, which shows that somebody types though no program reads it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reaper.sense.host import Host


class Unread:
    """Keeps the most that lay unread on each terminal since something was read there."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._counts: dict[str, int] = {}
        self._read_until: dict[str, int] = {}  # until when more may have been read without a trace

    @property
    def counts(self) -> Mapping[str, int]:
        """In bytes, or in canonical mode in those of complete lines, by terminal."""
        return self._counts

    def restore(self, counts: Mapping[str, int]) -> None:
        """Goes on from what another daemon has counted."""
        self._counts = dict(counts)

    def keep(self, names: Collection[str]) -> None:
        """From now on only these terminals are kept."""
        for name in (self._counts.keys() | self._read_until.keys()) - set(names):
            self.forget(name)

    def forget(self, name: str) -> None:
        """It is another terminal of that name."""
        self._counts.pop(name, None)
        self._read_until.pop(name, None)

    def make_room(self, name: str, until_usec: int) -> None:
        """Something was read there: what lies there from now on may be new.

        More can be read in the same 8 seconds and leave no trace, so until they are over, too.
        """
        self._read_until[name] = until_usec

    def has_grown(self, name: str, now_usec: int) -> bool:
        """Whether more lies unread than ever since something was read.

        A program can make the count fall and rise again as often as it likes: what lies unread is counted by lines in
        canonical mode, and by bytes in raw mode.
        """
        if name in self._read_until:
            self._counts.pop(name, None)
            if now_usec > self._read_until[name]:
                del self._read_until[name]
        before, count = self._counts.get(name, 0), self._host.unread(name)
        if count > before:
            self._counts[name] = count
        return count > before
