"""Threads stopped by ptrace(2), in real processes of the test."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Callable

import pytest

from reaper import procfs
from reaper.decide.session.model import ProcessId
from reaper.lock.freeze.guard import waits_with_alarm
from reaper.lock.freeze.tracer import Tracer
from reaper.procparse import Signals
from tests.unit.lock.conftest import FakeTracer
from tests.unit.people import fork, identify

ALARM = 1 << (signal.SIGALRM - 1)
SECONDS = 30


def wait(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end
        os.sched_yield()


def state(tid: int) -> str:
    stat = procfs.read_stat(tid)
    return stat.state if stat else "gone"


def wait_state(tid: int, *states: str) -> None:
    wait(lambda: state(tid) in states)


class Program:
    """A process that runs a function of the test, and reports that it has begun, and whatever else it has to report."""

    def __init__(self, work: Callable[[Program], object]) -> None:
        self._reader, self._writer = os.pipe()
        self.pid = fork(lambda: work(self))
        assert self.hear() == b"."
        self.id = identify(self.pid)
        self._is_over = False

    def tell(self, text: bytes = b".") -> None:
        os.write(self._writer, text)

    def hear(self) -> bytes:
        return os.read(self._reader, 1)

    def has_reported(self) -> bool:
        os.set_blocking(self._reader, False)
        try:
            return bool(os.read(self._reader, 1))
        except BlockingIOError:
            return False
        finally:
            os.set_blocking(self._reader, True)

    def end(self) -> None:
        if not self._is_over:
            self._is_over = True
            with contextlib.suppress(ProcessLookupError, ChildProcessError):  # its tracer has waited for it
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)

    def stop(self) -> None:
        self.end()
        os.close(self._reader)
        os.close(self._writer)


def pause(program: Program) -> None:
    program.tell()
    while True:
        signal.pause()


@pytest.fixture
def begin() -> Iterator[Callable[..., Program]]:
    programs: list[Program] = []

    def start(work: Callable[[Program], object] = pause) -> Program:
        programs.append(Program(work))
        return programs[-1]

    yield start
    for program in programs:
        program.stop()


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    tracer = Tracer()
    yield tracer
    tracer.detach_all()


def threads_of(program: Program) -> None:
    for _ in range(20):
        threading.Thread(target=time.sleep, args=(1000,)).start()
    pause(program)


def test_every_thread_is_stopped_and_runs_again(begin, tracer):
    program = begin(threads_of)
    threads = procfs.list_threads(program.pid)
    assert len(threads) == 21
    for _ in range(2):
        assert tracer.seize(program.id) == 0
        for tid in threads:
            wait_state(tid, "t")
    tracer.detach(program.id)
    for tid in threads:
        wait_state(tid, "S")


def test_only_sigkill_affects_a_held_process(begin, tracer):
    def work(program: Program) -> None:
        signal.signal(signal.SIGTERM, lambda *_: program.tell())
        pause(program)

    program = begin(work)
    tracer.seize(program.id)
    wait_state(program.pid, "t")
    for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGSTOP, signal.SIGCONT):
        os.kill(program.pid, number)
        assert state(program.pid) == "t"
    assert not program.has_reported()
    tracer.detach(program.id)
    assert program.hear() == b".", "it waited"
    tracer.seize(program.id)
    os.kill(program.pid, signal.SIGKILL)
    wait_state(program.pid, "gone")


def test_stopped_job_is_still_stopped_afterwards(begin, tracer):
    program = begin()
    os.kill(program.pid, signal.SIGSTOP)
    wait_state(program.pid, "T")
    tracer.seize(program.id)
    wait_state(program.pid, "t")
    tracer.detach(program.id)
    wait_state(program.pid, "T")


def test_parent_is_notified_of_an_end_after_reap(begin, tracer):
    def work(program: Program) -> None:
        child = fork(lambda: threads_of(program))
        os.write(child_pipe[1], child.to_bytes(4, "little"))
        os.waitpid(child, 0)
        program.tell(b"!")

    child_pipe = os.pipe()
    parent = begin(work)
    child = int.from_bytes(os.read(child_pipe[0], 4), "little")
    for fd in child_pipe:
        os.close(fd)
    tracer.seize(identify(child))
    os.kill(child, signal.SIGKILL)
    wait_state(child, "Z")  # a zombie whose threads have not been waited for
    assert not parent.has_reported()
    wait(lambda: tracer.reap() or parent.has_reported())


def test_process_without_its_first_thread_is_held(begin, tracer):
    def work(program: Program) -> None:
        def run_on() -> None:
            wait(lambda: state(os.getpid()) == "Z")
            pause_in_thread()

        def pause_in_thread() -> None:
            program.tell()
            time.sleep(1000)

        threading.Thread(target=run_on).start()
        ctypes.CDLL(None).pthread_exit(None)

    program = begin(work)
    assert tracer.seize(program.id) == 0
    (other,) = set(procfs.list_threads(program.pid)) - {program.pid}
    wait_state(other, "t")


def test_another_process_with_the_same_pid_is_not_held(begin, tracer):
    program = begin()
    assert tracer.seize(ProcessId(program.pid, program.id.start_ticks - 1)) == 0
    wait_state(program.pid, "S")
    program.end()
    assert tracer.seize(program.id) == 0


def test_end_of_the_tracer_releases_its_processes(begin):
    victim = begin()

    def work(program: Program) -> None:
        Tracer().seize(victim.id)
        wait_state(victim.pid, "t")
        pause(program)

    other = begin(work)
    assert state(victim.pid) == "t"
    other.end()
    wait_state(victim.pid, "S")


@contextlib.contextmanager
def seized(begin, victim: Program) -> Iterator[None]:
    """Has another program trace a process, which runs."""

    def work(program: Program) -> None:
        assert not ctypes.CDLL(None).ptrace(0x4206, victim.pid, None, None)
        pause(program)

    other = begin(work)
    yield
    other.end()


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_tracer_and_its_fake_meet_the_contract(begin, tracer, kind):
    """What Guard relies on; FakeTracer must do the same."""
    fake = FakeTracer()
    each = tracer if kind == "real" else fake
    program, other = begin(), begin()
    assert each.seize(program.id) == 0
    assert each.seize(program.id) == 0
    each.reap()
    each.detach(program.id)
    each.detach(program.id)
    with seized(begin, other):
        fake.refused.add(other.id)
        assert each.seize(other.id) == errno.EPERM
    fake.refused.clear()
    assert each.seize(other.id) == 0
    each.detach_all()
    assert each.seize(program.id) == 0


def test_processes_that_cannot_be_detached_share_one_wait(begin, tracer, monkeypatch):
    """Not one by one: a hundred processes that wait for a disk would take ten seconds."""
    programs = [begin() for _ in range(8)]
    for program in programs:
        assert tracer.seize(program.id) == 0
    with monkeypatch.context() as patch:
        patch.setattr(Tracer, "_is_detached", staticmethod(lambda tid: False))
        began = time.monotonic()
        tracer.detach_all()
        assert time.monotonic() - began < 0.5
    tracer.reap()
    for program in programs:
        wait_state(program.pid, "S", "R")


@pytest.fixture
def late(begin, tracer) -> Program:
    """A frozen program whose alarm is pending."""
    program = begin(alarm_soon)
    tracer.seize(program.id)
    wait(lambda: bool(procfs.read_signals(program.pid).pending & ALARM))
    return program


def alarm_soon(program: Program) -> None:
    """Like a shell at its prompt, whose TMOUT expires soon."""
    signal.signal(signal.SIGALRM, lambda *_: program.tell(b"A"))
    signal.signal(signal.SIGUSR1, lambda *_: program.tell(b"1"))
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    pause(program)


def test_alarm_is_delivered(late, tracer):
    tracer.detach(late.id)
    assert late.hear() == b"A"


@pytest.mark.parametrize("others", [[], [signal.SIGUSR1]])
def test_alarm_of_a_timer_is_discarded_once(late, tracer, others):
    """No other signal is discarded."""
    for number in others:
        os.kill(late.pid, number)
    tracer.detach(late.id, without_alarm=True)
    wait_state(late.pid, "S")
    assert not procfs.read_signals(late.pid).pending & ALARM
    for _ in others:
        assert late.hear() == b"1"
    assert not late.has_reported()
    os.kill(late.pid, signal.SIGALRM)
    assert late.hear() == b"A"


def test_alarm_sent_by_a_process_is_delivered(begin, tracer):
    program = begin(alarm_soon)
    tracer.seize(program.id)
    os.kill(program.pid, signal.SIGALRM)
    tracer.detach(program.id, without_alarm=True)
    assert program.hear() == b"A"


def test_process_without_a_pending_alarm_is_detached(begin, tracer, monkeypatch):
    monkeypatch.setattr("reaper.lock.freeze.tracer._DELIVERY_SEC", 0.05)
    program = begin()
    tracer.seize(program.id)
    wait_state(program.pid, "t")
    tracer.detach(program.id, without_alarm=True)
    wait_state(program.pid, "S")


def test_shell_at_its_prompt_is_recognized_by_its_signals(late, monkeypatch):
    """The test's own program is Python, so its name is faked."""
    assert not waits_with_alarm(late.pid)
    monkeypatch.setattr(procfs, "read_program", lambda pid: "/usr/bin/bash")
    assert waits_with_alarm(late.pid)
    monkeypatch.setattr(procfs, "read_program", lambda pid: "/usr/bin/zsh")
    assert not waits_with_alarm(late.pid)


@pytest.mark.parametrize("field", ["pending", "blocked", "ignored", "caught"])
def test_script_and_shell_with_time_left_get_their_alarms(field, monkeypatch):
    bits = {"pending": ALARM, "blocked": 0, "ignored": 1 << (signal.SIGTTIN - 1), "caught": ALARM}
    monkeypatch.setattr(procfs, "read_program", lambda pid: "/usr/bin/bash")
    monkeypatch.setattr(procfs, "read_signals", lambda pid: Signals(**bits))
    assert waits_with_alarm(1)
    bits[field] = ALARM if field == "blocked" else 0
    assert not waits_with_alarm(1)
    monkeypatch.setattr(procfs, "read_signals", lambda pid: None)
    assert not waits_with_alarm(1)
