"""The end of a session: the last look before it, its steps, whom it never reaches, and what it leaves."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from reaper.decide.policy.limits import Action, Kill
from reaper.decide.session.model import SessionKey, Usage
from reaper.decide.session.state import TerminationStep
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import FakeTty, make_limits, make_policy
from tests.unit.logins import CONT, KILL, TERM
from tests.unit.simulated import SECOND

# The moment before an act.


def test_input_found_at_the_last_look_prevents_the_end(bench):
    """The daemon looks just before it acts, sees a key pressed a moment ago, and does nothing."""
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    login.ttys["pts/1"].type()
    bench.run(0.1)
    assert bench.words() == ["opened", "warned", "warned", "cancelled", "resumed"]
    assert not signalled(login)


def test_new_terminal_found_at_the_last_look_prevents_the_end(bench):
    """ControlMaster: the user has just opened another shell on the same connection."""
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    login.ttys["pts/2"] = FakeTty("pts/2", bench.host.time)
    bench.run(0.1)
    assert "ending" not in bench.words()
    assert not signalled(login)


def test_session_whose_leader_has_just_died_is_closed_and_not_signalled(bench):
    """The loop has not seen its pidfd yet."""
    bench.daemon.presence.on_track = lambda _key: True
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    login.leader.is_alive = login.has_record = False
    bench.run(0.1)
    assert bench.words() == ["opened", "warned", "warned", "closed"]
    assert bench.actor.escalations == []
    assert not signalled(login)


def test_session_that_loses_its_terminals_before_the_end_is_not_signalled(bench):
    bench.daemon.presence.on_track = lambda _key: True
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    bench.host.leave(login)
    bench.run(10)
    bench.daemon.presence.leader_died(login.session.key, bench.host.clock().boot_usec)
    bench.run(0.3)
    assert bench.words() == ["opened", "warned", "warned", "closed"]
    assert bench.actor.escalations == []


def test_session_with_a_reused_pid_is_another(bench):
    """It has the leader's pid and terminal."""
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    bench.host.leave(login)
    other = bench.host.login(100, "pts/1")
    other.session = replace(other.session, key=SessionKey(100, 999_999))
    other.leader.id = other.leader.id._replace(start_ticks=999_999)
    del bench.host.logins[login.session.key]
    bench.host.logins[other.session.key] = other
    bench.run(30)
    assert sorted(bench.words()) == ["closed", "opened", "opened", "warned", "warned"]
    assert not signalled(other)
    assert set(bench.daemon.sessions) == {other.session.key}


def test_end_of_a_leader_closes_the_session_at_once(bench):
    bench.daemon.presence.on_track = lambda _key: True
    login = bench.host.login(100, "pts/1")
    bench.run(12)
    bench.host.leave(login)
    bench.daemon.presence.leader_died(login.session.key, bench.host.clock().boot_usec)
    bench.run(0.3)
    assert bench.words() == ["opened", "closed"]
    assert bench.daemon.sessions == {}


def test_connection_that_outlives_its_leader_is_still_ended(bench):
    """After SIGKILL to sshd's monitor, shell and connection stay, and nothing else would end them."""
    bench.daemon.presence.on_track = lambda _key: True
    login = bench.host.login(100, "pts/1")
    login.survivors.append(replace(login.leader, id=login.leader.id._replace(pid=150), signals=[]))
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(12)
    login.leader.is_alive = False
    bench.daemon.presence.leader_died(login.session.key, bench.host.clock().boot_usec)
    bench.run(90)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]
    assert login.survivors[0].signals == [TERM]


# The brake.


# The end.


def test_record_says_what_was_freed(bench):
    login = bench.host.login(100, "pts/1")
    login.leader.usage = Usage(1, 8_000_000, 2 * SECOND)
    login.processes[0].usage = Usage(1, 4_000_000, 3 * SECOND)
    detached = replace(login.processes[0], id=login.processes[0].id._replace(pid=140), tty="", signals=[])
    login.processes.append(detached)
    bench.run(80)
    (terminated,) = bench.events(word="terminated")
    assert terminated.fields["freed_processes"] == "2"
    assert terminated.fields["freed_rss"] == "12000000"
    assert terminated.fields["freed_cpu_usec"] == str(5 * SECOND)
    assert detached.is_alive
    assert detached.signals == []


def test_session_that_resists_gets_every_step(bench):
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = login.processes[0].ends_on = frozenset()
    bench.run(68 + 5 + 5 + 5 + 60 + 1)
    assert [rung for rung, _, _ in bench.actor.escalations] == [
        TerminationStep.HANGUP,
        TerminationStep.TERM,
        TerminationStep.KILL,
        TerminationStep.KILL,
        TerminationStep.KILL,
    ]
    failed = bench.events(word="terminate-failed")
    assert len(failed) == 2
    assert failed[0].fields["why"].startswith("still running: ")
    assert "101" in failed[0].fields["why"].split()
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    bench.run(60)
    assert bench.words()[-1] == "terminated"


