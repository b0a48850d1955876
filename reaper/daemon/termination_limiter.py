"""Whose end is let through at this moment, and whose is held back, as too many sessions would end at once."""

from __future__ import annotations

from reaper.act.journal import Journal
from reaper.decide.output import session_events
from reaper.decide.policy.rules import Policy
from reaper.decide.session import brake
from reaper.decide.session.brake import Ledger
from reaper.decide.session.tracked_session import TrackedSession


class TerminationLimiter:
    """Counts the ends that limits bring about. Times are boot-time microseconds."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.ledger = Ledger()

    def held_until(self, tracked: TrackedSession, policy: Policy, now_usec: int) -> int:
        """When to ask again for a session that is due; 0 where it may end now, and is counted.

        The first that is held back is told, and no other until one may end again.
        """
        was_engaged = self.ledger.is_engaged
        is_admitted, self.ledger = brake.admit(self.ledger, policy.brake, now_usec)
        if is_admitted:
            return 0
        if not was_engaged:
            self._journal.send(session_events.braked(tracked, policy))
        return max(brake.release_usec(self.ledger, policy.brake), now_usec + 1)
