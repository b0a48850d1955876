"""The daemon itself: holds every session, and takes care of them at each tick."""

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
from reaper.daemon.intervals import DEFAULT_POLL_USEC, RETRY_WARNING_USEC
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
        self._unjudged: set[SessionKey] = set()  # sessions whose users' groups are not known yet
        parts = (self.messenger, self._observer, self.groups, self._terminations, self.locks, self._deferrals,
                 self._hold_notice)  # fmt: skip
        self.sessions.join(self._unjudged.discard, *(part.forget for part in parts))

    # The tick.

    def tick(self, now: Instant) -> None:
        """Does everything that is due at this moment."""
        self._sharing.begin_tick()
        self._pace.begin_tick(now.boot_usec)
        now = self.watched_now()
        if now.boot_usec >= self._poll_at:
            self._poll(now)
        self._each(self.presence.take_settled(now.boot_usec), now, self.check_gone)
        self._each(self._pace.due(self.sessions, now.boot_usec), now, functools.partial(step.take, self))
        if self.is_dirty or self._state_file.is_old(now.boot_usec):
            self.save()
        self.watched_now()
        self._pace.end_tick(self.next_wake())

    def watched_now(self) -> Instant:
        """Returns the current time; if the daemon did not run since the last step, earlier warnings no longer count."""
        now, is_lapse = self._pace.step()
        if is_lapse:
            self.locks.restart_timeouts(now.boot_usec)
            for key, tracked in list(self.sessions.items()):
                self.sessions[key] = operations.lapse(tracked, now.boot_usec)
                if tracked.life.phase is Phase.ENDING:  # until now it kept the limits under which its end began
                    self._guarded(key, now, self.judge)
        return now

    def next_wake(self) -> int:
        """When tick() next has something to do."""
        dues = [tracked.due_usec for tracked in self.sessions.values() if tracked.due_usec is not None]
        return min([self._poll_at, *dues, self.presence.next_check_usec or self._poll_at])

    def hasten(self, usec: int) -> None:
        """Moves the next poll to `usec` if it would come later, as something changed that it will find."""
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
        self._update_context(now)
        previous = self._polled or now
        step_ns = terminal_evidence.clock_step_ns(previous, now)
        if step_ns:
            self._journal.send(session_events.clock_stepped(step_ns // 1000))
        new_terminals = self._observer.with_new_terminals(self.sessions)
        changed = [
            key
            for key, each in self.sessions.items()
            if key in new_terminals or not self._observer.is_unchanged(each, now)
        ]
        for key in changed:
            is_probed = self._observer.is_probe_due(self.sessions[key], now)
            look = functools.partial(
                self._look, previous=previous, has_new_terminals=key in new_terminals, is_probed=is_probed
            )
            self._guarded(key, now, look)
        for key, typed_usec in self._sharing.pass_on(self.sessions):
            self._guarded(key, now, functools.partial(self._share, typed_usec))
        self._each(self._deferrals.deferred, now, self._look_busy)
        self._each(self.locks.locked, now, self.look_at_lock)
        self._each(self.presence.unwatched, now, self.check_gone)
        self._each(self.messenger.unsent, now, lambda key, now: self.messenger.retry(self.sessions[key], now))
        is_named = self.groups.update(now.boot_usec)
        self._each(list(self.sessions) if is_named else {*self._unjudged, *self.locks.blocked}, now, self.judge)
        self._hold_notice.announce(self.sessions)
        self._polled = now
        self._poll_at = now.boot_usec + self.poll_usec

    def _each(self, keys: Iterable[SessionKey], now: Instant, work: Callable[[SessionKey, Instant], None]) -> None:
        for key in keys:
            self._guarded(key, now, work)

    def _guarded(self, key: SessionKey, now: Instant, work: Callable[[SessionKey, Instant], None]) -> None:
        """Runs `work` behind a barrier: an error with one session must not stop the care for the others."""
        try:
            work(key, self.watched_now())  # the work for others since `now` may have taken seconds
        except Exception:
            self.trouble.note_error(f"at session {key}")
            if key in self.sessions:
                self.sessions[key] = replace(self.sessions[key], due_usec=now.boot_usec + self.poll_usec)

    # New sessions.

    def discover(self, now: Instant) -> None:
        """Finds the sessions that were opened since the last call, and tracks them."""
        for session in self.presence.find_new():
            self._guarded(session.key, now, functools.partial(self._track, session))

    def _track(self, session: Session, key: SessionKey, now: Instant) -> None:
        self.sessions[key], is_new = self.presence.track(session, now)
        self.presence.watch(key)
        self.judge(key, now)
        self._adopt_lock(key, now)
        self._journal.send(session_events.opened(self.sessions[key], self.policy_id))
        if is_new:
            self._terminations.reauthentication.note_login(self.sessions[key], self.sessions.values(), self.policy_id)
        self.is_dirty = True

    def _update_context(self, now: Instant) -> None:
        """Re-evaluates sessions whose elevation changed, and all of them when a rule's hours begin or end."""
        changes = self.context.update(self.sessions, self.policy, now.boot_usec)
        for problem in changes.problems:
            self.trouble.note_problem(problem)
        for process in changes.dead_marks:
            self.actor.remove_mark(process)
        for key in changes.sessions:
            self.sessions[key] = self.context.elevate(self.sessions[key])
            self._guarded(key, now, self.judge)

    @property
    def policy_id(self) -> str:
        """The ID of the policy in force, or ""."""
        return self.policy.id if self.policy else ""

    def _look(
        self,
        key: SessionKey,
        now: Instant,
        previous: Instant,
        *,
        has_new_terminals: bool = False,
        is_probed: bool = True,
    ) -> None:
        """Observes a session; also finds its terminals again if they may have changed."""
        before = self.sessions[key]
        change = self._observer.observe(before, previous, now, has_new_terminals=has_new_terminals, is_probed=is_probed)
        if change is None:
            return
        self.commit(key, change, now)
        self._sharing.note(before, change.tracked)
        if change.tracked.terminals != before.terminals:
            self.judge(key, now)

    def look(self, key: SessionKey, now: Instant) -> None:
        """Observes a session between two polls, on its known terminals."""
        self._look(key, now, self._polled or now)

    def look_closely(self, key: SessionKey, now: Instant) -> None:
        """Observes a session, and first finds its terminals again."""
        self._look(key, now, self._polled or now, has_new_terminals=True)

    def look_at_shared(self, key: SessionKey, now: Instant) -> None:
        """Searches the user's other sessions for input, if the rule of this session counts it."""
        for other in self._sharing.not_looked_at(self.sessions[key], self.sessions):
            if other != key and other in self.sessions:
                self.look(other, now)
        typed_usec = self._sharing.typed_usec(self.sessions[key])
        if typed_usec is not None:
            self._share(typed_usec, key, now)

    def _share(self, typed_usec: int, key: SessionKey, now: Instant) -> None:
        """Counts input in another session of the same user."""
        self.commit(key, observation.share(self.sessions[key], typed_usec, now.boot_usec), now)

    def _look_busy(self, key: SessionKey, now: Instant) -> None:
        """Ends the deferral of a session if its program no longer runs or `busy_max` is used up."""
        tracked = self.sessions[key]
        if tracked.limits is not None and self._deferrals.find_program(tracked, now.boot_usec) is None:
            self.commit(key, operations.end_deferral(tracked, now.boot_usec), now)

    def look_at_lock(self, key: SessionKey, now: Instant) -> None:
        """Checks the lock of a session that is locked."""
        news = self.locks.check_progress(self.sessions[key], now)
        if news.change is None:
            return
        self.commit(key, news.change, now, why=news.why)
        self.save()  # before the files of the lock are removed
        self.locks.remove_finished(self.sessions[key])
        self.judge(key, now)

    def _adopt_lock(self, key: SessionKey, _now: Instant) -> None:
        """Takes over a lock from an earlier daemon if the saved state does not show it."""
        self.sessions[key] = self.locks.adopt(self.sessions[key])

    # The answers to step.take() about a session that is due (see step.Surroundings).

    def tracked(self, key: SessionKey) -> TrackedSession:
        """The session as it is now."""
        return self.sessions[key]

    def wait_until(self, key: SessionKey, usec: int) -> None:
        """Schedules the next step of a session."""
        self.sessions[key] = replace(self.sessions[key], due_usec=usec)

    def end_hold(self, key: SessionKey, now: Instant) -> None:
        """Ends a hold whose time is over."""
        self.release(key, "", "its time is over", now)

    def is_alive(self, key: SessionKey) -> bool:
        """Whether a session still exists."""
        return self._host.is_alive(self.sessions[key].session)

    def delay_usec(self, key: SessionKey, now: Instant) -> int:
        """How long an end or a lock must wait because its warning was refused, or as Locks says; 0 if it need not."""
        return RETRY_WARNING_USEC if self.messenger.was_refused(key) else self.locks.delay_usec(self.sessions[key], now)

    def busy_program(self, key: SessionKey, now: Instant) -> Program | None:
        """The program that an end has to wait for; None for none."""
        return self._deferrals.find_program(self.sessions[key], now.boot_usec)

    def brake_until_usec(self, key: SessionKey, now: Instant) -> int:
        """Until when the brake delays an end; 0 if it does not. (There is no policy only if root ordered a lock.)"""
        return self.limiter.admit(self.sessions[key], self.policy or BUILT_IN, now.boot_usec)

    def terminate(self, key: SessionKey, change: Change, now: Instant) -> None:
        """Begins to end a session. Saves first, so that the next daemon and its brake know if this one dies now."""
        self.sessions[key] = change.tracked
        self.save()
        self.commit(key, change, now)

    def lock(self, key: SessionKey, change: Change, by: str, now: Instant) -> None:
        """Locks a session; `by` is who ordered it, "" if its limit did."""
        self.sessions[key] = change.tracked
        self.save()  # before the act, as for an end
        self.commit(key, change, now, why=by)
        self.hasten(now.boot_usec + FIRST_LOOK_USEC)

    def release(self, key: SessionKey, by: str, why: str, now: Instant) -> None:
        """Ends the hold of a session; `by` is who released it, "" if its time is over."""
        self._journal.send(session_events.released(self.sessions[key], self.policy_id, by, why))
        self.sessions[key] = operations.release(self.sessions[key], now.boot_usec)
        self.is_dirty = True
        self._unjudged.add(key)  # removed by judge() once it succeeds
        self.judge(key, now)

    def check_gone(self, key: SessionKey, now: Instant) -> None:
        """Closes a session if it no longer exists."""
        if key not in self.sessions:
            return
        left = self.presence.what_is_left(self.sessions[key], now.boot_usec)
        if left is not None:
            self.sessions[key] = left
            return
        self.is_dirty = True
        self.commit(key, operations.close(self.sessions[key], now.boot_usec), now)
        self.actor.remove_record(key)
        self.locks.thaw(self.sessions[key])
        self.sessions.remove(key)

    # Acting.

    def commit(
        self, key: SessionKey, change: Change, now: Instant, program: Program | None = None, why: str = ""
    ) -> None:
        """Stores a session's new state and carries out its acts; for `program` and `why` see ActionRunner.perform()."""
        self.sessions[key] = change.tracked
        self._deferrals.update(change.tracked)
        self.locks.update(change.tracked)
        for terminal in change.tampered:
            self._journal.send(session_events.tampered(change.tracked, self.policy_id, terminal))
        self._runner.perform(change.tracked, change.acts, self.policy_id, now, program, why)
        if any(isinstance(act, Signal) for act in change.acts):
            self.presence.check_soon(key, now.boot_usec)
        self.is_dirty = self.is_dirty or bool(change.acts)

    # Policy and state.

    def adopt(self, policy: Policy, text: str, now: Instant) -> None:
        """Puts a policy in force for every session; `text` is the policy as the text of a policy file."""
        self.policy, self._state_file.policy_text = policy, text
        self._observer.poll_usec = policy.poll_usec
        self._host.terminal_servers = policy.terminal_servers
        self.groups.adopt(policy, now.boot_usec)
        self.context.update_hours(policy)
        self._sharing.adopt(policy)
        self._each(list(self.sessions), now, self.judge)
        self.hasten(now.boot_usec + policy.poll_usec)
        self.is_dirty = True

    def judge(self, key: SessionKey, now: Instant) -> None:
        """Puts a session under the rule that matches it now."""
        policy = self.policy
        tracked = self.sessions[key] = self.groups.with_groups(self.sessions[key], now.boot_usec)
        groups = self.groups.names_of(tracked)
        if groups is None:
            self._unjudged.add(key)
            if policy is not None and tracked.limits is not None:
                self.sessions[key] = policy_change.keep_limits(tracked, policy)
                return
        else:
            self._unjudged.discard(key)
        unlockable = self.locks.find_obstacle(tracked, policy)
        names, local = groups or frozenset(), self.context.local
        change = policy_change.apply_policy(tracked, policy, names, now.boot_usec, local, unlockable)
        self.commit(key, change, now)

    def restore(self, state: Snapshot, now: Instant) -> None:
        """Continues from an earlier daemon's state; the first poll finds out which sessions have ended since."""
        self._polled, self.limiter.ledger = state.polled, state.ledger
        self._terminations.reauthentication.past = state.past
        self._observer.restore(state.counted, state.sessions, now)
        for tracked in state.sessions:
            self.sessions[tracked.session.key] = tracked
            self._hold_notice.mark_notified(tracked)
            self.locks.update(tracked)
            self.presence.watch(tracked.session.key)
        if self.policy is not None:
            self._update_context(now)  # first: under wrong limits, the warnings already given would not count
            self._each(list(self.sessions), now, self.judge)
        self._each(list(self.sessions), now, self._adopt_lock)
        self._pace.expect_tick(state.polled.boot_usec + self.poll_usec)

    def save(self) -> None:
        """Saves the state, so that a restart changes no outcome."""
        if self._polled is not None:
            known = tuple(self.sessions.values()), self._terminations.reauthentication.past, self._observer.counted
            self._state_file.save(self._polled, self.limiter.ledger, *known, self._host.clock().boot_usec)
            self.is_dirty = False
