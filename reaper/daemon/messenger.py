"""What persons are told about their sessions, and what is remembered of it: warnings that a terminal did not take."""

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
    """Speaks to the terminals of sessions, but for those whose rule wants nothing written on them.

    `name` is the host's, `local` tells what its people call a moment, and `needs_enter` whether a key pressed on a
    terminal of a session is seen only with the end of its line.
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
        self._untold: set[SessionKey] = set()
        self.written: dict[SessionKey, int] = {}
        """How many bytes each session's terminals have been given in all, as they cross a connection."""

    @property
    def waiting(self) -> list[SessionKey]:
        """The sessions with a warning that some terminal has not taken yet."""
        return list(self._unsent)

    def is_untold(self, key: SessionKey) -> bool:
        """Whether the last warning of a session was refused on every terminal: a person who was not warned."""
        return key in self._untold

    def warn(self, tracked: TrackedSession, act: Warn, now: Instant) -> str:
        """Warns on every terminal; says where that did not work, or was not wanted, or ""."""
        key = tracked.session.key
        self.withdraw(key)
        if terminal_messages.is_silent(tracked):
            return terminal_messages.SILENT
        outcome = self._warn(tracked, act, now)
        refused = [name for name, delivery in outcome.items() if delivery is Delivery.REFUSED]
        missed = [name for name, delivery in outcome.items() if delivery is Delivery.BLOCKED]
        if refused and len(refused) == len(outcome):
            self._untold.add(key)
            return f"reaperd may not write to {', '.join(refused)}, and does not end a session that it cannot warn"
        if missed:
            self._unsent[key] = act.reason, missed
        return f"not shown on {', '.join(missed)}, which does not take output" if missed else ""

    def defer(self, tracked: TrackedSession, act: Defer, program: Program) -> str:
        """Says that the session stays for a program; returns which, in the words of the journal."""
        self.withdraw(tracked.session.key)
        self._tell_how_to_stay(
            tracked, functools.partial(terminal_messages.deferral_for, tracked, act, program, self._name)
        )
        return terminal_messages.named(program)

    def spare(self, tracked: TrackedSession) -> None:
        """Takes a warning back, or what was said instead of one."""
        self.withdraw(tracked.session.key)
        self._tell(tracked, terminal_messages.withdrawal())

    def part(self, tracked: TrackedSession, reason: Reason) -> None:
        """Says why the session ends, as the last thing that it shows."""
        self.withdraw(tracked.session.key)
        self._tell(tracked, terminal_messages.farewell_for(tracked, reason, self._name))

    def remind(self, tracked: TrackedSession, act: Warn, now: Instant) -> list[str]:
        """Shows the warning of a session out of turn; returns on which terminals it is."""
        return _delivered(self._warn(tracked, act, now))

    def notify(self, tracked: TrackedSession, by: str, text: str) -> list[str]:
        """Shows an administrator's own words; returns on which terminals they are."""
        return _delivered(self._tell(tracked, terminal_messages.notice(by, text, self._name)))

    def announce(self, tracked: TrackedSession, held: int) -> None:
        """Tells an administrator that sessions are held."""
        self._tell(tracked, terminal_messages.holds(held))

    def retry(self, tracked: TrackedSession, now: Instant) -> None:
        """Tries a warning again where it was not taken, with the time that is left by now; not just before the next."""
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

    def withdraw(self, key: SessionKey) -> None:
        """Drops a warning that was to be shown again: nothing is left to be said to the session."""
        self._unsent.pop(key, None)
        self._untold.discard(key)

    def forget(self, key: SessionKey) -> None:
        """Drops what is kept of a session that is gone."""
        self.withdraw(key)
        self.written.pop(key, None)

    def _warn(
        self, tracked: TrackedSession, act: Warn, now: Instant, only: Collection[str] | None = None
    ) -> dict[str, Delivery]:
        """Writes a warning that is given now."""
        end = self._local(now.wall_ns + act.left_usec * 1000).relative_to(self._local(now.wall_ns))
        text = functools.partial(terminal_messages.warning_for, tracked, act, self._name, now.boot_usec, end)
        return self._tell_how_to_stay(tracked, text, only)

    def _tell_how_to_stay(
        self, tracked: TrackedSession, text: Callable[..., str], only: Collection[str] | None = None
    ) -> dict[str, Delivery]:
        """Writes to each terminal which key is seen there, asked at this moment: a program changes that any time."""
        outcome: dict[str, Delivery] = {}
        for name in tracked.terminals if only is None else only:
            needs_enter = self._needs_enter(tracked.session, name)
            outcome.update(self._tell(tracked, text(needs_enter=needs_enter), [name]))
        return outcome

    def _tell(self, tracked: TrackedSession, text: str, only: Collection[str] | None = None) -> dict[str, Delivery]:
        """Writes to the session's terminals, or only to some; returns what became of it on each.

        Everything that reaper writes on a terminal goes through here, but for what a lock shows.
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
