"""A session from its login to its end: when it is warned, and what counts as evidence of its user."""

from __future__ import annotations

from reaper.decide.session.model import SessionKey
from reaper.decide.session.state import Phase
from reaper.errors import ReaperError
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import FakeTty, make_limits, make_policy
from tests.unit.logins import HUP, TERM
from tests.unit.simulated import SECOND

BUCKET = 8


def test_idle_session_is_warned_twice_and_terminated(bench):
    """The login itself counts to the end of its eight seconds."""
    login = bench.host.login(100, "pts/1")
    tty = login.ttys["pts/1"]
    started = bench.host.time.boot_usec
    bench.run(47)
    assert bench.words() == ["opened"]
    bench.run(1)
    assert bench.words() == ["opened", "warned"]
    bench.run(10)
    assert shown(login) == [
        "reaper: This session on host1 is idle and ends in 20s. Press any key to stay.",
        "reaper: This session on host1 is idle and ends in 10s. Press any key to stay.",
    ]
    bench.run(9.9)
    assert not signalled(login)
    bench.run(0.1)
    assert bench.host.time.boot_usec == started + (60 + BUCKET) * SECOND
    assert login.processes[0].signals == [HUP]
    assert login.leader.signals == []
    assert tty.shown[-1] == (
        "\a\r\nreaper: This session on host1 ends now: nobody has typed for 1min. Log in again to go on."
        " What you have detached (tmux, nohup) is left running. \x1b[K\r\n"
    )
    bench.run(5)
    assert login.leader.signals == [TERM]
    bench.run(0.2)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]
    assert bench.daemon.sessions == {}
    assert bench.actor.removed == [login.session.key]


def test_one_key_after_the_warning_keeps_the_session(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    login.ttys["pts/1"].type()
    bench.run(10)
    assert bench.words() == ["opened", "warned", "cancelled", "resumed"]
    assert shown(login)[1:] == ["reaper: Thank you, this session stays."]
    bench.run(30)
    assert len(bench.events(word="cancelled")) == 1
    assert bench.phase(login) is Phase.ACTIVE


def test_user_who_types_is_never_warned(bench):
    login = bench.host.login(100, "pts/1")
    for _ in range(100):
        bench.run(30)
        login.ttys["pts/1"].type()
    assert bench.words() == ["opened"]
    assert shown(login) == []


def test_input_after_a_gap_of_a_minute_is_logged():
    bench = Bench(make_policy(make_limits(idle_usec=600 * SECOND)))
    login = bench.host.login(100, "pts/1")
    bench.run(100)
    login.ttys["pts/1"].type()
    bench.run(10)
    (resumed,) = bench.events(word="resumed")
    assert 90 * SECOND <= int(resumed.fields["idle_usec"]) <= 100 * SECOND


def test_typing_within_eight_seconds_of_the_login_counts(bench):
    """It leaves no trace, as the times of the terminal were set in the same eight seconds."""
    login = bench.host.login(100, "pts/1")
    bench.run(7.9)
    assert not login.ttys["pts/1"].type()
    last = bench.host.time.boot_usec
    bench.run(61)
    ending = bench.events(word="ending")
    assert not ending or bench.host.time.boot_usec >= last + 60 * SECOND
    assert [event.kind.word for event in ending] == ["ending"]


def test_typing_within_eight_seconds_of_a_new_terminal_counts(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(16)
    login.ttys["pts/2"] = FakeTty("pts/2", bench.host.time)
    bench.run(7.9)
    login.ttys["pts/2"].type()
    bench.run(59.9)
    assert "ending" not in bench.words()
    bench.run(0.2)
    assert "ending" in bench.words()


def test_input_before_the_daemon_found_a_recent_login_counts(bench):
    """The daemon starts 50 s after the login."""
    login = bench.host.login(100, "pts/1")
    bench.sleep(45)
    login.ttys["pts/1"].type()
    bench.sleep(5)
    bench.run(54)
    assert "ending" not in bench.words()


def test_session_found_long_after_its_login_counts_as_used_now(bench):
    bench.host.login(100, "pts/1")
    bench.sleep(3600)
    bench.run(39)
    assert bench.words() == ["opened"]
    bench.run(30)
    assert bench.words()[:4] == ["opened", "warned", "warned", "ending"]


def test_session_opened_in_the_future_still_idles(bench):
    """A record whose OPENED_USEC is in the future counts as opened now."""
    login = bench.host.login(100, "pts/1", opened_usec=bench.host.time.boot_usec + 10**12)
    bench.run(80)
    assert "ending" in bench.words()
    assert signalled(login)


def test_max_ends_a_session_in_use(bench):
    """Input does not postpone it, and the warning says so."""
    bench.adopt(make_policy(make_limits(max_usec=300 * SECOND)))
    login = bench.host.login(100, "pts/1")
    for _ in range(29):
        bench.run(10)
        login.ttys["pts/1"].type()
    assert bench.words() == ["opened", "warned", "warned"]
    assert shown(login)[0] == (
        "reaper: This session on host1 ends in 20s: sessions here last at most 5min. Save your work and log in again."
    )
    bench.run(10)
    (ending,) = bench.events(word="ending")
    assert ending.fields["reason"] == "max"


def test_error_at_one_session_does_not_stop_the_others(bench):
    trouble = bench.host.login(100, "pts/1")
    bench.host.login(200, "pts/2")
    bench.run(5)
    bench.host.trouble["pts/1"] = RuntimeError("a mistake of ours")
    bench.run(80)
    assert bench.words(200)[-1] == "terminated"
    assert not signalled(trouble)
    assert any("a mistake of ours" in note for note in bench.warnings())
    bench.host.trouble.clear()
    bench.run(30)
    assert bench.words(100)[-1] == "terminated"


def test_problems_of_discovery_are_logged(bench):
    bench.host.problems.append(ReaperError("record-broken", "login record 5.7 cannot be read", "look"))
    bench.host.dead_records.append(SessionKey(5, 7))
    bench.run(1)
    assert bench.warnings() == ["login record 5.7 cannot be read (look), ignoring"]
    assert bench.actor.removed == [SessionKey(5, 7)]
