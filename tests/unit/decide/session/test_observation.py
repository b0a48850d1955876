"""The evidence of one look, taken together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.match import Origin
from reaper.decide.session.model import ActivitySample, TerminalSample
from reaper.decide.session.observation import (
    NO_EXTRA_EVIDENCE,
    CombinedEvidence,
    ExtraEvidence,
    combine,
    counts_work,
    previous_readings,
)
from reaper.decide.session.rhythm import Observation
from reaper.decide.session.terminal_evidence import Refusal
from reaper.decide.session.tracked_session import TrackedSession
from tests.unit.decide.session.lives import make_tracked
from tests.unit.fakes import make_limits
from tests.unit.simulated import SECOND, Clock, FakeTty

WORK = ActivitySample(1000 * SECOND, 501, 4711, 1000, 1000, 1000)


class Scene:
    """A session with two terminals, and a look at it ten seconds after the last."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ttys = [FakeTty(f"pts/{number}", self.clock) for number in (1, 2)]
        self.clock.boot_usec += SECOND
        self.tracked = replace(make_tracked(), readings=self.read())
        self.previous = self.clock.now()
        self.clock.boot_usec += 10 * SECOND

    def read(self) -> tuple[TerminalSample, ...]:
        return tuple(tty.read() for tty in self.ttys)

    def look(self, clues: ExtraEvidence = NO_EXTRA_EVIDENCE, tracked: TrackedSession | None = None) -> CombinedEvidence:
        return combine(tracked or self.tracked, self.read(), self.previous, self.clock.now(), clues)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_nothing_is_found_where_nothing_happened(scene):
    found = scene.look()
    assert (found.evidence, found.at_usec, found.forged) == (None, 0, ())


def test_input_on_any_terminal_is_input(scene):
    scene.ttys[1].type()
    found = scene.look()
    assert (found.evidence, found.at_usec) == (EvidenceKind.INPUT, 1016 * SECOND)


def test_a_new_terminal_is_evidence_to_the_end_of_its_eight_seconds(scene):
    scene.ttys.append(FakeTty("pts/3", scene.clock))
    assert (scene.look().evidence, scene.look().at_usec) == (EvidenceKind.TERMINAL, 1016 * SECOND)


def test_a_terminal_that_got_the_number_of_another_is_new(scene):
    scene.ttys[1] = FakeTty("pts/2", scene.clock)
    assert scene.look().evidence.value == "terminal"
    assert previous_readings(scene.tracked, scene.read()).keys() == {"pts/1"}


def test_a_forged_time_is_named_once_and_is_no_evidence(scene):
    scene.ttys[0].touch(scene.clock.wall_ns)
    found = scene.look()
    assert (found.evidence, found.forged) == (None, ("pts/1",))
    assert found.refusal == f"pts/1: {Refusal.CTIME_MOVED.value}"
    assert scene.look(tracked=replace(scene.tracked, tampered=("pts/1",))).forged == ()


def test_the_latest_evidence_counts(scene):
    scene.ttys[0].type()
    assert scene.look(ExtraEvidence(unseen_usec=1010 * SECOND, unseen=EvidenceKind.TRAFFIC)).evidence.value == "input"
    later = scene.look(ExtraEvidence(unseen_usec=1017 * SECOND, unseen=EvidenceKind.TRAFFIC))
    assert (later.evidence, later.at_usec) == (EvidenceKind.TRAFFIC, 1017 * SECOND)


def test_work_counts_where_nobody_typed(scene):
    tracked = replace(scene.tracked, work=WORK, limits=make_limits(activity=(EvidenceKind.INPUT, EvidenceKind.CPU)))
    worked = ExtraEvidence(work=WORK._replace(boot_usec=1011 * SECOND, cpu_usec=10 * SECOND))
    assert scene.look(worked, tracked).evidence.value == "cpu"
    scene.ttys[0].type()
    assert scene.look(worked, tracked).evidence.value == "input"


def test_little_work_in_a_short_time_is_held_against_the_look_before(scene):
    tracked = replace(scene.tracked, work=WORK, limits=make_limits(activity=(EvidenceKind.CPU,)))
    soon = WORK._replace(boot_usec=1001 * SECOND, cpu_usec=1001)
    assert scene.look(ExtraEvidence(work=soon), tracked).work == WORK
    later = soon._replace(boot_usec=1011 * SECOND)
    assert scene.look(ExtraEvidence(work=later), tracked).work == later


def test_of_the_time_before_the_first_look_at_the_work_nothing_is_known(scene):
    found = scene.look(ExtraEvidence(work=WORK))
    assert (found.evidence, found.at_usec) == (EvidenceKind.SEEN, 1011 * SECOND)


def test_keys_that_the_connection_counts_are_input_though_the_terminal_shows_nothing(scene):
    typing = Observation(1001 * SECOND, 1011 * SECOND, 1011 * SECOND + 5, 1)
    found = scene.look(ExtraEvidence(typing=typing))
    assert (found.evidence, found.at_usec) == (EvidenceKind.INPUT, 1011 * SECOND + 5)
    assert found.rhythm is not None


@pytest.mark.parametrize(
    ("activity", "origin", "has_terminal", "counts"),
    [
        ((), Origin.SSH, True, False),
        ((), Origin.SSH, False, True),
        ((), Origin.CONSOLE, False, False),
        ((EvidenceKind.CPU,), Origin.CONSOLE, True, True),
        ((EvidenceKind.INPUT,), Origin.SSH, True, False),
    ],
)
def test_where_work_counts(activity, origin, has_terminal, counts):
    tracked = make_tracked(limits=make_limits(activity=activity), origin=origin)
    assert counts_work(tracked, has_terminal) is counts
    assert not counts_work(replace(tracked, limits=None), has_terminal)
