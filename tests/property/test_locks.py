"""The laws of locks (rule 8 of reaper/decide/session/lifecycle.py), over any life with locks in it.

A life as in lives.py, in which administrators also order locks, users unlock or fail too often, and hosts can lock or
cannot. What is typed at a lock is typed by anybody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import example, given
from hypothesis import strategies as st

from reaper.decide.policy.limits import Action, Limits
from reaper.decide.session import observation, operations, policy_change, state, tracked_session, transitions
from reaper.decide.session.lock_protocol import LockOrder
from reaper.decide.session.model import Instant
from reaper.decide.session.state import Act, Lock, Phase, Reason, Signal, Stimulus, TerminationStep, Warn
from reaper.decide.session.tracked_session import Change
from tests.property.lives import ANY_LIMITS, BUSY_STEPS, LIMITS, LOCKING, STEPS, Watcher, limits_of, locking
from tests.property.observer import Observer
from tests.unit.simulated import SECOND

IDLE = locking(limits_of(20, None, [10], Action.TERMINATE), 100)
OLD = replace(IDLE, max_usec=20 * SECOND)
SOON = replace(IDLE, lock_for_usec=20 * SECOND)
LOCK_STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 90_000)),
    st.tuples(st.just("lock"), st.none()),
    st.tuples(st.just("unlock"), st.integers(0, 20_000)),  # milliseconds before anybody looks
    st.tuples(st.just("fail"), st.none()),
    st.tuples(st.just("refuse"), st.none()),
    st.tuples(st.just("obstacle"), st.booleans()),
    st.tuples(st.just("policy"), ANY_LIMITS),
    STEPS,
    BUSY_STEPS,
)
LIVES = st.tuples(LOCKING, st.lists(LOCK_STEPS, min_size=5, max_size=40))


@dataclass
class LockObserver(Observer):
    """Knows also whether the session is locked, since when, and under which limits."""

    locked_usec: int | None = None
    locked_under: Limits | None = None
    is_ordered: bool = False  # somebody is having it locked, in this very moment
    is_refused: bool = False  # somebody has tried to unlock it too often
    can_lock: bool = True

    def see(self, act: Act, now_usec: int) -> None:
        if isinstance(act, Lock):
            self.lock(now_usec)
        elif self.locked_under is not None:
            self.see_locked(act, now_usec)
        else:
            assert not (isinstance(act, Signal) and not self.is_ending and self.locks_at(act.reason)), "it locks, then"
            super().see(act, now_usec)

    def locks_at(self, reason: Reason) -> bool:
        return self.limits.action is Action.LOCK and reason is Reason.IDLE and self.can_lock

    def ends_at(self, reason: Reason) -> bool:
        return not self.locks_at(reason)

    def lock(self, now_usec: int) -> None:
        assert self.locked_under is None, "what is locked is not locked again"
        assert not self.is_ending
        assert not self.is_gone
        assert self.limits.action is not Action.OBSERVE
        if not self.is_ordered:
            assert self.locks_at(Reason.IDLE)
            assert self.limits.idle_usec is not None
            assert now_usec - self.typed_usec >= self.limits.idle_usec, (
                "nobody is locked out before they have been idle"
            )
            if self.limits.warn_usec:
                assert self.warned_usec is not None, "nor without a warning"
                assert now_usec - self.warned_usec >= self.limits.warn_usec[-1]
        self.locked_usec, self.locked_under = now_usec, self.limits
        self.forget_warning()

    def see_locked(self, act: Act, now_usec: int) -> None:
        """Checks that a locked session shows nothing, and ends at its own limits alone."""
        assert self.locked_under is not None
        assert self.locked_usec is not None
        assert not isinstance(act, Warn)
        if isinstance(act, Signal) and not self.is_ending:
            assert act.rung is TerminationStep.HANGUP
            self.is_ending = True
            limit = self.locked_under.lock_for_usec if act.reason is Reason.LOCK else self.locked_under.max_usec
            since_usec = self.locked_usec if act.reason is Reason.LOCK else self.opened_usec
            assert act.reason is not Reason.IDLE
            assert self.is_refused or (limit is not None and now_usec - since_usec >= limit)
            return
        today, self.limits = self.limits, self.locked_under
        super().see(act, now_usec)
        self.limits = today

    def hold(self, phase: Phase, now_usec: int) -> None:
        super().hold(phase, now_usec)
        if self.locked_under is not None:
            assert phase in (Phase.LOCKED, Phase.ENDING, Phase.GONE), "nothing but its person opens it"
        else:
            assert phase is not Phase.LOCKED

    def lapse(self) -> None:
        if self.locked_under is None:
            super().lapse()

    def open(self) -> None:
        self.locked_usec = self.locked_under = None
        self.forget_warning()
        self.is_deferred = False


class LockWatcher(Watcher):
    """Does with locks what the daemon does."""

    obstacle = ""

    def make_observer(self, now_usec: int) -> Observer:
        return LockObserver(now_usec, self.limits, now_usec)

    @property
    def eye(self) -> LockObserver:
        assert isinstance(self.observer, LockObserver)
        return self.observer

    @property
    def is_locked(self) -> bool:
        return self.tracked.life.phase is Phase.LOCKED

    def judged(self) -> Change:
        why = self.obstacle or ("" if self.tracked.readings else "no terminal")
        self.eye.can_lock = not why
        now_usec = self.clock.boot_usec
        return policy_change.apply_policy(self.tracked, self.policy(), frozenset(), now_usec, unlockable=why)

    def due(self, now: Instant) -> None:
        if self.tracked.life.phase is not Phase.ENDING:
            self.look(now)
            self.take(observation.share(self.tracked, self.shared_usec, now.boot_usec))
        self.take(operations.pass_time(self.tracked, now.boot_usec))
        if not tracked_session.is_due(self.tracked, now.boot_usec):
            return
        if self.keeps_busy(now):
            self.take(operations.defer(self.tracked, now.boot_usec))
            return
        was_to_lock = operations.would_lock(self.tracked, now.boot_usec)
        if was_to_lock:
            self.take(self.judged())
        if was_to_lock == operations.would_lock(self.tracked, now.boot_usec):
            self.take(operations.begin_termination(self.tracked, now.boot_usec))
        else:
            self.due(now)

    def do_type(self, number: int) -> None:
        if not self.is_locked:
            super().do_type(number)
        elif number in self.ttys:
            self.ttys[number].type()

    def do_share(self, milliseconds: int) -> None:
        if not self.is_locked:
            super().do_share(milliseconds)
            return
        before = self.tracked.life
        self.take(observation.share(self.tracked, self.clock.boot_usec - milliseconds * 1000, self.clock.boot_usec))
        assert self.tracked.life == before

    def do_lock(self, _nothing: None) -> None:
        self.catch_up(self.clock.now())
        self.look(self.clock.now())
        limits, phase = self.tracked.limits, self.tracked.life.phase
        is_over = phase in (Phase.LOCKED, Phase.ENDING, Phase.GONE)
        if is_over or not self.tracked.readings or limits is None or limits.action is Action.OBSERVE:
            return
        self.eye.is_ordered = True
        self.take(operations.lock(self.tracked, self.clock.boot_usec))
        self.eye.is_ordered = False
        assert self.is_locked

    def do_unlock(self, milliseconds: int) -> None:
        """Its user unlocks it, and may type before the daemon looks."""
        if not self.is_locked:
            return
        since_usec = self.observer.typed_usec = self.clock.boot_usec
        self.clock.boot_usec += milliseconds * 1000
        if self.ttys and milliseconds % 2:
            self.ttys[min(self.ttys)].type()
            self.observer.typed_usec = self.clock.boot_usec
        self.observer.someone_is_there()
        self.polled = now = self.clock.now()
        self.eye.open()
        self.take(operations.unlock(self.tracked, self.read(), since_usec, now))
        assert self.tracked.life.phase is Phase.ACTIVE
        self.take(self.judged())

    def do_fail(self, _nothing: None) -> None:
        """The lock fails."""
        if self.is_locked:
            self.obstacle = "why"
            self.eye.open()
            self.take(operations.abandon_lock(self.tracked, self.read(), self.clock.boot_usec))
            assert self.tracked.life.phase is Phase.ACTIVE
            self.take(self.judged())

    def do_refuse(self, _nothing: None) -> None:
        if self.is_locked:
            self.eye.is_refused = True
            self.take(operations.terminate_locked(self.tracked, self.clock.boot_usec))
            assert self.tracked.life.phase is Phase.ENDING

    def lose(self) -> None:
        """The next daemon refuses what the last one wrote, and finds the session and the order of its lock."""
        locked_usec, limits = self.tracked.life.locked_usec, self.tracked.limits
        assert limits is not None
        until_usec = None if limits.lock_for_usec is None else locked_usec + limits.lock_for_usec
        now = self.clock.now()
        met = observation.start_tracking(self.session, self.read(), now, is_new=False)
        self.tracked, self.polled, self.expected = met, now, now.boot_usec
        self.tracked = operations.adopt_lock(
            self.judged().tracked, LockOrder(self.session, "", {}, locked_usec, until_usec)
        )

    def do_obstacle(self, is_there: bool) -> None:
        self.obstacle = "why" if is_there else ""
        self.take(self.judged())


OBSERVED = limits_of(None, None, [], Action.OBSERVE)


@given(LIVES)
@example((IDLE, [("lock", None), ("refuse", None), ("wait", 1), ("policy", OBSERVED), ("wait", 9000)]))
@example((OLD, [("lock", None), ("policy", OBSERVED), ("wait", 25_000)]))
def test_no_life_with_locks_breaks_a_law(case):
    limits, steps = case
    LockWatcher(limits).live(steps)


@given(LIVES, st.integers(1, 5))
@example((IDLE, [("wait", 40_000), ("policy", SOON), ("wait", 90_000)]), 1)
@example((OLD, [("lock", None), ("policy", OBSERVED), ("wait", 25_000)]), 1)
def test_restarts_change_no_outcome_of_a_lock(case, every):
    """Nor do they open one."""
    limits, steps = case
    assert LockWatcher(limits, restarts_every=every).live(steps) == LockWatcher(limits).live(steps)


def locked_under(limits):
    """Returns a locked session, its life since, and when it ends."""
    watcher = LockWatcher(limits)
    watcher.do_wait(1000)
    if not watcher.is_locked:
        watcher.do_lock(None)
    began = watcher.tracked.life
    end = state.deadline(began, limits, watcher.session.opened_usec)
    return watcher, began, end


SAME_POLICY = STEPS.filter(lambda step: step[0] != "policy")


@given(LOCKING, st.lists(SAME_POLICY, max_size=30), st.sets(st.integers(0, 30)), LOCKING | LIMITS)
def test_daemon_without_a_state_ends_a_locked_session_at_the_same_moment(limits, steps, losses, meanwhile):
    """It has only the order; `max` is not part of that, and comes from the rule."""
    watcher, began, end = locked_under(limits)
    watcher.limits = replace(meanwhile, max_usec=limits.max_usec)
    for number, (what, argument) in enumerate(steps):
        if number in losses:
            watcher.lose()
        getattr(watcher, f"do_{what}")(argument)
        watcher.moment()
        life = watcher.tracked.life
        assert (life.phase is Phase.LOCKED) is (end is None or watcher.clock.boot_usec < end.usec)
        assert life.locked_usec == began.locked_usec
        if life.phase is not Phase.LOCKED:
            assert life.ending is (end and end.reason)
            return


NOTHING_OPENS = STEPS | BUSY_STEPS | st.tuples(st.just("obstacle"), st.booleans())


@given(LOCKING, st.lists(NOTHING_OPENS, max_size=30))
@example(IDLE, [("stop", 50_000), ("type", 0), ("share", 0), ("policy", replace(IDLE, action=Action.OBSERVE))])
def test_lock_ends_at_its_limit_or_not_at_all(limits, steps):
    """Unless its user unlocks it: no evidence, policy, lapse or obstacle moves the end."""
    watcher, began, end = locked_under(limits)
    for what, argument in steps:
        getattr(watcher, f"do_{what}")(argument)
        watcher.moment()
        life = watcher.tracked.life
        is_over = end is not None and watcher.clock.boot_usec >= end.usec
        assert (life.phase is not Phase.LOCKED) is is_over
        assert is_over or life == began
        if is_over:
            return


@given(LOCKING, st.integers(0, 400), st.sampled_from(list(Stimulus)))
def test_only_an_unlock_or_a_failure_opens_a_lock(limits, seconds, stimulus):
    life = replace(state.begin("input", 0), phase=Phase.LOCKED, locked_usec=5)
    after, acts = transitions.step(life, stimulus, limits, 0, seconds * SECOND)
    if stimulus not in (Stimulus.UNLOCK, Stimulus.FAIL, Stimulus.LIMIT, Stimulus.GONE):
        assert (after, acts) == (life, [])


@given(LOCKING.filter(lambda limits: limits.idle_usec is not None and limits.warn_usec), st.integers(0, 60))
def test_session_whose_lock_fails_is_warned_before_it_ends(limits, seconds):
    """Rule 1 applies from the moment at which the lock failed."""
    watcher = LockWatcher(replace(limits, max_usec=None, lock_for_usec=None, busy=()))
    watcher.do_wait((limits.idle_usec or 0) // 1000 + 90_000)
    watcher.do_wait(seconds * 1000 + 1)
    assert watcher.is_locked
    failed_usec, told = watcher.clock.boot_usec, len(watcher.acts)
    watcher.do_fail(None)
    watcher.do_wait(200_000)
    fresh = [(at, act) for at, act in watcher.acts[told:] if isinstance(act, (Warn, Signal))]
    assert isinstance(fresh[0][1], Warn)
    ended_usec = next(at for at, act in fresh if isinstance(act, Signal))
    assert ended_usec - failed_usec >= limits.warn_usec[-1]
