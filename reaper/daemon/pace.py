"""Detects that the daemon did not run for a while, and shares each tick fairly between users.

The daemon sees nothing while it is stopped or frozen, or while the machine sleeps: that is a lapse. Its own work is not
a lapse, however long it takes, nor is the time that it waits for a processor: each session is checked just before
anything is done to it, and what its user has typed meanwhile is seen then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reaper.daemon.intervals import LAPSE_USEC, TICK_USEC
from reaper.decide.session.model import Instant, SessionKey
from reaper.decide.session.tracked_session import TrackedSession
from reaper.sense.host import Host


class Pace:
    """Accounts for the daemon's time. Times are boot-time microseconds."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._until_usec = 0  # up to when the daemon's time is accounted for; 0 before the end of the first tick
        self._worked_usec = 0  # its own work up to then
        self._began_usec = 0  # when the tick began
        self._served: set[int] = set()  # users who had a turn since the last tick that was not cut short

    def end_tick(self, until_usec: int) -> None:
        """Ends a tick: the daemon sleeps until `until_usec`, or goes on at once if that is past."""
        self.expect_tick(max(until_usec, self._host.clock().boot_usec))

    def expect_tick(self, usec: int) -> None:
        """Expects the next step at `usec`, which is past if an earlier daemon should have taken it."""
        self._until_usec, self._worked_usec = usec, self._host.worked_usec()

    def begin_tick(self, now_usec: int) -> None:
        """Begins a tick."""
        self._began_usec = now_usec

    def step(self) -> tuple[Instant, bool]:
        """Returns the current time, and whether there was a lapse before it. Call it before each step of a tick.

        Only the time since the last step counts, without sleep and work: a daemon that shares the processors with many
        others is slower, but it still watches.
        """
        now, worked_usec = self._host.clock(), self._host.worked_usec()
        lost_usec = now.boot_usec - self._until_usec - (worked_usec - self._worked_usec)
        is_lapse = bool(self._until_usec) and lost_usec > LAPSE_USEC
        if self._until_usec:
            self._until_usec, self._worked_usec = now.boot_usec, worked_usec
        return now, is_lapse

    def due(self, sessions: Mapping[SessionKey, TrackedSession], now_usec: int) -> Iterator[SessionKey]:
        """The sessions that are due, users taking turns; stops early once the tick has taken TICK_USEC.

        The next tick continues with users who have not had a turn yet.
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
