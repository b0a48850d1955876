"""The clients that watch: what each was told last, and when it may be told again.

A client that calls io.reaper.Watch with `more` is answered at once, and then whenever something it may see has changed,
for as long as it stays connected. No queue: who is slow is told the newest state when there is room for it. Nothing is
looked at while nobody watches, and nothing is looked at twice within SPACE_USEC, however often the loop turns. However
many watch, those of one user see the same: it is looked at and written out once for all of them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reaper.control.methods import INTERFACE, Backend, CallError, Peer

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


class _Look:
    """What a user may see at a moment."""

    def __init__(self, answer: dict[str, Any], lasting: Any) -> None:
        self._answer, self.lasting = answer, lasting

    @functools.cached_property
    def reply(self) -> bytes:
        """For all who are to be told of it."""
        return encode(_reply(self._answer))


class Subscriptions:
    """Who watches, by the descriptor of the connection."""

    def __init__(self, subject: Backend) -> None:
        self._subject = subject
        self._watches: dict[int, _Watch] = {}
        self._looked_usec = -SPACE_USEC
        self._looks: dict[int, _Look] = {}  # by uid, as of the last look

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

    def due(self, fds: Iterable[int], now_usec: int) -> list[int]:
        """Those of the connections that are to be asked for news(): all at once, or none yet as it is too early."""
        self._looks.clear()
        found = []
        for fd in fds:
            watch = self._watches[fd]
            watch.is_behind = now_usec < self._due_usec(watch)
            if not watch.is_behind:
                found.append(fd)
        if found:
            self._looked_usec = now_usec
        return found

    def news(self, fd: int, now_usec: int) -> bytes | None:
        """The next reply to one that is due, if there is something new."""
        watch = self._watches[fd]
        look = self._looks.get(watch.uid)
        if look is None:
            look = self._looks[watch.uid] = _Look(*self._subject.watch_sessions(watch.uid))
        if look.lasting == watch.lasting:
            return None
        watch.lasting, watch.replied_usec = look.lasting, now_usec
        return look.reply

    def next_usec(self) -> int | None:
        """When due() is to be asked again though nothing happens until then; None for never."""
        return min((self._due_usec(each) for each in self._watches.values() if each.is_behind), default=None)

    def _due_usec(self, watch: _Watch) -> int:
        """Looked at with all others, or else each would wake the loop for itself and find the others behind."""
        return max(watch.replied_usec, self._looked_usec) + SPACE_USEC


def encode(message: dict[str, Any]) -> bytes:
    """A message as it goes over the socket."""
    return json.dumps(message).encode() + b"\0"


def _reply(answer: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": answer, "continues": True}
