"""An observer of a session that knows what really happened, and checks every act against the laws."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reaper.decide.policy.limits import Action, Limits, Notify
from reaper.decide.session.state import (
    Act,
    Defer,
    LifecycleEvent,
    LogEvent,
    Phase,
    Reason,
    Signal,
    TerminationStep,
    Warn,
    WithdrawWarning,
)


def quiet(limits: Limits) -> Limits:
    """The same limits with nothing written on the terminals."""
    return replace(limits, notify=Notify.NONE)


@dataclass
class Observer:
    """Knows what really happened, and holds the acts to the laws."""

    typed_usec: int
    limits: Limits
    opened_usec: int
    warned_usec: int | None = None  # since when a warning stands that counts
    shown_usec: int | None = None  # the same, of what the person has read and not the journal alone
    is_ending: bool = False
    is_gone: bool = False
    just_observing: bool = False  # the limits changed in this very moment, from ones that were no observation
    deferred_usec: int | None = None  # when a program first put the end off since somebody was there
    is_deferred: bool = False
    announced_usec: int | None = None  # the earliest end that the warning which stands has named
    changed_usec: int = 0  # when other limits came into force

    def see(self, act: Act, now_usec: int) -> None:
        assert not self.is_gone, "nothing comes after the end (GONE is final)"
        if self.limits.action is Action.OBSERVE:
            is_taking_back = isinstance(act, WithdrawWarning) and self.just_observing
            assert isinstance(act, LogEvent) or is_taking_back, "observe touches nothing"
        if isinstance(act, Warn):
            assert act.left_usec > 0
            self.announce(act, now_usec + act.left_usec)
            if self.warned_usec is None:
                self.warned_usec = now_usec
                assert not self.limits.warn_usec or act.left_usec >= self.limits.warn_usec[-1]
            if self.shown_usec is None and self.limits.notify is Notify.TERMINAL:
                self.shown_usec = now_usec
                assert not self.limits.warn_usec or act.left_usec >= self.limits.warn_usec[-1]
        elif isinstance(act, Defer):
            self.defer(act, now_usec)
        elif isinstance(act, WithdrawWarning):
            assert self.shown_usec is not None or self.is_deferred, "a warning that was read is taken back once"
            self.forget_warning()
            self.is_deferred = False
        elif isinstance(act, Signal) and not self.is_ending:
            self.first_signal(act, now_usec)
        elif isinstance(act, LogEvent) and act.event in (LifecycleEvent.CLOSED, LifecycleEvent.TERMINATED):
            self.is_gone = True
        elif isinstance(act, LogEvent) and act.event is LifecycleEvent.OBSERVED:
            self.is_ending = False

    def defer(self, act: Defer, now_usec: int) -> None:
        assert self.limits.busy, "only programs that the rule names put an end off"
        assert not self.is_deferred, "a deferral is told once"
        assert not self.is_ending
        if self.limits.warn_usec:
            assert self.told_usec is not None, "it is the end that is put off, so the person has been warned"
            assert now_usec - self.told_usec >= self.limits.warn_usec[-1]
        if self.deferred_usec is None:
            self.deferred_usec = now_usec
        assert 0 < act.left_usec <= self.limits.busy_max_usec
        if act.reason is Reason.IDLE:
            assert now_usec - self.typed_usec >= (self.limits.idle_usec or 0)
        self.forget_warning()
        self.is_deferred = True

    def someone_is_there(self) -> None:
        """A user is there, or may be: what they do can leave no trace."""
        self.deferred_usec = None

    def hold(self, phase: Phase, now_usec: int) -> None:
        """Checks what must be true of a phase at any moment."""
        if phase is not Phase.DEFERRED:
            self.is_deferred = False
        elif self.deferred_usec is not None:
            assert now_usec - self.deferred_usec < self.limits.busy_max_usec, "no program puts an end off for longer"

    def lapse(self) -> None:
        """Nobody watched: what was announced or begun before no longer counts."""
        self.forget_warning()
        self.is_ending = False

    def forget_warning(self) -> None:
        self.warned_usec = self.shown_usec = self.announced_usec = None

    @property
    def told_usec(self) -> int | None:
        """Returns since when a warning stands, for those it is meant for: the user, or the journal alone."""
        return self.warned_usec if self.limits.notify is Notify.NONE else self.shown_usec

    def ends_at(self, reason: Reason) -> bool:
        """Returns whether it is an end that comes at a limit."""
        return self.limits.action is Action.TERMINATE or reason is not Reason.IDLE

    def announce(self, act: Warn, end_usec: int) -> None:
        if self.ends_at(act.reason) and self.limits.notify is Notify.TERMINAL:
            self.announced_usec = min(end_usec, self.announced_usec or end_usec)

    def change_limits(self, now_usec: int, *, stands: bool) -> None:
        """Puts other limits in force; the warning stands or does not."""
        self.changed_usec = now_usec
        if not stands:
            self.forget_warning()

    def first_signal(self, act: Signal, now_usec: int) -> None:
        self.is_ending = True
        assert act.rung is TerminationStep.HANGUP
        if self.limits.warn_usec:
            assert self.told_usec is not None, "nobody is ended without a warning"
            assert now_usec - self.told_usec >= self.limits.warn_usec[-1], "nor sooner than the shortest lead after it"
            if self.limits.notify is Notify.TERMINAL:
                assert self.announced_usec is not None, "nor if a lock was all that was announced"
            if self.announced_usec is not None:
                soonest_usec = self.changed_usec + self.limits.warn_usec[-1]
                assert now_usec >= min(self.announced_usec, soonest_usec), "nor sooner than was announced"
        if act.reason is Reason.IDLE:
            assert self.limits.idle_usec is not None
            assert now_usec - self.typed_usec >= self.limits.idle_usec, "nor before they have been idle"
        else:
            assert self.limits.max_usec is not None
            assert now_usec - self.opened_usec >= self.limits.max_usec
