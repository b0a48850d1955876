"""The steps of a termination: whose terminals they reach, and when the next one comes.

The end begins 68 s after the login, and the grace is a minute here.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.limits import Kill
from reaper.decide.session import snapshot
from reaper.decide.session.state import Phase, TerminationStep
from tests.unit.bench import Bench
from tests.unit.fakes import FakeTty, make_limits, make_policy
from tests.unit.logins import ANY_END, CONT, HUP, KILL, TERM, FakeLogin, FakeProcess
from tests.unit.simulated import SECOND

POLICY = make_policy(make_limits(grace_usec=60 * SECOND))


def another(login: FakeLogin, tty: str, ends_on: frozenset = ANY_END) -> FakeProcess:
    """Returns one more process of the login, in the foreground of a terminal."""
    process = replace(login.processes[0], id=login.processes[0].id._replace(pid=150), tty=tty, signals=[])
    process.ends_on = ends_on
    login.processes.append(process)
    return process


def test_the_state_is_saved_before_the_first_signal(bench):
    """If the daemon is killed by it, the next one knows of the termination, and its brake has counted it."""
    bench.host.login(100, "pts/1")
    bench.run(69)
    for text, escalated in bench.actor.states:
        state = snapshot.decode(text, "b00t")
        phases = [tracked.life.phase for tracked in state.sessions]
        if phases == [Phase.ENDING]:
            assert escalated == 0
            assert len(state.ledger.began_usec) == 1
            return
    raise AssertionError("it was never saved")


def test_termination_begins_although_the_state_cannot_be_saved(bench):
    bench.actor.state_trouble = OSError(28, "No space left on device")
    bench.host.login(100, "pts/1")
    bench.run(69)
    assert [rung for rung, _, _ in bench.actor.escalations] == [TerminationStep.HANGUP]


# Whose terminals.


def test_terminal_opened_after_the_first_step_is_not_signalled(bench):
    """ControlMaster: the user opens another shell on what is ending. It ends with the connection."""
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = login.leader.ends_on = frozenset()
    bench.run(68)
    login.ttys["pts/2"] = FakeTty("pts/2", bench.host.time)
    fresh = another(login, "pts/2")
    bench.run(130)
    assert [rung for rung, _, _ in bench.actor.escalations] == [
        TerminationStep.HANGUP,
        TerminationStep.TERM,
        TerminationStep.KILL,
    ]
    assert login.processes[0].signals == [HUP, CONT, HUP, CONT, KILL]
    assert fresh.signals == []


def test_terminal_number_reused_by_another_user_is_not_signalled(bench):
    """The shell has ended, and pts/1 is another user's at the next step."""
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = frozenset([KILL])
    bench.run(68)
    assert not login.processes[0].is_alive
    login.ttys.clear()
    other = bench.host.login(200, "pts/1", user="bob", uid=1001)
    bench.run(20)
    assert TerminationStep.TERM in [rung for rung, _, _ in bench.actor.escalations]
    assert other.processes[0].signals == other.leader.signals == []


def test_shell_that_lost_its_terminal_is_still_killed(bench):
    """It ignores SIGHUP, and the connection is gone, but the session is not."""
    login = bench.host.login(100, "pts/1")
    shell = login.processes[0]
    shell.ends_on = frozenset([KILL])
    background = another(login, "")
    bench.run(68 + 59.9)
    assert shell.signals == [HUP, CONT]
    bench.run(1)
    login.ttys.clear()
    shell.tty = ""
    assert not login.leader.is_alive
    bench.run(58)
    assert bench.words()[-1] == "ending", "it is not gone before the shell is"
    bench.run(3)
    assert shell.signals == [HUP, CONT, HUP, CONT, KILL]
    assert bench.words()[-1] == "terminated"
    assert background.signals == []


# When.


def escalation_times(bench: Bench, seconds: float) -> list[tuple[TerminationStep, float]]:
    """Returns the steps that are taken from now on, each with how many seconds from now."""
    found: list[tuple[TerminationStep, float]] = []
    began, before = bench.host.time.boot_usec, len(bench.actor.escalations)
    for _ in range(round(seconds * 10)):
        bench.run(0.1)
        fresh = bench.actor.escalations[before + len(found) :]
        found += [(rung, (bench.host.time.boot_usec - began) / SECOND) for rung, _, _ in fresh]
    return found


def test_connection_without_a_user_gets_no_grace(bench):
    """ControlPersist keeps the master; a user who returns through it during the grace would be cut off."""
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = frozenset([KILL])
    bench.run(68)
    login.ttys.clear()  # with the shell, which has ended
    assert escalation_times(bench, 5) == [
        (TerminationStep.TERM, pytest.approx(2.2, abs=0.15)),  # SETTLE_USEC and CLOSING_USEC
        (TerminationStep.KILL, pytest.approx(4.4, abs=0.15)),
    ]
    assert bench.words()[-1] == "terminated"


def test_shorter_grace_is_kept():
    bench = Bench(make_policy(make_limits(grace_usec=1 * SECOND)))
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = frozenset([KILL])
    bench.run(68)
    login.ttys.clear()
    assert escalation_times(bench, 2.5) == [
        (TerminationStep.TERM, pytest.approx(1, abs=0.15)),
        (TerminationStep.KILL, pytest.approx(2, abs=0.15)),
    ]


def test_process_on_a_terminal_gets_the_grace(bench):
    """A shell saves its history at SIGHUP, for example, and an editor its file."""
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([TERM, KILL])
    bench.run(68)
    assert escalation_times(bench, 65) == [(TerminationStep.TERM, pytest.approx(60, abs=0.15))]


def test_foreground_process_that_lost_its_terminal_gets_the_grace(bench):
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([TERM, KILL])
    bench.run(68)
    login.ttys.clear()
    login.processes[0].tty = ""
    assert escalation_times(bench, 65) == [(TerminationStep.TERM, pytest.approx(60, abs=0.15))]


def test_with_kill_session_every_process_gets_the_grace():
    bench = Bench(make_policy(make_limits(grace_usec=60 * SECOND, kill=Kill.SESSION)))
    login = bench.host.login(100, "pts/1")
    another(login, "", frozenset([KILL]))
    bench.run(68)
    login.ttys.clear()
    assert escalation_times(bench, 65) == [(TerminationStep.TERM, pytest.approx(60, abs=0.15))]


def test_process_that_cannot_be_killed_is_signalled_once_a_minute(bench):
    """A leader that waits for a disk, with nobody on its terminals."""
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = frozenset()
    bench.run(68)
    login.ttys.clear()
    bench.run(600)
    assert 8 <= bench.words().count("terminate-failed") <= 10
