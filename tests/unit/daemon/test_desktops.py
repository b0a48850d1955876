"""Graphical sessions: left alone unless a rule asks for them, and then it is their desktop that tells."""

from __future__ import annotations

from reaper.decide.policy.match import Match, Origin
from reaper.decide.policy.rules import Rule
from tests.unit.bench import Bench
from tests.unit.daemon.seen import signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND

ASKED = make_policy(rules=(Rule("desktops", Match(origin=(Origin.GRAPHICAL,)), make_limits()),))


def log_in(bench: Bench) -> FakeLogin:
    return bench.host.login(100, origin=Origin.GRAPHICAL, service="gdm-password")


def test_nobody_asked():
    bench = Bench(make_policy(rules=(Rule("all", Match(user=("*",)), make_limits(max_usec=100 * SECOND)),)))
    login = log_in(bench)
    login.idle_usec = 10**12
    bench.run(10_000)
    assert bench.words() == ["opened"]
    assert not signalled(login)


def test_one_that_idles_is_ended():
    bench = Bench(ASKED)
    login = log_in(bench)
    login.idle_usec = 0
    bench.run(100)
    began = bench.host.time.boot_usec
    for _ in range(70):
        login.idle_usec = bench.host.time.boot_usec - began
        bench.run(1)
    assert bench.words()[-2:] == ["ending", "terminated"]
    assert bench.told(word="ending")[0].fields["evidence"] == "desktop"


def test_one_that_is_in_use_or_says_nothing_is_left_alone():
    for idle_usec in (0, None, 30 * SECOND):
        bench = Bench(ASKED)
        login = log_in(bench)
        login.idle_usec = idle_usec
        bench.run(10_000)
        assert set(bench.words()) <= {"opened", "resumed"}
        assert not signalled(login)
