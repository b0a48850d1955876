"""The notice to a user who becomes root that sessions are held."""

from __future__ import annotations

from tests.unit.daemon.requesting import (
    HOLDING,
    HOUR,
    hold,
)
from tests.unit.daemon.seen import shown
from tests.unit.simulated import FakeTty

LOGGED_IN_FOR_SEC = 1
POLICY = HOLDING
TOLD = "reaper: {} held and not ended when idle; reaperctl list shows which."


def test_root_is_told_of_holds_once_at_login(bench, login):
    """As soon as a terminal can show it. It does not say who is held: not every sudoer needs to know."""
    hold(bench, login, HOUR)
    root = bench.host.login(200, user="root", uid=0)
    bench.run(6)
    root.ttys["pts/2"] = FakeTty("pts/2", bench.host.time, 0)
    bench.run(30)
    assert shown(root, "pts/2") == [TOLD.format("1 session is")]
    bench.restart()
    bench.run(10)
    assert len(shown(root, "pts/2")) == 1


def test_user_who_becomes_root_is_told(bench, login):
    hold(bench, login, HOUR)
    bob = bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(10)
    assert shown(bob, "pts/2") == []
    bench.host.become_root(bob.session, bench.host.time.boot_usec)
    bench.run(10)
    assert len(shown(bob, "pts/2")) == 1
    bench.restart()
    bench.run(20)
    assert len(shown(bob, "pts/2")) == 1
    assert shown(login) == []


def test_nothing_is_shown_without_holds(bench, login):
    root = bench.host.login(200, "pts/2", user="root", uid=0)
    bench.run(10)
    assert shown(root, "pts/2") == []
