"""Carries out the acts of the lifecycle: messages, journal events, locks, and the steps of a termination."""

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
    """Carries out acts on terminals, on processes and in the journal."""

    def __init__(self, journal: Journal, messenger: Messenger, terminations: Terminations, locks: Locks) -> None:
        self._journal, self._messenger, self._terminations, self._locks = journal, messenger, terminations, locks

    def perform(
        self,
        tracked: TrackedSession,
        acts: tuple[Act, ...],
        policy_id: str,
        now: Instant,
        program: Program | None,
        why: str,
    ) -> None:
        """Carries out the acts in order.

        `program` is the program for which an end is deferred. `why` belongs to the first act: it is the reason in a log
        event, or who ordered a lock. What an act returns is the reason in the log event that follows it.
        """
        for act in acts:
            why = self._perform(tracked, act, policy_id, now, program, why)

    def _perform(
        self, tracked: TrackedSession, act: Act, policy_id: str, now: Instant, program: Program | None, why: str
    ) -> str:
        assert tracked.limits is not None or isinstance(act, LogEvent)
        key = tracked.session.key
        if isinstance(act, LogEvent):
            freed = self._terminations.freed(key) if act.event is LifecycleEvent.TERMINATED else None
            if act.event is LifecycleEvent.TERMINATE_FAILED:
                why = self._terminations.why_failed(tracked)
            elif (
                act.event in (LifecycleEvent.WARNED, LifecycleEvent.ENDING)
                and act.reason is Reason.IDLE
                and tracked.order is None
            ):
                why = "; ".join(filter(None, (why, self._locks.reason_not_lockable(tracked))))
            self._journal.send(session_events.of_log_event(act, tracked, policy_id, now.boot_usec, why, freed))
            return ""
        if isinstance(act, Warn):
            return self._messenger.warn(tracked, act, now)
        if isinstance(act, Defer):
            assert program is not None
            self._messenger.defer(tracked, act, program)
            return named(program)
        if isinstance(act, WithdrawWarning):
            self._messenger.withdraw_warning(tracked)
            return ""
        if isinstance(act, Lock):
            self._messenger.drop_pending(key)
            self._terminations.drop_tickets(tracked)
            self._locks.begin(tracked, policy_id, why, now)
            return ""
        if act.rung is TerminationStep.HANGUP:
            self._messenger.say_farewell(tracked, act.reason)
        self._terminations.escalate(tracked, act.rung)
        self._locks.end(tracked)
        if act.rung is TerminationStep.KILL:
            self._locks.thaw(tracked)
        return ""
