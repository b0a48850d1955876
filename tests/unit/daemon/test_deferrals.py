"""A program that the rule names defers the end of a session: for a bounded time, shown to the user and logged."""

from __future__ import annotations

import pytest

from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.limits import Action
from reaper.decide.policy.match import Origin
from reaper.decide.policy.rules import Brake, Policy
from reaper.decide.session.model import SessionKey
from reaper.decide.session.state import Phase
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import SECOND

RSYNC = "/usr/bin/rsync"
KEPT = "reaper: This session on host1 is idle, and stays while rsync runs, {} at most. Press any key to stay."
WARNED = "reaper: This session on host1 is idle and ends in 10s. Press any key to stay."
# Without evidence a session here is due 68 s after its login; 5 s are a poll.
DUE = 68


def make_busy(**fields: object) -> Policy:
    return make_policy(make_limits(**{"busy": ("dpkg", "rsync*"), "busy_max_usec": 100 * SECOND, **fields}))


POLICY = make_busy()


def test_deferral_asks_for_enter_where_a_key_alone_is_not_seen(bench):
    console = bench.host.login(100, "tty1", tty="tty1", origin=Origin.CONSOLE)
    console.ttys["tty1"].takes_lines = True
    bench.host.start(console, RSYNC, "tty1")
    bench.run(DUE)
    assert shown(console, "tty1")[-1] == KEPT.format("1min 40s").replace("any key", "Enter")


def test_session_is_kept_until_the_program_exits(bench, login):
    rsync = bench.host.start(login, RSYNC)
    bench.run(DUE)
    assert bench.words() == ["opened", "warned", "warned", "deferred"]
    assert shown(login)[2:] == [KEPT.format("1min 40s")]
    bench.run(60)
    assert bench.phase() is Phase.DEFERRED
    assert len(bench.words()) == 4
    rsync.finish()
    bench.run(5)
    assert shown(login)[3:] == [WARNED]
    assert not signalled(login)
    bench.run(10.1)
    assert bench.words()[4:] == ["warned", "ending"]
    assert signalled(login)


def test_deferral_record_names_program_limit_and_time_left(bench, login):
    bench.host.start(login, "/usr/bin/rsync\x1b[2J-ssl")
    bench.run(DUE)
    (deferred,) = bench.events(word="deferred")
    assert deferred.fields["why"] == "rsync\\x1b[2J-ssl (/usr/bin/rsync\\x1b[2J-ssl, pid 9001)"
    assert (deferred.fields["reason"], deferred.fields["limit_usec"]) == ("idle", str(60 * SECOND))
    assert deferred.fields["left_usec"] == str(100 * SECOND)
    assert deferred.message == (
        f"Session 100 of alice from 192.0.2.7 on pts/1 stays while {deferred.fields['why']} runs, for 1min 40s at most,"
        " past its limit of 1min (idle, rule environment:standard)."
    )
    assert "\x1b" not in "".join(shown(login))


def test_deferral_ends_after_busy_max(bench, login):
    bench.host.start(login, RSYNC)
    bench.run(DUE + 99.9)
    assert bench.phase() is Phase.DEFERRED
    bench.run(0.1)
    assert shown(login)[3:] == [WARNED]
    bench.run(9.9)
    assert not signalled(login)
    bench.run(0.1)
    assert signalled(login)
    assert bench.words().count("deferred") == 1


def test_next_program_has_what_is_left_of_busy_max(bench, login):
    rsync = bench.host.start(login, RSYNC)
    bench.run(DUE + 60)
    rsync.finish()
    bench.run(6)
    bench.host.start(login, "/usr/bin/dpkg")
    bench.run(10)
    deferred = bench.events(word="deferred")
    assert [event.fields["why"].split()[0] for event in deferred] == ["rsync", "dpkg"]
    assert 20 * SECOND <= int(deferred[1].fields["left_usec"]) <= 30 * SECOND
    bench.run(45)
    assert signalled(login)
    assert bench.words().count("deferred") == 2


def test_program_that_follows_at_once_is_not_logged_again(bench, login):
    rsync = bench.host.start(login, RSYNC)
    bench.run(DUE + 11)
    rsync.finish()
    bench.host.start(login, "/usr/bin/dpkg")
    bench.run(20)
    assert bench.phase() is Phase.DEFERRED
    assert bench.words().count("deferred") == 1


def test_key_ends_a_deferral_and_restores_busy_max(bench, login):
    bench.host.start(login, RSYNC)
    bench.run(DUE + 60)
    login.ttys["pts/1"].type()
    bench.run(5)
    assert bench.phase() is Phase.ACTIVE
    assert bench.words()[4:] == ["resumed"]
    assert shown(login)[3:] == ["reaper: Thank you, this session stays."]
    bench.run(70)
    assert shown(login)[-1] == KEPT.format("1min 40s")
    bench.run(99)
    assert not signalled(login)


def test_key_just_before_busy_max_is_over_keeps_the_session(bench, login):
    bench.host.start(login, RSYNC)
    bench.run(DUE + 99)
    login.ttys["pts/1"].type()
    bench.run(1)
    assert bench.words()[-2:] == ["deferred", "resumed"]
    assert bench.phase() is Phase.ACTIVE


def test_max_is_deferred_once(bench):
    """Keys do not postpone that limit, and so do not restore the time that programs have used."""
    bench = Bench(make_busy(idle_usec=None, max_usec=60 * SECOND))
    login = bench.host.login(100, "pts/1")
    bench.host.start(login, RSYNC)
    bench.run(60)
    assert shown(login)[-1] == (
        "reaper: This session on host1 is past the 1min that sessions here last, and stays while rsync runs, 1min 40s"
        " at most. Save your work and log in again."
    )
    for _ in range(10):
        bench.run(9)
        login.ttys["pts/1"].type()
        assert not signalled(login)
    bench.run(20.1)
    assert signalled(login)
    assert bench.words().count("deferred") == 1


