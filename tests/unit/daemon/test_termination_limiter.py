"""The brake: how many sessions may be terminated within its window, and what happens to the others."""

from __future__ import annotations

from reaper.decide.policy.rules import Brake
from tests.unit.daemon.seen import signalled
from tests.unit.fakes import make_policy
from tests.unit.simulated import SECOND


def test_brake_delays_the_others_and_alerts_once(bench):
    bench.adopt(make_policy(brake=Brake(2, 60 * SECOND)))
    for pid in (100, 200, 300, 400):
        bench.host.login(pid, f"pts/{pid}")
    bench.run(68)
    assert bench.words().count("ending") == 2
    assert bench.words().count("brake") == 1
    bench.run(59)
    assert bench.words().count("ending") == 2
    assert bench.words().count("brake") == 1
    bench.run(1)
    assert bench.words().count("ending") == 4


def test_input_keeps_a_session_that_the_brake_delays(bench):
    bench.adopt(make_policy(brake=Brake(1, 60 * SECOND)))
    first, second = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.run(70)
    held = second if signalled(first) else first
    (terminal,) = held.ttys
    held.ttys[terminal].type()
    bench.run(60)
    assert not signalled(held)
    assert bench.words(held.session.key.pid).count("cancelled") == 1
