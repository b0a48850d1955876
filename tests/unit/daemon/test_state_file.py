"""The state file: when it is written, and what happens if it cannot be."""

from __future__ import annotations

from reaper.decide.policy.files import render
from reaper.decide.session import snapshot


def test_state_that_cannot_be_written_is_logged_once(bench):
    bench.actor.state_trouble = OSError(28, "No space left on device")
    bench.host.login(100, "pts/1")
    bench.run(75)
    assert bench.words()[-1] == "terminated"
    assert bench.warnings() == [
        "cannot save the state: [Errno 28] No space left on device; a restart would start from nothing"
    ]
    bench.actor.state_trouble = None
    bench.run(70)
    bench.actor.state_trouble = OSError(28, "No space left on device")
    bench.run(70)
    assert len(bench.warnings()) == 2


def test_state_is_written_once_a_minute_where_nothing_else_happens(bench, login):
    bench.run(5)
    before = len(bench.actor.states)
    for _ in range(40):
        login.ttys["pts/1"].type()
        bench.run(5)
    assert len(bench.actor.states) - before == 3


def test_state_names_the_policy_and_can_be_read_back(bench, login):
    bench.run(5)
    bench.daemon.save()
    state = snapshot.decode(bench.host.state, "b00t")
    assert state.policy == render.describe(bench.daemon.policy)
    assert [(each.session, each.life) for each in state.sessions] == [(login.session, bench.tracked(login).life)]
