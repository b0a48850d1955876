"""The clients that watch: what each was told last, and when it may be told again.

A client that calls io.reaper.Watch with `more` is answered at once, and then whenever something it may see has changed,
for as long as it stays connected. No queue: who is slow is told the newest state when there is room for it. Nothing is
looked at while nobody watches, and nothing is looked at twice within SPACE_USEC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reaper.control.methods import INTERFACE, CallError, Peer, Subject

# The least time between two replies: a person reads no faster, and a busy host changes with every key.
SPACE_USEC = 1_000_000
# Each holds at most one reply, about half a KiB a session: so many are 8 MiB where 1,000 sessions are seen.
MAX_WATCHES = 16
# A window or two a person, and what they forgot in another.
MAX_WATCHES_PER_USER = 4


@dataclass
class _Watch:
    uid: int
    lasting: Any
    replied_usec: int
    is_behind: bool = False  # something may have changed since, and it was too early to look


class Watches:
    """Who watches, by the descriptor of the connection."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._watches: dict[int, _Watch] = {}

    def __contains__(self, fd: int) -> bool:
        return fd in self._watches

    def __len__(self) -> int:
        return len(self._watches)

    @property
    def fds(self) -> list[int]:
        """The connections that watch."""
        return list(self._watches)

    def begin(self, fd: int, peer: Peer, now_usec: int) -> dict[str, Any]:
        """The first reply to one more; or the error, if that user or all together have their share already."""
        theirs = sum(1 for each in self._watches.values() if each.uid == peer.uid)
        # As with connections, some are root's alone.
        places = MAX_WATCHES if peer.uid == 0 else MAX_WATCHES - MAX_WATCHES_PER_USER
        if len(self._watches) >= places or (peer.uid != 0 and theirs >= MAX_WATCHES_PER_USER):
            full = CallError(f"{INTERFACE}.NotAllowed", why="too many watch already")
            return {"error": full.name, "parameters": full.parameters}
        answer, lasting = self._subject.watch_sessions(peer.uid)
        self._watches[fd] = _Watch(peer.uid, lasting, now_usec)
        return _reply(answer)

    def end(self, fd: int) -> None:
        """The connection is closed."""
        self._watches.pop(fd, None)

    def news(self, fd: int, now_usec: int) -> dict[str, Any] | None:
        """The next reply to one that has taken the last one, if there is something new and it is not too early."""
        watch = self._watches[fd]
        watch.is_behind = now_usec < watch.replied_usec + SPACE_USEC
        if watch.is_behind:
            return None
        answer, lasting = self._subject.watch_sessions(watch.uid)
        if lasting == watch.lasting:
            return None
        watch.lasting, watch.replied_usec = lasting, now_usec
        return _reply(answer)

    def next_usec(self) -> int | None:
        """When news() is to be asked again though nothing happens until then; None for never."""
        return min((each.replied_usec + SPACE_USEC for each in self._watches.values() if each.is_behind), default=None)


def _reply(answer: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": answer, "continues": True}
