"""Rules for sessions in which root acts, and rules that apply at some hours only."""

from __future__ import annotations

import pytest

from reaper.decide.output import session_view
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from reaper.decide.session import snapshot
from reaper.decide.text.hours import LocalTime, parse_hours
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import SECOND

HOUR = 3600 * SECOND
ROOT = Rule("root", Match(elevated=True), make_limits(), ("idle",))
NIGHT = Rule("night", Match(hours=(parse_hours("22:00-06:00"),)), make_limits(), ("idle",))
LONG = make_limits(idle_usec=HOUR)
EVENING, LATE = LocalTime(4, 21 * 60 + 59), LocalTime(4, 22 * 60)


def rule_of(bench: Bench, pid: int = 100) -> str:
    (rule,) = [tracked.rule for key, tracked in bench.daemon.sessions.items() if key.pid == pid]
    return rule


# Where everybody has an hour, and a session in which root acts a minute.
POLICY = make_policy(LONG, rules=(ROOT,))


def test_stricter_limit_applies_when_a_root_shell_opens(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(30)
    assert rule_of(bench) == "environment:standard"
    login.ttys["pts/1"].type()
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(10.1)
    assert rule_of(bench) == "root"
    bench.run(70)
    assert bench.words()[-2:] == ["ending", "terminated"]
    assert bench.events()[-1].fields["rule"] == "root"


def test_idle_session_is_warned_first_when_root_appears(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(1000)
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(5.1)
    assert bench.words() == ["opened", "warned"]
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]
    bench.run(9)
    assert not signalled(login)
    bench.run(2)
    assert signalled(login)


def test_old_limit_applies_when_the_root_shell_closes(bench):
    login = bench.host.login(100, "pts/1")
    sudo = bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(50)
    assert bench.words() == ["opened", "warned"]
    bench.host.leave_root(sudo)
    bench.run(300)
    assert bench.words() == ["opened", "warned", "cancelled"]
    assert rule_of(bench) == "environment:standard"
    assert not signalled(login)


def test_loop_of_sudo_keeps_no_session(bench):
    """Each time the rule changes. By the milder rule the session is over, and it was warned."""
    login = bench.host.login(100, "pts/1")
    while bench.host.time.boot_usec < login.session.opened_usec + HOUR + 30 * SECOND and not signalled(login):
        sudo = bench.host.become_root(login.session, bench.host.time.boot_usec)
        bench.run(11)
        bench.host.leave_root(sudo)
        bench.run(6)
    assert signalled(login)
    assert bench.words()[-3] == "warned"
    (ended,) = bench.events(word="ending")
    assert int(ended.fields["idle_usec"]) >= HOUR - 20 * SECOND


def test_standing_warning_is_repeated_if_the_end_comes_sooner(bench):
    """Half an hour is announced; then the rule for root would have ended the session long ago."""
    bench.adopt(make_policy(make_limits(idle_usec=HOUR, warn_usec=(HOUR // 2,)), rules=(ROOT,)))
    login = bench.host.login(100, "pts/1")
    bench.run(1900)
    assert bench.words() == ["opened", "warned"]
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(5.1)
    assert bench.words() == ["opened", "warned", "warned"], "and nothing is taken back"
    assert shown(login)[-1] == "reaper: This session on host1 is idle and ends in 10s. Press any key to stay."
    bench.run(9)
    assert not signalled(login)
    bench.run(2)
    assert signalled(login)


def test_other_sessions_keep_their_rules(bench):
    login = bench.host.login(100, "pts/1")
    bench.host.login(200, "pts/2")
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(10.1)
    assert (rule_of(bench, 100), rule_of(bench, 200)) == ("root", "environment:standard")


def test_short_sudo_command_changes_no_rule(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(4)
    sudo = bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(4)
    bench.host.leave_root(sudo)
    bench.run(4)
    assert rule_of(bench) == "environment:standard"


def test_mark_of_a_killed_sudo_is_removed(bench):
    login = bench.host.login(100, "pts/1")
    sudo = bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(20)
    assert rule_of(bench) == "root"
    sudo.is_alive = False
    bench.run(6)
    assert rule_of(bench) == "environment:standard"
    assert bench.actor.removed_marks == [sudo.process]


def test_session_of_root_is_elevated_from_its_login_on(bench):
    bench.host.login(100, "pts/1", user="root", uid=0)
    bench.run(1)
    assert rule_of(bench) == "root"


def test_mark_older_than_its_session_counts(bench):
    """The daemon learns of the session late, through logind, or at its own start."""
    login = bench.host.login(100, "pts/1")
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.sleep(20)
    bench.run(0.1)
    assert rule_of(bench) == "root"


@pytest.mark.parametrize("second", [20, 45, 55])
def test_restart_keeps_a_warning_given_under_the_rule_for_root(bench, second):
    """The marks are read before any session is judged."""
    login = bench.host.login(100, "pts/1")
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(second)
    bench.restart()
    assert rule_of(bench) == "root"
    bench.run(75 - second)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]


def test_restart_without_the_mark_withdraws_the_warning(bench):
    login = bench.host.login(100, "pts/1")
    sudo = bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(50)
    assert bench.words() == ["opened", "warned"]
    bench.daemon.save()
    bench.host.leave_root(sudo)
    bench.restart()
    bench.run(300)
    assert rule_of(bench) == "environment:standard"
    assert not signalled(login)


def test_state_does_not_contain_elevation(bench):
    login = bench.host.login(100, "pts/1")
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(20)
    bench.daemon.save()
    (tracked,) = snapshot.decode(bench.host.state, "b00t").sessions
    assert not tracked.elevated


def test_list_shows_elevated_sessions(bench):
    login = bench.host.login(100, "pts/1")
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(10.1)
    (tracked,) = bench.daemon.sessions.values()
    told = session_view.explain(tracked, bench.daemon.policy, frozenset(), bench.host.time.boot_usec)
    assert told["session"]["elevated"] is True
    assert "It is elevated: root acts in it, by su, sudo or run0." in told["text"]


# Hours.


def test_rule_begins_and_ends_with_its_hours():
    bench = Bench(make_policy(LONG, rules=(NIGHT,)))
    bench.host.local = EVENING
    login = bench.host.login(100, "pts/1")
    bench.run(600)
    assert rule_of(bench) == "environment:standard"
    bench.host.local = LATE
    bench.run(5.1)
    assert rule_of(bench) == "night"
    assert bench.words() == ["opened", "warned"]
    assert not signalled(login)
    bench.host.local = EVENING
    bench.run(5.1)
    assert rule_of(bench) == "environment:standard"
    assert bench.words() == ["opened", "warned", "cancelled"]


def test_explanation_says_what_time_it_is():
    bench = Bench(make_policy(LONG, rules=(NIGHT,)))
    bench.host.local = EVENING
    bench.host.login(100, "pts/1")
    bench.run(1)
    (tracked,) = bench.daemon.sessions.values()
    told = session_view.explain(
        tracked, bench.daemon.policy, frozenset(), bench.host.time.boot_usec, bench.daemon.context.local
    )
    assert told["passed_over"] == [{"rule": "night", "why": "now is Fri 21:59, not 22:00-06:00"}]


def test_new_sessions_and_new_policies_are_judged_by_the_hour():
    bench = Bench(make_policy(LONG))
    bench.host.local = LATE
    bench.host.login(100, "pts/1")
    bench.run(1)
    bench.adopt(make_policy(LONG, rules=(NIGHT,)))
    assert rule_of(bench) == "night"
    bench.host.login(200, "pts/2")
    bench.run(6)
    assert rule_of(bench, 200) == "night"


def test_restart_within_the_hours_changes_nothing():
    bench = Bench(make_policy(LONG, rules=(NIGHT,)))
    bench.host.local = LATE
    bench.host.login(100, "pts/1")
    bench.run(45)
    bench.restart()
    bench.run(30)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]


def test_sessions_are_not_judged_again_before_the_hour(monkeypatch):
    bench = Bench(make_policy(LONG, rules=(NIGHT,)))
    bench.host.local = EVENING
    for pid in (100, 200, 300):
        bench.host.login(pid, f"pts/{pid}")
    bench.run(6)
    judged: list[object] = []
    judge = bench.daemon.judge
    monkeypatch.setattr(bench.daemon, "judge", lambda key, now: (judged.append(key), judge(key, now)))
    bench.run(100)
    assert judged == []
    bench.host.local = LATE
    bench.run(10)
    assert len(judged) == 3


def test_time_is_not_read_where_no_rule_has_hours(bench):
    bench.host.login(100, "pts/1")
    bench.run(100)
    assert bench.host.asked_time == 0
