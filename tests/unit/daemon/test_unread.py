"""Input that does not show in a terminal's times: no program has read it yet, or one has read it through /dev/tty."""

from __future__ import annotations

import pytest

from tests.unit.bench import Bench
from tests.unit.daemon.seen import signalled
from tests.unit.fakes import FakeTty, make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND

POLICY = make_policy(make_limits(idle_usec=300 * SECOND))


def test_typing_while_a_job_runs_is_evidence(bench):
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    for _ in range(10):
        bench.run(200)
        tty.unread += 5
    assert bench.words() == ["opened"] + ["resumed"] * 9
    bench.run(360)
    assert bench.words()[-2:] == ["ending", "terminated"]
    told = bench.events(word="ending")[0]
    assert int(told.fields["idle_usec"]) >= 300 * SECOND


def test_unread_input_keeps_no_session_by_itself(bench):
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    tty.unread = 5
    bench.run(120 + 5 + 300 + 10)  # it is found a minute after the next, and may be as young then
    assert "ending" in bench.words()


def test_unread_input_from_before_a_restart_is_not_new(bench):
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    tty.unread = 5
    bench.run(200)
    bench.restart()
    bench.run(235)
    assert "ending" in bench.words()


def test_unread_key_is_found_at_the_last_look(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(307.5)
    login.ttys["pts/1"].unread = 1
    bench.run(10)
    assert bench.words()[-2:] == ["cancelled", "resumed"]
    assert not signalled(login)


def page(bench: Bench, times: int) -> None:
    """Somebody reads on in a pager every 100 s; the times do not show on which terminal."""
    assert bench.host.dev_tty is not None
    for _ in range(times):
        bench.run(100)
        bench.host.dev_tty.type()


def test_paging_through_dev_tty_is_evidence(bench):
    bench.host.dev_tty = FakeTty("tty", bench.host.time)
    login = bench.host.login(100, "pts/1")
    login.processes[0].pages_apart = True
    page(bench, 10)
    assert "ending" not in bench.words()
    assert not signalled(login)
    bench.run(320)
    assert "ending" in bench.words()


def test_paging_in_one_session_keeps_no_other(bench):
    bench.host.dev_tty = FakeTty("tty", bench.host.time)
    bench.host.login(100, "pts/1")
    page(bench, 4)
    assert "ending" in bench.words()


def test_dev_tty_dated_in_the_future_keeps_no_session(bench):
    """Anybody can touch /dev/tty."""
    bench.host.dev_tty = FakeTty("tty", bench.host.time)
    bench.host.login(100, "pts/1").processes[0].pages_apart = True
    bench.host.dev_tty.touch(bench.host.time.wall_ns + 10**18)
    bench.run(320)
    assert "ending" in bench.words()


def test_times_set_by_hand_do_not_make_old_input_new(bench):
    """A loop of touch(1), with one line typed ahead of a program that reads nothing."""
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    tty.unread = 5
    for _ in range(60):
        bench.run(9)
        tty.touch(bench.host.time.wall_ns)
    assert "ending" in bench.words()


def test_input_after_a_read_is_new_though_it_is_less(bench):
    """The first job has read everything between two looks; then less is typed than lay unread before."""
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


def test_input_after_a_read_in_the_same_eight_seconds_is_new(bench):
    """The second read changes no time."""
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


def test_count_that_falls_and_rises_again_is_no_input(bench):
    """A program switches the terminal's mode: the kernel counts lines in one, bytes in the other."""
    tty = bench.host.login(100, "pts/1").ttys["pts/1"]
    for _ in range(30):
        tty.unread = 1
        bench.run(40)
        tty.unread = 0
        bench.run(40)
    assert "ending" in bench.words()


@pytest.fixture
def counted(bench) -> FakeLogin:
    """A session whose connection is counted, and in which no program reads what is typed."""
    bench.adopt(make_policy(make_limits(idle_usec=900 * SECOND, warn_usec=(300 * SECOND,))))
    login = bench.host.login(100, "pts/1")
    login.typed = 0
    return login


def evidence_age(bench: Bench) -> float:
    (tracked,) = bench.daemon.sessions.values()
    return (bench.host.time.boot_usec - tracked.life.evidence_usec) / SECOND


def test_first_keys_that_no_program_reads_are_evidence(bench, counted):
    """The connection is counted from the first poll at which the session is quiet."""
    bench.run(3)
    counted.ttys["pts/1"].type()
    bench.run(40)
    counted.send()
    bench.run(70)
    assert evidence_age(bench) <= 70


def test_input_that_was_read_is_not_new_at_a_later_look(bench, counted):
    """It would be dated by the last packet, which may be a keepalive."""
    bench.run(200)
    counted.ttys["pts/1"].type()
    counted.send()
    bench.run(205)
    assert bench.words() == ["opened", "resumed"]
    assert evidence_age(bench) >= 180


@pytest.mark.parametrize("is_counted", [True, False])
def test_key_between_the_warning_and_a_restart_keeps_the_session(bench, counted, is_counted):
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


def test_transfer_that_never_pauses_ends_no_session_without_a_warning(bench, counted):
    """Without leads there is no warned phase, in which bytes that cannot be counted are taken for keys."""
    bench.adopt(make_policy(make_limits(idle_usec=300 * SECOND, warn_usec=())))
    bench.run(60)
    counted.is_moving = True
    bench.run(600)
    assert "ending" not in bench.words()
