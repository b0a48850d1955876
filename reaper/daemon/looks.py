"""What a look at a session takes in: which terminals are its own, and what happened on them since the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reaper.decide import tracking
from reaper.decide.lifecycle import Phase
from reaper.decide.model import Instant, Reading, SessionKey
from reaper.decide.tracking import Change, Tracked
from reaper.sense.host import Host


class Looks:
    """Looks at sessions, as little as will do."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._strangers: dict[str, int] = {}  # ptys that are nobody's terminal, with their ctime

    def moved(self, sessions: Mapping[SessionKey, Tracked]) -> set[SessionKey]:
        """The sessions that may have other terminals than before.

        A pty that was not there before might be any session's of its owner. One that is nobody's terminal (tmux's, or
        not yet handed over by sshd) is looked at again when its ctime moves, as it does when it changes hands or is
        made anew. Whether a console counts can change without a trace on it: a display server takes it over and gives
        it back.
        """
        ours = {reading.name for tracked in sessions.values() for reading in tracked.readings}
        strangers: dict[str, int] = {}
        owners = set()
        for reading in self._host.read_terminals(self._host.other_ptys(ours)):
            strangers[reading.name] = reading.ctime_ns
            if self._strangers.get(reading.name) != reading.ctime_ns:
                owners.add(reading.uid)
        self._strangers = strangers
        return {key for key, each in sessions.items() if each.session.tty or each.session.uid in owners}

    def is_quiet(self, tracked: Tracked) -> bool:
        """Whether nothing happened on any of its terminals since the last look: most sessions at most polls."""
        try:
            return all(map(self._host.is_unchanged, tracked.readings))
        except OSError:  # whatever it is, the look itself tells, behind its barrier
            return False

    def take(self, tracked: Tracked, previous: Instant, now: Instant, is_moved: bool) -> Change | None:
        """Looks at a session's terminals, and at which they are if `is_moved`; None where there is nothing new."""
        if tracked.life.phase is Phase.ENDING:
            return None  # it loses its terminals by that; its rule, and what is told of it, are of those that it had
        if is_moved:
            readings = self._host.read_terminals(self._host.terminal_names(tracked.session))
        else:
            readings = self._host.read_terminals(tracked.terminals)
            if readings == tracked.readings:
                return None
            if any(new.ctime_ns != old.ctime_ns for new, old in zip(readings, tracked.readings)):
                names = self._host.terminal_names(tracked.session)
                readings = tuple(reading for reading in readings if reading.name in names)
        return tracking.look(tracked, readings, previous, now, self._reopened(tracked, readings, previous))

    def _reopened(self, tracked: Tracked, readings: Iterable[Reading], previous: Instant) -> frozenset[str]:
        """The terminals that look forged and are new: a number given to the session's next shell within a poll."""
        suspects = tracking.forged(tracked, readings)
        return frozenset(
            name for name in suspects if self._host.is_reopened(tracked.session, name, previous.boot_usec)
        )
