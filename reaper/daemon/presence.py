"""Which sessions are there: how they are found, that their leader has ended, and that they are gone.

Reads the host and decides nothing; the daemon (core.py) does what follows.
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
    """Finds sessions, and checks whether those that the registry has are still there."""

    def __init__(self, host: Host, actor: Actor, trouble: Trouble, registry: Registry, ends: Terminations) -> None:
        self._host, self._actor, self._trouble, self._registry, self._ends = host, actor, trouble, registry, ends
        self.on_track: Callable[[SessionKey], bool] = lambda _key: False
        """Watches a leader's exit; returns False where that is not possible."""
        self._unwatched: set[SessionKey] = set()  # sessions whose leader gives no sign when it ends, or has ended
        self._settling: dict[SessionKey, int] = {}  # when to check a session whose leader has just ended
        registry.join(self._unwatched.discard, lambda key: self._settling.pop(key, None))

    def find(self) -> list[Session]:
        """Returns the sessions that were opened since the last call; reports each that cannot be read, once."""
        found = self._host.discover(self._registry, (each.session.session_id for each in self._registry.values()))
        for problem in found.problems:
            self._trouble.note_problem(problem)
        for key in found.dead_records:
            self._actor.remove_record(key)
        return found.sessions

    def meet(self, session: Session, now: Instant) -> tuple[TrackedSession, bool]:
        """Returns a session at first sight, and whether its user has logged in just now."""
        readings = self._host.read_terminals(self._host.terminal_names(session))
        is_new = session.source == "pam" and now.boot_usec - session.opened_usec < NEW_LOGIN_USEC
        work = None if readings else self._host.read_work(session, has_terminal=False)
        return observation.start_tracking(session, readings, now, is_new=is_new, work=work), is_new

    def watch(self, key: SessionKey) -> None:
        """Watches the leader of a session; where that is not possible, each poll checks whether it is there."""
        if not self.on_track(key):
            self._unwatched.add(key)

    def leader_died(self, key: SessionKey, now_usec: int) -> None:
        """Notes that the leader of a session has ended: the session is checked a moment later, and at each poll."""
        if key in self._registry:
            self._unwatched.add(key)
            self.check_soon(key, now_usec)

    def check_soon(self, key: SessionKey, now_usec: int) -> None:
        """Has a session checked once its processes have had time to die."""
        self._settling[key] = now_usec + SETTLE_USEC

    def take_settled(self, now_usec: int) -> list[SessionKey]:
        """Returns the sessions that are to be checked by now, each once."""
        settled = [key for key, at_usec in self._settling.items() if now_usec >= at_usec]
        for key in settled:
            del self._settling[key]
        return settled

    @property
    def unwatched(self) -> list[SessionKey]:
        """The sessions to check at each poll."""
        return list(self._unwatched)

    @property
    def next_check_usec(self) -> int | None:
        """When take_settled() has something to return; None while nothing settles."""
        return min(self._settling.values(), default=None)

    def is_gone(self, tracked: TrackedSession) -> bool:
        """Whether a session is not there any more, and nothing of it still runs that is to end with it."""
        return not self._host.is_alive(tracked.session) and not self._ends.has_leftovers(tracked)

    def hurried(self, tracked: TrackedSession, now_usec: int) -> TrackedSession:
        """Returns a session that is still there; its next step comes soon where only its connection is left."""
        is_hung_up = tracked.life.phase is Phase.ENDING and not self._ends.has_leftovers(tracked)
        if is_hung_up and not self._host.terminal_names(tracked.session):
            return operations.shorten_grace(tracked, now_usec + CLOSING_USEC)
        return tracked
