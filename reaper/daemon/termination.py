"""The end of a session: each rung of the ladder for whoever is there at that moment, and what is left after it."""

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

# So many pids are told of what does not end; a user can have thousands.
MOST_TOLD = 20


class Terminations:
    """What is remembered of the sessions that are ending, and the acts that end them."""

    def __init__(self, host: Host, actor: Actor, journal: Journal) -> None:
        self._host, self._actor, self._journal = host, actor, journal
        self.returns = Reauthentication(journal)
        self._endings: dict[SessionKey, Ending] = {}

    def escalate(self, tracked: TrackedSession, rung: TerminationStep) -> None:
        """One rung of the ladder, for whoever is there at this moment, and for who was in front when it began."""
        assert tracked.limits is not None
        key = tracked.session.key
        ending = (
            None if rung is TerminationStep.HANGUP else self._endings.get(key)
        )  # not of an end that a lapse broke off
        # Of the terminals that it had as its end began, those that are still its own: a number is soon given to others.
        names = (ending.terminals if ending else frozenset(tracked.terminals)) & self._host.terminal_names(
            tracked.session
        )
        kill = Kill.TERMINAL if self._held(tracked) is None else Kill.SESSION
        is_at_once = rung is TerminationStep.KILL and self._host.is_killed_at_once(tracked.session)
        whole = rung is TerminationStep.HANGUP or (kill is Kill.SESSION and not is_at_once)
        targets = self._host.targets(tracked.session, names, whole=whole)
        if rung is TerminationStep.HANGUP:
            self.returns.note(tracked, self._host.clock().boot_usec)
            self.drop_tickets(tracked)
            front = tuple(each.process for each in targets.attached if each.in_front)
            self._endings[key] = Ending(targets.holding, front, names)
        elif ending is not None:
            # A shell that ignores the loss of its line has no terminal any more, and has not detached itself either.
            present = {each.process for each in targets.attached}
            left = tuple(AttachedProcess(process, in_front=True) for process in ending.front if process not in present)
            targets = targets._replace(attached=targets.attached + left)
        is_all = self._actor.escalate(targets, rung, kill, tracked.session.scope)
        if is_at_once and kill is Kill.SESSION and not is_all:
            listed = self._host.targets(tracked.session, names, whole=True).everything
            self._actor.escalate(targets._replace(everything=listed), rung, kill, "")

    def drop_tickets(self, tracked: TrackedSession) -> None:
        """What spares the user a password (sudo's tickets) goes; no failure of that stops anything."""
        for problem in self._actor.drop_tickets(tracked.session.user, tracked.session.uid):
            who = plain(tracked.session.user)
            self._journal.note(Priority.WARNING, f"a ticket of {who} is not removed: {plain(problem)}, ignoring")

    def _held(self, tracked: TrackedSession) -> list[int] | None:
        """The pids of all that a session holds; None where not all of it is to end.

        Never another's login, which came in through an sshd that this session had started.
        """
        assert tracked.limits is not None
        if tracked.limits.kill is not Kill.SESSION:
            return None
        held = self._host.held_pids(tracked.session)
        return None if self._host.is_shared(tracked.session, held) else held

    def leftovers(self, tracked: TrackedSession) -> Iterator[int]:
        """The pids of what is still running of an ending session, of what is to end with it."""
        if tracked.life.phase is not Phase.ENDING or tracked.limits is None:
            return
        ending = self._endings.get(tracked.session.key)
        front = ending.front if ending else ()
        yield from (process.pid for process in front if self._host.is_running(process))
        known = {process.pid for process in front}
        yield from (pid for pid in self._held(tracked) or () if pid not in known)

    def has_leftovers(self, tracked: TrackedSession) -> bool:
        """Whether anything is still running of an ending session, of what is to end with it."""
        return next(self.leftovers(tracked), None) is not None

    def why_failed(self, tracked: TrackedSession) -> str:
        """What stands in the way, in words."""
        left = list(self.leftovers(tracked)) or self._host.held_pids(tracked.session)
        more = f" and {len(left) - MOST_TOLD} more" if len(left) > MOST_TOLD else ""
        return f"still running: {' '.join(map(str, left[:MOST_TOLD]))}{more}"

    def freed(self, key: SessionKey) -> Usage:
        """What a session held that is held no more."""
        ending = self._endings.get(key)
        return self._host.freed(ending.holding if ending else Holding())

    def forget(self, key: SessionKey) -> None:
        """The session is not there any more."""
        self._endings.pop(key, None)
