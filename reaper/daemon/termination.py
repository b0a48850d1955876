"""Terminates sessions: signals the processes that are there at each step, and finds what is left after it."""

from __future__ import annotations

from collections.abc import Iterator

from reaper.act.actor import Actor
from reaper.act.journal import Journal
from reaper.daemon.reauthentication import Reauthentication
from reaper.decide.output.events import Priority
from reaper.decide.policy.limits import Kill
from reaper.decide.session.model import AttachedProcess, Ending, Holding, SessionKey, Usage
from reaper.decide.session.state import Phase, TerminationStep
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text.escape import plain
from reaper.sense.host import Host

# At most this many pids of processes that do not end are logged; a user can have thousands.
MOST_PIDS_SHOWN = 20


class Terminations:
    """Remembers the sessions that are ending, and carries out the acts that end them."""

    def __init__(self, host: Host, actor: Actor, journal: Journal) -> None:
        self._host, self._actor, self._journal = host, actor, journal
        self.reauthentication = Reauthentication(journal)
        self._ending: dict[SessionKey, Ending] = {}

    def escalate(self, tracked: TrackedSession, step: TerminationStep) -> None:
        """Takes one step: for the processes that are there now, and those that were in the foreground when it began."""
        assert tracked.limits is not None
        key = tracked.session.key
        ending = (
            None if step is TerminationStep.HANGUP else self._ending.get(key)
        )  # not of an end that a lapse broke off
        # Of the terminals that it had when its end began, those that are still its own: the kernel soon reuses numbers.
        names = (ending.terminals if ending else frozenset(tracked.terminals)) & self._host.terminal_names(
            tracked.session
        )
        kill = Kill.TERMINAL if self._pids_to_end(tracked) is None else Kill.SESSION
        is_at_once = step is TerminationStep.KILL and self._host.is_killed_at_once(tracked.session)
        whole = step is TerminationStep.HANGUP or (kill is Kill.SESSION and not is_at_once)
        targets = self._host.targets(tracked.session, names, whole=whole)
        if step is TerminationStep.HANGUP:
            self.reauthentication.note_termination(tracked, self._host.clock().boot_usec)
            self.drop_tickets(tracked)
            front = tuple(each.process for each in targets.attached if each.in_front)
            self._ending[key] = Ending(self._host.weigh(targets.holding), front, names)
        elif ending is not None:
            # A shell that ignores the hangup no longer has a terminal, but has not detached itself either.
            present = {each.process for each in targets.attached}
            left = tuple(AttachedProcess(process, in_front=True) for process in ending.front if process not in present)
            targets = targets._replace(attached=targets.attached + left)
        is_all = self._actor.escalate(targets, step, kill, tracked.session.scope)
        if is_at_once and kill is Kill.SESSION and not is_all:
            listed = self._host.targets(tracked.session, names, whole=True).everything
            self._actor.escalate(targets._replace(everything=listed), step, kill, "")

    def drop_tickets(self, tracked: TrackedSession) -> None:
        """Removes the user's sudo tickets, which would replace a password; a failure is logged and stops nothing."""
        for problem in self._actor.drop_tickets(tracked.session.user, tracked.session.uid):
            who = plain(tracked.session.user)
            self._journal.note(Priority.WARNING, f"a sudo ticket of {who} is not removed: {plain(problem)}, ignoring")

    def _pids_to_end(self, tracked: TrackedSession) -> list[int] | None:
        """The pids of all processes of a session; None if its rule does not end them all.

        None also if they include another login, which came in through an sshd that this session had started.
        """
        assert tracked.limits is not None
        if tracked.limits.kill is not Kill.SESSION:
            return None
        held = self._host.held_pids(tracked.session)
        return None if self._host.is_shared(tracked.session, held) else held

    def leftovers(self, tracked: TrackedSession) -> Iterator[int]:
        """The pids of processes that still run and are to end with an ending session."""
        if tracked.life.phase is not Phase.ENDING or tracked.limits is None:
            return
        ending = self._ending.get(tracked.session.key)
        front = ending.front if ending else ()
        yield from (process.pid for process in front if self._host.is_running(process))
        known = {process.pid for process in front}
        yield from (pid for pid in self._pids_to_end(tracked) or () if pid not in known)

    def has_leftovers(self, tracked: TrackedSession) -> bool:
        """Whether any process still runs that is to end with an ending session."""
        return next(self.leftovers(tracked), None) is not None

    def why_failed(self, tracked: TrackedSession) -> str:
        """Why a session has not ended, in words: the processes that still run."""
        left = list(self.leftovers(tracked)) or self._host.held_pids(tracked.session)
        more = f" and {len(left) - MOST_PIDS_SHOWN} more" if len(left) > MOST_PIDS_SHOWN else ""
        return f"still running: {' '.join(map(str, left[:MOST_PIDS_SHOWN]))}{more}"

    def freed(self, key: SessionKey) -> Usage:
        """What the end of a session has freed."""
        ending = self._ending.get(key)
        return self._host.freed(ending.holding if ending else Holding())

    def forget(self, key: SessionKey) -> None:
        """Forgets a session that is gone."""
        self._ending.pop(key, None)
