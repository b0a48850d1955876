"""Sessions that their rule would lock but that cannot be locked: their users are warned of an end, and they end."""

from __future__ import annotations

from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from reaper.decide.session.lock_protocol import Stage
from reaper.decide.session.state import Phase
from reaper.errors import ReaperError
from tests.unit.bench import Bench
from tests.unit.daemon.locking import (
    DUE,
    ENDS,
    NO_PASSWORD,
    give_back,
    keep,
    make_bench,
    make_locking,
    take,
)
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import FakeLogin

POLICY = make_policy(make_locking())


def check_warned_and_ended(bench: Bench, login: FakeLogin, why: str, before: int) -> None:
    """Checks that the user is warned again of an end, at least the shortest lead before it."""
    assert shown(login)[before:] == [ENDS.format("10s")]
    assert not signalled(login)
    assert bench.phase() is Phase.WARNED
    bench.run(9)
    assert not signalled(login)
    bench.run(2)
    assert signalled(login)
    told = [bench.events(word="warned")[-1], *bench.events(word="ending")]
    assert [event.fields["why"] for event in told] == [f"it cannot be locked: {why}"] * 2
    assert all(f"it cannot be locked: {why}" in event.message for event in told)


def test_failed_lock_leads_to_a_warning_and_an_end(bench, login):
    bench.run(DUE)
    take(bench, login)
    give_back(bench, login, Stage.FAILED, "its terminal \x1b is gone")
    bench.run(2)
    assert bench.actor.orders == {}
    assert "tampered" not in bench.words()
    assert bench.warnings() == ["session 100 could not be locked and continues unlocked: its terminal \\x1b is gone"]
    assert bench.events(word="warned")[-1].fields["action"] == "terminate"
    check_warned_and_ended(bench, login, "its terminal \x1b is gone", 2)


def test_lock_that_systemd_refuses_leads_to_a_warning_and_an_end(bench, login):
    bench.actor.lock_trouble = ReaperError("lock-failed", "systemd refuses")
    bench.run(DUE + 2)
    check_warned_and_ended(bench, login, "systemd refuses", 2)


def test_user_who_returns_after_a_failed_lock_keeps_the_session(bench, login):
    bench.run(DUE)
    keep(bench, login, Stage.FAILED, "why")
    bench.run(4)
    login.ttys["pts/1"].type()
    bench.run(30)
    assert bench.phase() is Phase.ACTIVE
    assert not signalled(login)


def test_warning_announces_an_end_if_the_session_cannot_be_locked(bench, login):
    bench.host.obstacles[login.session.key] = NO_PASSWORD
    bench.run(DUE - 1)
    assert shown(login) == [ENDS.format("20s"), ENDS.format("10s")]
    assert {event.fields["why"] for event in bench.events(word="warned")} == {f"it cannot be locked: {NO_PASSWORD}"}
    bench.run(1)
    assert signalled(login)
    assert bench.events(word="ending")[0].fields["why"] == f"it cannot be locked: {NO_PASSWORD}"
    assert bench.actor.orders == {}


def test_obstacle_found_after_the_warning_is_announced(bench, login):
    bench.run(DUE - 5)
    bench.host.obstacles[login.session.key] = NO_PASSWORD
    bench.run(5)
    check_warned_and_ended(bench, login, NO_PASSWORD, 2)


def test_obstacle_that_is_gone_at_the_next_look_is_forgotten(bench, login):
    bench.host.obstacles[login.session.key] = NO_PASSWORD
    bench.run(10)
    bench.host.obstacles.clear()
    bench.adopt(make_policy(make_locking()))
    bench.run(DUE)
    assert bench.phase() is Phase.LOCKED


def test_obstacle_at_the_limit_ends_the_session_without_warnings():
    bench = make_bench(warn_usec=())
    login = bench.host.login(100, "pts/1")
    bench.run(DUE - 5)
    bench.host.obstacles[login.session.key] = NO_PASSWORD
    bench.run(5)
    assert signalled(login)
    assert bench.words() == ["opened", "ending"]


def test_session_without_a_terminal_is_terminated():
    bench = make_bench()
    login = bench.host.login(100)
    bench.run(DUE)
    assert signalled(login)
    assert bench.events(word="ending")[0].fields["why"] == "it cannot be locked: it has no terminal"


def test_record_of_a_rule_that_terminates_names_no_obstacle():
    """However many other sessions are locked."""
    rule = Rule("locks", Match(user=("bob",)), make_locking())
    bench = Bench(make_policy(make_limits(max_usec=None), rules=(rule,)))
    login = bench.host.login(100, "pts/1")
    bench.host.obstacles[login.session.key] = NO_PASSWORD
    bench.run(DUE)
    assert all("why" not in event.fields or not event.fields["why"] for event in bench.events(100))
    assert signalled(login)


def test_lockability_is_not_examined_where_no_rule_locks(monkeypatch):
    bench = Bench(make_policy())
    monkeypatch.setattr(bench.host, "lock_obstacle", None)
    login = bench.host.login(100, "pts/1")
    bench.run(DUE)
    assert signalled(login)
