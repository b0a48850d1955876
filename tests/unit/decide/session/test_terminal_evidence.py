"""Which changes of a terminal's times are input, and when it was."""

from __future__ import annotations

import pytest

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.session import terminal_evidence
from reaper.decide.session.model import NS_PER_SEC, ActivitySample, Instant
from reaper.decide.session.terminal_evidence import NO_EVIDENCE, Refusal, TerminalEvidence
from tests.unit.fakes import make_limits
from tests.unit.simulated import SECOND, Clock, FakeTty

NETWORK, CPU = EvidenceKind.NETWORK, EvidenceKind.CPU


class Look:
    """A terminal, and what one look after another says of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.tty = FakeTty("pts/1", self.clock)
        self.clock.boot_usec += SECOND
        self.before, self.previous = self.tty.read(), self.clock.now()

    def pass_sec(self, seconds: float) -> None:
        self.clock.boot_usec += round(seconds * SECOND)

    def weigh(self) -> TerminalEvidence:
        return terminal_evidence.weigh(self.before, self.tty.read(), self.previous, self.clock.now())


@pytest.fixture
def look() -> Look:
    return Look()


def test_a_terminal_on_which_nothing_happened_says_nothing(look):
    look.pass_sec(100)
    assert look.weigh() == NO_EVIDENCE


def test_input_is_dated_at_the_end_of_its_eight_seconds(look):
    look.pass_sec(10)
    look.tty.type()
    look.pass_sec(1)
    assert look.weigh() == TerminalEvidence(1016 * SECOND, None, False)


def test_input_is_never_dated_before_the_last_look(look):
    look.tty.atime_ns -= 100 * NS_PER_SEC
    assert look.weigh().input_usec == look.previous.boot_usec


def test_a_clock_that_was_set_leaves_only_now(look):
    look.pass_sec(10)
    look.tty.type()
    look.clock.step(-3600 * NS_PER_SEC)
    look.tty.atime_ns -= 3600 * NS_PER_SEC
    found = look.weigh().input_usec
    assert found is not None
    assert look.clock.boot_usec <= found <= look.clock.boot_usec + 8 * SECOND


def test_times_set_by_hand_are_no_input(look):
    look.pass_sec(10)
    look.tty.touch(look.clock.wall_ns)
    assert look.weigh() == TerminalEvidence(None, Refusal.CTIME_MOVED, True)


def test_times_that_may_have_been_set_in_the_tick_of_the_last_look_are_no_input(look):
    look.tty.touch(look.tty.atime_ns)
    look.before = look.tty.read()
    look.pass_sec(10)
    look.tty.type()
    assert look.weigh().refused is Refusal.CTIME_FRESH


def test_a_time_in_the_future_is_no_input(look):
    look.pass_sec(10)
    look.tty.atime_ns = look.clock.wall_ns + 100 * NS_PER_SEC
    assert look.weigh().refused is Refusal.FUTURE


def test_a_changed_mode_explains_a_changed_ctime(look):
    look.pass_sec(10)
    look.tty.chmod(0o600)
    assert look.weigh() == NO_EVIDENCE


@pytest.mark.parametrize(("first", "second", "is_other"), [(1, 2, True), (1, 1, False), (0, 2, False), (1, 0, False)])
def test_readings_by_one_name_are_of_two_terminals_only_where_that_is_known(look, first, second, is_other):
    readings = [look.before._replace(line=line) for line in (first, second)]
    assert terminal_evidence.is_another(*readings) is is_other


@pytest.mark.parametrize(("step_ns", "told"), [(0, 0), (10**9, 0), (10**9 + 1, 10**9 + 1), (-(10**10), -(10**10))])
def test_the_clocks_may_drift_by_a_second_between_two_looks(step_ns, told):
    previous = Instant(0, 0)
    assert terminal_evidence.clock_step_ns(previous, Instant(SECOND, NS_PER_SEC + step_ns)) == told


def test_the_first_moments_of_input_span_a_second_and_a_tick(look):
    look.pass_sec(10)
    look.tty.type()
    since, until = terminal_evidence.first_moments(look.tty.read(), look.clock.now())
    assert since <= look.clock.boot_usec <= until
    assert until - since == SECOND + 10_000


# Work.

LIMITS = make_limits(network_floor_bytes=600, cpu_floor_usec=SECOND)
BEFORE = ActivitySample(0, 501, 4711, 1000, 1000, 1000)


@pytest.mark.parametrize(
    ("after", "kinds", "found"),
    [
        ({"typed": 1100, "boot_usec": 10 * SECOND}, (NETWORK, CPU), NETWORK),
        ({"printed": 1099, "boot_usec": 10 * SECOND}, (NETWORK, CPU), None),
        ({"typed": 1100, "boot_usec": 10 * SECOND}, (CPU,), None),
        ({"cpu_usec": 1000 + SECOND // 6 + 1, "boot_usec": 10 * SECOND}, (NETWORK, CPU), CPU),
        ({"typed": 1100, "boot_usec": SECOND}, (NETWORK,), NETWORK),
        ({"typed": 1099, "boot_usec": SECOND}, (NETWORK,), None),
        ({"typed": 1600, "boot_usec": 3600 * SECOND}, (NETWORK,), NETWORK),
        ({"typed": 1599, "boot_usec": 3600 * SECOND}, (NETWORK,), None),
        ({"printed": 900, "boot_usec": 10 * SECOND}, (NETWORK,), None),
        ({"typed": 999, "boot_usec": 10 * SECOND}, (NETWORK,), NETWORK),
        ({"socket": 0, "boot_usec": 10 * SECOND}, (NETWORK,), NETWORK),
        ({"carrier": 7, "boot_usec": 10 * SECOND}, (CPU,), None),
    ],
)
def test_what_is_work(after, kinds, found):
    """600 bytes a minute are 100 in ten seconds, which is also the least time that is counted."""
    assert terminal_evidence.weigh_work(BEFORE, BEFORE._replace(**after), kinds, LIMITS) is found


def test_nothing_is_no_work_whatever_the_floor():
    limits = make_limits(network_floor_bytes=0, cpu_floor_usec=0)
    after = BEFORE._replace(boot_usec=10 * SECOND)
    assert terminal_evidence.weigh_work(BEFORE, after, (NETWORK, CPU), limits) is None


def test_ten_seconds_are_long_enough_to_go_on_from():
    assert terminal_evidence.is_settled(BEFORE, BEFORE._replace(boot_usec=10 * SECOND))
    assert not terminal_evidence.is_settled(BEFORE, BEFORE._replace(boot_usec=10 * SECOND - 1))
