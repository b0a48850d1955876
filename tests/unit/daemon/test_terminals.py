"""A session's terminals: those that do not take a warning, that come and go, that are another's, and forged times."""

from __future__ import annotations

from reaper.decide.policy.match import Origin
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import FakeTty
from tests.unit.simulated import SECOND


def test_a_terminal_that_does_not_take_the_warning(bench):
    """Ctrl-S: the record says so, the warning is tried again at each poll, and the end comes at the limit as ever."""
    login = bench.host.login(100, "pts/1")
    login.ttys["pts/1"].is_blocked = True
    bench.run(49)
    (warned,) = bench.told(word="warned")
    assert warned.fields["why"] == "not shown on pts/1, which does not take output"
    assert shown(login) == []
    login.ttys["pts/1"].is_blocked = False
    bench.run(5)
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 18s. Press any key to stay."]
    assert bench.warnings() == ["the warning of session 100 is on its terminal now"]
    login.ttys["pts/1"].is_blocked = True
    bench.run(14)
    assert bench.words()[-1] == "ending"


def test_a_blocked_terminal_makes_neither_silence_nor_repetition_on_the_others(bench):
    login = bench.host.login(100, "pts/1", "pts/2")
    login.ttys["pts/1"].is_blocked = True
    bench.run(57)
    assert len(shown(login, "pts/2")) == 1
    login.ttys["pts/2"].type()
    bench.run(5)
    login.ttys["pts/1"].is_blocked = False
    bench.run(20)
    assert shown(login, "pts/1") == []


def test_a_warning_that_the_next_one_overtakes_is_not_repeated(bench):
    login = bench.host.login(100, "pts/1")
    login.ttys["pts/1"].is_blocked = True
    bench.run(57.9)
    login.ttys["pts/1"].is_blocked = False
    bench.run(9)
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]


def test_a_session_that_may_not_be_warned_is_not_ended(bench):
    """A security module's word, on every terminal: the record says so, and the person was told nothing."""
    login = bench.host.login(100, "pts/1", "pts/2")
    for tty in login.ttys.values():
        tty.is_refused = True
    bench.run(3600)
    assert bench.words() == ["opened", "warned", "warned"]
    assert [event.fields["why"] for event in bench.told(word="warned")] == [
        "reaperd may not write to pts/1, pts/2, and does not end a session that it cannot warn"
    ] * 2
    assert not signalled(login)
    assert bench.daemon.sessions[login.session.key].due_usec <= bench.host.time.boot_usec + 60 * SECOND


def test_one_terminal_that_may_be_written_to_is_enough(bench):
    login = bench.host.login(100, "pts/1", "pts/2")
    login.ttys["pts/1"].is_refused = True
    bench.run(69)
    assert bench.words() == ["opened", "warned", "warned", "ending"]
    assert all(event.fields.get("why", "") == "" for event in bench.told())
    assert len(shown(login, "pts/2")) == 3


def test_a_refusal_and_a_stop_are_not_the_same(bench):
    """Ctrl-S is the person's own doing; beside it a refusal changes nothing."""
    login = bench.host.login(100, "pts/1", "pts/2")
    login.ttys["pts/1"].is_refused = login.ttys["pts/2"].is_blocked = True
    bench.run(69)
    assert bench.told(word="warned")[0].fields["why"] == "not shown on pts/2, which does not take output"
    assert bench.words()[-1] == "ending"


def test_a_session_that_can_be_warned_again_is_ended_in_time(bench):
    login = bench.host.login(100, "pts/1")
    login.ttys["pts/1"].is_refused = True
    bench.run(57)
    login.ttys["pts/1"].is_refused = False
    bench.run(12)
    assert shown(login)[0] == "reaper: This session on host1 is idle and ends in 10s. Press any key to stay."
    assert bench.words()[-1] == "ending"


def test_a_console_that_a_display_server_takes_over(bench):
    """startx on tty1: no key leaves a trace there any more, and nobody would read a warning."""
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


def test_a_display_server_after_the_warning(bench):
    login = bench.host.login(100, "tty1", tty="tty1", origin=Origin.CONSOLE)
    bench.run(60)
    bench.host.graphical.add("tty1")
    bench.run(1000)
    assert bench.words() == ["opened", "warned", "warned"]
    assert not signalled(login)


def test_a_shell_left_and_another_opened_within_a_poll(bench):
    """ControlMaster: the new terminal gets the old one's number, and its times are new; nobody set them by hand."""
    login = bench.host.login(100, "pts/1")
    bench.run(26)
    login.ttys["pts/1"] = FakeTty("pts/1", bench.host.time)
    bench.run(1)
    bench.host.time.boot_usec += SECOND
    login.ttys["pts/1"].type()
    bench.run(36)
    assert bench.words() == ["opened"]
    assert bench.daemon.sessions[login.session.key].life.evidence.value == "terminal"


def test_a_terminal_that_is_gone_is_kept_no_longer(bench):
    login = bench.host.login(100, "pts/1", "pts/2")
    bench.run(6)
    assert bench.host.kept == {"pts/1", "pts/2"}
    del login.ttys["pts/1"]
    bench.run(11)
    assert bench.host.kept == {"pts/2"}


def test_terminals_come_and_go_on_one_session(bench):
    """ControlMaster: input on any of them keeps the session, and a warning is shown on all."""
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


def test_a_terminal_that_was_nobodys_takes_the_place_of_another(bench):
    """mosh: its server's terminal is there before the connection ends, and counts only from then on."""
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


def test_inner_terminals_are_nobodys(bench):
    """tmux's pty, owned by the same user: typing there is no evidence, and it is looked up only when it changes."""
    login = bench.host.login(100, "pts/1")
    bench.host.strangers["pts/9"] = FakeTty("pts/9", bench.host.time)
    for _ in range(8):
        bench.run(8)
        bench.host.strangers["pts/9"].type()
    bench.run(5)
    assert "ending" in bench.words()
    assert bench.host.strangers["pts/9"].shown == []
    assert signalled(login)


def test_forged_times_are_told_once_and_do_not_count(bench):
    login = bench.host.login(100, "pts/1")
    for _ in range(20):
        bench.run(3)
        login.ttys["pts/1"].touch(bench.host.time.wall_ns)
    bench.run(9)
    assert bench.words() == ["opened", "tampered", "warned", "warned", "ending"]


def test_mesg_is_no_forgery(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(10)
    login.ttys["pts/1"].chmod(0o600)
    bench.run(10)
    assert bench.words() == ["opened"]
