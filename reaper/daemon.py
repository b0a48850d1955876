"""The daemon: the only place that joins sense, decide and act.

A tick looks at every session (at the poll) or at those whose moment has come (between polls), lets the lifecycle
decide, and has carried out what comes back. Before a session's end is begun it is looked at once more, afresh: if it is
not there any more, or not idle any more, nothing is done.

The loop that calls tick() is in service.py.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Collection
from dataclasses import replace
from typing import Callable

from reaper.act.actor import Actor
from reaper.act.journal import Journal
from reaper.act.notify import Delivery
from reaper.decide import brake, messages, report, snapshot, tracking
from reaper.decide.brake import Ledger
from reaper.decide.duration import USEC_PER_SEC
from reaper.decide.events import Priority
from reaper.decide.lifecycle import Act, Fact, Phase, Reason, Rung, Signal, Spare, Tell, Warn
from reaper.decide.model import Attached, Holding, Instant, ProcessId, Session, SessionKey, Targets
from reaper.decide.policy import Kill, Policy
from reaper.decide.snapshot import Snapshot
from reaper.decide.tracking import Change, Tracked
from reaper.sense.host import Host

# How long the processes of a session get to die after its leader has, before what was freed is counted.
SETTLE_USEC = 200_000
# Evidence between two saves is found again on the terminals themselves, so the state may be this old after a crash.
SAVE_USEC = 60 * USEC_PER_SEC
# A record older than this at first sight began before the daemon: its login says nothing of now.
NEW_LOGIN_USEC = 60 * USEC_PER_SEC
DEFAULT_POLL_USEC = 15 * USEC_PER_SEC


class Daemon:
    """Everything the daemon knows, and its tick. Times are boot-time microseconds."""

    def __init__(self, host: Host, actor: Actor, journal: Journal, name: str, boot_id: str) -> None:
        self.sessions: dict[SessionKey, Tracked] = {}
        self.policy: Policy | None = None
        self.on_track: Callable[[SessionKey], bool] = lambda _key: False
        self.on_forget: Callable[[SessionKey], None] = lambda _key: None
        self._host, self._actor, self._journal = host, actor, journal
        self._name, self._boot_id = name, boot_id
        self._holdings: dict[SessionKey, Holding] = {}  # what ending sessions held
        self._front: dict[SessionKey, list[ProcessId]] = {}  # who was in front on their terminals as the end began
        self._unwatched: set[SessionKey] = set()  # sessions whose leader gives no sign when it ends, or has ended
        self._ledger = Ledger()
        self._polled: Instant | None = None
        self._poll_at = 0
        self._policy_text = ""
        self._saved_usec = 0
        self._is_dirty = False
        self._save_failed = False
        self._strangers: dict[str, int] = {}  # ptys that are nobody's terminal, with their ctime
        # Warnings that some terminals did not take, and those terminals.
        self._unsent: dict[SessionKey, tuple[Reason, list[str]]] = {}
        self._settling: dict[SessionKey, int] = {}  # ended sessions whose processes are given a moment to die

    # The tick.

    def tick(self, now: Instant) -> None:
        """Does whatever is due at this moment."""
        if now.boot_usec >= self._poll_at:
            self._poll(now)
        for key, at in list(self._settling.items()):
            if now.boot_usec >= at:
                del self._settling[key]
                self._guarded(key, now, self._check_gone)
        for key, tracked in list(self.sessions.items()):
            if tracked.due_usec is not None and tracked.due_usec <= now.boot_usec:
                self._guarded(key, now, self._turn)
        if self._is_dirty or now.boot_usec - self._saved_usec >= SAVE_USEC:
            self.save()

    def next_wake(self) -> int:
        """When tick() has something to do again."""
        dues = [tracked.due_usec for tracked in self.sessions.values() if tracked.due_usec is not None]
        return min([self._poll_at, *dues, *self._settling.values()])

    def hasten(self, usec: int) -> None:
        """Has the next poll come no later than a moment, as something changed that it will find."""
        self._poll_at = min(self._poll_at, usec)

    @property
    def poll_usec(self) -> int:
        """The time between two polls."""
        return self.policy.poll_usec if self.policy else DEFAULT_POLL_USEC

    def _poll(self, now: Instant) -> None:
        if self._polled is not None and now.boot_usec - self._polled.boot_usec > 2 * self.poll_usec + 10 * USEC_PER_SEC:
            for key, tracked in self.sessions.items():
                self.sessions[key] = tracking.lapse(tracked, now.boot_usec)
        self._journal.flush()
        self._discover(now)
        previous = self._polled or now
        moved = self._sessions_of_new_ptys()
        for key in list(self.sessions):
            if key in self.sessions:
                self._guarded(key, now, lambda key, now: self._look(key, previous, now, key in moved))
        for key in list(self._unwatched):
            self._guarded(key, now, self._check_gone)
        for key in list(self._unsent):
            self._guarded(key, now, self._retry)
        self._polled = now
        self._poll_at = now.boot_usec + self.poll_usec

    def _guarded(self, key: SessionKey, now: Instant, work: Callable[[SessionKey, Instant], None]) -> None:
        """The barrier around one session: a mistake of ours about it must not stop the care for the others."""
        try:
            work(key, now)
        except Exception:
            self._journal.note(Priority.ERR, f"internal error at session {key}:\n{traceback.format_exc()}")
            if key in self.sessions:
                self.sessions[key] = replace(self.sessions[key], due_usec=now.boot_usec + self.poll_usec)

    # Sessions come.

    def _discover(self, now: Instant) -> None:
        ids = {tracked.session.session_id for tracked in self.sessions.values()}
        found = self._host.discover(self.sessions.keys(), ids)
        for problem in found.problems:
            self._journal.note(Priority.WARNING, f"{problem}, ignoring")
        for key in found.dead_records:
            self._actor.remove_record(key)
        for session in found.sessions:
            self._guarded(session.key, now, functools.partial(self._welcome, session))

    def _welcome(self, session: Session, _key: SessionKey, now: Instant) -> None:
        readings = self._host.read_terminals(self._host.terminal_names(session))
        is_new = session.source == "pam" and now.boot_usec - session.opened_usec < NEW_LOGIN_USEC
        self.sessions[session.key] = tracking.meet(session, readings, now, is_new=is_new)
        self._apply_policy(session.key, now)
        self._journal.send(report.opened(self.sessions[session.key], self.policy_id))
        self._watch(session.key)
        self._is_dirty = True

    def _watch(self, key: SessionKey) -> None:
        if not self.on_track(key):
            self._unwatched.add(key)

    @property
    def policy_id(self) -> str:
        """The id of the policy in force, or ""."""
        return self.policy.id if self.policy else ""

    # Terminals come and go.

    def _sessions_of_new_ptys(self) -> set[SessionKey]:
        """The sessions to which a pty that was not there before might belong: those of its owner.

        A pty that is nobody's terminal (tmux's, or not yet handed over by sshd) is looked at again when its ctime
        moves, as it does when it changes hands or is made anew.
        """
        ours = {reading.name for tracked in self.sessions.values() for reading in tracked.readings}
        strangers: dict[str, int] = {}
        owners = set()
        for reading in self._host.read_terminals(self._host.list_ptys() - ours):
            strangers[reading.name] = reading.ctime_ns
            if self._strangers.get(reading.name) != reading.ctime_ns:
                owners.add(reading.uid)
        self._strangers = strangers
        return {key for key, tracked in self.sessions.items() if tracked.session.uid in owners}

    def _look(self, key: SessionKey, previous: Instant, now: Instant, is_moved: bool = False) -> None:
        """Looks at a session's terminals, and at which they are if that may have changed."""
        tracked = self.sessions[key]
        if is_moved:
            readings = self._host.read_terminals(self._host.terminal_names(tracked.session))
        else:
            readings = self._host.read_terminals(tracked.terminals)
            if readings == tracked.readings:
                return
            if any(new.ctime_ns != old.ctime_ns for new, old in zip(readings, tracked.readings)):
                names = self._host.terminal_names(tracked.session)
                readings = tuple(reading for reading in readings if reading.name in names)
        self._commit(key, tracking.look(tracked, readings, previous, now), now)
        # One that is being ended loses its terminals by that: it is ended under the rule that was its own till then.
        if self.sessions[key].terminals != tracked.terminals and tracked.life.phase is not Phase.ENDING:
            self._apply_policy(key, now)

    # What is due.

    def _turn(self, key: SessionKey, now: Instant) -> None:
        """The moment of a session has come: a warning, its end, or the next rung of its end."""
        if self.sessions[key].life.phase is not Phase.ENDING:
            self._look(key, self._polled or now, now)
        self._commit(key, tracking.pass_time(self.sessions[key], now.boot_usec), now)
        if tracking.is_due(self.sessions[key], now.boot_usec):
            self._end(key, now)

    def _end(self, key: SessionKey, now: Instant) -> None:
        """Ends a session, if it still is the session that it was and still idle, and the brake lets it."""
        assert self.policy is not None
        if not self._host.is_alive(self.sessions[key].session):
            self._check_gone(key, now)
            return
        self._look(key, self._polled or now, now, is_moved=True)
        if not tracking.is_due(self.sessions[key], now.boot_usec):
            return
        was_engaged = self._ledger.is_engaged
        is_admitted, self._ledger = brake.admit(self._ledger, self.policy.brake, now.boot_usec)
        if is_admitted:
            self._commit(key, tracking.finish(self.sessions[key], now.boot_usec), now)
            return
        release = brake.release_usec(self._ledger, self.policy.brake)
        self.sessions[key] = replace(self.sessions[key], due_usec=max(release, now.boot_usec + 1))
        if not was_engaged:
            self._journal.send(report.braked(self.sessions[key], self.policy))

    def leader_died(self, key: SessionKey, now: Instant) -> None:
        """The leader of a session has ended; whether the session has, too, is looked at when the dust has settled."""
        if key in self.sessions:
            self._unwatched.add(key)
            self._settling[key] = now.boot_usec + SETTLE_USEC

    def _check_gone(self, key: SessionKey, now: Instant) -> None:
        """Takes leave of a session that is not there any more."""
        tracked = self.sessions.get(key)
        if tracked is None or self._host.is_alive(tracked.session) or self._leftovers(tracked):
            return
        self._commit(key, tracking.depart(tracked, now.boot_usec), now)
        self._actor.remove_record(key)
        for memory in (self._holdings, self._front, self._unsent, self.sessions):
            memory.pop(key, None)
        self._unwatched.discard(key)
        self.on_forget(key)
        self._is_dirty = True

    def _leftovers(self, tracked: Tracked) -> list[ProcessId]:
        """What is still running of an ending session, of what is to end with it."""
        if tracked.life.phase is not Phase.ENDING or tracked.limits is None:
            return []
        front = self._front.get(tracked.session.key, ())
        everything = self._host.everything(tracked.session) if tracked.limits.kill is Kill.SESSION else ()
        holding = self._host.holding(Targets((), tuple(front), tuple(everything)))
        return [process for process, usage in holding if usage.processes]

    # What is done.

    def _commit(self, key: SessionKey, change: Change, now: Instant) -> None:
        """Takes over a session's new state, and does what came with it."""
        self.sessions[key] = change.tracked
        for terminal in change.tampered:
            self._journal.send(report.tampered(change.tracked, self.policy_id, terminal))
        why = ""
        for act in change.acts:
            why = self._perform(change.tracked, act, now, why)
        self._is_dirty = self._is_dirty or bool(change.acts)

    def _perform(self, tracked: Tracked, act: Act, now: Instant, why: str) -> str:
        """Carries out one act; what it has to say goes into the record of the fact that follows it."""
        assert tracked.limits is not None or isinstance(act, Tell)
        key = tracked.session.key
        if isinstance(act, Tell):
            freed = self._host.freed(self._holdings.get(key, ())) if act.fact is Fact.TERMINATED else None
            if act.fact is Fact.TERMINATE_FAILED:
                left = self._leftovers(tracked) or self._host.everything(tracked.session)
                why = f"still running: {' '.join(str(process.pid) for process in left)}"
            self._journal.send(report.of_tell(act, tracked, self.policy_id, now.boot_usec, why, freed))
            return ""
        self._unsent.pop(key, None)
        if isinstance(act, Warn):
            missed = self._tell_person(tracked, messages.warning_for(tracked, act, self._name))
            if missed:
                self._unsent[key] = act.reason, missed
            return f"not shown on {', '.join(missed)}, which does not take output" if missed else ""
        if isinstance(act, Spare):
            self._tell_person(tracked, messages.spared())
            return ""
        self._climb(tracked, act)
        self._settling[key] = now.boot_usec + SETTLE_USEC
        return ""

    def _climb(self, tracked: Tracked, act: Signal) -> None:
        """One rung of the ladder, for whoever is there at this moment, and for who was in front when it began."""
        assert tracked.limits is not None
        key = tracked.session.key
        targets = self._host.targets(tracked.session, tracked.terminals)
        if act.rung is Rung.HANGUP:
            self._tell_person(tracked, messages.farewell_for(tracked, act.reason, self._name))
        self._holdings.setdefault(key, self._host.holding(targets))
        # A shell that ignores the loss of its line has no terminal any more, and has not detached itself either.
        front = self._front.setdefault(key, [each.process for each in targets.attached if each.in_front])
        present = {each.process for each in targets.attached}
        left = tuple(Attached(process, in_front=True) for process in front if process not in present)
        targets = targets._replace(attached=targets.attached + left)
        self._actor.climb(targets, act.rung, tracked.limits.kill, tracked.session.scope)

    def _tell_person(self, tracked: Tracked, text: str, only: Collection[str] | None = None) -> list[str]:
        """Writes to the session's terminals, or only to some; returns those that did not take it."""
        return [
            reading.name
            for reading in tracked.readings
            if (only is None or reading.name in only)
            and self._actor.write_message(reading.name, text, reading.uid) is Delivery.BLOCKED
        ]

    def _retry(self, key: SessionKey, now: Instant) -> None:
        """Tries a warning again where it was not taken, with the time that is left by now."""
        tracked = self.sessions[key]
        reason, missed = self._unsent.pop(key)
        end = tracking.deadline(tracked)
        if end is None or tracked.life.phase is not Phase.WARNED:
            return
        text = messages.warning_for(tracked, Warn(reason, end.usec - now.boot_usec), self._name)
        still_missed = self._tell_person(tracked, text, missed)
        if still_missed:
            self._unsent[key] = reason, still_missed
        else:
            self._journal.note(Priority.INFO, f"the warning of session {tracked.session.name} is on its terminal now")

    # Policy and state.

    def adopt(self, policy: Policy, text: str, now: Instant) -> None:
        """Puts a policy in force for every session; `text` is the policy as a policy file would say it."""
        self.policy, self._policy_text = policy, text
        for key in list(self.sessions):
            self._guarded(key, now, self._apply_policy)
        self.hasten(now.boot_usec + policy.poll_usec)
        self._is_dirty = True

    def _apply_policy(self, key: SessionKey, now: Instant) -> None:
        tracked = self.sessions[key]
        groups = frozenset[str]() if self.policy is None else self.groups_of(tracked.session, self.policy)
        self._commit(key, tracking.apply_policy(tracked, self.policy, groups, now.boot_usec), now)

    def groups_of(self, session: Session, policy: Policy) -> frozenset[str]:
        """A user's groups, asked for only where a rule does: name services may be slow."""
        if any(rule.match.group for rule in policy.rules):
            return self._host.user_groups(session.user, session.uid)
        return frozenset()

    def restore(self, state: Snapshot) -> None:
        """Goes on where another daemon left off; sessions that have ended since are found gone at the first poll."""
        self._polled, self._ledger = state.polled, state.ledger
        for tracked in state.sessions:
            self.sessions[tracked.session.key] = tracked
            self._watch(tracked.session.key)

    def save(self) -> None:
        """Writes the state, so that a restart changes no outcome. Says so once if it cannot, and goes on."""
        if self._polled is None:
            return
        state = Snapshot(self._boot_id, self._polled, self._policy_text, self._ledger, tuple(self.sessions.values()))
        try:
            self._actor.write_state(snapshot.encode(state))
        except OSError as error:
            if not self._save_failed:
                self._journal.note(Priority.ERR, f"cannot save the state: {error}; a restart would begin anew")
            self._save_failed = True
        else:
            self._save_failed = False
        self._is_dirty = False
        self._saved_usec = self._host.clock().boot_usec
