"""Input that leaves no trace on a terminal's times: nothing has read it yet, or it was read through /dev/tty."""

from __future__ import annotations

import pytest

from tests.unit.bench import Bench
from tests.unit.daemon.seen import signalled
from tests.unit.fakes import FakeTty, make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND

POLICY = make_policy(make_limits(idle_usec=300 * SECOND))


def test_who_types_while_a_job_runs_is_there(bench):
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    for _ in range(10):
        bench.run(200)
        tty.unread += 5
    assert bench.words() == ["opened"] + ["resumed"] * 9
    bench.run(360)
    assert bench.words()[-2:] == ["ending", "terminated"]
    told = bench.told(word="ending")[0]
    assert int(told.fields["idle_usec"]) >= 300 * SECOND


def test_what_lies_unread_keeps_nothing(bench):
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    tty.unread = 5
    bench.run(120 + 5 + 300 + 10)  # it is found a minute after the next, and may be as young then
    assert "ending" in bench.words()


def test_what_lay_unread_before_a_restart_is_not_new(bench):
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    tty.unread = 5
    bench.run(200)
    bench.restart()
    bench.run(235)
    assert "ending" in bench.words()


def test_a_key_in_the_last_moment(bench):
    """The look before the end finds it."""
    login = bench.host.login(100, "pts/1")
    bench.run(307.5)
    login.ttys["pts/1"].unread = 1
    bench.run(10)
    assert bench.words()[-2:] == ["cancelled", "resumed"]
    assert not signalled(login)


def page(bench: Bench, times: int) -> None:
    """Somebody reads on, every 100 s; on which terminal does not show."""
    assert bench.host.dev_tty is not None
    for _ in range(times):
        bench.run(100)
        bench.host.dev_tty.type()


def test_who_pages_on_an_old_kernel_is_there(bench):
    bench.host.dev_tty = FakeTty("tty", bench.host.time)
    login = bench.host.login(100, "pts/1")
    login.processes[0].pages_apart = True
    page(bench, 10)
    assert "ending" not in bench.words()
    assert not signalled(login)
    bench.run(320)
    assert "ending" in bench.words()


def test_who_does_not_page_is_not_kept_by_who_does(bench):
    bench.host.dev_tty = FakeTty("tty", bench.host.time)
    bench.host.login(100, "pts/1")
    page(bench, 4)
    assert "ending" in bench.words()


def test_a_date_in_the_future_keeps_nobody(bench):
    """/dev/tty is anybody's to touch."""
    bench.host.dev_tty = FakeTty("tty", bench.host.time)
    bench.host.login(100, "pts/1").processes[0].pages_apart = True
    bench.host.dev_tty.touch(bench.host.time.wall_ns + 10**18)
    bench.run(320)
    assert "ending" in bench.words()


def test_times_set_by_hand_do_not_make_old_input_new(bench):
    """A loop of touch(1), and one line under a program that reads nothing."""
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    tty.unread = 5
    for _ in range(60):
        bench.run(9)
        tty.touch(bench.host.time.wall_ns)
    assert "ending" in bench.words()


def test_what_was_read_makes_room_for_what_is_typed(bench):
    """The first job has read it all, at a moment at which nobody looked for what lies unread; then less is typed."""
    bench.adopt(make_policy(make_limits(idle_usec=900 * SECOND, warn_usec=(300 * SECOND,))))
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    tty.unread = 100
    bench.run(200)
    bench.host.time.boot_usec += SECOND
    tty.unread = 0
    tty.type()
    bench.run(30)
    for _ in range(4):
        bench.run(500)
        tty.unread += 3
    bench.run(120)
    assert "warned" not in bench.words()


def test_what_was_read_in_the_same_eight_seconds_makes_room(bench):
    """The second read moves no time: what lies unread after it is new, however little."""
    bench.adopt(make_policy(make_limits(idle_usec=900 * SECOND, warn_usec=(300 * SECOND,))))
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    bench.run(201)
    tty.type()
    tty.unread = 100
    bench.run(5)
    tty.unread = 3
    key_usec = bench.host.time.boot_usec
    bench.run(200)
    (tracked,) = bench.daemon.sessions.values()
    assert tracked.life.evidence_usec >= key_usec


def test_a_count_that_falls_and_rises_again_is_no_typing(bench):
    """A program that switches the terminal's mode: what lies unread is counted by lines, or by bytes."""
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    for _ in range(30):
        tty.unread = 1
        bench.run(40)
        tty.unread = 0
        bench.run(40)
    assert "ending" in bench.words()


@pytest.fixture
def counted(bench) -> FakeLogin:
    """A session whose connection is counted, and in which nothing reads what is typed."""
    bench.adopt(make_policy(make_limits(idle_usec=900 * SECOND, warn_usec=(300 * SECOND,))))
    login = bench.host.login(100, "pts/1")
    login.typed = 0
    return login


def evidence_age(bench: Bench) -> float:
    (tracked,) = bench.daemon.sessions.values()
    return (bench.host.time.boot_usec - tracked.life.evidence_usec) / SECOND


def test_the_first_keys_that_nothing_reads_count(bench, counted):
    """From the first poll at which a session is quiet its connection is counted, and not from a later probe."""
    bench.run(3)
    counted.ttys["pts/1"].type()
    bench.run(40)
    counted.send()
    bench.run(70)
    assert evidence_age(bench) <= 70


def test_what_was_read_is_not_taken_for_new_at_a_later_look(bench, counted):
    """Its date would be that of the last packet, and that may be a keepalive's."""
    bench.run(200)
    counted.ttys["pts/1"].type()
    counted.send()
    bench.run(205)
    assert bench.words() == ["opened", "resumed"]
    assert evidence_age(bench) >= 180


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_key_after_the_warning_and_then_a_restart(bench, counted, is_counted):
    tty = counted.ttys["pts/1"]
    if not is_counted:
        counted.typed = None
    bench.run(640)
    assert bench.words()[-1] == "warned"
    if is_counted:
        counted.send()
    else:
        tty.unread += 1
    bench.restart()
    bench.run(30)
    assert bench.words()[-2:] == ["cancelled", "resumed"]


def test_a_transfer_that_never_pauses_ends_no_session_without_a_warning(bench, counted):
    """There is no warned phase in which what cannot be counted is taken for typed."""
    bench.adopt(make_policy(make_limits(idle_usec=300 * SECOND, warn_usec=())))
    bench.run(60)
    counted.is_moving = True
    bench.run(600)
    assert "ending" not in bench.words()
