"""Users who log in again after one of their sessions was terminated."""

from __future__ import annotations

import pytest

from reaper.daemon.requests import Requests
from reaper.decide.policy.limits import Action
from reaper.decide.session import snapshot
from reaper.decide.session.model import Order
from tests.unit.bench import Bench
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import KILL
from tests.unit.simulated import SECOND


def ended(bench: Bench, pid: int = 100, **fields: object) -> None:
    """A session that was terminated while its user was away."""
    bench.host.login(pid, f"pts/{pid}", **fields)
    bench.run(90)
    assert bench.words(pid)[-1] == "terminated"


def test_next_login_of_the_user_is_logged_once(bench):
    ended(bench)
    bench.run(30)
    bench.host.login(200, "pts/2", uid=1001, user="bob")
    bench.run(5)
    bench.host.login(300, "pts/3", remote="192.0.2.9")
    bench.host.login(400, "pts/4")
    bench.run(5)
    assert bench.words(200) == ["opened"]
    assert bench.words(300) == ["opened", "reauthenticated"]
    assert bench.words(400) == ["opened"]
    (event,) = bench.events(word="reauthenticated")
    assert (event.fields["previous"], event.fields["reason"], event.fields["session"]) == ("100", "idle", "300")
    gap = int(event.fields["idle_usec"])
    assert 30 * SECOND <= gap <= 70 * SECOND
    assert event.message.startswith(
        "Session 300 of alice from 192.0.2.9 on pts/3 follows session 100 of the same user,"
    )
    assert event.message.endswith("s earlier (idle).")


def test_login_during_the_termination_is_logged(bench):
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    bench.run(70)
    assert bench.words(100)[-1] == "ending"
    bench.host.login(200, "pts/2")
    bench.run(30)
    assert bench.words(200)[:2] == ["opened", "reauthenticated"]
    assert bench.words(100)[-1] == "terminated"
    bench.host.login(300, "pts/3")
    bench.run(5)
    assert bench.words(300) == ["opened"]


def test_login_after_a_logout_is_not_logged(bench):
    bench.host.leave(bench.host.login(100, "pts/1"))
    bench.run(10)
    bench.host.login(200, "pts/2")
    bench.run(5)
    assert bench.words(200) == ["opened"]


def test_login_after_an_observed_limit_is_not_logged(bench):
    bench.adopt(make_policy(make_limits(action=Action.OBSERVE)))
    bench.host.login(100, "pts/1")
    bench.run(90)
    assert "observed" in bench.words(100)
    bench.host.login(200, "pts/2")
    bench.run(5)
    assert bench.words(200) == ["opened"]


def test_login_after_a_termination_that_was_stopped_is_not_logged(bench):
    """The host was suspended during it, and the session goes on."""
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    bench.run(70)
    assert bench.words(100)[-1] == "ending"
    bench.sleep(60)
    bench.tick()
    login.ttys["pts/1"].type()
    bench.run(6)
    bench.host.login(200, "pts/2")
    bench.run(5)
    assert bench.words(200) == ["opened"]


@pytest.mark.parametrize("fields", [{"source": "logind"}, {"opened_usec": 1}])
def test_session_that_may_be_older_is_no_login(bench, fields):
    ended(bench)
    bench.host.login(200, "pts/2", **fields)
    bench.run(5)
    assert bench.words(200) == ["opened"]


def test_login_after_an_ordered_end_is_logged(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(5)
    order = Order("root", "why")
    Requests(bench.daemon, bench.journal).terminate(login.session.key, order, bench.host.clock(), force=False)
    bench.run(10)
    bench.host.login(200, "pts/2")
    bench.run(5)
    (event,) = bench.events(word="reauthenticated")
    assert (event.fields["previous"], event.fields["reason"]) == ("100", "order")


def test_restart_forgets_no_terminated_session(bench):
    ended(bench)
    state = snapshot.decode(bench.host.state, "b00t")
    assert [each.session for each in state.past] == ["100"]
    bench.daemon = bench.start()
    bench.adopt(make_policy())
    bench.daemon.restore(state, bench.host.clock())
    bench.host.login(200, "pts/2")
    bench.run(5)
    assert bench.words(200) == ["opened", "reauthenticated"]
    assert snapshot.decode(bench.host.state, "b00t").past == ()
