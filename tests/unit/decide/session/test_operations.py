"""A locked session in the lifecycle and in tracking: how it becomes locked, and what alone ends the lock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Action, Limits
from reaper.decide.session import lifecycle, observation, operations, policy_change, state, tracked_session, transitions
from reaper.decide.session.hold import Hold
from reaper.decide.session.lock_protocol import LockOrder
from reaper.decide.session.model import Instant, TerminalSample
from reaper.decide.session.state import (
    LifecycleEvent,
    Lock,
    LogEvent,
    Phase,
    Reason,
    SessionState,
    Signal,
    Stimulus,
    TerminationStep,
)
from reaper.decide.session.tracked_session import TrackedSession
from tests.unit.fakes import FakeHost, make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND

LOCKING = make_limits(action=Action.LOCK, lock_for_usec=100 * SECOND)
# A session that was opened at 0 and last used at 1000 s.
USED = 1000 * SECOND
DUE = USED + 60 * SECOND


def life(phase: Phase, limits: Limits = LOCKING) -> SessionState:
    """A life that has come there at its limit."""
    found = replace(state.begin(EvidenceKind.INPUT, USED), phase=phase)
    if phase is Phase.WARNED:
        found = replace(found, stages=2, first_warned_usec=DUE - 20 * SECOND)
    if phase is Phase.DEFERRED:
        found = replace(found, deferred_usec=DUE)
    if phase is Phase.LOCKED:
        found = replace(found, locked_usec=DUE)
    return found


# The lifecycle.


def test_idle_limit_locks():
    after, acts = lifecycle.end(life(Phase.WARNED), LOCKING, 0, DUE)
    assert (after.phase, after.locked_usec, after.stages, after.first_warned_usec) == (Phase.LOCKED, DUE, 0, 0)
    assert (after.evidence_usec, after.ending) == (USED, None)
    assert acts == [Lock()]


def test_max_terminates():
    limits = replace(LOCKING, max_usec=DUE)
    warned = life(Phase.WARNED)
    after, acts = lifecycle.end(replace(warned, evidence_usec=DUE - SECOND), limits, 0, DUE)
    assert (after.phase, after.ending, after.locked_usec) == (Phase.ENDING, Reason.MAX, 0)
    assert Signal(TerminationStep.HANGUP, Reason.MAX) in acts


@pytest.mark.parametrize("phase", [Phase.ACTIVE, Phase.WARNED, Phase.DEFERRED])
def test_requested_lock_locks(phase):
    after, acts = lifecycle.lock(life(phase), LOCKING, 0, DUE)
    assert (after.phase, after.locked_usec, acts) == (Phase.LOCKED, DUE, [Lock()])


@pytest.mark.parametrize("phase", [Phase.LOCKED, Phase.OBSERVED, Phase.ENDING, Phase.GONE])
def test_requested_lock_that_comes_too_late_changes_nothing(phase):
    assert lifecycle.lock(life(phase), LOCKING, 0, DUE + SECOND) == (life(phase), [])


@pytest.mark.parametrize("phase", list(Phase))
def test_observed_session_is_not_locked(phase):
    limits = replace(LOCKING, action=Action.OBSERVE)
    assert lifecycle.lock(life(phase), limits, 0, DUE) == (life(phase), [])


@pytest.mark.parametrize("stimulus", list(Stimulus))
def test_only_unlock_failure_limit_and_departure_change_a_lock(stimulus):
    after, _ = transitions.step(life(Phase.LOCKED), stimulus, LOCKING, 0, DUE + SECOND)
    leads = {
        Stimulus.UNLOCK: Phase.ACTIVE,
        Stimulus.FAIL: Phase.ACTIVE,
        Stimulus.LIMIT: Phase.ENDING,
        Stimulus.GONE: Phase.GONE,
    }
    assert after.phase is leads.get(stimulus, Phase.LOCKED)
    if stimulus not in leads:
        assert after == life(Phase.LOCKED)


def test_unlocking_is_evidence():
    before = replace(life(Phase.LOCKED), deferred_usec=5)
    after, acts = lifecycle.unlock(before, LOCKING, 0, DUE + 30 * SECOND)
    assert after == state.begin(EvidenceKind.UNLOCKED, DUE + 30 * SECOND)
    assert acts == []
    early, _ = lifecycle.unlock(before, LOCKING, 0, 5)
    assert early.evidence_usec == USED, "evidence only ever moves on"


def test_failed_lock_leaves_the_session_as_it_was():
    after, acts = transitions.step(life(Phase.LOCKED), Stimulus.FAIL, LOCKING, 0, DUE + SECOND)
    assert (after, acts) == (life(Phase.ACTIVE), [])


def test_failed_lock_restores_no_busy_max():
    before = replace(life(Phase.LOCKED), deferred_usec=DUE - 50 * SECOND)
    after, _ = transitions.step(before, Stimulus.FAIL, LOCKING, 0, DUE)
    assert after.deferred_usec == DUE - 50 * SECOND


def test_locked_session_ends_after_lock_for():
    kept = life(Phase.LOCKED)
    end = state.deadline(kept, LOCKING, 0)
    assert end == (DUE + 100 * SECOND, Reason.LOCK, 100 * SECOND)
    assert state.next_due(kept, LOCKING, 0) == end.usec
    assert not state.is_due(kept, LOCKING, 0, end.usec - 1)
    assert state.is_due(kept, LOCKING, 0, end.usec)
    assert lifecycle.advance(kept, LOCKING, 0, end.usec) == (kept, []), "time alone ends nothing"
    after, acts = lifecycle.end(kept, LOCKING, 0, end.usec)
    assert (after.phase, after.ending) == (Phase.ENDING, Reason.LOCK)
    assert acts[0] == LogEvent(LifecycleEvent.ENDING, Reason.LOCK, end.usec - USED)


def test_locked_session_ends_at_the_nearer_of_lock_for_and_max():
    kept = life(Phase.LOCKED)
    assert state.deadline(kept, replace(LOCKING, max_usec=DUE + SECOND), 0).reason is Reason.MAX
    assert state.deadline(kept, replace(LOCKING, max_usec=DUE + 200 * SECOND), 0).reason is Reason.LOCK
    forever = replace(LOCKING, lock_for_usec=None)
    assert state.deadline(kept, forever, 0) is None
    assert state.next_due(kept, forever, 0) is None
    assert not state.is_due(kept, forever, 0, 10**15)
    after, _ = transitions.step(kept, Stimulus.LIMIT, forever, 0, DUE)
    assert after.ending is Reason.LOCK, "tried too often"


def test_end_of_a_locked_session_is_not_deferred():
    busy = replace(LOCKING, busy=("rsync",))
    assert state.busy_left_usec(life(Phase.LOCKED), busy, DUE) == 0
    assert state.busy_left_usec(life(Phase.WARNED), busy, DUE) > 0


def test_lapse_does_not_stop_the_end_of_a_locked_session():
    ending = replace(life(Phase.LOCKED), phase=Phase.ENDING, ending=Reason.LOCK)
    assert transitions.step(ending, Stimulus.LAPSE, LOCKING, 0, DUE) == (ending, [])
    never_locked = replace(ending, locked_usec=0, ending=Reason.IDLE)
    assert transitions.step(never_locked, Stimulus.LAPSE, LOCKING, 0, DUE)[0].phase is Phase.ACTIVE


# Tracking.


class Locked:
    """A session that is locked, on a host where things happen."""

    def __init__(self) -> None:
        self.host = FakeHost()
        self.login: FakeLogin = self.host.login(100, "pts/1")
        self.began = self.host.clock()
        found = observation.start_tracking(self.login.session, self.readings(), self.began, is_new=True)
        found = policy_change.apply_policy(found, make_policy(LOCKING), frozenset(), self.began.boot_usec).tracked
        self.wait(60)
        self.tracked: TrackedSession = operations.lock(found, self.host.time.boot_usec).tracked

    def readings(self) -> tuple[TerminalSample, ...]:
        return self.host.read_terminals(["pts/1"])

    def wait(self, seconds: int) -> Instant:
        self.host.time.boot_usec += seconds * SECOND
        return self.host.clock()

    def look(self) -> tracked_session.Change:
        previous = self.host.clock()
        change = observation.look(self.tracked, self.readings(), previous, self.wait(5))
        self.tracked = change.tracked
        return change


@pytest.fixture
def kept() -> Locked:
    return Locked()


def test_sessions_that_would_be_locked_at_their_limit():
    host = FakeHost()
    login = host.login(100, "pts/1")
    found = observation.start_tracking(login.session, host.read_terminals(["pts/1"]), host.clock(), is_new=True)
    now = host.clock().boot_usec
    for limits, locks in (
        (replace(LOCKING, warn_usec=()), True),
        (replace(LOCKING, warn_usec=(), action=Action.TERMINATE), False),
        (replace(LOCKING, warn_usec=(), idle_usec=None, max_usec=60 * SECOND), False),
    ):
        tracked = policy_change.apply_policy(found, make_policy(limits), frozenset(), now).tracked
        assert not operations.would_lock(tracked, now)
        assert operations.would_lock(tracked, now + 100 * SECOND) is locks
        assert not operations.would_lock(operations.lock(tracked, now).tracked, now + 10**12)


@pytest.mark.parametrize("what", ["type", "touch", "chmod", "lose"])
def test_activity_on_locked_terminals_is_no_evidence(kept, what):
    before = kept.tracked.life
    kept.wait(20)
    tty = kept.login.ttys["pts/1"]
    {
        "type": tty.type,
        "touch": lambda: tty.touch(kept.host.time.wall_ns),
        "chmod": lambda: tty.chmod(0o600),
        "lose": kept.login.ttys.clear,
    }[what]()
    change = kept.look()
    assert (change.tracked.life, change.acts, change.tampered) == (before, (), ())
    assert [each.ctime_ns for each in change.tracked.readings] == [each.ctime_ns for each in kept.readings()]


def test_unlocking_starts_with_the_terminals_as_they_are(kept):
    tty = kept.login.ttys["pts/1"]
    tty.chmod(0o600)
    kept.look()
    kept.wait(20)
    tty.chmod(0o620)
    now = kept.wait(20)
    change = operations.unlock(kept.tracked, kept.readings(), now.boot_usec - SECOND, now)
    assert (change.tracked.life.phase, change.tracked.life.evidence) == (Phase.ACTIVE, EvidenceKind.UNLOCKED)
    assert change.tracked.life.evidence_usec == now.boot_usec - SECOND
    kept.tracked = change.tracked
    assert (kept.look().tampered, kept.tracked.life.evidence) == ((), EvidenceKind.UNLOCKED)
    kept.wait(20)
    tty.touch(kept.host.time.wall_ns)
    assert kept.look().tampered == ("pts/1",), "and from then on as ever"


def test_input_since_the_unlocking_counts(kept):
    since = kept.wait(20).boot_usec
    kept.wait(20)
    assert kept.login.ttys["pts/1"].type()
    typed = kept.host.time.boot_usec
    now = kept.wait(20)
    life = operations.unlock(kept.tracked, kept.readings(), since, now).tracked.life
    assert typed <= life.evidence_usec <= typed + 8 * SECOND


def test_failed_lock_starts_with_the_terminals_as_they_are(kept):
    tty = kept.login.ttys["pts/1"]
    kept.wait(20)
    tty.chmod(0o620)  # as it was; only ctime tells
    kept.tracked = operations.abandon_lock(kept.tracked, kept.readings(), kept.host.time.boot_usec).tracked
    assert kept.tracked.life.phase is Phase.ACTIVE
    assert kept.look().tampered == ()


@pytest.mark.parametrize("action", list(Action))
def test_another_policy_leaves_a_lock_under_its_first_limits(kept, action):
    policy = make_policy(make_limits(action=action, lock_for_usec=5))
    change = policy_change.apply_policy(kept.tracked, policy, frozenset(), kept.host.time.boot_usec)
    assert (change.tracked.life, change.tracked.limits, change.acts) == (kept.tracked.life, LOCKING, ())
    assert change.tracked.due_usec == kept.tracked.due_usec


def test_missing_policy_and_lapse_leave_a_session_locked(kept):
    change = policy_change.apply_policy(kept.tracked, None, frozenset(), kept.host.time.boot_usec)
    assert (change.tracked.life, change.tracked.limits) == (kept.tracked.life, LOCKING)
    assert operations.lapse(kept.tracked, kept.host.time.boot_usec).life == kept.tracked.life


def test_obstacle_turns_a_lock_into_an_end():
    host = FakeHost()
    login = host.login(100, "pts/1")
    now = host.clock().boot_usec
    found = observation.start_tracking(login.session, host.read_terminals(["pts/1"]), host.clock(), is_new=True)
    for action, expected in ((Action.LOCK, Action.TERMINATE), (Action.OBSERVE, Action.OBSERVE)):
        policy = make_policy(replace(LOCKING, action=action))
        change = policy_change.apply_policy(found, policy, frozenset(), now, unlockable="why")
        assert change.tracked.limits.action is expected


def test_too_many_attempts_end_the_session(kept):
    change = operations.terminate_locked(kept.tracked, kept.host.time.boot_usec)
    assert change.tracked.life.phase is Phase.ENDING
    assert change.acts[-1] == Signal(TerminationStep.HANGUP, Reason.LOCK)
    assert change.tracked.life.locked_usec


@pytest.mark.parametrize("phase", [Phase.ACTIVE, Phase.WARNED, Phase.DEFERRED, Phase.OBSERVED])
@pytest.mark.parametrize("lock_for", [None, 50 * SECOND])
def test_lock_is_taken_up_as_its_order_says(kept, phase, lock_for):
    """Whatever its session was taken for meanwhile."""
    hold = Hold(DUE, DUE + 100 * SECOND, 0, "root", "")
    found = replace(kept.tracked, life=life(phase), limits=replace(LOCKING, action=Action.OBSERVE), rule="b", hold=hold)
    until_usec = None if lock_for is None else DUE + lock_for
    after = operations.adopt_lock(found, LockOrder(found.session, "", {"rule": "a"}, DUE, until_usec))
    assert (after.life.phase, after.life.locked_usec) == (Phase.LOCKED, DUE)
    assert (after.life.stages, after.life.first_warned_usec) == (0, 0)
    assert (after.due_usec, after.hold, after.rule) == (until_usec, None, "a")
    assert after.limits == replace(LOCKING, lock_for_usec=lock_for)


def test_lock_is_taken_up_without_a_policy(kept):
    found = replace(kept.tracked, life=life(Phase.ACTIVE), limits=None)
    after = operations.adopt_lock(found, LockOrder(found.session, "", {}, DUE, DUE + SECOND))
    assert (after.life.phase, after.due_usec) == (Phase.LOCKED, DUE + SECOND)


def test_no_policy_stops_the_end_of_a_locked_session(kept):
    """Its terminals are hung up, and a restart must make no difference."""
    ending = operations.terminate_locked(kept.tracked, kept.host.time.boot_usec).tracked
    observed = make_policy(replace(LOCKING, action=Action.OBSERVE))
    change = policy_change.apply_policy(ending, observed, frozenset(), kept.host.time.boot_usec)
    assert (change.tracked, change.acts) == (ending, ())
    never_locked = replace(ending, life=replace(ending.life, locked_usec=0))
    change = policy_change.apply_policy(never_locked, observed, frozenset(), kept.host.time.boot_usec)
    assert change.tracked.limits is not None
    assert change.tracked.limits.action is Action.OBSERVE
