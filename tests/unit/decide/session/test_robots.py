"""What is remembered of a rhythm, and what its recognition does to a session's life."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.session import lifecycle, observation, robots, snapshot, state
from reaper.decide.session.brake import Ledger
from reaper.decide.session.model import Instant
from reaper.decide.session.progression import Bound
from reaper.decide.session.rhythm import Observation, Rhythm, with_other_evidence
from reaper.decide.session.snapshot import Snapshot
from reaper.decide.session.state import LifecycleEvent, Phase
from tests.unit.fakes import make_limits, make_session
from tests.unit.simulated import MINUTE, SECOND

BOUNDS = (Bound(1, 100, 1, 110), Bound(2, 200, 2, 210), Bound(3, 300, 4, 410))
RHYTHM = Rhythm(3, 4, 100, BOUNDS, 17, 5, 500, 501, 520, 510, 0)


def test_sign_of_another_size_is_irregular():
    heard = robots.update(RHYTHM, Observation(420, 500, 501, 4))
    assert heard.counts
    assert heard.rhythm is not None
    assert (heard.rhythm.size, heard.rhythm.score) == (1, 0)


def decided(period_sec: int) -> Rhythm:
    """A robot's signs of one byte, each at a known moment; the sixth is due six periods after the start."""
    period = period_sec * SECOND
    bounds = tuple(Bound(i, i * period, i, i * period + 20_000) for i in range(1, 6))
    return Rhythm(1, 5, period, bounds, robots.CONVINCING, decided_usec=5 * period)


@pytest.mark.parametrize(
    ("period_sec", "dated", "counts"),
    [
        (60, None, False),
        (60, (359_500_000, 360_500_000), False),
        (60, (340_000_000, 341_000_000), True),
        (60, (310_000_000, 370_000_000), True),
        (5, (29_500_000, 30_500_000), True),
    ],
    ids=["nothing", "when a sign was due", "at another time", "nobody knows when", "a terminal hides others' keys"],
)
def test_looks_that_could_not_count_are_no_evidence_of_a_robot(period_sec, dated, counts):
    """What is typed meanwhile is a user's, unless the terminal shows that it came when a robot's sign was due."""
    due = 6 * period_sec * SECOND
    heard = robots.update(decided(period_sec), Observation(due - 2 * SECOND, due + SECOND, due + SECOND, None, dated))
    assert heard.counts is counts
    assert heard.rhythm is not None
    assert bool(heard.rhythm.decided_usec) is not counts


def test_evidence_of_another_kind_stays():
    assert decided(10).alone_usec == 10 * SECOND
    rhythm = with_other_evidence(decided(10), 30 * SECOND)
    assert rhythm is not None
    assert rhythm.alone_usec == 30 * SECOND
    assert with_other_evidence(None, 30 * SECOND) is None


def test_early_sign_loses_a_bet_and_a_late_look_cancels_it():
    ready = RHYTHM._replace(target=5, opens_usec=510_000, opened_usec=0, closes_usec=600_000, bounds=(), size=1)
    early = robots.update(ready, Observation(450_000, 500_000, 500_100, 1)).rhythm
    late = robots.update(ready, Observation(450_000, 530_000, 530_100, 1)).rhythm
    assert early is not None
    assert late is not None
    assert early.score < RHYTHM.score == late.score
    assert early.target == late.target == 0


@given(
    st.integers(20, 10_000).map(lambda seconds: seconds * SECOND),
    st.integers(0, 10_000).map(lambda seconds: seconds * SECOND),
    st.integers(0, 8).map(lambda seconds: seconds * SECOND),
    st.booleans(),
)
def test_recognition_leaves_every_lead(idle, ago, ahead, has_warnings):
    """Law 1, and more: the first warning is not shortened."""
    now = 20_000 * SECOND
    leads = (idle // 2, idle // 4) if has_warnings else ()
    limits = make_limits(idle_usec=idle, warn_usec=leads)
    life, told = lifecycle.discard_robot_evidence(state.begin(EvidenceKind.INPUT, now + ahead), now - ago, limits, now)
    end = state.deadline(life, limits, 0)
    assert end is not None
    assert end.usec >= now + (leads[0] if leads else idle)
    assert [act.event for act in told] == [LifecycleEvent.ROBOT]
    warned, _ = lifecycle.advance(life, limits, 0, now)
    assert not state.is_due(warned, limits, 0, now)


@pytest.mark.parametrize("phase", [Phase.WARNED, Phase.DEFERRED, Phase.OBSERVED])
def test_recognition_changes_nothing_announced(phase):
    life = replace(state.begin(EvidenceKind.INPUT, 100 * SECOND), phase=phase)
    assert lifecycle.discard_robot_evidence(life, 0, make_limits(), 120 * SECOND)[0] == life


def test_rhythm_outlives_the_daemon_and_a_state_without_one_is_read():
    tracked = observation.start_tracking(make_session(), (), Instant(MINUTE, MINUTE * 1000), is_new=False)
    state = Snapshot("b00t", Instant(5, 6), "", Ledger(()), (replace(tracked, rhythm=RHYTHM),))
    text = snapshot.encode(state)
    assert snapshot.decode(text, "b00t").sessions[0].rhythm == RHYTHM
    head, session = text.splitlines()
    older = {key: value for key, value in json.loads(session).items() if key != "rhythm"}
    assert snapshot.decode(f"{head}\n{json.dumps(older)}\n", "b00t").sessions[0].rhythm is None
