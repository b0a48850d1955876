"""The clients that watch: what each was sent last, and when it may be sent more.

A client that calls io.reaper.Watch with `more` is answered at once, and then whenever something that it may see has
changed, as long as it stays connected. There is no queue: a slow client gets the newest state when it has room for it.
Nothing is computed while nobody watches, and nothing twice within SPACE_USEC, however often the loop turns. All clients
of one user see the same: it is computed and encoded once for all of them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reaper.control.methods import INTERFACE, Backend, CallError, Peer

# The least time between two replies: a person reads no faster, and a busy host changes with every keystroke.
SPACE_USEC = 1_000_000
# Each stores at most one reply, about half a KiB per session: so many take 8 MiB where 1,000 sessions are visible.
MAX_WATCHES = 16
# One or two windows per person, and forgotten ones.
MAX_WATCHES_PER_USER = 4


@dataclass
class _Watch:
    uid: int
    lasting: Any
    replied_usec: int
    is_behind: bool = False  # something may have changed since, but it was too early to look


class _Look:
    """What a user may see at one moment."""

    def __init__(self, answer: dict[str, Any], lasting: Any) -> None:
        self._answer, self.lasting = answer, lasting

    @functools.cached_property
    def reply(self) -> bytes:
        """The encoded reply for every client of the user."""
        return encode(_reply(self._answer))


class Subscriptions:
    """The watching clients, by the descriptor of their connection."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._watches: dict[int, _Watch] = {}
        self._looked_usec = -SPACE_USEC
        self._looks: dict[int, _Look] = {}  # by uid, from the last look

    def __contains__(self, fd: int) -> bool:
        return fd in self._watches

    def __len__(self) -> int:
        return len(self._watches)

    @property
    def fds(self) -> list[int]:
        """The connections that watch."""
        return list(self._watches)

    def begin(self, fd: int, peer: Peer, now_usec: int) -> dict[str, Any]:
        """Returns the first reply to a new watch; an error if its user, or all users together, have too many."""
        theirs = sum(1 for each in self._watches.values() if each.uid == peer.uid)
        # As with connections, some are reserved for root.
        places = MAX_WATCHES if peer.uid == 0 else MAX_WATCHES - MAX_WATCHES_PER_USER
        if len(self._watches) >= places or (peer.uid != 0 and theirs >= MAX_WATCHES_PER_USER):
            full = CallError(f"{INTERFACE}.NotAllowed", why="too many watch already")
            return {"error": full.name, "parameters": full.parameters}
        answer, lasting = self._backend.watch_sessions(peer.uid)
        self._watches[fd] = _Watch(peer.uid, lasting, now_usec)
        return _reply(answer)

    def end(self, fd: int) -> None:
        """Forgets a connection that is closed."""
        self._watches.pop(fd, None)

    def due(self, fds: Iterable[int], now_usec: int) -> list[int]:
        """Returns the connections to ask for news() now; none where it is too early."""
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
        """Returns the next reply to one that is due; None where nothing has changed."""
        watch = self._watches[fd]
        look = self._looks.get(watch.uid)
        if look is None:
            look = self._looks[watch.uid] = _Look(*self._backend.watch_sessions(watch.uid))
        if look.lasting == watch.lasting:
            return None
        watch.lasting, watch.replied_usec = look.lasting, now_usec
        return look.reply

    def next_usec(self) -> int | None:
        """Returns when to call due() again even if nothing happens until then; None for never."""
        return min((self._due_usec(each) for each in self._watches.values() if each.is_behind), default=None)

    def _due_usec(self, watch: _Watch) -> int:
        """Returns when a client may be sent more: all at the same time, or each would wake the loop by itself."""
        return max(watch.replied_usec, self._looked_usec) + SPACE_USEC


def encode(message: dict[str, Any]) -> bytes:
    """Returns a message as it is sent over the socket."""
    return json.dumps(message).encode() + b"\0"


def _reply(answer: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": answer, "continues": True}
