"""What an administrator asks for: a warning out of turn, an end that no limit asks for, a lock."""

from __future__ import annotations

import pytest

from reaper.decide.lifecycle import Phase
from reaper.decide.model import SessionKey
from reaper.decide.policy import Action, Brake, Origin
from reaper.errors import ReaperError
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.daemon.test_holds import DUE, HOUR, WARNED, hold, make_bench, requests, terminate
from tests.unit.daemon.test_restarts import restart
from tests.unit.fakes import KILL, FakeLogin, make_limits, make_policy


@pytest.fixture
def bench() -> Bench:
    return make_bench()


@pytest.fixture
def login(bench: Bench) -> FakeLogin:
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    return login


# Warnings at an administrator's word.


def warn(bench: Bench, login: FakeLogin, text: str = "") -> list[str]:
    return requests(bench).warn(login.session.key, "root", text, bench.host.clock())


def test_a_warning_out_of_turn(bench, login):
    bench.run(9)
    assert warn(bench, login) == ["pts/1"]
    assert shown(login) == [WARNED.format("58s")]
    assert warn(bench, login, "go\x1bhome") == ["pts/1"]
    assert shown(login)[1:] == ["reaper: root on host1: go\\x1bhome"]
    assert [event.fields["by"] for event in bench.told(100, "warned")] == ["root", "root"]
    bench.run(38.1)
    assert shown(login)[2:] == [WARNED.format("20s")]


def test_a_terminal_that_takes_nothing(bench, login):
    login.ttys["pts/1"].is_blocked = True
    assert warn(bench, login, "hello") == []
    assert "on no terminal" in bench.told(100, "warned")[0].message


@pytest.mark.parametrize("limits", [{"idle_usec": None}, {"action": Action.OBSERVE}])
def test_nothing_to_warn_of(limits):
    bench = Bench(make_policy(make_limits(**limits)))
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    with pytest.raises(ReaperError) as refused:
        warn(bench, login)
    assert refused.value.problem == "nothing-due"
    assert warn(bench, login, "hello") == ["pts/1"]


def test_a_held_session_is_told_of_no_end(bench, login):
    hold(bench, login, HOUR)
    with pytest.raises(ReaperError, match="nothing is going to end"):
        warn(bench, login)


# Ends at an administrator's word.


def test_an_end_that_was_ordered(bench, login):
    terminate(bench, login)
    assert shown(login) == [
        "reaper: This session on host1 ends now: root ended it: maintenance. Log in again to go on."
    ]
    bench.run(10)
    assert not login.leader.is_alive
    assert bench.words() == ["opened", "ending", "terminated"]
    assert {event.fields["reason"] for event in bench.told(100)[1:]} == {"order"}


def test_the_whole_ladder(bench, login):
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    terminate(bench, login)
    bench.run(7)
    restart(bench)
    bench.run(10)
    assert bench.words() == ["opened", "ending", "terminated"]
    assert bench.told(100, "terminated")[0].fields["by"] == "root"


def test_evidence_and_a_new_policy_do_not_stop_it(bench, login):
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    terminate(bench, login)
    login.ttys["pts/1"].type()
    bench.adopt(make_policy(make_limits(action=Action.OBSERVE)))
    bench.run(20)
    assert not login.leader.is_alive


def test_a_lapse_does_not_stop_it(bench, login):
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    terminate(bench, login)
    bench.sleep(600)
    bench.run(20)
    assert not login.leader.is_alive


@pytest.mark.parametrize("phase", ["active", "warned", "deferred"])
def test_from_any_phase(phase):
    bench = Bench(make_policy(make_limits(busy=("rsync",), busy_max_usec=HOUR)))
    login = bench.host.login(100, "pts/1")
    if phase == "deferred":
        bench.host.start(login, "/usr/bin/rsync")
    bench.run({"active": 1, "warned": 50, "deferred": DUE + 2}[phase])
    assert bench.daemon.sessions[SessionKey(100, 700)].life.phase is Phase(phase)
    terminate(bench, login)
    bench.run(12)
    assert not login.leader.is_alive


def test_held_or_observed_takes_force(bench, login):
    hold(bench, login, HOUR)
    with pytest.raises(ReaperError, match="root holds the session"):
        terminate(bench, login)
    assert not signalled(login)
    terminate(bench, login, force=True)
    bench.run(10)
    assert not login.leader.is_alive
    assert bench.words() == ["opened", "held", "released", "ending", "terminated"]


def test_observed_takes_force():
    bench = Bench(make_policy(make_limits(action=Action.OBSERVE)))
    login = bench.host.login(100, "pts/1")
    bench.run(DUE + 10)
    with pytest.raises(ReaperError, match="only observes"):
        terminate(bench, login)
    assert not signalled(login)
    terminate(bench, login, force=True)
    bench.run(10)
    assert not login.leader.is_alive


def test_the_brake_does_not_hold_an_order_back_and_does_not_count_it():
    bench = make_bench(brake=Brake(1, HOUR))
    logins = [bench.host.login(pid, f"pts/{pid}", user=f"u{pid}", uid=pid) for pid in (100, 200, 300)]
    bench.run(1)
    terminate(bench, logins[0])
    terminate(bench, logins[1])
    bench.run(20)
    assert [login.leader.is_alive for login in logins] == [False, False, True]
    bench.run(100)
    assert not logins[2].leader.is_alive


# Locks.


def test_the_desktop_of_a_graphical_session_is_asked_to_lock_it(bench):
    login = bench.host.login(100, origin=Origin.GRAPHICAL, session_id="c3")
    bench.run(1)
    requests(bench).lock(login.session.key)
    assert bench.actor.locked == ["c3"]


def test_no_other_session_is_locked(bench, login):
    with pytest.raises(ReaperError, match="only graphical sessions"):
        requests(bench).lock(login.session.key)
    assert bench.actor.locked == []
