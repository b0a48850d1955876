"""Which sessions are there: found once, watched or checked, and gone only when nothing of them is left."""

from __future__ import annotations

import pytest

from tests.unit.bench import Bench
from tests.unit.simulated import SECOND


@pytest.fixture
def presence(bench: Bench):
    return bench.daemon.presence


def test_session_is_found_until_the_registry_has_it(bench, presence):
    login = bench.host.login(100, "pts/1")
    assert [session.key for session in presence.find_new()] == [login.session.key]
    bench.run(1)
    assert presence.find_new() == []


def test_login_of_this_moment_is_told_from_one_before_the_daemon(bench, presence):
    fresh = bench.host.login(100, "pts/1")
    bench.host.time.boot_usec += 3600 * SECOND
    now = bench.host.clock()
    tracked, is_new = presence.track(fresh.session, now)
    assert (is_new, tracked.life.evidence.value) == (False, "seen")
    later = bench.host.login(200, "pts/2")
    tracked, is_new = presence.track(later.session, now)
    assert (is_new, tracked.life.evidence.value) == (True, "login")


def test_session_without_a_watched_leader_is_checked_at_each_poll(bench, presence):
    presence.on_track = lambda key: key.pid == 100
    for pid in (100, 200):
        presence.watch(bench.host.login(pid).session.key)
    assert [key.pid for key in presence.unwatched] == [200]


def test_session_is_checked_once_its_processes_have_had_time_to_die(bench, presence):
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    now_usec = bench.host.time.boot_usec
    presence.leader_died(login.session.key, now_usec)
    assert presence.take_settled(now_usec) == []
    at_usec = presence.next_check_usec
    assert now_usec < at_usec <= now_usec + SECOND
    assert presence.take_settled(at_usec) == [login.session.key]
    assert presence.take_settled(at_usec) == []
    assert presence.next_check_usec is None


def test_leader_of_no_session_is_nobody(bench, presence):
    login = bench.host.login(100)
    presence.leader_died(login.session.key, bench.host.time.boot_usec)
    assert presence.next_check_usec is None


def test_session_is_gone_when_its_user_has_left_and_not_before(bench, presence):
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    tracked = bench.daemon.sessions[login.session.key]
    assert presence.what_is_left(tracked, bench.host.time.boot_usec) is not None
    bench.host.leave(login)
    assert presence.what_is_left(tracked, bench.host.time.boot_usec) is None


def test_session_that_stays_is_not_hastened(bench, presence):
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    tracked = bench.daemon.sessions[login.session.key]
    assert presence.what_is_left(tracked, bench.host.time.boot_usec) is tracked
