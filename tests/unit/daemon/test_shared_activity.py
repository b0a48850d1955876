"""Under `share_activity: user`, input in one session keeps the others of its user; other activity does not."""

from __future__ import annotations

from reaper.decide.policy.limits import Action, Share
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from reaper.decide.session.state import Phase
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import FakeTty, make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND

SHARED = make_limits(share_activity=Share.USER)
POLICY = make_policy(SHARED)


def evidence(bench: Bench, login: FakeLogin) -> tuple[str, int]:
    life = bench.daemon.sessions[login.session.key].life
    return life.evidence.value, life.evidence_usec


def test_user_who_types_in_one_session_loses_none(bench):
    first, *others = [bench.host.login(pid, f"pts/{pid}") for pid in (100, 200, 300, 400, 500, 600)]
    for _ in range(60):
        bench.run(10)
        first.ttys["pts/100"].type()
    assert bench.words() == ["opened"] * 6
    assert all(shown(each, f"pts/{each.session.key.pid}") == [] for each in others)


def test_input_is_shared_only_if_the_rule_says_so():
    bench = Bench(make_policy())
    idle, busy = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    for _ in range(8):
        bench.run(10)
        busy.ttys["pts/2"].type()
    assert signalled(idle)
    assert not signalled(busy)


def test_input_does_not_keep_sessions_of_other_users(bench):
    idle, busy = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2", user="bob", uid=1001)
    for _ in range(8):
        bench.run(10)
        busy.ttys["pts/2"].type()
    assert signalled(idle)


def test_rule_of_the_session_that_is_kept_decides():
    """The rule of the session that is typed in does not matter."""
    alike = Rule("alike", Match(terminal=("pts/1",)), SHARED, ("share_activity",))
    bench = Bench(make_policy(rules=(alike,)))
    taker, giver = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    for _ in range(8):
        bench.run(10)
        giver.ttys["pts/2"].type()
    assert not signalled(taker)
    bench.run(70)
    assert signalled(giver)
    bench.host.login(300, "pts/3")
    assert evidence(bench, taker)[0] == "shared"


def test_login_of_a_robot_keeps_no_other_session(bench):
    idle = bench.host.login(100, "pts/1")
    for number in range(7):
        robot = bench.host.login(200 + number, f"pts/{200 + number}")
        bench.run(5)
        robot.ttys["pts/9"] = FakeTty("pts/9", bench.host.time)
        bench.run(5)
        bench.host.leave(robot)
    assert signalled(idle)


def test_shared_input_is_dated_when_it_was_typed(bench):
    idle, busy = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.run(30)
    busy.ttys["pts/2"].type()
    bench.run(5)
    assert evidence(bench, busy)[0] == "input"
    assert evidence(bench, idle) == ("shared", evidence(bench, busy)[1])


def test_input_just_before_the_warning_of_another_session_prevents_it(bench):
    """The other sessions are looked at before anything is shown or done."""
    idle, busy = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.run(47.5)
    busy.ttys["pts/2"].type()
    bench.run(10)
    assert shown(idle) == []
    assert "warned" not in bench.words()


def test_input_just_before_the_end_of_another_session_prevents_it(bench):
    idle, busy = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.run(67.9)
    busy.ttys["pts/2"].type()
    bench.run(0.1)
    assert not signalled(idle)
    assert bench.words(100) == ["opened", "warned", "warned", "cancelled", "resumed"]
    assert bench.events(100, "resumed")[0].fields["evidence"] == "shared"
    assert shown(idle)[-1] == "reaper: Thank you, this session stays."


def test_look_at_another_session_is_dated_like_any_look():
    """At the end of its eight seconds, as further input in them leaves no trace."""
    bench = Bench(make_policy(make_limits(share_activity=Share.USER, idle_usec=61 * SECOND)))
    began = bench.host.time.boot_usec
    idle, busy = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.run(48.5)
    busy.ttys["pts/2"].type()
    bench.run(0.5)
    assert "warned" not in bench.words()
    assert evidence(bench, busy) == ("input", began + 56 * SECOND)
    assert evidence(bench, idle) == ("shared", began + 56 * SECOND)


def test_session_that_cannot_be_looked_at_ends_no_other(bench):
    """Its user may be typing there."""
    idle, _ = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.run(67.9)
    bench.host.trouble["pts/2"] = OSError("no such luck")
    bench.run(30)
    assert not signalled(idle)
    del bench.host.trouble["pts/2"]
    bench.run(20)
    assert signalled(idle)


def test_shared_input_is_not_logged_as_resumed(bench):
    """`resumed` is for the gap of the session that is typed in."""
    bench = Bench(make_policy(make_limits(share_activity=Share.USER, idle_usec=600 * SECOND)))
    bench.host.login(100, "pts/1")
    busy = bench.host.login(200, "pts/2")
    bench.run(100)
    busy.ttys["pts/2"].type()
    bench.run(5)
    assert bench.words(100) == ["opened"]
    assert bench.words(200) == ["opened", "resumed"]


def test_shared_input_keeps_a_deferred_session():
    bench = Bench(make_policy(make_limits(share_activity=Share.USER, busy=("rsync",), idle_usec=60 * SECOND)))
    idle, other = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.host.start(idle, "/usr/bin/rsync")
    bench.run(69)
    assert bench.daemon.sessions[idle.session.key].life.phase is Phase.DEFERRED
    assert signalled(other)
    third = bench.host.login(300, "pts/3")
    bench.run(20)
    third.ttys["pts/3"].type()
    bench.run(5)
    assert bench.words(100)[-2:] == ["deferred", "resumed"]


def test_shared_input_stops_no_termination(bench):
    idle = bench.host.login(100, "pts/1")
    idle.processes[0].ends_on = idle.leader.ends_on = frozenset()
    bench.run(69)
    other = bench.host.login(200, "pts/2")
    bench.run(9)
    other.ttys["pts/2"].type()
    bench.run(6)
    assert bench.daemon.sessions[idle.session.key].life.phase is Phase.ENDING


def test_restart_keeps_shared_input(bench):
    idle, busy = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.run(33)
    busy.ttys["pts/2"].type()
    bench.restart()
    bench.run(45)
    assert not signalled(idle)
    assert evidence(bench, idle)[0] == "shared"


def test_rule_that_begins_to_share_counts_earlier_input():
    bench = Bench(make_policy())
    idle, busy = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.run(40)
    busy.ttys["pts/2"].type()
    bench.run(6)
    bench.adopt(make_policy(SHARED))
    bench.run(30)
    assert not signalled(idle)


def test_observed_session_writes_nothing(bench):
    bench = Bench(make_policy(make_limits(share_activity=Share.USER, action=Action.OBSERVE)))
    idle, busy = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.run(69)
    busy.ttys["pts/2"].type()
    bench.run(5)
    assert bench.daemon.sessions[idle.session.key].life.phase is Phase.ACTIVE
    assert shown(idle) == shown(busy, "pts/2") == []


def test_sessions_that_are_due_together_are_looked_at_once_each(bench):
    for pid in range(100, 200):
        bench.host.login(pid, f"pts/{pid}")
    bench.run(47)
    looks = bench.host.looks
    bench.run(1.5)
    assert bench.words().count("warned") == 100
    assert bench.host.looks - looks <= 3 * 100
