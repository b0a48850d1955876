"""What an administrator requests: an extra warning, an end that no limit asks for, a lock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.limits import Action
from reaper.decide.policy.match import Origin
from reaper.decide.policy.rules import Brake
from reaper.decide.session.lock_protocol import Stage
from reaper.decide.session.model import SessionKey
from reaper.decide.session.state import Phase
from reaper.errors import ReaperError
from tests.unit.bench import Bench
from tests.unit.daemon.requesting import DUE, HOLDING, HOUR, WARNED, hold, lock, requests, terminate, warn
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import KILL, FakeLogin
from tests.unit.simulated import SECOND, FakeTty

LOGGED_IN_FOR_SEC = 1
POLICY = HOLDING


# Warnings at an administrator's word.


def test_requested_warning_is_shown_at_once(bench, login):
    bench.run(9)
    assert warn(bench, login) == ["pts/1"]
    assert shown(login) == [WARNED.format("58s")]
    assert warn(bench, login, "go\x1bhome") == ["pts/1"]
    assert shown(login)[1:] == ["reaper: root on host1: go\\x1bhome"]
    assert [event.fields["by"] for event in bench.events(100, "warned")] == ["root", "root"]
    bench.run(38.1)
    assert shown(login)[2:] == [WARNED.format("20s")]


def test_requested_warning_on_a_stopped_terminal_reaches_none(bench, login):
    login.ttys["pts/1"].is_blocked = True
    assert warn(bench, login, "hello") == []
    assert "on no terminal" in bench.events(100, "warned")[0].message


@pytest.mark.parametrize("limits", [{"idle_usec": None}, {"action": Action.OBSERVE}])
def test_warning_is_refused_where_nothing_is_due_but_a_text_is_shown(limits):
    bench = Bench(make_policy(make_limits(**limits)))
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    with pytest.raises(ReaperError) as refused:
        warn(bench, login)
    assert refused.value.problem == "nothing-due"
    assert warn(bench, login, "hello") == ["pts/1"]


def test_warning_of_a_held_session_is_refused(bench, login):
    hold(bench, login, HOUR)
    with pytest.raises(ReaperError, match="nothing is going to end"):
        warn(bench, login)


# Ends at an administrator's word.


def test_ordered_end_is_logged_and_shown(bench, login):
    terminate(bench, login)
    assert shown(login) == [
        "reaper: This session on host1 ends now: root ended it: maintenance. Log in again to go on."
    ]
    bench.run(10)
    assert not login.leader.is_alive
    assert bench.words() == ["opened", "ending", "terminated"]
    assert {event.fields["reason"] for event in bench.events(100)[1:]} == {"order"}


def test_ordered_end_takes_every_step(bench, login):
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    terminate(bench, login)
    bench.run(7)
    bench.restart()
    bench.run(10)
    assert bench.words() == ["opened", "ending", "terminated"]
    assert bench.events(100, "terminated")[0].fields["by"] == "root"


def test_evidence_and_a_new_policy_do_not_stop_an_ordered_end(bench, login):
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    terminate(bench, login)
    login.ttys["pts/1"].type()
    bench.adopt(make_policy(make_limits(action=Action.OBSERVE)))
    bench.run(20)
    assert not login.leader.is_alive


def test_lapse_does_not_stop_an_ordered_end(bench, login):
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    terminate(bench, login)
    bench.sleep(600)
    bench.run(20)
    assert not login.leader.is_alive


def made_in(phase: str) -> tuple[Bench, FakeLogin]:
    """Returns a session in that phase of its life."""
    bench = Bench(make_policy(make_limits(busy=("rsync",), busy_max_usec=HOUR)))
    login = bench.host.login(100, "pts/1")
    if phase == "deferred":
        bench.host.start(login, "/usr/bin/rsync")
    bench.run({"active": 1, "warned": 50, "deferred": DUE + 2}[phase])
    assert bench.daemon.sessions[SessionKey(100, 700)].life.phase is Phase(phase)
    return bench, login


@pytest.mark.parametrize("phase", ["active", "warned", "deferred"])
def test_session_can_be_ended_in_any_phase(phase):
    bench, login = made_in(phase)
    terminate(bench, login)
    bench.run(12)
    assert not login.leader.is_alive


def test_end_of_a_held_session_needs_force(bench, login):
    hold(bench, login, HOUR)
    with pytest.raises(ReaperError, match="root holds the session"):
        terminate(bench, login)
    assert not signalled(login)
    terminate(bench, login, force=True)
    bench.run(10)
    assert not login.leader.is_alive
    assert bench.words() == ["opened", "held", "released", "ending", "terminated"]


def test_end_of_an_observed_session_needs_force():
    bench = Bench(make_policy(make_limits(action=Action.OBSERVE)))
    login = bench.host.login(100, "pts/1")
    bench.run(DUE + 10)
    with pytest.raises(ReaperError, match="only observes"):
        terminate(bench, login)
    assert not signalled(login)
    terminate(bench, login, force=True)
    bench.run(10)
    assert not login.leader.is_alive


def test_brake_neither_delays_nor_counts_ordered_ends():
    bench = Bench(replace(HOLDING, brake=Brake(1, HOUR)))
    logins = [bench.host.login(pid, f"pts/{pid}", user=f"u{pid}", uid=pid) for pid in (100, 200, 300)]
    bench.run(1)
    terminate(bench, logins[0])
    terminate(bench, logins[1])
    bench.run(20)
    assert [login.leader.is_alive for login in logins] == [False, False, True]
    bench.run(100)
    assert not logins[2].leader.is_alive


# Locks.


def check_refused(bench: Bench, login: FakeLogin, why: str) -> None:
    """Checks that a lock is refused and that the request has changed nothing."""
    before, told = bench.tracked(login).life, bench.words()
    orders = dict(bench.actor.orders)
    with pytest.raises(ReaperError, match=why):
        lock(bench, login)
    assert bench.tracked(login).life == before
    assert (bench.actor.orders, bench.actor.locked, bench.words()) == (orders, [], told)
    assert not signalled(login)


@pytest.mark.parametrize(("by", "heading"), [("root", "Locked by root."), ("al\x1bice", "Locked by al\\x1bice.")])
def test_requested_lock_is_ordered_from_reaper_lock(bench, login, by, heading):
    lock(bench, login, by)
    order = bench.actor.orders["100"]
    assert order.heading == heading
    assert order.until_usec == order.locked_usec + 1800 * SECOND
    assert (order.fields["reason"], order.fields["by"]) == ("order", heading[len("Locked by ") : -1])
    assert order.fields["limit_usec"] == "0"
    assert bench.tracked(login).life.phase is Phase.LOCKED
    assert shown(login) == []
    assert bench.actor.dropped == [("alice", 1000, 0)]
    assert bench.daemon.next_wake() <= bench.host.time.boot_usec + 2 * SECOND
    assert '"phase":"locked"' in bench.host.state


def test_session_unlocked_after_a_requested_lock_is_under_its_rule_again(bench, login):
    lock(bench, login)
    bench.host.keep(login.session, Stage.LOCKED, bench.host.time.boot_usec)
    bench.run(1000)
    bench.host.keep(login.session, Stage.UNLOCKED, bench.host.time.boot_usec)
    bench.run(5)
    assert bench.tracked(login).life.evidence.value == "unlocked"
    assert bench.daemon.sessions[login.session.key].limits.action is Action.TERMINATE
    bench.run(45)
    assert shown(login)[0].startswith("reaper: This session on host1 is idle and ends in")


def test_session_under_a_requested_lock_ends_after_lock_for(bench, login):
    lock(bench, login)
    bench.host.keep(login.session, Stage.LOCKED, bench.host.time.boot_usec)
    bench.run(1801)
    assert signalled(login)
    assert bench.events(word="ending")[0].fields["reason"] == "lock"


def test_requested_lock_that_fails_leaves_the_session_as_it_was(bench, login):
    bench.actor.lock_trouble = ReaperError("lock-failed", "systemd refuses")
    lock(bench, login)
    bench.run(3)
    assert bench.tracked(login).life.phase is Phase.ACTIVE
    assert bench.warnings() == ["session 100 could not be locked and continues unlocked: systemd refuses"]
    bench.run(50)
    assert [event.fields["why"] for event in bench.events(word="warned")] == [""]
    bench.actor.lock_trouble = None
    lock(bench, login)
    bench.run(3)
    assert "100" in bench.actor.orders


@pytest.mark.parametrize("phase", ["active", "warned", "deferred"])
def test_session_can_be_locked_in_any_phase(phase):
    bench, login = made_in(phase)
    lock(bench, login)
    assert bench.tracked(login).life.phase is Phase.LOCKED
    bench.host.keep(login.session, Stage.LOCKED, bench.host.time.boot_usec)
    bench.run(1801)
    assert signalled(login)


def test_locked_session_is_not_locked_again(bench, login):
    lock(bench, login)
    check_refused(bench, login, "locked already")


def test_ending_session_is_not_locked(bench, login):
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    terminate(bench, login)
    with pytest.raises(ReaperError, match="being ended already"):
        lock(bench, login)
    assert bench.actor.orders == {}


def test_held_or_observed_session_is_not_locked(bench, login):
    hold(bench, login, HOUR)
    check_refused(bench, login, "root holds the session")
    bench.adopt(make_policy(make_limits(action=Action.OBSERVE)))
    requests(bench).release(login.session.key, 0, "root", "", bench.host.clock())
    check_refused(bench, login, "only observes")


def test_session_that_cannot_be_locked_is_refused(bench, login):
    bench.host.obstacles[login.session.key] = "its user has no password here"
    check_refused(bench, login, "cannot be locked: its user has no password here")
    other = bench.host.login(200)
    bench.run(5)
    check_refused(bench, other, "cannot be locked: it has no terminal")


def test_locked_session_is_neither_held_nor_warned(bench, login):
    """A hold would keep it from ending, and no terminal could show a warning."""
    lock(bench, login)
    with pytest.raises(ReaperError, match="the session is locked"):
        hold(bench, login, HOUR)
    with pytest.raises(ReaperError, match="locked, and its terminals show nothing else"):
        warn(bench, login)


def unlocked(bench: Bench, login: FakeLogin) -> None:
    """Returns a session whose user has just unlocked it; no poll has come since."""
    lock(bench, login)
    bench.host.keep(login.session, Stage.LOCKED, bench.host.time.boot_usec)
    bench.run(100)
    bench.host.keep(login.session, Stage.UNLOCKED, bench.host.time.boot_usec)
    assert bench.tracked(login).life.phase is Phase.LOCKED


def test_session_that_was_just_unlocked_can_be_held(bench, login):
    """Users who were locked out while present do that first."""
    unlocked(bench, login)
    hold(bench, login, HOUR)
    assert bench.tracked(login).life.evidence.value == "unlocked"
    bench.run(1000)
    assert shown(login) == []


def test_session_that_was_just_unlocked_is_warned_of_its_next_limit(bench, login):
    unlocked(bench, login)
    assert warn(bench, login) == ["pts/1"]
    assert shown(login) == [WARNED.format("1min")]


def test_session_that_was_just_unlocked_can_be_ended(bench, login):
    """No lock is left that would have to be ended."""
    unlocked(bench, login)
    terminate(bench, login)
    assert bench.actor.ended_locks == []
    bench.run(10)
    assert bench.words() == ["opened", "ending", "terminated"]


def test_locked_session_can_be_ended(bench, login):
    lock(bench, login)
    terminate(bench, login)
    assert bench.actor.ended_locks == ["100"]
    bench.run(10)
    assert bench.words() == ["opened", "ending", "terminated"]


def test_session_can_be_locked_without_a_policy():
    """Under the built-in limits; after the unlocking it has none."""
    bench = Bench()
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    lock(bench, login)
    bench.host.keep(login.session, Stage.LOCKED, bench.host.time.boot_usec)
    login.ttys["pts/2"] = FakeTty("pts/2", bench.host.time)
    bench.run(20)
    assert bench.tracked(login).life.phase is Phase.LOCKED
    bench.host.keep(login.session, Stage.UNLOCKED, bench.host.time.boot_usec)
    bench.run(20)
    assert bench.tracked(login).life.phase is Phase.ACTIVE
    assert bench.daemon.sessions[login.session.key].limits is None
    lock(bench, login)
    bench.host.keep(login.session, Stage.LOCKED, bench.host.time.boot_usec)
    bench.run(1801)
    assert signalled(login)
    assert bench.warnings() == []


def test_graphical_session_is_locked_by_its_desktop(bench):
    login = bench.host.login(100, origin=Origin.GRAPHICAL, session_id="c3")
    bench.run(1)
    lock(bench, login)
    assert bench.actor.locked == ["c3"]
    assert bench.actor.orders == {}
    assert bench.tracked(login).life.phase is Phase.LOCKED
    bench.host.hints["c3"] = True
    bench.run(10)
    bench.host.hints["c3"] = False
    bench.run(20)
    assert bench.tracked(login).life.phase is Phase.ACTIVE
    assert not signalled(login)
