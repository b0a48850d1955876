"""The laws of a session's life (reaper/decide/session/lifecycle.py), over any sequence of events.

A small watcher drives the session through time, input, policy changes, programs, lapses and restarts as the daemon
does; an observer beside it (observer.py), which knows when the person really typed, checks every act against the laws.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reaper.daemon.intervals import LAPSE_USEC
from reaper.decide.policy.limits import Action, Limits, Notify
from reaper.decide.policy.rules import Policy
from reaper.decide.session import observation, operations, policy_change, snapshot, state, tracked_session
from reaper.decide.session.brake import Ledger
from reaper.decide.session.model import FRESH_CTIME_NS, Instant, TerminalSample
from reaper.decide.session.snapshot import Snapshot
from reaper.decide.session.state import (
    Act,
    LifecycleEvent,
    LogEvent,
    Phase,
    Reason,
    Signal,
    TerminationStep,
    Warn,
    WithdrawWarning,
)
from reaper.decide.session.tracked_session import Change, TrackedSession
from tests.property.observer import Observer, quiet
from tests.unit.fakes import make_limits, make_policy, make_session
from tests.unit.simulated import SECOND, Clock, FakeTty

POLL_USEC = 5 * SECOND
# A look at a terminal in the very tick in which it is made spoils the next interval as evidence: test_evidence.py.
FRESH_USEC = FRESH_CTIME_NS // 1000


def limits_of(
    idle: int | None, longest: int | None, leads: list[int], action: Action, busy_max: int | None = None
) -> Limits:
    """As the policy file lets them be: the first warning at least eight seconds after the last input."""
    nearest = min([each for each in (idle, longest) if each is not None], default=None)
    fitting = sorted({lead for lead in leads if nearest is None or lead <= nearest - 8}, reverse=True)
    return make_limits(
        idle_usec=None if idle is None else idle * SECOND,
        max_usec=None if longest is None else longest * SECOND,
        warn_usec=tuple(lead * SECOND for lead in fitting),
        action=action,
        grace_usec=3 * SECOND,
        busy=() if busy_max is None else ("rsync",),
        busy_max_usec=(60 if busy_max is None else busy_max) * SECOND,
    )


LOUD = st.builds(
    limits_of,
    st.none() | st.integers(16, 200),
    st.none() | st.integers(16, 400),
    st.lists(st.integers(1, 60), max_size=3),
    st.sampled_from([Action.TERMINATE, Action.TERMINATE, Action.OBSERVE]),
    st.none() | st.integers(0, 200),
)
LIMITS = LOUD | LOUD.map(quiet)
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 90_000)),  # milliseconds
    st.tuples(st.just("wait"), st.integers(1, 9_000)),
    st.tuples(st.just("type"), st.integers(0, 2)),
    st.tuples(st.just("type"), st.just(0)),
    st.tuples(st.just("policy"), LIMITS),
    st.tuples(st.just("stop"), st.integers(1, 300_000)),
    st.tuples(st.just("open"), st.integers(0, 2)),
    st.tuples(st.just("close"), st.integers(0, 2)),
    st.tuples(st.just("share"), st.integers(0, 20_000)),  # milliseconds ago
    st.tuples(st.just("busy"), st.booleans()),
    st.tuples(st.just("busy"), st.just(True)),
)
LIVES = st.lists(STEPS, min_size=5, max_size=40)
# A person who has left, and programs that come and go.
BUSY_LIMITS = st.builds(
    limits_of,
    st.integers(16, 30),
    st.none() | st.integers(16, 200),
    st.lists(st.integers(1, 15), max_size=3),
    st.just(Action.TERMINATE),
    st.none() | st.integers(0, 150),
)
BUSY_STEPS = st.one_of(
    st.tuples(st.just("busy"), st.booleans()),
    st.tuples(st.just("wait"), st.integers(1, 30_000)),
    st.tuples(st.just("wait"), st.integers(1, 9_000)),
    STEPS,
)
BUSY_LIVES = st.lists(BUSY_STEPS, min_size=10, max_size=40).map(lambda steps: [("busy", True), *steps])
ANY = st.tuples(LIMITS, LIVES) | st.tuples(BUSY_LIMITS | BUSY_LIMITS.map(quiet), BUSY_LIVES)


@dataclass
class Watcher:
    """Leads one session through a life, as the daemon does, with one poll every five seconds."""

    limits: Limits
    restarts_every: int = 0  # moments between two restarts of the daemon; 0 for never
    clock: Clock = field(default_factory=Clock)
    ttys: dict[int, FakeTty] = field(default_factory=dict)
    acts: list[tuple[int, Act]] = field(default_factory=list)
    shared_usec: int = 0  # when they last typed in another session
    is_busy: bool = False  # a program that the rule names runs in the session

    def __post_init__(self) -> None:
        self.ttys[0] = FakeTty("pts/0", self.clock)
        self.clock.boot_usec += 2 * FRESH_USEC
        now = self.clock.now()
        self.session = make_session(100, opened_usec=now.boot_usec)
        self.observer = self.make_observer(now.boot_usec)
        self.polled, self.poll_at, self.expected = now, now.boot_usec, now.boot_usec
        self.tracked = observation.start_tracking(self.session, self.read(), now, is_new=True)
        self.moments = itertools.count(1)
        self.put_in_force(self.limits)

    def make_observer(self, now_usec: int) -> Observer:
        return Observer(now_usec, self.limits, now_usec)

    def read(self) -> tuple[TerminalSample, ...]:
        return tuple(self.ttys[number].read() for number in sorted(self.ttys))

    def policy(self) -> Policy:
        return make_policy(self.limits)

    def judged(self) -> Change:
        return policy_change.apply_policy(self.tracked, self.policy(), frozenset(), self.clock.boot_usec)

    def put_in_force(self, limits: Limits) -> None:
        self.observer.just_observing = self.limits.action is not Action.OBSERVE
        changed, self.limits, self.observer.limits = self.limits != limits, limits, limits
        self.take(self.judged())
        self.observer.just_observing = False
        if changed:
            self.observer.change_limits(self.clock.boot_usec, stands=self.tracked.life.phase is Phase.WARNED)

    def take(self, change: Change) -> None:
        self.tracked = change.tracked
        for act in change.acts:
            self.observer.see(act, self.clock.boot_usec)
            self.acts.append((self.clock.boot_usec, act))

    def look(self, now: Instant) -> None:
        """One look, and as the daemon does, the policy applied anew where that found other terminals."""
        before = self.tracked.terminals
        self.take(observation.look(self.tracked, self.read(), self.polled, now))
        if self.tracked.terminals != before:
            self.take(self.judged())

    def moment(self) -> None:
        """One tick of the daemon."""
        now = self.clock.now()
        if self.restarts_every and next(self.moments) % self.restarts_every == 0:
            self.restart()
        self.catch_up(now)
        if now.boot_usec >= self.poll_at:
            self.look(now)
            self.polled, self.poll_at = now, now.boot_usec + POLL_USEC
            if self.tracked.life.phase is Phase.DEFERRED and not self.keeps_busy(now):
                self.take(operations.end_deferral(self.tracked, now.boot_usec))
                self.observer.is_deferred = False
        if self.tracked.due_usec is not None and self.tracked.due_usec <= now.boot_usec:
            self.due(now)
        self.observer.hold(self.tracked.life.phase, now.boot_usec)
        self.expected = min(self.poll_at, self.tracked.due_usec or self.poll_at)

    def catch_up(self, now: Instant) -> None:
        """After a lapse: what was announced or begun counts no more, and an end has kept the limits of then."""
        if now.boot_usec - self.expected > LAPSE_USEC:
            self.tracked = operations.lapse(self.tracked, now.boot_usec)
            self.observer.lapse()
            self.take(self.judged())
            self.expected = now.boot_usec

    def keeps_busy(self, now: Instant) -> bool:
        return self.is_busy and operations.busy_left_usec(self.tracked, now.boot_usec) > 0

    def due(self, now: Instant) -> None:
        if self.tracked.life.phase is not Phase.ENDING:
            self.look(now)
            self.take(observation.share(self.tracked, self.shared_usec, now.boot_usec))
        self.take(operations.pass_time(self.tracked, now.boot_usec))
        if tracked_session.is_due(self.tracked, now.boot_usec):
            self.look(now)
            if tracked_session.is_due(self.tracked, now.boot_usec):
                put_off = operations.defer if self.keeps_busy(now) else operations.begin_termination
                self.take(put_off(self.tracked, now.boot_usec))

    def restart(self) -> None:
        """What the next daemon knows is what the last one wrote."""
        written = snapshot.encode(Snapshot("b00t", self.polled, "", Ledger(), (self.tracked,)))
        read = snapshot.decode(written, "b00t")
        (self.tracked,) = read.sessions
        assert read.polled == self.polled
        change = self.judged()
        assert not change.acts
        self.tracked = change.tracked

    def live(self, steps: list) -> list[tuple[int, Act]]:
        """The acts of a whole life, each with its moment."""
        for what, argument in steps:
            if self.tracked.life.phase is Phase.GONE:
                break
            getattr(self, f"do_{what}")(argument)
        self.take(operations.close(self.tracked, self.clock.boot_usec))
        assert self.tracked.life.phase is Phase.GONE
        return self.acts

    def do_wait(self, milliseconds: int) -> None:
        end, stands = self.clock.boot_usec + milliseconds * 1000, 0
        for _ in range(10_000):
            self.moment()
            due = self.tracked.due_usec
            wake = min(self.poll_at, *([] if due is None else [due]), end)
            stands = stands + 1 if wake == self.clock.boot_usec else 0  # as where it is locked at the moment of its max
            assert stands < 3 or wake == end, "the watcher spins"
            self.clock.boot_usec = wake
            if wake == end:
                return
        raise AssertionError("the watcher never sleeps")

    def do_type(self, number: int) -> None:
        if number in self.ttys:
            self.ttys[number].type()
            self.observer.typed_usec = self.clock.boot_usec
            self.observer.someone_is_there()

    def do_share(self, milliseconds: int) -> None:
        """It was in another session that they typed, a while ago."""
        at = self.clock.boot_usec - milliseconds * 1000
        if self.tracked.limits is not None and at > self.session.opened_usec:
            self.observer.typed_usec = max(at, self.observer.typed_usec)
            self.observer.someone_is_there()
            self.shared_usec = max(at, self.shared_usec)
            self.catch_up(self.clock.now())
            self.take(observation.share(self.tracked, at, self.clock.boot_usec))
            assert self.tracked.life.evidence_usec >= at or self.tracked.life.phase is Phase.ENDING

    def do_busy(self, is_busy: bool) -> None:
        self.is_busy = is_busy

    def do_policy(self, limits: Limits) -> None:
        self.put_in_force(limits)

    def do_stop(self, milliseconds: int) -> None:
        """The daemon does not run, or the host sleeps."""
        self.clock.boot_usec += milliseconds * 1000

    def do_open(self, number: int) -> None:
        if number not in self.ttys:
            self.ttys[number] = FakeTty(f"pts/{number}", self.clock)
            self.observer.someone_is_there()
            self.clock.boot_usec += 2 * FRESH_USEC

    def do_close(self, number: int) -> None:
        """Between two looks at least, so that a terminal made anew is seen to be another."""
        if number in self.ttys:
            del self.ttys[number]
            self.look(self.clock.now())
            if not self.ttys:
                self.observer.forget_warning()


@given(ANY)
@example((limits_of(16, 16, [1, 4], Action.TERMINATE), [("wait", 12_001), ("stop", 3_999), ("wait", 1)]))
@example((limits_of(16, None, [], Action.TERMINATE), [("wait", 33_520), ("type", 0), ("stop", 7_386), ("wait", 1)]))
def test_no_life_breaks_a_law(case):
    limits, steps = case
    Watcher(limits).live(steps)


CUT_SHORT = limits_of(16, None, [], Action.TERMINATE)
OLD_AGE = limits_of(None, 16, [], Action.TERMINATE)


@given(ANY, st.integers(1, 5))
@example((CUT_SHORT, [("wait", 23_941), ("policy", OLD_AGE), ("wait", 1)]), 1)
@example((CUT_SHORT, [("wait", 23_941), ("policy", replace(OLD_AGE, grace_usec=9 * SECOND)), ("wait", 9_000)]), 1)
def test_restarts_change_no_outcome(case, every):
    """Law 4: the same life with and without restarts, act for act and moment for moment."""
    limits, steps = case
    assert Watcher(limits, restarts_every=every).live(steps) == Watcher(limits).live(steps)


@given(st.integers(16, 300), st.lists(st.integers(1, 40), max_size=3), st.integers(1, 60_000))
@example(16, [8], 7_999)
def test_who_types_once_more_is_ended_in_time(idle, leads, after):
    """Neither early nor late: at the limit, counted from the last input, or up to eight seconds later."""
    limits = limits_of(idle, None, leads, Action.TERMINATE)
    watcher = Watcher(limits)
    watcher.do_wait(after)
    if watcher.observer.is_ending:
        return
    typed = watcher.clock.boot_usec
    watcher.do_type(0)
    watcher.do_wait((idle + 9) * 1000)
    ((ended, _),) = [
        each for each in watcher.acts if isinstance(each[1], Signal) and each[1].rung is TerminationStep.HANGUP
    ]
    assert idle * SECOND <= ended - typed <= (idle + 8) * SECOND


@given(LIMITS, st.integers(0, 300))
def test_a_warning_is_taken_back_once(limits, seconds):
    """Law 2: input after a warning that the limit moves by is answered by one Spare, and the session stays.

    Who has read no warning reads nothing of its withdrawal.
    """
    limits = replace(limits, action=Action.TERMINATE, max_usec=None)
    watcher = Watcher(limits)
    watcher.do_wait(seconds * 1000 + 1)
    was_warned = watcher.tracked.life.phase is Phase.WARNED
    if watcher.observer.is_ending:
        return
    before = len(watcher.acts)
    watcher.clock.boot_usec += 8 * SECOND
    watcher.do_type(0)
    now = watcher.clock.now()
    watcher.take(observation.look(watcher.tracked, watcher.read(), watcher.polled, now))
    watcher.take(observation.look(watcher.tracked, watcher.read(), now, now))
    fresh = [act for _, act in watcher.acts[before:]]
    assert sum(isinstance(act, WithdrawWarning) for act in fresh) == (was_warned and limits.notify is Notify.TERMINAL)
    assert sum(isinstance(act, LogEvent) and act.event is LifecycleEvent.CANCELLED for act in fresh) == was_warned
    assert watcher.tracked.life.phase is Phase.ACTIVE


@given(LIMITS, LIVES, st.integers((POLL_USEC + LAPSE_USEC) // 1000 + 1, 300_000))
def test_after_a_lapse_nothing_stands(limits, steps, milliseconds):
    """Whatever had been announced or begun, and without a word: nobody watched for the answer."""
    watcher = Watcher(limits)
    for what, argument in steps:
        getattr(watcher, f"do_{what}")(argument)
    before = watcher.tracked.life
    after = operations.lapse(watcher.tracked, watcher.clock.boot_usec).life
    if before.phase in (Phase.WARNED, Phase.ENDING):
        assert (after.phase, after.first_warned_usec, after.stages) == (Phase.ACTIVE, 0, 0)
        assert (after.evidence, after.evidence_usec) == (before.evidence, before.evidence_usec)
    else:
        assert after == before
    told = len(watcher.acts)
    watcher.do_stop(milliseconds)
    watcher.moment()
    assert not any(isinstance(act, Signal) for _, act in watcher.acts[told:]) or not watcher.limits.warn_usec


def test_equal_limits():
    """idle and max strike in the same moment: either is the reason, and neither is a mistake."""
    limits = limits_of(20, 20, [], Action.TERMINATE)
    for begun in (0, 1):
        end = state.deadline(state.begin("login", begun), limits, 0)
        assert end is not None
        assert end.usec == 20 * SECOND + begun * (end.reason is Reason.IDLE)


@pytest.mark.parametrize("action", [Action.TERMINATE, Action.OBSERVE])
def test_a_session_without_a_terminal_is_never_due(action):
    watcher = Watcher(limits_of(16, 20, [5], action))
    watcher.ttys.clear()
    watcher.do_wait(10_000_000)
    assert not any(isinstance(act, (Warn, Signal)) for _, act in watcher.acts)
    assert watcher.tracked.due_usec is None


def test_the_simulated_life_is_not_trivial():
    """The laws above are not kept by nothing happening."""
    acts = Watcher(limits_of(30, None, [10, 5], Action.TERMINATE)).live(
        [("wait", 30_000), ("type", 0), ("wait", 60_000)]
    )
    kinds = [type(act).__name__ if not isinstance(act, LogEvent) else act.event.value for _, act in acts]
    assert kinds[:4] == ["Warn", "warned", "WithdrawWarning", "cancelled"]
    assert [each for each in kinds if each in ("Signal", "ending", "terminated")][-1] == "terminated"


def tracked_states() -> list[TrackedSession]:
    """One session at every phase, for what must hold at each."""
    found = []
    for milliseconds in (1, 20_000, 25_000, 39_000, 42_000):
        watcher = Watcher(limits_of(30, None, [10, 5], Action.TERMINATE))
        watcher.do_wait(milliseconds)
        found.append(watcher.tracked)
    return found


@pytest.mark.parametrize("tracked", tracked_states(), ids=lambda tracked: tracked.life.phase.value)
def test_snapshot_round_trip(tracked):
    state = Snapshot("b00t", Instant(5, 6), "poll: 5s\n", Ledger((1, 2)), (tracked,))
    (back,) = snapshot.decode(snapshot.encode(state), "b00t").sessions
    assert (back.session, back.life) == (tracked.session, tracked.life)
    readings = tuple(reading._replace(line=0) for reading in tracked.readings)
    assert back.readings == readings, "the next daemon counts its lines by itself"
    assert (back.rule, back.tampered) == (tracked.rule, tracked.tampered)