def test_without_warnings_the_session_ends_when_the_program_exits(bench):
    bench = Bench(make_busy(warn_usec=()))
    login = bench.host.login(100, "pts/1")
    rsync = bench.host.start(login, RSYNC)
    bench.run(DUE + 21)
    rsync.finish()
    assert not signalled(login)
    bench.run(5)
    assert signalled(login)
    assert bench.words() == ["opened", "deferred", "ending"]


def test_other_programs_defer_nothing(bench, login):
    bench.host.start(login, "/usr/bin/vi")
    bench.run(DUE)
    assert signalled(login)


def test_a_policy_that_names_no_program_looks_for_none(bench):
    bench = Bench(make_policy())
    login = bench.host.login(100, "pts/1")
    bench.host.start(login, RSYNC)
    bench.run(DUE)
    assert signalled(login)
    assert bench.host.searches == 0


def test_only_sessions_that_are_due_are_searched(bench, login):
    bench.host.login(200, "pts/2")
    bench.run(DUE - 1)
    assert bench.host.searches == 0


def test_a_deferred_session_does_not_count_for_the_brake(bench, login):
    bench.adopt(make_policy(bench.daemon.policy.environments["standard"], brake=Brake(1, 60 * SECOND)))
    bench.host.start(login, RSYNC)
    other = bench.host.login(200, "pts/2")
    bench.run(DUE)
    assert not signalled(login)
    assert signalled(other)
    assert "brake" not in bench.words()


def test_observed_session_is_not_deferred(bench):
    bench = Bench(make_busy(action=Action.OBSERVE))
    login = bench.host.login(100, "pts/1")
    bench.host.start(login, RSYNC)
    bench.run(DUE)
    assert bench.words() == ["opened", "warned", "warned", "observed"]
    assert shown(login) == []
    assert bench.host.searches == 0


@pytest.mark.parametrize("ceiling", [0, 30])
def test_ceiling_caps_busy_max(bench, login, ceiling):
    policy = make_policy(bench.daemon.policy.environments["standard"], ceiling=Ceiling(busy_max_usec=ceiling * SECOND))
    bench.adopt(policy)
    bench.host.start(login, RSYNC)
    bench.run(DUE + (ceiling + 10.1 if ceiling else 0))
    assert signalled(login)
    assert bench.words().count("deferred") == bool(ceiling)


# What may come between.


def test_another_policy_warns_again_and_restores_no_time(bench, login):
    bench.host.start(login, RSYNC)
    bench.run(DUE + 90)
    bench.adopt(make_policy(make_limits(busy=("rsync",), busy_max_usec=95 * SECOND, grace_usec=SECOND)))
    bench.run(5)
    assert bench.words()[-1] == "warned"
    bench.run(10)
    assert signalled(login)


def test_milder_policy_ends_the_deferral(bench, login):
    bench.host.start(login, RSYNC)
    bench.run(DUE + 20)
    bench.adopt(make_policy(make_limits(idle_usec=600 * SECOND, busy=("rsync",))))
    assert bench.phase() is Phase.ACTIVE
    bench.run(200)
    assert len(shown(login)) == 3


def test_policy_that_no_longer_names_the_program_ends_the_deferral(bench, login):
    bench.host.start(login, RSYNC)
    bench.run(DUE + 20)
    bench.adopt(make_policy())
    bench.run(5)
    assert shown(login)[3:] == [WARNED]
    bench.run(10)
    assert signalled(login)


def test_restarts_change_no_deferral(bench, login):
    rsync = bench.host.start(login, RSYNC)
    for _ in range(40):
        bench.run(3)
        bench.restart()
    assert bench.words() == ["opened", "warned", "warned", "deferred"]
    rsync.finish()
    bench.run(5)
    assert bench.words()[4:] == ["warned"]


@pytest.mark.parametrize("seconds", [20, 3600])
def test_time_passes_during_a_stop_and_a_warning_comes_first_after_it(bench, login, seconds):
    bench.host.start(login, RSYNC)
    bench.run(DUE + 10)
    bench.daemon.save()
    bench.sleep(seconds)
    bench.resume()
    bench.run(5)
    assert bench.phase() is (Phase.DEFERRED if seconds == 20 else Phase.WARNED)
    assert not signalled(login)
    bench.run(5.1 if seconds == 3600 else 70)
    assert signalled(login) is (seconds == 3600)


def test_deferred_session_whose_user_logs_out_is_closed(bench, login):
    bench.host.start(login, RSYNC)
    bench.run(DUE + 10)
    bench.host.leave(login)
    bench.daemon.presence.leader_died(SessionKey(*login.session.key), bench.host.clock().boot_usec)
    bench.run(10)
    assert bench.words()[-2:] == ["deferred", "closed"]
    assert bench.daemon.sessions == {}


def test_deferred_session_that_loses_its_terminals_is_judged_by_its_work(bench, login):
    """The connection stays open without a terminal."""
    rsync = bench.host.start(login, RSYNC)
    bench.run(DUE + 10)
    login.ttys.clear()
    rsync.finish()
    bench.run(50)
    assert bench.phase() is Phase.ACTIVE
    assert not signalled(login)


def test_session_without_a_terminal_is_deferred_once(bench):
    """Nothing is shown, and one record is enough."""
    login = bench.host.login(100)
    rsync = bench.host.start(login, RSYNC)
    bench.run(120)
    assert bench.words() == ["opened", "deferred"]
    rsync.finish()
    bench.run(30)
    assert bench.words() == ["opened", "deferred", "ending", "terminated"]
