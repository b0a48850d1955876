"""Messages on terminals: their text, and warnings that a terminal does not take or that may not be written to it."""

from __future__ import annotations

from reaper.decide.policy.match import Origin
from reaper.decide.policy.template import parse_template
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import SECOND

OWN = parse_template("{user}@{host}, {session}: {left} until {deadline}, as {reason} of {limit}. {stay}\n{hold}")


def test_warning_with_the_text_of_the_policy(bench):
    """The host's clock shows 08:00:00 at the login. Other messages have no text of their own."""
    bench.adopt(make_policy(make_limits(message=OWN)))
    login = bench.host.login(100, "pts/1")
    bench.run(58)
    login.ttys["pts/1"].type()
    bench.run(5)
    assert shown(login) == [
        "reaper: alice@host1, 100: 20s until 08:01, as idle for 40s of 1min. Press any key to stay.",
        "reaper: alice@host1, 100: 10s until 08:01, as idle for 50s of 1min. Press any key to stay.",
        "reaper: Thank you, this session stays.",
    ]


def test_warning_names_the_date_of_an_end_after_midnight(bench):
    bench.adopt(make_policy(make_limits(message=parse_template("{deadline}"))))
    bench.host.time.step((16 * 3600 - 60) * 10**9)  # from eight in the morning
    login = bench.host.login(100, "pts/1")
    bench.run(58)
    assert shown(login) == ["reaper: Sat 2027-01-16 00:00"] * 2


def test_message_on_a_screen_and_on_a_serial_line(bench):
    screen = bench.host.login(100, "tty1", tty="tty1", origin=Origin.CONSOLE)
    line = bench.host.login(200, "ttyS0", tty="ttyS0", origin=Origin.SERIAL)
    bench.run(50)
    words = "\a\r\nreaper: This session on host1 is idle and ends in 20s. Press any key to stay."
    assert screen.ttys["tty1"].shown == [f"{words} \x1b[K\r\n"]
    assert line.ttys["ttyS0"].shown == [f"{words}\r\n"]


def test_warning_asks_for_enter_where_a_key_alone_is_not_seen():
    """Looked up at each warning, as another program may read by then. Over ssh each key is seen."""
    bench = Bench(make_policy(make_limits(message=parse_template("{left}: {key}. {stay}"))))
    line = bench.host.login(100, "ttyS0", tty="ttyS0", origin=Origin.SERIAL)
    shell = bench.host.login(200, "pts/1")
    line.ttys["ttyS0"].takes_lines = shell.ttys["pts/1"].takes_lines = True
    bench.run(50)
    line.ttys["ttyS0"].takes_lines = False
    bench.run(10)
    assert shown(line, "ttyS0") == [
        "reaper: 20s: Enter. Press Enter to stay.",
        "reaper: 10s: any key. Press any key to stay.",
    ]
    assert shown(shell)[0] == "reaper: 20s: any key. Press any key to stay."


def test_repeated_warning_looks_up_again_which_key_is_seen(bench):
    line = bench.host.login(100, "ttyS0", tty="ttyS0", origin=Origin.SERIAL)
    line.ttys["ttyS0"].is_blocked = True
    bench.run(50)
    line.ttys["ttyS0"].is_blocked, line.ttys["ttyS0"].takes_lines = False, True
    bench.run(5)
    assert shown(line, "ttyS0") == ["reaper: This session on host1 is idle and ends in 13s. Press Enter to stay."]


def test_warning_is_retried_on_a_stopped_terminal(bench):
    """After Ctrl-S. The record says so, and the end comes at the limit all the same."""
    login = bench.host.login(100, "pts/1")
    login.ttys["pts/1"].is_blocked = True
    bench.run(49)
    (warned,) = bench.events(word="warned")
    assert warned.fields["why"] == "not shown on pts/1, which does not take output"
    assert shown(login) == []
    login.ttys["pts/1"].is_blocked = False
    bench.run(5)
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 18s. Press any key to stay."]
    assert bench.warnings() == ["the warning of session 100 is on its terminal now"]
    login.ttys["pts/1"].is_blocked = True
    bench.run(14)
    assert bench.words()[-1] == "ending"


def test_stopped_terminal_does_not_affect_the_others(bench):
    login = bench.host.login(100, "pts/1", "pts/2")
    login.ttys["pts/1"].is_blocked = True
    bench.run(57)
    assert len(shown(login, "pts/2")) == 1
    login.ttys["pts/2"].type()
    bench.run(5)
    login.ttys["pts/1"].is_blocked = False
    bench.run(20)
    assert shown(login, "pts/1") == []


def test_warning_that_the_next_one_overtakes_is_not_repeated(bench):
    login = bench.host.login(100, "pts/1")
    login.ttys["pts/1"].is_blocked = True
    bench.run(57.9)
    login.ttys["pts/1"].is_blocked = False
    bench.run(9)
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]


def test_session_on_which_no_terminal_may_be_written_to_is_not_ended(bench):
    """A security module forbids it. The record says so, and that the user was told nothing."""
    login = bench.host.login(100, "pts/1", "pts/2")
    for tty in login.ttys.values():
        tty.is_refused = True
    bench.run(3600)
    assert bench.words() == ["opened", "warned", "warned"]
    assert [event.fields["why"] for event in bench.events(word="warned")] == [
        "reaperd may not write to pts/1, pts/2, and does not end a session that it cannot warn"
    ] * 2
    assert not signalled(login)
    assert bench.daemon.sessions[login.session.key].due_usec <= bench.host.time.boot_usec + 60 * SECOND


def test_one_terminal_that_may_be_written_to_is_enough_for_an_end(bench):
    login = bench.host.login(100, "pts/1", "pts/2")
    login.ttys["pts/1"].is_refused = True
    bench.run(69)
    assert bench.words() == ["opened", "warned", "warned", "ending"]
    assert all(event.fields.get("why", "") == "" for event in bench.events())
    assert len(shown(login, "pts/2")) == 3


def test_user_cannot_prevent_the_end_with_ctrl_s(bench):
    """Though another terminal of the session may not be written to."""
    login = bench.host.login(100, "pts/1", "pts/2")
    login.ttys["pts/1"].is_refused = login.ttys["pts/2"].is_blocked = True
    bench.run(69)
    assert bench.events(word="warned")[0].fields["why"] == "not shown on pts/2, which does not take output"
    assert bench.words()[-1] == "ending"


def test_session_that_can_be_warned_again_is_ended_in_time(bench):
    login = bench.host.login(100, "pts/1")
    login.ttys["pts/1"].is_refused = True
    bench.run(57)
    login.ttys["pts/1"].is_refused = False
    bench.run(12)
    assert shown(login)[0] == "reaper: This session on host1 is idle and ends in 10s. Press any key to stay."
    assert bench.words()[-1] == "ending"
