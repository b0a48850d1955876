"""How a terminal is given back: its program has seen the changed size before the old one is restored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from reaper import procfs
from reaper.decide.session.model import AttachedProcess, ProcessId
from reaper.lock import release
from reaper.sense import processes
from tests.unit.fakes import FakeHost

PROGRAM = """
import signal, time
signal.signal(signal.SIGWINCH, lambda *_: None)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


@pytest.fixture
def program() -> Iterator[ProcessId]:
    """A program that redraws when its terminal's size changes, and that gets no processor time."""
    child = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        yield ProcessId(child.pid, processes.start_ticks(child.pid) or 0)
    finally:
        child.kill()
        child.communicate()


class FakeFrozen:
    """The frozen processes."""

    def put_back(self) -> None:
        pass


class FakeTerminal:
    """A terminal that the keeper holds, with a program in the foreground."""

    name = "pts/7"

    def __init__(self, program: ProcessId) -> None:
        self.line, self.program = self, program
        self.is_size_restored_before_delivery: bool | None = None

    def stop_asking(self) -> None:
        pass

    def restore(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def shrink(self) -> tuple[int, int, int, int]:
        os.kill(self.program.pid, signal.SIGWINCH)
        return (24, 80, 0, 0)

    def restore_size(self, _size: tuple[int, int, int, int]) -> None:
        signals = procfs.read_signals(self.program.pid)
        assert signals is not None
        self.is_size_restored_before_delivery = bool(signals.pending)


@pytest.mark.parametrize("delay_sec", [0.5, None])
def test_program_sees_both_sizes(program, monkeypatch, delay_sec):
    """However late it runs; a program that never runs is not waited for."""
    monkeypatch.setattr(processes, "attached", lambda *_: [AttachedProcess(program, True)])
    monkeypatch.setattr(release, "REDRAW_MS", 0)
    monkeypatch.setattr(release, "DELIVERY_SEC", 60.0 if delay_sec else 0.1)
    if delay_sec:
        threading.Timer(delay_sec, os.kill, (program.pid, signal.SIGCONT)).start()
    terminal, host = FakeTerminal(program), FakeHost()
    login = host.login(100, "pts/7")
    release.give_back(login.session, [terminal], FakeFrozen(), host, lambda: None)  # type: ignore[list-item, arg-type]
    assert terminal.is_size_restored_before_delivery is (delay_sec is None)
