"""What would end with a session and what would survive: real processes, and the proof by ending it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reaper.decide.policy.limits import Kill
from reaper.decide.session.model import AttachedProcess, ProcessId, Targets
from reaper.sense import survivors
from reaper.sense.survivors import ProcessOutcome, SessionProcess
from tests.unit.people import fork, identify


class FixedHost:
    """A host that finds these processes."""

    def __init__(self, targets: Targets, *, is_shared: bool = False) -> None:
        self._targets, self._is_shared = targets, is_shared

    def targets(self, _session, _names, *, whole: bool) -> Targets:
        assert whole
        return self._targets

    def held_pids(self, _session) -> list[int]:
        return []

    def is_shared(self, _session, _held) -> bool:
        return self._is_shared


@contextmanager
def child(work) -> Iterator[ProcessId]:
    ready, is_ready = os.pipe()

    def run() -> None:
        work()
        os.write(is_ready, b"x")
        signal.pause()

    pid = fork(run)
    assert os.read(ready, 1)
    try:
        yield identify(pid)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(is_ready)


def outcomes(found: list[SessionProcess]) -> dict[ProcessId, ProcessOutcome]:
    return {each.process: each.outcome for each in found}


def find(targets: Targets, kill: Kill | None, *, is_shared: bool = False) -> dict[ProcessId, ProcessOutcome]:
    return outcomes(survivors.find(FixedHost(targets, is_shared=is_shared), None, (), kill))  # type: ignore[arg-type]


def ignore_hangup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_a_real_login(real):
    """The leader and the shell end; the job in the background is its shell's; all of it with kill: session."""
    line = real.open()
    found = survivors.find(real.host, real.session, [line.name], Kill.TERMINAL)
    assert outcomes(found) == {
        real.leader: ProcessOutcome.ENDS,
        line.shell: ProcessOutcome.ENDS,
        line.job: ProcessOutcome.HUNG_UP,
    }
    assert [each.process for each in found][-1] == line.job, "what ends comes first"
    found = survivors.find(real.host, real.session, [line.name], Kill.SESSION)
    assert set(outcomes(found).values()) == {ProcessOutcome.ENDS}
    found = survivors.find(real.host, real.session, [line.name], None)
    assert outcomes(found).keys() == {real.leader, line.shell, line.job}
    assert set(outcomes(found).values()) == {ProcessOutcome.UNKNOWN}


def test_what_ignores_a_hangup_survives():
    with child(ignore_hangup) as guarded, child(lambda: None) as job:
        attached = tuple(AttachedProcess(each, in_front=False) for each in (guarded, job))
        targets = Targets(attached, (), (guarded, job))
        assert find(targets, Kill.TERMINAL) == {guarded: ProcessOutcome.SURVIVES, job: ProcessOutcome.HUNG_UP}
        assert find(targets, Kill.SESSION) == {guarded: ProcessOutcome.ENDS, job: ProcessOutcome.ENDS}


def test_another_login_within_spares_the_rest():
    """Never more than the terminals' processes, where another's connection came in through the session."""
    with child(os.setsid) as detached:
        targets = Targets((), (), (detached,))
        assert find(targets, Kill.SESSION, is_shared=True) == {detached: ProcessOutcome.SURVIVES}
        assert find(targets, Kill.SESSION) == {detached: ProcessOutcome.ENDS}


@pytest.mark.parametrize(
    ("holder_kind", "expected"), [("in_front", ProcessOutcome.HUNG_UP), ("detached", ProcessOutcome.SURVIVES)]
)
def test_a_terminal_within_goes_with_who_serves_it(holder_kind, expected):
    """script(1), or sudo with use_pty, ends and its terminal with it; the server of tmux stays, and its panes do."""
    ready, is_ready = os.pipe()

    def serve() -> None:
        os.setsid()
        pid, _master = pty.fork()
        if not pid:
            os.write(is_ready, os.getpid().to_bytes(4, "big"))
        signal.pause()

    holder = identify(fork(serve))
    inner = identify(int.from_bytes(os.read(ready, 4), "big"))
    try:
        attached = (AttachedProcess(holder, in_front=True),) if holder_kind == "in_front" else ()
        found = find(Targets(attached, (), (holder, inner)), Kill.TERMINAL)
        assert found[inner] is expected
        assert find(Targets((), (), (inner,)), Kill.TERMINAL)[inner] is ProcessOutcome.UNKNOWN, (
            "nobody is known to serve it"
        )
    finally:
        for process in (inner, holder):
            os.kill(process.pid, signal.SIGKILL)
        os.waitpid(holder.pid, 0)
        for fd in (ready, is_ready):
            os.close(fd)


def test_what_is_kept_from_us_is_not_known(monkeypatch):
    """A user cannot see what sshd's processes run, and so not what sshd has started."""
    monkeypatch.setattr(survivors.procfs, "read_program", lambda _pid: None)
    with child(os.setsid) as kept:
        assert find(Targets((), (), (kept,)), Kill.TERMINAL) == {kept: ProcessOutcome.UNKNOWN}


def test_a_process_that_has_ended_meanwhile():
    with subprocess.Popen(["true"]) as process:
        ended = identify(process.pid) if os.path.exists(f"/proc/{process.pid}") else ProcessId(process.pid, 1)
    assert find(Targets((), (), (ended,)), Kill.TERMINAL) == {ended: ProcessOutcome.UNKNOWN}
