"""Which changes of a terminal's times are evidence, against a simulated kernel and a user who tries everything.

The user types, sets the times of the terminal to any value (utimes), changes its mode to another or to the same one
(chmod), as fast as two calls in one tick of the kernel, just before and just after each look. The wall clock is set
forward and back. Beside it stands the truth: when the user really typed.

The laws: what was forged never counts. What was typed is never dated too early, nor more than eight seconds too late;
it is lost only where the user tampered (in that interval, or within the eight seconds that the kernel does not tell
apart), where the wall clock was set in that interval, or where ctime was fresh when the interval began.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from reaper.decide.session import observation, policy_change, terminal_evidence
from reaper.decide.session.model import FRESH_CTIME_NS, NS_PER_SEC, Instant, TerminalSample
from reaper.decide.session.terminal_evidence import BUCKET_NS, Refusal
from tests.unit.fakes import make_policy, make_session
from tests.unit.simulated import SECOND, Clock, FakeTty

BUCKET_USEC = BUCKET_NS // 1000
POLL_USEC = 15 * SECOND
GRAIN_USEC = 10_000

# What it is done at: any moment, or at the edges of the kernel's tick and of the moment for which ctime is fresh.
DELAYS = st.one_of(
    st.integers(0, 20_000_000),
    st.sampled_from([0, 1, 999, 1000, 3_999, 4_000, 9_999, 10_000, 29_999, 30_000, 30_001, 8_000_000]),
)
STEPS = st.one_of(
    st.tuples(st.just("type"), st.none()),
    st.tuples(st.just("type"), st.none()),
    st.tuples(st.just("poll"), st.none()),
    st.tuples(st.just("touch"), st.integers(-40 * NS_PER_SEC, 40 * NS_PER_SEC)),  # from now
    st.tuples(st.just("touch"), st.sampled_from([-(10**18), -1, 0, 1, BUCKET_NS, 10**18])),
    st.tuples(st.just("chmod"), st.sampled_from([0o620, 0o600])),
    st.tuples(st.just("wait"), st.none()),
)
# What is less is slewing, which the evidence bears without being told.
SECONDS = st.integers(-(10**5), 10**5).filter(lambda seconds: abs(seconds) > 1)
CLOCK_STEPS = st.tuples(st.just("clock"), SECONDS)
MOMENTS = st.tuples(DELAYS, STEPS)
KERNELS = st.tuples(st.sampled_from([4_000_000, 10_000_000]), st.booleans())


@dataclass
class Trial:
    """One terminal, looked at from outside while its user does as they like."""

    kernel: tuple[int, bool]
    clock: Clock = field(default_factory=Clock)
    # Since the last look, on the boot-time clock: what was typed, and whether it left a trace.
    typed: list[tuple[int, bool]] = field(default_factory=list)
    touched: bool = False
    clock_was_set: bool = False
    blind_until_usec: int = 0  # until then the kernel may see no difference between the atime that is there and now's
    steps: int = 0

    def __post_init__(self) -> None:
        grain_ns, keeps_nanoseconds = self.kernel
        self.clock.grain_ns = grain_ns
        self.tty = FakeTty("pts/0", self.clock, keeps_nanoseconds=keeps_nanoseconds)
        self.polled = self.clock.now()
        self.before: TerminalSample = self.tty.read()
        session = make_session(100, opened_usec=self.polled.boot_usec)
        tracked = observation.start_tracking(session, (self.before,), self.polled, is_new=True)
        self.tracked = policy_change.apply_policy(tracked, make_policy(), frozenset(), self.polled.boot_usec).tracked

    def do(self, delay_usec: int, step: tuple[str, int | None]) -> None:
        self.clock.boot_usec += delay_usec
        what, argument = step
        if what == "type":
            self.typed.append((self.clock.boot_usec, self.tty.type()))
        elif what == "touch":
            self.tamper()
            self.tty.touch(self.clock.wall_ns + argument)
        elif what == "chmod":
            self.tamper()
            self.tty.chmod(argument)
        elif what == "clock":
            # No two steps leave the kernel's ticks where they were.
            self.steps += 1
            self.clock.step(argument * NS_PER_SEC + (1 << self.steps) % 1_000_000)
            self.clock_was_set = True
        elif what == "poll":
            self.poll()

    def tamper(self) -> None:
        self.touched = True
        self.blind_until_usec = self.clock.boot_usec + 2 * BUCKET_USEC + 40 * SECOND

    def poll(self) -> None:
        now, after = self.clock.now(), self.tty.read()
        finding = terminal_evidence.weigh(self.before, after, self.polled, now)
        change = observation.look(self.tracked, (after,), self.polled, now)
        self.hold(finding.input_usec, now)
        self.hold_life(change.tracked.life.evidence_usec)
        if self.is_excused:
            self.blind_until_usec = max(self.blind_until_usec, now.boot_usec + 2 * BUCKET_USEC + GRAIN_USEC)
        self.tracked, self.before, self.polled = change.tracked, after, now
        self.typed, self.touched, self.clock_was_set = [], False, False

    @property
    def is_excused(self) -> bool:
        """Whether input in this interval may be lost: a clock that was set back leaves its date in the future."""
        return self.touched or self.before.is_fresh or self.clock_was_set

    def hold(self, input_usec: int | None, now: Instant) -> None:
        """Checks one interval by itself."""
        traces = [at for at, has_trace in self.typed if has_trace]
        if input_usec is not None:
            assert traces, "nothing counts but what was typed"
            assert not self.touched, "and not in an interval in which times were set by hand"
            assert self.polled.boot_usec <= input_usec, "it is not dated before the interval"
            if self.clock_was_set:
                assert now.boot_usec <= input_usec <= now.boot_usec + BUCKET_USEC, "or at its end, if nothing tells"
            else:
                assert traces[-1] <= input_usec <= traces[-1] + BUCKET_USEC + 1, "but when it was typed, to its bucket"
        elif traces and not self.is_excused:
            raise AssertionError("what was typed counts")

    def hold_life(self, evidence_usec: int) -> None:
        """Checks that all input is in the evidence by now, whether it left a trace or not."""
        if self.is_excused:
            return
        for at, has_trace in self.typed:
            if has_trace or at >= self.blind_until_usec:
                assert evidence_usec >= at - 1, "nobody counts as idle at a moment at which they typed"


@given(KERNELS, st.lists(MOMENTS, min_size=5, max_size=40))
@example((4_000_000, False), [(100_000, ("poll", None)), (7_800_000, ("type", None)), (15_000_000, ("poll", None))])
def test_user_who_tries_everything_forges_no_evidence_and_loses_none(kernel, moments):
    trial = Trial(kernel)
    for delay_usec, step in moments:
        trial.do(delay_usec, step)
    trial.poll()


@given(KERNELS, st.lists(st.tuples(DELAYS, STEPS | CLOCK_STEPS), min_size=5, max_size=40))
def test_clock_changes_make_no_evidence_and_move_it_by_a_poll_at_most(kernel, moments):
    """No change of the wall clock makes evidence, or moves it by more than one poll and a bucket."""
    trial = Trial(kernel)
    for delay_usec, step in moments:
        trial.do(delay_usec, step)
    trial.poll()


@given(KERNELS, st.lists(st.tuples(DELAYS, STEPS.filter(lambda step: step[0] != "type")), max_size=40))
def test_robot_that_sets_times_keeps_no_session(kernel, moments):
    """Whatever times it sets, and whenever: they are no evidence."""
    trial = Trial(kernel)
    begun = trial.tracked.life.evidence_usec
    for delay_usec, step in moments:
        trial.do(delay_usec, step)
    trial.poll()
    assert trial.tracked.life.evidence_usec == begun


@given(KERNELS, SECONDS, st.integers(0, POLL_USEC), st.integers(1, 30))
def test_clock_change_alone_changes_nothing(kernel, seconds, delay, polls):
    """Nobody types: the session ends no sooner and no later."""
    trial = Trial(kernel)
    begun = trial.tracked.life.evidence_usec
    trial.do(delay, ("clock", seconds))
    for _ in range(polls):
        trial.do(POLL_USEC, ("poll", None))
    assert trial.tracked.life.evidence_usec == begun


@given(KERNELS, SECONDS, st.lists(st.integers(8 * SECOND, 15 * SECOND), min_size=3, max_size=30))
def test_user_who_types_during_clock_changes_stays_in_use(kernel, seconds, pauses):
    """With a key at least every 15 s, evidence lags by a poll, the pause and the blind bucket at most."""
    trial = Trial(kernel)
    trial.do(FRESH_CTIME_NS // 1000, ("poll", None))
    for number, pause in enumerate(pauses):
        trial.do(pause, ("type", None))
        if number == len(pauses) // 2:
            trial.do(0, ("clock", seconds))
        trial.do(1, ("poll", None))
        lag = trial.clock.boot_usec - trial.tracked.life.evidence_usec
        assert lag <= POLL_USEC + BUCKET_USEC + GRAIN_USEC


@given(st.integers(0, FRESH_CTIME_NS // 1000 - 1))
def test_two_changes_in_one_tick_are_not_taken_for_input(delay):
    """ctime's grain allows it: set the times, wait for the look, and set them again in the same tick."""
    trial = Trial((10_000_000, False))
    trial.do(SECOND - SECOND % 10_000, ("touch", -60 * NS_PER_SEC))
    trial.do(min(delay, 4_000), ("poll", None))
    trial.do(0, ("touch", -5 * NS_PER_SEC))
    trial.do(POLL_USEC, ("poll", None))
    assert trial.tracked.life.evidence.value == "login"
    assert "set by hand" in trial.tracked.refusal


