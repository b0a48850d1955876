"""What changes with time alone in an answer, and what is a change to report."""

from __future__ import annotations

import copy

import pytest

from reaper.decide.output import session_view
from reaper.decide.output.view_aging import GROWING, SHRINKING, aged, lasting
from reaper.decide.policy.rules import Brake
from reaper.decide.session.brake import Ledger, held_usec
from tests.unit.bench import Bench
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import SECOND

ANSWER = {
    "sessions": [
        {"session": "1", "idle_usec": 10, "opened_usec": 99, "next_usec": 5, "left_usec": 20, "limit_usec": 30},
        {"session": "2", "idle_usec": 7, "left_usec": None, "elevated": True, "hold": {"left_usec": 70, "by": "root"}},
    ],
    "policy": "p",
    "brake_usec": 12,
}


def test_ages_grow_and_what_is_left_shrinks():
    later = aged(ANSWER, 15)
    assert later["sessions"][0] == {
        "session": "1",
        "idle_usec": 25,
        "opened_usec": 114,
        "next_usec": 0,
        "left_usec": 5,
        "limit_usec": 30,
    }
    assert later["sessions"][1]["hold"] == {"left_usec": 55, "by": "root"}
    assert later["sessions"][1]["left_usec"] is None
    assert later["brake_usec"] == 0


@pytest.mark.parametrize("usec", [0, 1, 4])
def test_time_alone_is_no_change(usec):
    assert lasting(aged(ANSWER, usec), 1000 + usec) == lasting(ANSWER, 1000)


def test_time_left_stays_at_zero():
    spent = aged(ANSWER, 1000)
    assert lasting(spent, 5000) == lasting(aged(spent, 50), 5050)


def test_everything_else_is_a_change():
    for change in ({"policy": "q"}, {"brake_usec": None}, {"brake_usec": 13}, {"sessions": []}):
        assert lasting({**ANSWER, **change}, 1000) != lasting(ANSWER, 1000)
    typed = copy.deepcopy(ANSWER)
    typed["sessions"][0]["idle_usec"] = 3  # type: ignore[index]
    assert lasting(typed, 1000) != lasting(ANSWER, 1000)


def test_idle_session_is_no_change_until_something_happens():
    """Two answers of the daemon a poll apart are equal, and those around a warning are not."""
    bench = Bench(make_policy(make_limits(idle_usec=100 * SECOND, warn_usec=(30 * SECOND,))))
    bench.host.login(100, "pts/1")
    bench.run(20)

    def seen() -> object:
        (tracked,) = bench.daemon.sessions.values()
        now = bench.host.clock().boot_usec
        return lasting(session_view.of_session(tracked, now), now)

    before = seen()
    bench.run(20)
    assert seen() == before
    bench.run(40)
    assert seen() != before


def test_typing_is_one_change():
    """Evidence is dated ahead, so the idle time stays 0 for some seconds."""
    bench = Bench(make_policy())
    bench.host.login(100, "pts/1")
    bench.run(1)
    seen = []
    for _ in range(40):
        (tracked,) = bench.daemon.sessions.values()
        now = bench.host.clock().boot_usec
        seen.append(str(lasting(session_view.of_session(tracked, now), now)))
        bench.run(0.25)
    assert len(set(seen)) == 2


def test_every_relative_time_of_an_answer_is_known():
    bench = Bench(make_policy())
    bench.host.login(100, "pts/1")
    bench.run(1)
    (tracked,) = bench.daemon.sessions.values()
    shown = session_view.of_session(tracked, bench.host.clock().boot_usec)
    assert {name for name in shown if name.endswith("_usec")} == GROWING | SHRINKING - {"brake_usec"} | {"limit_usec"}


def test_time_that_the_brake_holds_shrinks():
    brake = Brake(sessions=2, per_usec=60)
    engaged = Ledger((100, 110), is_engaged=True)
    assert held_usec(engaged, brake, 120) == 40
    assert held_usec(engaged, brake, 160) is None
    assert held_usec(engaged._replace(is_engaged=False), brake, 120) is None
    assert held_usec(engaged, Brake(sessions=None, per_usec=60), 120) is None
