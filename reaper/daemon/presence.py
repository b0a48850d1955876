"""Which sessions exist: finds new ones, notes that a leader has ended, and checks whether a session is gone.

Reads the host and decides nothing; the daemon (core.py) acts on it.
"""

from __future__ import annotations

from typing import Callable

from reaper.act.actor import Actor
from reaper.act.trouble import Trouble
from reaper.daemon.intervals import CLOSING_USEC, NEW_LOGIN_USEC, SETTLE_USEC
from reaper.daemon.registry import Registry
from reaper.daemon.termination import Terminations
from reaper.decide.session import observation, operations
from reaper.decide.session.model import Instant, Session, SessionKey
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import TrackedSession
from reaper.sense.host import Host


class Presence:
    """Finds new sessions, and checks whether those in the registry still exist."""

    def __init__(
        self, host: Host, actor: Actor, trouble: Trouble, registry: Registry, terminations: Terminations
    ) -> None:
        self._host, self._actor, self._trouble = host, actor, trouble
        self._registry, self._terminations = registry, terminations
        self.on_track: Callable[[SessionKey], bool] = lambda _key: False
        """Called for each new session to watch its leader's exit; returns False if that is not possible."""
        self._unwatched: set[SessionKey] = set()  # sessions whose leader cannot be watched, or has ended
        self._settling: dict[SessionKey, int] = {}  # when to check each session whose leader has just ended
        registry.join(self._unwatched.discard, lambda key: self._settling.pop(key, None))

    def find_new(self) -> list[Session]:
        """Returns the sessions that were opened since the last call; logs each unreadable record once."""
        found = self._host.discover(self._registry, (each.session.session_id for each in self._registry.values()))
        for problem in found.problems:
            self._trouble.note_problem(problem)
        for key in found.dead_records:
            self._actor.remove_record(key)
        return found.sessions

    def track(self, session: Session, now: Instant) -> tuple[TrackedSession, bool]:
        """Returns a new session with its first observation, and whether its user has logged in just now."""
        readings = self._host.read_terminals(self._host.terminal_names(session))
        is_new = session.source == "pam" and now.boot_usec - session.opened_usec < NEW_LOGIN_USEC
        work = None if readings else self._host.read_work(session, has_terminal=False)
        return observation.start_tracking(session, readings, now, is_new=is_new, work=work), is_new

    def watch(self, key: SessionKey) -> None:
        """Watches the leader of a session; if that is not possible, each poll checks the session instead."""
        if not self.on_track(key):
            self._unwatched.add(key)

    def leader_died(self, key: SessionKey, now_usec: int) -> None:
        """Notes that the leader of a session has ended: the session is checked after SETTLE_USEC and at each poll."""
        if key in self._registry:
            self._unwatched.add(key)
            self.check_soon(key, now_usec)

    def check_soon(self, key: SessionKey, now_usec: int) -> None:
        """Schedules the check of a session for when its processes have had time to die (SETTLE_USEC)."""
        self._settling[key] = now_usec + SETTLE_USEC

    def take_settled(self, now_usec: int) -> list[SessionKey]:
        """Returns the sessions whose scheduled check is due, each once."""
        settled = [key for key, at_usec in self._settling.items() if now_usec >= at_usec]
        for key in settled:
            del self._settling[key]
        return settled

    @property
    def unwatched(self) -> list[SessionKey]:
        """The sessions to check at each poll, as no leader's exit will show that they are gone."""
        return list(self._unwatched)

    @property
    def next_check_usec(self) -> int | None:
        """When take_settled() next has something to return; None if no check is scheduled."""
        return min(self._settling.values(), default=None)

    def what_is_left(self, tracked: TrackedSession, now_usec: int) -> TrackedSession | None:
        """Returns a session that still exists; its next step comes soon if only its connection is left.

        None if it no longer exists and none of the processes that end with it still runs.
        """
        has_leftovers = self._terminations.has_leftovers(tracked)
        if not has_leftovers and not self._host.is_alive(tracked.session):
            return None
        is_hung_up = tracked.life.phase is Phase.ENDING and not has_leftovers
        if is_hung_up and not self._host.terminal_names(tracked.session):
            return operations.shorten_grace(tracked, now_usec + CLOSING_USEC)
        return tracked