def test_each_refusal_has_its_own_reason():
    clock = Clock()
    tty = FakeTty("pts/0", clock)
    clock.boot_usec += SECOND
    before, start = tty.read(), clock.now()
    clock.boot_usec += 10 * SECOND
    tty.touch(clock.wall_ns)
    touched = tty.read()
    assert terminal_evidence.weigh(before, touched, start, clock.now()).refused is Refusal.CTIME_MOVED
    clock.boot_usec += 10 * SECOND
    tty.type()
    assert touched.is_fresh
    assert terminal_evidence.weigh(touched, tty.read(), start, clock.now()).refused is Refusal.CTIME_FRESH
    ahead = tty.read()._replace(atime_ns=clock.wall_ns + 10 * NS_PER_SEC, is_ahead=True, ctime_ns=before.ctime_ns)
    assert terminal_evidence.weigh(before, ahead, start, clock.now()).refused is Refusal.FUTURE


def test_forged_future_date_keeps_no_session():
    """One touch to next year, then silence: logind would keep the session forever."""
    trial = Trial((4_000_000, False))
    begun = trial.tracked.life.evidence_usec
    trial.do(SECOND, ("touch", 10**17))
    for _ in range(10):
        trial.do(POLL_USEC, ("poll", None))
    assert trial.tracked.life.evidence_usec == begun
    trial.do(SECOND, ("type", None))
    trial.do(SECOND, ("poll", None))
    assert trial.tracked.life.evidence.value == "input"


def test_input_is_dated_at_the_end_of_its_eight_seconds():
    trial = Trial((4_000_000, False))
    trial.do(SECOND, ("poll", None))
    trial.do(9 * SECOND, ("type", None))
    trial.do(5_900_000, ("type", None))
    trial.do(6 * SECOND, ("poll", None))
    assert trial.tracked.life.evidence_usec == 1000 * SECOND + 2 * BUCKET_USEC
