"""What is done on the way from one moment of a session to the next: each act of the lifecycle carried out."""

from __future__ import annotations

from reaper.act.journal import Journal
from reaper.daemon.locks import Locks
from reaper.daemon.messenger import Messenger
from reaper.daemon.termination import Terminations
from reaper.decide.output import session_events
from reaper.decide.output.terminal_messages import named
from reaper.decide.session.model import Instant, Program
from reaper.decide.session.state import (
    Act,
    Defer,
    LifecycleEvent,
    Lock,
    LogEvent,
    Reason,
    TerminationStep,
    Warn,
    WithdrawWarning,
)
from reaper.decide.session.tracked_session import TrackedSession


class ActionRunner:
    """Carries acts out: on terminals, on processes, in the journal."""

    def __init__(self, journal: Journal, messenger: Messenger, endings: Terminations, locks: Locks) -> None:
        self._journal, self._messenger, self._endings, self._locks = journal, messenger, endings, locks

    def perform(
        self,
        tracked: TrackedSession,
        acts: tuple[Act, ...],
        policy_id: str,
        now: Instant,
        program: Program | None,
        why: str,
    ) -> None:
        """Carries acts out in their order.

        `program` is what an end is put off for. What an act has to say goes into the record of the fact that follows
        it. `why` goes with the first act: into its record, or as who ordered the lock that it is.
        """
        for act in acts:
            why = self._perform(tracked, act, policy_id, now, program, why)

    def _perform(
        self, tracked: TrackedSession, act: Act, policy_id: str, now: Instant, program: Program | None, why: str
    ) -> str:
        assert tracked.limits is not None or isinstance(act, LogEvent)
        key = tracked.session.key
        if isinstance(act, LogEvent):
            freed = self._endings.freed(key) if act.event is LifecycleEvent.TERMINATED else None
            if act.event is LifecycleEvent.TERMINATE_FAILED:
                why = self._endings.why_failed(tracked)
            elif (
                act.event in (LifecycleEvent.WARNED, LifecycleEvent.ENDING)
                and act.reason is Reason.IDLE
                and tracked.order is None
            ):
                why = "; ".join(filter(None, (why, self._locks.why_not(tracked))))
            self._journal.send(session_events.of_log_event(act, tracked, policy_id, now.boot_usec, why, freed))
            return ""
        if isinstance(act, Warn):
            return self._messenger.warn(tracked, act, now)
        if isinstance(act, Defer):
            assert program is not None
            self._messenger.defer(tracked, act, program)
            return named(program)
        if isinstance(act, WithdrawWarning):
            self._messenger.spare(tracked)
            return ""
        if isinstance(act, Lock):
            self._messenger.withdraw(key)
            self._endings.drop_tickets(tracked)
            self._locks.begin(tracked, policy_id, why, now)
            return ""
        if act.rung is TerminationStep.HANGUP:
            self._messenger.part(tracked, act.reason)
        self._endings.escalate(tracked, act.rung)
        self._locks.end(tracked)
        if act.rung is TerminationStep.KILL:
            self._locks.thaw(tracked)
        return ""
