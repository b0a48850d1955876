"""Rate limiter for terminations (`brake`): admits one now, or says when to retry."""

from __future__ import annotations

from reaper.act.journal import Journal
from reaper.decide.output import session_events
from reaper.decide.policy.rules import Policy
from reaper.decide.session import brake
from reaper.decide.session.brake import Ledger
from reaper.decide.session.tracked_session import TrackedSession


class TerminationLimiter:
    """Counts the terminations that limits cause; orders do not count. Times are boot-time microseconds."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.ledger = Ledger()

    def admit(self, tracked: TrackedSession, policy: Policy, now_usec: int) -> int:
        """Admits and counts the termination of a session that is due, and returns 0; or returns when to ask again.

        The first session that has to wait is logged; the next is logged only after another was admitted.
        """
        was_engaged = self.ledger.is_engaged
        is_admitted, self.ledger = brake.admit(self.ledger, policy.brake, now_usec)
        if is_admitted:
            return 0
        if not was_engaged:
            self._journal.send(session_events.braked(tracked, policy))
        return max(brake.release_usec(self.ledger, policy.brake), now_usec + 1)
