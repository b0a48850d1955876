"""Logs `reauthenticated` for a user's first login after one of their sessions was terminated."""

from __future__ import annotations

from collections.abc import Iterable

from reaper.act.journal import Journal
from reaper.decide.output import session_events
from reaper.decide.session import past_terminations
from reaper.decide.session.past_terminations import Past, PastTermination
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import TrackedSession


class Reauthentication:
    """Remembers the terminated sessions that no login has followed yet; `past` is saved with the state."""

    def __init__(self, journal: Journal) -> None:
        self.past: Past = ()
        self._journal = journal

    def note_termination(self, tracked: TrackedSession, now_usec: int) -> None:
        """Remembers a session whose termination begins."""
        session, life = tracked.session, tracked.life
        reason = "order" if tracked.order is not None else life.ending.value if life.ending is not None else ""
        self.past = past_terminations.remember(self.past, PastTermination(session.uid, session.name, reason, now_usec))

    def note_login(self, tracked: TrackedSession, others: Iterable[TrackedSession], policy_id: str) -> None:
        """Logs the event if the user of this new session had a session terminated before."""
        session = tracked.session
        staying = {
            each.session.name
            for each in others
            if each.session.uid == session.uid and each.life.phase is not Phase.ENDING
        }
        followed, self.past = past_terminations.follow(self.past, session.uid, session.opened_usec, staying)
        if followed is not None:
            self._journal.send(session_events.reauthenticated(tracked, policy_id, followed))
