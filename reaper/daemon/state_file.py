"""What outlives the daemon: its state, written so that a restart changes no outcome."""

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

# Evidence between two saves is found again on the terminals themselves, so the state may be this old after a crash.
SAVE_USEC = 60 * USEC_PER_SEC


class StateFile:
    """Writes the state. Says so once where it cannot, and goes on. Times are boot-time microseconds."""

    def __init__(self, actor: Actor, journal: Journal, boot_id: str) -> None:
        self._actor, self._journal, self._boot_id = actor, journal, boot_id
        self.policy_text = ""  # the policy in force, as a policy file would say it
        self._has_failed = False
        self._saved_usec = 0

    def is_old(self, now_usec: int) -> bool:
        """Whether it is time to save, if nothing has happened that must be saved at once."""
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
        """Puts a state in the place of the last."""
        self._saved_usec = now_usec
        state = Snapshot(self._boot_id, polled, self.policy_text, ledger, sessions, past, counted)
        try:
            self._actor.write_state(snapshot.encode_lines(state))
        except OSError as error:
            if not self._has_failed:
                self._journal.note(Priority.ERR, f"cannot save the state: {error}; a restart would begin anew")
            self._has_failed = True
        else:
            self._has_failed = False
