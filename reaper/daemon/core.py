"""The daemon itself: every session, and what is done about it at each tick."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace
from typing import Callable

from reaper.act.actor import Actor
from reaper.act.journal import Journal
from reaper.act.trouble import Trouble
from reaper.daemon.deferrals import Deferrals
from reaper.daemon.effects import ActionRunner
from reaper.daemon.hold_notice import HoldNotice
from reaper.daemon.intervals import DEFAULT_POLL_USEC, UNTOLD_USEC
from reaper.daemon.locks import FIRST_LOOK_USEC, Locks
from reaper.daemon.messenger import Messenger
from reaper.daemon.observer import Observer
from reaper.daemon.pace import Pace
from reaper.daemon.presence import Presence
from reaper.daemon.registry import Registry
from reaper.daemon.rule_context import RuleContext
from reaper.daemon.shared_activity import SharedActivity
from reaper.daemon.state_file import StateFile
from reaper.daemon.termination import Terminations
from reaper.daemon.termination_limiter import TerminationLimiter
from reaper.daemon.user_groups import UserGroups
from reaper.decide.output import session_events
from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.rules import Policy
from reaper.decide.session import observation, operations, policy_change, step, terminal_evidence
from reaper.decide.session.model import Instant, Program, Session, SessionKey
from reaper.decide.session.snapshot import Snapshot
from reaper.decide.session.state import Phase, Signal
from reaper.decide.session.tracked_session import Change, TrackedSession
from reaper.sense.host import Host


class Daemon:
    """Everything the daemon knows, and its tick. Times are boot-time microseconds."""

    def __init__(self, host: Host, actor: Actor, journal: Journal, name: str, boot_id: str) -> None:
        self.sessions = Registry()
        self.policy: Policy | None = None
        self._host, self.actor, self._journal = host, actor, journal
        host.sessions = lambda: [tracked.session for tracked in self.sessions.values()]
        self.trouble = Trouble(journal, lambda: host.clock().boot_usec)
        self._state_file = StateFile(actor, journal, boot_id)
        self.messenger = Messenger(actor, journal, name, host.local_moment, host.needs_enter)
        self._observer, self.context = Observer(host, self.messenger.written), RuleContext(host)
        self.groups = UserGroups(host, journal)
        self._terminations, self.locks = Terminations(host, actor, journal), Locks(host, actor, journal)
        self._runner = ActionRunner(journal, self.messenger, self._terminations, self.locks)
        self.limiter, self._deferrals, self._sharing = TerminationLimiter(journal), Deferrals(host), SharedActivity()
        self._hold_notice, self._pace = HoldNotice(self.messenger), Pace(host)
        self.presence = Presence(host, actor, self.trouble, self.sessions, self._terminations)
        self._polled: Instant | None = None
        self._poll_at, self.is_dirty = 0, False
        self._unjudged: set[SessionKey] = set()  # sessions whose users' groups nothing tells yet
        parts = (self.messenger, self._observer, self.groups, self._terminations, self.locks, self._deferrals,
                 self._hold_notice)  # fmt: skip
        self.sessions.join(self._unjudged.discard, *(part.forget for part in parts))

    # The tick.

    def tick(self, now: Instant) -> None:
        """Does whatever is due at this moment."""
        self._sharing.begin_tick()
        self._pace.begin(now.boot_usec)
        now = self.watched_now()
        if now.boot_usec >= self._poll_at:
            self._poll(now)
        self._each(self.presence.take_settled(now.boot_usec), now, self.check_gone)
        self._each(self._pace.due(self.sessions, now.boot_usec), now, functools.partial(step.take, self))
        if self.is_dirty or self._state_file.is_old(now.boot_usec):
            self.save()
        self.watched_now()
        self._pace.rest(self.next_wake())

    def watched_now(self) -> Instant:
        """Returns the current time; if the daemon did not run since the last step, earlier warnings no longer count."""
        now, is_lapse = self._pace.step()
        if is_lapse:
            self.locks.lapse(now.boot_usec)
            for key, tracked in list(self.sessions.items()):
                self.sessions[key] = operations.lapse(tracked, now.boot_usec)
                if tracked.life.phase is Phase.ENDING:  # it had kept the limits that it began under
                    self._guarded(key, now, self.judge)
        return now

    def next_wake(self) -> int:
        """When tick() has something to do again."""
        dues = [tracked.due_usec for tracked in self.sessions.values() if tracked.due_usec is not None]
        return min([self._poll_at, *dues, self.presence.next_check_usec or self._poll_at])

    def hasten(self, usec: int) -> None:
        """Has the next poll come no later than a moment, as something changed that it will find."""
        self._poll_at = min(self._poll_at, usec)

    @property
    def poll_usec(self) -> int:
        """The time between two polls."""
        return self.policy.poll_usec if self.policy else DEFAULT_POLL_USEC

    def _poll(self, now: Instant) -> None:
        self._journal.flush()
        self.trouble.flush()
        self.discover(now)
        for problem in self._observer.problems():
            self.trouble.note_problem(problem)
        self._heed_context(now)
        previous = self._polled or now
        step_ns = terminal_evidence.clock_step_ns(previous, now)
        if step_ns:
            self._journal.send(session_events.clock_stepped(step_ns // 1000))
        moved = self._observer.moved(self.sessions)
        stirred = [key for key, each in self.sessions.items() if key in moved or not self._observer.is_quiet(each, now)]
        for key in stirred:
            is_probed = self._observer.is_probed(self.sessions[key], now)
            look = functools.partial(self._look, previous=previous, is_moved=key in moved, is_probed=is_probed)
            self._guarded(key, now, look)
        for key, typed_usec in self._sharing.takers(self.sessions):
            self._guarded(key, now, functools.partial(self._share, typed_usec))
        self._each(self._deferrals.waiting, now, self._look_busy)
        self._each(self.locks.standing, now, self.look_at_lock)
        self._each(self.presence.unwatched, now, self.check_gone)
        self._each(self.messenger.waiting, now, lambda key, now: self.messenger.retry(self.sessions[key], now))
        is_named = self.groups.look(now.boot_usec)
        self._each(list(self.sessions) if is_named else {*self._unjudged, *self.locks.hindered}, now, self.judge)
        self._hold_notice.look(self.sessions)
        self._polled = now
        self._poll_at = now.boot_usec + self.poll_usec

    def _each(self, keys: Iterable[SessionKey], now: Instant, work: Callable[[SessionKey, Instant], None]) -> None:
        for key in keys:
            self._guarded(key, now, work)

    def _guarded(self, key: SessionKey, now: Instant, work: Callable[[SessionKey, Instant], None]) -> None:
        """The barrier around one session: a mistake of ours about it must not stop the care for the others."""
        try:
            work(key, self.watched_now())  # what was done for others since `now` may have taken seconds
        except Exception:
            self.trouble.note_error(f"at session {key}")
            if key in self.sessions:
                self.sessions[key] = replace(self.sessions[key], due_usec=now.boot_usec + self.poll_usec)

    # Sessions come.

    def discover(self, now: Instant) -> None:
        """Finds the sessions that were opened since the last look."""
        for session in self.presence.find():
            self._guarded(session.key, now, functools.partial(self._welcome, session))

    def _welcome(self, session: Session, key: SessionKey, now: Instant) -> None:
        self.sessions[key], is_new = self.presence.meet(session, now)
        self.presence.watch(key)
        self.judge(key, now)
        self._take_up_lock(key, now)
        self._journal.send(session_events.opened(self.sessions[key], self.policy_id))
        if is_new:
            self._terminations.returns.welcome(self.sessions[key], self.sessions.values(), self.policy_id)
        self.is_dirty = True

    def _heed_context(self, now: Instant) -> None:
        """Judges anew those of whom a rule may ask what has just changed: whether root acts, and the hour."""
        turn = self.context.look(self.sessions, self.policy, now.boot_usec)
        for problem in turn.problems:
            self.trouble.note_problem(problem)
        for process in turn.dead_marks:
            self.actor.remove_mark(process)
        for key in turn.sessions:
            self.sessions[key] = self.context.elevate(self.sessions[key])
            self._guarded(key, now, self.judge)

    @property
    def policy_id(self) -> str:
        """The id of the policy in force, or ""."""
        return self.policy.id if self.policy else ""

    def _look(
        self, key: SessionKey, now: Instant, previous: Instant, *, is_moved: bool = False, is_probed: bool = True
    ) -> None:
        """Looks at a session, and at which its terminals are if that may have changed."""
        before = self.sessions[key]
        change = self._observer.take(before, previous, now, is_moved=is_moved, is_probed=is_probed)
        if change is None:
            return
        self.commit(key, change, now)
        self._sharing.note(before, change.tracked)
        if change.tracked.terminals != before.terminals:
            self.judge(key, now)

    def look(self, key: SessionKey, now: Instant) -> None:
        """Looks at a session between two polls."""
        self._look(key, now, self._polled or now)

    def look_closely(self, key: SessionKey, now: Instant) -> None:
        """The same, and which its terminals are by now."""
        self._look(key, now, self._polled or now, is_moved=True)

    def look_at_shared(self, key: SessionKey, now: Instant) -> None:
        """Looks for input in the other sessions of its user, where that keeps it."""
        for other in self._sharing.unseen(self.sessions[key], self.sessions):
            if other != key and other in self.sessions:
                self.look(other, now)
        typed_usec = self._sharing.typed_usec(self.sessions[key])
        if typed_usec is not None:
            self._share(typed_usec, key, now)

    def _share(self, typed_usec: int, key: SessionKey, now: Instant) -> None:
        """Input in another session of its user keeps a session."""
        self.commit(key, observation.share(self.sessions[key], typed_usec, now.boot_usec), now)

    def _look_busy(self, key: SessionKey, now: Instant) -> None:
        """Looks whether a session is still to wait for a program."""
        tracked = self.sessions[key]
        if tracked.limits is not None and self._deferrals.find(tracked, now.boot_usec) is None:
            self.commit(key, operations.end_deferral(tracked, now.boot_usec), now)

    def look_at_lock(self, key: SessionKey, now: Instant) -> None:
        """Looks what has become of the lock of a session, if it is locked."""
        news = self.locks.look(self.sessions[key], now)
        if news.change is None:
            return
        self.commit(key, news.change, now, why=news.why)
        self.save()  # before what the lock stands on is cleared away
        self.locks.clear(self.sessions[key])
        self.judge(key, now)

    def _take_up_lock(self, key: SessionKey, _now: Instant) -> None:
        """Goes on with a lock that was begun before this daemon, and that no state of an earlier one has told of."""
        self.sessions[key] = self.locks.take_up(self.sessions[key])

    # Answers to the questions of step.take(), of a session whose moment has come (see step.Surroundings).

    def tracked(self, key: SessionKey) -> TrackedSession:
        """The session as it is now."""
        return self.sessions[key]

    def wait_until(self, key: SessionKey, usec: int) -> None:
        """Has a session's step taken again at a moment."""
        self.sessions[key] = replace(self.sessions[key], due_usec=usec)

    def end_hold(self, key: SessionKey, now: Instant) -> None:
        """Ends a hold whose time is over."""
        self.release(key, "", "its time is over", now)

    def is_alive(self, key: SessionKey) -> bool:
        """Whether a session is still there."""
        return self._host.is_alive(self.sessions[key].session)

    def delay_usec(self, key: SessionKey, now: Instant) -> int:
        """How long an end or a lock has to wait; 0 for not at all."""
        return UNTOLD_USEC if self.messenger.is_untold(key) else self.locks.delay_usec(self.sessions[key], now)

    def busy_program(self, key: SessionKey, now: Instant) -> Program | None:
        """The program that an end has to wait for."""
        return self._deferrals.find(self.sessions[key], now.boot_usec)

    def brake_until_usec(self, key: SessionKey, now: Instant) -> int:
        """Until when too many other ends hold this one back (there is no policy where root had it locked)."""
        return self.limiter.held_until(self.sessions[key], self.policy or BUILT_IN, now.boot_usec)

    def terminate(self, key: SessionKey, change: Change, now: Instant) -> None:
        """Begins to end a session. Saves before: were it the last act, the next daemon and its brake would know."""
        self.sessions[key] = change.tracked
        self.save()
        self.commit(key, change, now)

    def lock(self, key: SessionKey, change: Change, by: str, now: Instant) -> None:
        """Locks a session; `by` is who ordered it, "" where its limit did."""
        self.sessions[key] = change.tracked
        self.save()  # before the act, as for an end
        self.commit(key, change, now, why=by)
        self.hasten(now.boot_usec + FIRST_LOOK_USEC)

    def release(self, key: SessionKey, by: str, why: str, now: Instant) -> None:
        """A session is held no more; `by` is "" where nobody released it."""
        self._journal.send(session_events.released(self.sessions[key], self.policy_id, by, why))
        self.sessions[key] = operations.release(self.sessions[key], now.boot_usec)
        self.is_dirty = True
        self._unjudged.add(key)  # until it is
        self.judge(key, now)

    def check_gone(self, key: SessionKey, now: Instant) -> None:
        """Closes a session that is not there any more."""
        if key not in self.sessions:
            return
        if not self.presence.is_gone(self.sessions[key]):
            self.sessions[key] = self.presence.hurried(self.sessions[key], now.boot_usec)
            return
        self.commit(key, operations.close(self.sessions[key], now.boot_usec), now)
        self.actor.remove_record(key)
        self.locks.thaw(self.sessions[key])
        self.sessions.remove(key)
        self.is_dirty = True

    # What is done.

    def commit(
        self, key: SessionKey, change: Change, now: Instant, program: Program | None = None, why: str = ""
    ) -> None:
        """Takes over a session's new state, and does what came with it, as ActionRunner.perform() says."""
        self.sessions[key] = change.tracked
        self._deferrals.follow(change.tracked)
        self.locks.follow(change.tracked)
        for terminal in change.tampered:
            self._journal.send(session_events.tampered(change.tracked, self.policy_id, terminal))
        self._runner.perform(change.tracked, change.acts, self.policy_id, now, program, why)
        if any(isinstance(act, Signal) for act in change.acts):
            self.presence.check_soon(key, now.boot_usec)
        self.is_dirty = self.is_dirty or bool(change.acts)

    # Policy and state.

    def adopt(self, policy: Policy, text: str, now: Instant) -> None:
        """Puts a policy in force for every session; `text` is the policy as a policy file would say it."""
        self.policy, self._state_file.policy_text = policy, text
        self._observer.poll_usec = policy.poll_usec
        self._host.terminal_servers = policy.terminal_servers
        self.groups.adopt(policy, now.boot_usec)
        self.context.is_turned(policy)
        self._sharing.adopt(policy)
        self._each(list(self.sessions), now, self.judge)
        self.hasten(now.boot_usec + policy.poll_usec)
        self.is_dirty = True

    def judge(self, key: SessionKey, now: Instant) -> None:
        """Puts a session under the rule that it falls under now."""
        policy = self.policy
        tracked = self.sessions[key] = self.groups.settle(self.sessions[key], now.boot_usec)
        groups = self.groups.of(tracked)
        if groups is None:
            self._unjudged.add(key)
            if policy is not None and tracked.limits is not None:
                self.sessions[key] = policy_change.keep_limits(tracked, policy)
                return
        else:
            self._unjudged.discard(key)
        unlockable = self.locks.obstacle(tracked, policy)
        names, local = groups or frozenset(), self.context.local
        change = policy_change.apply_policy(tracked, policy, names, now.boot_usec, local, unlockable)
        self.commit(key, change, now)

    def restore(self, state: Snapshot, now: Instant) -> None:
        """Goes on where another daemon left off; sessions that have ended since are found gone at the first poll."""
        self._polled, self.limiter.ledger, self._terminations.returns.past = state.polled, state.ledger, state.past
        self._observer.restore(state.counted, state.sessions, now)
        for tracked in state.sessions:
            self.sessions[tracked.session.key] = tracked
            self._hold_notice.remember(tracked)
            self.locks.follow(tracked)
            self.presence.watch(tracked.session.key)
        if self.policy is not None:
            self._heed_context(now)  # first: under other limits than theirs what was announced would not count
            self._each(list(self.sessions), now, self.judge)
        self._each(list(self.sessions), now, self._take_up_lock)
        self._pace.expect(state.polled.boot_usec + self.poll_usec)

    def save(self) -> None:
        """Writes the state, so that a restart changes no outcome."""
        if self._polled is not None:
            known = tuple(self.sessions.values()), self._terminations.returns.past, self._observer.counted
            self._state_file.save(self._polled, self.limiter.ledger, *known, self._host.clock().boot_usec)
            self.is_dirty = False
