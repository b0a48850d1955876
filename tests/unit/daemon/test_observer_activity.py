"""Sessions without a terminal: only the traffic of their connection and the CPU time of their processes show use."""

from __future__ import annotations

import pytest

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.match import Origin
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import FakeTty, make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND

KIB = 1024


def work(login: FakeLogin, typed: int = 0, printed: int = 0, *, cpu_usec: int = 0) -> None:
    done = login.work
    login.work = done._replace(
        typed=done.typed + typed, printed=done.printed + printed, cpu_usec=done.cpu_usec + cpu_usec
    )


def test_session_that_does_nothing_is_ended_unwarned(bench):
    login = bench.host.login(100)
    bench.run(59)
    assert bench.words() == ["opened"]
    bench.run(2)
    assert bench.words() == ["opened", "ending"]
    assert "without work" in bench.events(word="ending")[0].message
    bench.run(20)
    assert bench.words() == ["opened", "ending", "terminated"]
    assert not login.leader.is_alive


@pytest.mark.parametrize(
    ("typed", "printed", "cpu_usec", "is_kept"),
    [
        (0, 0, 300, False),
        (80 * KIB, 80 * KIB, 0, True),  # 32 KiB/s
        (5, 0, 0, True),  # "date", and no answer to it
        (0, 29, 0, True),  # a program's line
        (0, 1, 0, False),  # less than the floor
        (0, 0, 10_000, False),
        (0, 0, 500_000, True),
        (-100, 0, 0, True),  # the counters went back, and nothing tells what crossed the connection meanwhile
    ],
)
def test_traffic_and_cpu_time_above_the_floors_are_use(bench, typed, printed, cpu_usec, is_kept):
    login = bench.host.login(100)
    for _ in range(40):
        bench.run(5)
        work(login, typed, printed, cpu_usec=cpu_usec)
    assert ("ending" not in bench.words()) is is_kept


@pytest.mark.parametrize("socket", [0, 4712])
def test_another_connection_counts_as_use(bench, socket):
    login = bench.host.login(100)
    for turn in range(40):
        bench.run(5)
        login.work = login.work._replace(socket=(4711, socket)[turn % 2])
    assert "ending" not in bench.words()


def test_floor_of_the_policy_decides(bench):
    """A loop that prints the time is no use where the policy says so."""
    bench.adopt(make_policy(make_limits(network_floor_bytes=16 * KIB)))
    login = bench.host.login(100)
    for _ in range(40):
        bench.run(5)
        work(login, 5 * 29, 5 * 68)
    assert "ending" in bench.words()


def test_few_typed_bytes_are_use(bench):
    """`ssh -T host bash` or sftp: what is typed is for a program of the session."""
    login = bench.host.login(100)
    for _ in range(6):
        bench.run(50)
        work(login, 16, 5)
    assert bench.words() == ["opened"]
    assert bench.daemon.sessions[login.session.key].life.evidence.value == "network"


def test_session_with_an_unknown_terminal_is_left_alone(bench):
    """sshd has a terminal open that the daemon does not know; its user must not lose the session."""
    login = bench.host.login(100, "pts/1")
    bench.host.hidden.add("pts/1")
    bench.run(10_000)
    assert bench.words() == ["opened"]
    assert not signalled(login)


@pytest.mark.parametrize("origin", [Origin.OTHER, Origin.CONSOLE])
def test_other_services_without_a_terminal_are_left_alone(bench, origin):
    login = bench.host.login(100, origin=origin, service="ftpd")
    bench.run(10_000)
    assert bench.words() == ["opened"]
    assert not signalled(login)


def test_work_counts_once_the_last_terminal_is_closed(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    login.ttys.clear()
    bench.run(55)
    assert bench.words() == ["opened", "warned"]
    assert bench.daemon.sessions[login.session.key].life.evidence.value == "seen"
    bench.run(20)
    assert bench.words() == ["opened", "warned", "ending", "terminated"]


def test_session_that_gets_a_terminal_is_warned(bench):
    login = bench.host.login(100)
    bench.run(40)
    login.ttys["pts/1"] = FakeTty("pts/1", bench.host.time)
    bench.run(50)
    assert bench.words() == ["opened", "warned"]
    assert shown(login)


def test_work_on_a_terminal_counts_where_the_rule_says_so(bench):
    bench.adopt(make_policy(make_limits(activity=(EvidenceKind.INPUT, EvidenceKind.CPU))))
    login = bench.host.login(100, "pts/1")
    bench.host.login(300, "pts/3")
    for _ in range(30):
        bench.run(5)
        work(login, cpu_usec=400_000)
    assert bench.words(100) == ["opened"]
    assert "terminated" in bench.words(300)


def test_typed_line_is_use_after_a_long_stop_and_nothing_is_not(bench):
    _, active = bench.host.login(100), bench.host.login(200)
    bench.run(30)
    bench.host.time.boot_usec += 3600 * SECOND
    work(active, 44, 5)
    bench.run(1)
    assert bench.words(100)[-1] == "ending"
    assert bench.words(200) == ["opened", "resumed"]


def test_transfer_over_a_restart_counts(bench):
    """The last daemon's counters show what went on while none ran."""
    login, _ = bench.host.login(100), bench.host.login(200)
    bench.run(50)
    bench.daemon.save()
    bench.sleep(15)
    work(login, 80 * KIB, 80 * KIB)
    bench.resume()
    bench.run(3)
    assert bench.words(100) == ["opened", "resumed"]
    assert bench.words(200) == ["opened", "ending", "terminated"]


def test_little_work_between_two_close_looks_is_no_use(bench):
    """The last look comes shortly after a poll."""
    login = bench.host.login(100)
    for turn in range(70):
        bench.run(1)
        work(login, int(turn % 10 == 0))
    assert "ending" in bench.words()


@pytest.mark.parametrize("has_restarts", [False, True])
def test_warnings_are_no_traffic_of_the_session(has_restarts):
    """A warning crosses the connection and must not withdraw itself."""
    bench = Bench(make_policy(make_limits(activity=(EvidenceKind.INPUT, EvidenceKind.NETWORK))))
    bench.host.login(100, "pts/1")
    for _ in range(40):
        bench.run(5)
        if has_restarts:
            bench.restart()
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]
