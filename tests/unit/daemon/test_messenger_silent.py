"""Sessions under `notify: none`: they end on time, everything is logged, and nothing is written on their terminals."""

from __future__ import annotations

import pytest

from reaper.decide.policy.limits import Action, Limits, Notify
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from reaper.errors import ReaperError
from tests.unit.bench import Bench
from tests.unit.daemon.requesting import HOUR, MANUAL, hold, requests, terminate, warn
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import SECOND

RSYNC = "/usr/bin/rsync"
WHY = "nothing is written on its terminals (notify: none)"
ROBOT = Rule("robot", Match(user=("ci",)), make_limits(notify=Notify.NONE), ("notify",))
# Whatever `alice` does as root is under a rule that writes; what she does as herself is not.
ROOT = Rule("root", Match(elevated=True), make_limits(), ("idle",))


def silent(**fields: object) -> Limits:
    return make_limits(notify=Notify.NONE, **fields)


POLICY = make_policy(silent())


def test_idle_session_ends_on_time_without_a_message(bench, login):
    """The leads pass as in any session, and the records say that nothing was shown."""
    bench.run(67.9)
    assert not signalled(login)
    bench.run(10)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]
    assert login.ttys["pts/1"].shown == []
    (first, _) = bench.events(100, "warned")
    assert first.message == (
        "Session 100 of alice from 192.0.2.7 on pts/1 is not warned: it ends in 20s, at its limit of 1min"
        f" (idle, rule environment:standard); {WHY}."
    )
    assert first.fields["why"] == WHY
    assert {event.fields["notify"] for event in bench.events(100)} == {"none"}


def test_input_keeps_the_session_without_a_message(bench, login):
    bench.run(50)
    login.ttys["pts/1"].type()
    bench.run(10)
    assert bench.words() == ["opened", "warned", "cancelled", "resumed"]
    assert "stays: its end is cancelled after " in bench.events(100, "cancelled")[0].message
    assert login.ttys["pts/1"].shown == []
    assert not signalled(login)


def test_record_of_a_session_without_a_terminal_has_no_notify_field(bench):
    bench.host.login(100)
    bench.run(5)
    assert "notify" not in bench.events(100, "opened")[0].fields


def test_deferral_is_only_logged():
    bench = Bench(make_policy(silent(busy=("rsync",), busy_max_usec=100 * SECOND)))
    login = bench.host.login(100, "pts/1")
    rsync = bench.host.start(login, RSYNC)
    bench.run(68)
    assert bench.words() == ["opened", "warned", "warned", "deferred"]
    assert "stays while rsync" in bench.events(100, "deferred")[0].message
    rsync.finish()
    bench.run(30)
    assert bench.words()[4:] == ["warned", "ending", "terminated"]
    assert login.ttys["pts/1"].shown == []


def test_ordered_end_writes_nothing(bench, login):
    bench.run(1)
    terminate(bench, login)
    bench.run(10)
    assert bench.events(100, "terminated")[0].fields["by"] == MANUAL.by
    assert login.ttys["pts/1"].shown == []


def test_no_notice_of_holds_is_written(bench, login):
    """Not when a robot becomes root either."""
    other = bench.host.login(200, "pts/2")
    bench.run(1)
    hold(bench, other, HOUR)
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(40)
    assert login.ttys["pts/1"].shown == other.ttys["pts/2"].shown == []


@pytest.mark.parametrize("text", ["", "go home"])
def test_request_to_warn_is_refused(bench, login, text):
    bench.run(1)
    with pytest.raises(ReaperError, match=r"its rule is environment:standard: nothing is written") as refused:
        warn(bench, login, text)
    assert refused.value.hint == "change notify in the rule"
    assert login.ttys["pts/1"].shown == []


def test_request_to_lock_is_refused(bench, login):
    bench.run(1)
    with pytest.raises(ReaperError, match=r"cannot be locked: nothing is written on its terminals \(notify: none\)"):
        requests(bench).lock(login.session.key, "root", bench.host.clock())


def test_session_is_terminated_where_others_are_locked():
    """It inherits no lock, and no record calls that an obstacle."""
    bench = Bench(make_policy(make_limits(action=Action.LOCK), rules=(ROBOT,)))
    robot = bench.host.login(100, "pts/1", user="ci")
    bench.run(80)
    assert bench.words(100)[-2:] == ["ending", "terminated"]
    assert robot.ttys["pts/1"].shown == []


# Under a rule that writes, who has read nothing is told first.


def test_warning_that_was_only_logged_is_shown_under_another_rule():
    """3 s before the end; the shortest lead is 10 s."""
    bench = Bench(make_policy(silent(), rules=(ROOT,)))
    login = bench.host.login(100, "pts/1")
    bench.run(60)
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(5)
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]
    bench.run(9.8)
    assert not signalled(login)
    bench.run(0.2)
    assert signalled(login)


def test_warning_that_was_only_logged_is_not_withdrawn_on_the_terminal():
    """Under other limits it would not have been given yet."""
    later = Rule("root", Match(elevated=True), make_limits(idle_usec=HOUR), ("idle",))
    bench = Bench(make_policy(silent(), rules=(later,)))
    login = bench.host.login(100, "pts/1")
    bench.run(60)
    bench.host.become_root(login.session, bench.host.time.boot_usec)
    bench.run(60)
    assert bench.words() == ["opened", "warned", "warned", "cancelled"]
    assert shown(login) == []


@pytest.mark.parametrize("other", [make_limits(), make_limits(action=Action.LOCK), silent(warn_usec=(19 * SECOND,))])
def test_loop_of_sudo_postpones_the_end_once(other):
    bench = Bench(make_policy(silent(), rules=(Rule("root", Match(elevated=True), other, ("idle",)),)))
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    began = bench.host.time.boot_usec
    while not signalled(login) and login.session.key not in bench.daemon.locks.locked:
        assert bench.host.time.boot_usec - began <= 40 * SECOND
        sudo = bench.host.become_root(login.session, bench.host.time.boot_usec)
        bench.run(5)
        bench.host.leave_root(sudo)
        bench.run(5)
    read = sum("ends in" in text or "is locked in" in text for text in shown(login))
    assert read <= 6, "and the person is not told again and again"


@pytest.mark.parametrize("before", [{"notify": Notify.NONE}, {"action": Action.OBSERVE}])
def test_restart_under_a_rule_that_now_writes_warns_first(before):
    """The rule has the same name; what was only logged is no warning."""
    bench = Bench(make_policy(make_limits(**before)))
    login = bench.host.login(100, "pts/1")
    bench.run(64)
    bench.daemon.save()
    bench.daemon.policy = make_policy()  # written meanwhile, and read by the next daemon
    bench.resume()
    bench.run(9)
    assert not signalled(login)
    assert len(shown(login)) == 1
    bench.run(2)
    assert signalled(login)


def test_restarts_change_nothing_under_notify_none(bench, login):
    bench.run(50)
    bench.restart()
    bench.run(17.9)
    assert not signalled(login)
    bench.run(0.2)
    assert signalled(login)
    assert bench.words()[:3] == ["opened", "warned", "warned"]
    assert login.ttys["pts/1"].shown == []
