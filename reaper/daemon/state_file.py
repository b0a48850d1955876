"""Saves the daemon's state, so that a restart changes no outcome."""

from __future__ import annotations

from reaper.act.actor import Actor
from reaper.act.journal import Journal
from reaper.decide.output.events import Priority
from reaper.decide.session import snapshot
from reaper.decide.session.brake import Ledger
from reaper.decide.session.model import Instant
from reaper.decide.session.past_terminations import Past
from reaper.decide.session.snapshot import Counted, Snapshot
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text.duration import USEC_PER_SEC

# The state may be this old after a crash: the next daemon finds later evidence on the terminals themselves.
SAVE_USEC = 60 * USEC_PER_SEC


class StateFile:
    """Writes the state. Logs a failure once, and continues. Times are boot-time microseconds."""

    def __init__(self, actor: Actor, journal: Journal, boot_id: str) -> None:
        self._actor, self._journal, self._boot_id = actor, journal, boot_id
        self.policy_text = ""  # the policy in force, as a policy file would say it
        self._has_failed = False
        self._saved_usec = 0

    def is_old(self, now_usec: int) -> bool:
        """Whether the last save is so old that the state should be saved even without a change."""
        return now_usec - self._saved_usec >= SAVE_USEC

    def save(
        self,
        polled: Instant,
        ledger: Ledger,
        sessions: tuple[TrackedSession, ...],
        past: Past,
        counted: Counted,
        now_usec: int,
    ) -> None:
        """Replaces the saved state."""
        self._saved_usec = now_usec
        state = Snapshot(self._boot_id, polled, self.policy_text, ledger, sessions, past, counted)
        try:
            self._actor.write_state(snapshot.encode_lines(state))
        except OSError as error:
            if not self._has_failed:
                self._journal.note(Priority.ERR, f"cannot save the state: {error}; a restart would start from nothing")
            self._has_failed = True
        else:
            self._has_failed = False
