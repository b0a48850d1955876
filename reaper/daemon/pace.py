"""Distinguishes the daemon's own work from time in which it did not run, and gives each user's sessions a turn.

The daemon does not watch while it is stopped or frozen, or while the machine sleeps. Its own work is none of that,
however long it takes, nor is the time that it waits for a processor: each session is looked at just before anything is
done to it, and what its person has typed meanwhile is seen then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reaper.daemon.intervals import LAPSE_USEC, TICK_USEC
from reaper.decide.session.model import Instant, SessionKey
from reaper.decide.session.tracked_session import TrackedSession
from reaper.sense.host import Host


class Pace:
    """Where the time of the daemon goes. Times are boot-time microseconds."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._until_usec = 0  # up to when its time is accounted for; 0 before it has rested for the first time
        self._worked_usec = 0  # its own work up to then
        self._began_usec = 0  # the tick
        self._served: set[int] = set()  # the users who had a turn in ticks that were cut short since the last whole one

    def rest(self, until_usec: int) -> None:
        """The daemon has done what was due, and means to go on at a moment, or at once where that is over."""
        self.expect(max(until_usec, self._host.clock().boot_usec))

    def expect(self, usec: int) -> None:
        """The daemon is to go on at a moment; where it was another that was to, that may be long ago."""
        self._until_usec, self._worked_usec = usec, self._host.worked_usec()

    def begin(self, now_usec: int) -> None:
        """A tick begins."""
        self._began_usec = now_usec

    def step(self) -> tuple[Instant, bool]:
        """Returns the current time, and whether the daemon did not run before it. Is called before each step of a tick.

        Only the time since the last step counts, and of that neither rest nor work: a daemon that shares the processors
        with a crowd gets on more slowly, and watches all the same.
        """
        now, worked_usec = self._host.clock(), self._host.worked_usec()
        lost_usec = now.boot_usec - self._until_usec - (worked_usec - self._worked_usec)
        is_lapse = bool(self._until_usec) and lost_usec > LAPSE_USEC
        if self._until_usec:
            self._until_usec, self._worked_usec = now.boot_usec, worked_usec
        return now, is_lapse

    def due(self, sessions: Mapping[SessionKey, TrackedSession], now_usec: int) -> Iterator[SessionKey]:
        """The sessions whose moment has come, users taking turns; no more of them once a tick has taken long enough.

        The next tick goes on with users who have not had a turn yet.
        """
        due = sorted(
            (tracked.due_usec, key)
            for key, tracked in sessions.items()
            if tracked.due_usec is not None and tracked.due_usec <= now_usec
        )
        turns: dict[int, int] = {}
        order = []
        for place, (_, key) in enumerate(due):
            uid = sessions[key].session.uid
            turns[uid] = turns.get(uid, 0) + 1
            order.append((turns[uid], uid in self._served, place, uid, key))
        for *_, uid, key in sorted(order):
            yield key
            self._served.add(uid)
            if self._host.clock().boot_usec - self._began_usec > TICK_USEC:
                return
        self._served.clear()
