"""A session's terminals: which are its own, as they open and close, and times that were set by hand."""

from __future__ import annotations

from reaper.decide.policy.match import Origin
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import FakeTty
from tests.unit.simulated import SECOND


def test_console_taken_over_by_a_display_server_does_not_idle(bench):
    """startx on tty1: keys leave no trace there, and nobody would read a warning."""
    login = bench.host.login(100, "tty1", tty="tty1", origin=Origin.CONSOLE)
    bench.run(30)
    bench.host.graphical.add("tty1")
    bench.run(1000)
    assert bench.words() == ["opened"]
    bench.host.graphical.clear()
    bench.run(39)
    assert bench.words() == ["opened", "resumed"], "it counts as in use until then"
    bench.run(40)
    assert bench.words()[2:5] == ["warned", "warned", "ending"]
    assert signalled(login)


def test_display_server_started_after_the_warning_keeps_the_session(bench):
    login = bench.host.login(100, "tty1", tty="tty1", origin=Origin.CONSOLE)
    bench.run(60)
    bench.host.graphical.add("tty1")
    bench.run(1000)
    assert bench.words() == ["opened", "warned", "warned"]
    assert not signalled(login)


def test_terminal_reopened_within_a_poll_is_new_and_not_tampered(bench):
    """ControlMaster: the new terminal has the old one's number."""
    login = bench.host.login(100, "pts/1")
    bench.run(26)
    login.ttys["pts/1"] = FakeTty("pts/1", bench.host.time)
    bench.run(1)
    bench.host.time.boot_usec += SECOND
    login.ttys["pts/1"].type()
    bench.run(36)
    assert bench.words() == ["opened"]
    assert bench.daemon.sessions[login.session.key].life.evidence.value == "terminal"


def test_terminal_that_is_gone_is_forgotten(bench):
    login = bench.host.login(100, "pts/1", "pts/2")
    bench.run(6)
    assert bench.host.kept == {"pts/1", "pts/2"}
    del login.ttys["pts/1"]
    bench.run(11)
    assert bench.host.kept == {"pts/2"}


def test_all_terminals_of_a_session_count_and_are_warned(bench):
    """ControlMaster opens and closes them."""
    login = bench.host.login(100, "pts/1")
    bench.run(20)
    login.ttys["pts/2"] = FakeTty("pts/2", bench.host.time)
    bench.run(6)
    tracked = bench.daemon.sessions[login.session.key]
    assert tracked.terminals == ("pts/1", "pts/2")
    bench.run(24)
    login.ttys["pts/2"].type()
    bench.run(20)
    assert bench.words() == ["opened"]
    del login.ttys["pts/1"]
    bench.run(40)
    assert len(shown(login, "pts/2")) == 2
    assert bench.words() == ["opened", "warned", "warned"]
    login.ttys.clear()
    bench.run(55)
    assert bench.words() == ["opened", "warned", "warned"], "from then on it is the connection's work that counts"


def test_foreign_terminal_becomes_one_of_the_session(bench):
    """mosh: its server's terminal exists before the connection ends, and counts from then on."""
    login = bench.host.login(100, "pts/1")
    bench.host.strangers["pts/9"] = FakeTty("pts/9", bench.host.time)
    bench.run(11)
    del login.ttys["pts/1"]
    login.ttys["pts/9"] = bench.host.strangers.pop("pts/9")
    bench.run(66)
    assert bench.daemon.sessions[login.session.key].terminals == ("pts/9",)
    bench.run(20)
    assert "ending" in bench.words()
    assert len(shown(login, "pts/9")) >= 2


def test_inner_terminals_are_no_evidence(bench):
    """tmux's pty belongs to the same user. The daemon looks up whose it is only when it changes."""
    login = bench.host.login(100, "pts/1")
    bench.host.strangers["pts/9"] = FakeTty("pts/9", bench.host.time)
    for _ in range(8):
        bench.run(8)
        bench.host.strangers["pts/9"].type()
    bench.run(5)
    assert "ending" in bench.words()
    assert bench.host.strangers["pts/9"].shown == []
    assert signalled(login)


def test_forged_times_are_reported_once_and_are_no_evidence(bench):
    login = bench.host.login(100, "pts/1")
    for _ in range(20):
        bench.run(3)
        login.ttys["pts/1"].touch(bench.host.time.wall_ns)
    bench.run(9)
    assert bench.words() == ["opened", "tampered", "warned", "warned", "ending"]


def test_mesg_is_not_reported_as_forgery(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(10)
    login.ttys["pts/1"].chmod(0o600)
    bench.run(10)
    assert bench.words() == ["opened"]
