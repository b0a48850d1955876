"""The lives that a session can lead, and a watcher that leads one through them.

A life is a list of what happens to a session: time passes, its user types here or in another session, other limits
apply, programs run, the daemon stops or restarts, terminals come and go. The watcher drives reaper.decide.session
through it as the daemon does; the observer beside it (observer.py) knows when the user really typed, and checks every
act against the laws.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from reaper.daemon.intervals import LAPSE_USEC
from reaper.decide.policy.limits import Action, Limits, Notify
from reaper.decide.policy.rules import Policy
from reaper.decide.session import observation, operations, policy_change, snapshot, tracked_session
from reaper.decide.session.brake import Ledger
from reaper.decide.session.model import FRESH_CTIME_NS, Instant, TerminalSample
from reaper.decide.session.snapshot import Snapshot
from reaper.decide.session.state import Act, Phase
from reaper.decide.session.tracked_session import Change
from tests.property.observer import Observer, quiet
from tests.unit.fakes import make_limits, make_policy, make_session
from tests.unit.simulated import SECOND, Clock, FakeTty

POLL_USEC = 5 * SECOND


# A look at a terminal in the very tick in which it is made spoils the next interval as evidence: test_evidence.py.
FRESH_USEC = FRESH_CTIME_NS // 1000


def limits_of(
    idle: int | None, longest: int | None, leads: list[int], action: Action, busy_max: int | None = None
) -> Limits:
    """Returns limits as a policy file allows them: the first warning at least 8 s after the last input."""
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
        """Takes one look, and as the daemon does, applies the policy again if it found other terminals."""
        before = self.tracked.terminals
        self.take(observation.look(self.tracked, self.read(), self.polled, now))
        if self.tracked.terminals != before:
            self.take(self.judged())

    def moment(self) -> None:
        """Runs one tick of the daemon."""
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
        """After a lapse nothing counts that was announced or begun, and an end has kept its first limits."""
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
        """The next daemon knows what the last one wrote."""
        written = snapshot.encode(Snapshot("b00t", self.polled, "", Ledger(), (self.tracked,)))
        read = snapshot.decode(written, "b00t")
        (self.tracked,) = read.sessions
        assert read.polled == self.polled
        change = self.judged()
        assert not change.acts
        self.tracked = change.tracked

    def live(self, steps: list) -> list[tuple[int, Act]]:
        """Returns the acts of a whole life, each with its moment."""
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
        """The user typed in another session, a while ago."""
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
        """Two looks at least come between, so that a new terminal is seen to be another."""
        if number in self.ttys:
            del self.ttys[number]
            self.look(self.clock.now())
            if not self.ttys:
                self.observer.forget_warning()


def locking(limits: Limits, lock_for: int | None) -> Limits:
    limits = replace(limits, action=Action.LOCK, notify=Notify.TERMINAL)
    return replace(limits, lock_for_usec=None if lock_for is None else lock_for * SECOND)


LOCKING = st.builds(locking, LIMITS, st.none() | st.integers(1, 300))


ANY_LIMITS = LIMITS | LOCKING