def test_processes_that_do_not_end_are_counted_if_they_are_many(bench):
    """With `kill: session`; nobody could read that many pids."""
    bench.adopt(make_policy(make_limits(kill=Kill.SESSION)))
    login = bench.host.login(100, "pts/1")
    for pid in range(2000, 3000):
        login.processes.append(replace(login.processes[0], id=login.processes[0].id._replace(pid=pid), tty=""))
    for process in (login.leader, *login.processes):
        process.ends_on = frozenset()
    bench.run(68 + 5 + 5 + 5 + 1)
    (failed,) = bench.events(word="terminate-failed")
    assert failed.fields["why"].startswith("still running: 101 ")
    assert failed.fields["why"].endswith(" and 982 more")
    assert len(failed.fields["why"]) < 200


@pytest.mark.parametrize(("kills_at_once", "is_refused"), [(True, False), (False, False), (True, True)])
def test_kill_session_waits_until_everything_is_gone(bench, kills_at_once, is_refused):
    """Also where the kernel has cgroup.kill but it cannot be written: then each process is signalled."""
    bench.host.kills_at_once, bench.actor.is_kill_refused = kills_at_once, is_refused
    bench.adopt(make_policy(make_limits(kill=Kill.SESSION)))
    login = bench.host.login(100, "pts/1")
    tmux = replace(login.processes[0], id=login.processes[0].id._replace(pid=140), tty="", signals=[])
    tmux.ends_on = frozenset([KILL])
    login.processes.append(tmux)
    bench.run(74)
    assert not login.leader.is_alive
    assert tmux.signals == [TERM, CONT]
    assert bench.words()[-1] == "ending"
    bench.run(5)
    assert bench.words()[-1] == "terminated"
    assert not tmux.is_alive
    assert bench.events()[-1].fields["freed_processes"] == "3"


def test_sessions_of_other_users_are_not_touched(bench):
    login = bench.host.login(100, "pts/1")
    other = bench.host.login(200, "pts/2", user="bob", uid=1001)
    for _ in range(30):
        bench.run(5)
        other.ttys["pts/2"].type()
    assert signalled(login)
    assert not signalled(other)
    assert shown(other, "pts/2") == []
    assert bench.words(200) == ["opened"]


def test_only_known_signals_are_ever_sent(bench):
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = login.processes[0].ends_on = frozenset()
    bench.run(300)
    sent = {*login.leader.signals, *login.processes[0].signals}
    assert sent <= {signal.SIGHUP, signal.SIGCONT, signal.SIGTERM, signal.SIGKILL}


def test_sshd_that_another_user_logged_in_through_is_not_killed():
    """It was started within the session, and `kill: session` would end their connections."""
    for is_shared, kill in ((False, Kill.SESSION), (True, Kill.TERMINAL)):
        bench = Bench(make_policy(make_limits(kill=Kill.SESSION)))
        bench.host.login(100, "pts/1").is_shared = is_shared
        bench.run(75)
        assert {each for _, each, _ in bench.actor.escalations} == {kill}


@pytest.mark.parametrize("at_once", [True, False])
def test_process_in_another_scope_ends_with_kill_session(at_once):
    """A pane of tmux; the end waits for it, too."""
    for kill, is_left in ((Kill.SESSION, False), (Kill.TERMINAL, True)):
        bench = Bench(make_policy(make_limits(kill=kill)))
        bench.host.kills_at_once = at_once
        login = bench.host.login(100, "pts/1", scope="/user.slice/user-1000.slice/session-1.scope")
        stray = bench.host.start(login, "/usr/bin/sleep", tty="")
        stray.is_stray, stray.ends_on = True, frozenset([KILL])
        bench.run(120)
        assert stray.is_alive is is_left
        assert bench.words()[-1] == "terminated"


# What spares its user a password.


def test_sudo_tickets_are_removed_once_before_the_first_step(bench):
    """A user who logs in again during the end keeps the tickets that they get by then."""
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    bench.run(120)
    assert [rung for rung, _, _ in bench.actor.escalations] == [
        TerminationStep.HANGUP,
        TerminationStep.TERM,
        TerminationStep.KILL,
    ]
    assert bench.actor.dropped == [("alice", 1000, 0)]


def test_observed_user_keeps_sudo_tickets(bench):
    bench.adopt(make_policy(make_limits(action=Action.OBSERVE)))
    bench.host.login(100, "pts/1")
    bench.run(120)
    assert "observed" in bench.words()
    assert bench.actor.dropped == []


def test_ticket_that_cannot_be_removed_is_logged_and_stops_nothing(bench):
    bench.actor.ticket_trouble = ["/run/sudo/ts: others than root may change \x1bsudo"]
    bench.host.login(100, "pts/1")
    bench.run(120)
    assert bench.words()[-1] == "terminated"
    assert bench.warnings() == [
        "a sudo ticket of alice is not removed: /run/sudo/ts: others than root may change \\x1bsudo, ignoring"
    ]
