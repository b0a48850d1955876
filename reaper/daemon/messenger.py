"""Writes warnings and other messages to the terminals of sessions, and retries warnings that a terminal blocked."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Callable

from reaper.act.actor import Actor
from reaper.act.journal import Journal
from reaper.act.terminal_output import Delivery
from reaper.decide.output import terminal_messages
from reaper.decide.output.events import Priority
from reaper.decide.session import tracked_session
from reaper.decide.session.model import Instant, Program, Session, SessionKey
from reaper.decide.session.state import Defer, Phase, Reason, Warn, is_about_to_warn
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text.hours import LocalMoment


class Messenger:
    """Writes to the terminals of sessions, except where the rule of a session allows no messages (`notify: none`).

    `name` is the host's name. `local` converts wall-clock nanoseconds to local time. `needs_enter` returns whether a
    key on this terminal of the session is seen only after Enter.
    """

    def __init__(
        self,
        actor: Actor,
        journal: Journal,
        name: str,
        local: Callable[[int], LocalMoment],
        needs_enter: Callable[[Session, str], bool],
    ) -> None:
        self._actor, self._journal, self._name, self._local = actor, journal, name, local
        self._needs_enter = needs_enter
        self._unsent: dict[SessionKey, tuple[Reason, list[str]]] = {}
        self._refused: set[SessionKey] = set()
        self.written: dict[SessionKey, int] = {}
        """Bytes that the daemon has written to each session's terminals in all, as they cross a connection."""

    @property
    def unsent(self) -> list[SessionKey]:
        """The sessions with a warning that some terminal has not accepted yet."""
        return list(self._unsent)

    def was_refused(self, key: SessionKey) -> bool:
        """Whether every terminal of a session refused its last warning, so that its user was not warned."""
        return key in self._refused

    def warn(self, tracked: TrackedSession, act: Warn, now: Instant) -> str:
        """Warns on every terminal; returns where that failed, or that the rule allows no warning, or ""."""
        key = tracked.session.key
        self.drop_pending(key)
        if terminal_messages.is_silent(tracked):
            return terminal_messages.SILENT
        outcome = self._warn(tracked, act, now)
        refused = [name for name, delivery in outcome.items() if delivery is Delivery.REFUSED]
        missed = [name for name, delivery in outcome.items() if delivery is Delivery.BLOCKED]
        if refused and len(refused) == len(outcome):
            self._refused.add(key)
            return f"reaperd may not write to {', '.join(refused)}, and does not end a session that it cannot warn"
        if missed:
            self._unsent[key] = act.reason, missed
        return f"not shown on {', '.join(missed)}, which does not take output" if missed else ""

    def defer(self, tracked: TrackedSession, act: Defer, program: Program) -> str:
        """Tells the user that the session stays for a program; returns the program as the journal names it."""
        self.drop_pending(tracked.session.key)
        self._write_with_key_hint(
            tracked, functools.partial(terminal_messages.deferral_for, tracked, act, program, self._name)
        )
        return terminal_messages.named(program)

    def withdraw_warning(self, tracked: TrackedSession) -> None:
        """Tells the user that a warning, or the message of a deferral, no longer holds."""
        self.drop_pending(tracked.session.key)
        self._write(tracked, terminal_messages.withdrawal())

    def say_farewell(self, tracked: TrackedSession, reason: Reason) -> None:
        """Writes why the session ends, as the last message on its terminals."""
        self.drop_pending(tracked.session.key)
        self._write(tracked, terminal_messages.farewell_for(tracked, reason, self._name))

    def show_warning_again(self, tracked: TrackedSession, act: Warn, now: Instant) -> list[str]:
        """Shows the warning of a session now, outside its schedule; returns the terminals that show it."""
        return _delivered(self._warn(tracked, act, now))

    def notify(self, tracked: TrackedSession, by: str, text: str) -> list[str]:
        """Shows an administrator's text; returns the terminals that show it."""
        return _delivered(self._write(tracked, terminal_messages.notice(by, text, self._name)))

    def announce_holds(self, tracked: TrackedSession, held: int) -> None:
        """Tells an administrator how many sessions are held."""
        self._write(tracked, terminal_messages.holds(held))

    def retry(self, tracked: TrackedSession, now: Instant) -> None:
        """Retries a warning where it was blocked, with the time left now; not just before the next warning."""
        key, limits, opened_usec = tracked.session.key, tracked.limits, tracked.session.opened_usec
        if limits is not None and is_about_to_warn(tracked.life, limits, opened_usec, now.boot_usec):
            return
        reason, missed = self._unsent.pop(key)
        end = tracked_session.deadline(tracked)
        if end is None or tracked.life.phase is not Phase.WARNED:
            return
        outcome = self._warn(tracked, Warn(reason, end.usec - now.boot_usec), now, missed)
        still_missed = [name for name, delivery in outcome.items() if delivery is Delivery.BLOCKED]
        if still_missed:
            self._unsent[key] = reason, still_missed
        else:
            self._journal.note(Priority.INFO, f"the warning of session {tracked.session.name} is on its terminal now")

    def drop_pending(self, key: SessionKey) -> None:
        """Drops a warning that was to be retried or was refused; writes nothing."""
        self._unsent.pop(key, None)
        self._refused.discard(key)

    def forget(self, key: SessionKey) -> None:
        """Forgets a session that is gone."""
        self.drop_pending(key)
        self.written.pop(key, None)

    def _warn(
        self, tracked: TrackedSession, act: Warn, now: Instant, only: Collection[str] | None = None
    ) -> dict[str, Delivery]:
        """Writes a warning with the time left from now."""
        end = self._local(now.wall_ns + act.left_usec * 1000).relative_to(self._local(now.wall_ns))
        text = functools.partial(terminal_messages.warning_for, tracked, act, self._name, now.boot_usec, end)
        return self._write_with_key_hint(tracked, text, only)

    def _write_with_key_hint(
        self, tracked: TrackedSession, text: Callable[..., str], only: Collection[str] | None = None
    ) -> dict[str, Delivery]:
        """Writes `text` to each terminal, for the keys that it shows now: a program can change that at any time."""
        outcome: dict[str, Delivery] = {}
        for name in tracked.terminals if only is None else only:
            needs_enter = self._needs_enter(tracked.session, name)
            outcome.update(self._write(tracked, text(needs_enter=needs_enter), [name]))
        return outcome

    def _write(self, tracked: TrackedSession, text: str, only: Collection[str] | None = None) -> dict[str, Delivery]:
        """Writes to the session's terminals, or only to some; returns the result on each.

        The daemon writes to terminals only here. The screen of a lock is reaper-lock's.
        """
        if terminal_messages.is_silent(tracked):
            return {}
        outcome = {}
        for reading in tracked.readings:
            if only is None or reading.name in only:
                shown = terminal_messages.for_terminal(text, reading.name)
                outcome[reading.name] = self._actor.write_message(reading.name, shown, reading.uid)
                if outcome[reading.name] is Delivery.DELIVERED:
                    crossing = len(shown.encode("utf-8", "backslashreplace")) + shown.count("\n")  # ONLCR of termios(3)
                    self.written[tracked.session.key] = self.written.get(tracked.session.key, 0) + crossing
        return outcome


def _delivered(outcome: Mapping[str, Delivery]) -> list[str]:
    return [name for name, delivery in outcome.items() if delivery is Delivery.DELIVERED]
