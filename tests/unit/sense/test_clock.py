"""How much the daemon has worked: waits for a processor count, sleep does not."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from reaper import kernel_text
from reaper.sense import clock


@pytest.fixture
def shared_cpu() -> Iterator[None]:
    """This process shares one processor with another that never rests."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as other:
            yield
            other.kill()
    finally:
        os.sched_setaffinity(0, cpus)


@pytest.mark.skipif(not os.path.exists("/proc/thread-self/schedstat"), reason="this kernel does not tell")
def test_waiting_for_a_processor_counts_as_work(shared_cpu):
    end = time.monotonic() + 30
    worked, cpu = clock.read_worked_usec(), time.thread_time()
    while clock.read_worked_usec() - worked < (time.thread_time() - cpu) * 1_000_000 + 100_000:
        assert time.monotonic() < end


def test_sleep_does_not_count_as_work():
    before = clock.read_worked_usec()
    time.sleep(0.3)
    assert clock.read_worked_usec() - before < 250_000


@pytest.mark.parametrize("text", [None, b"", b"5\n", b"5 x 7\n", b"junk"])
def test_kernel_without_schedstat_reports_no_wait(monkeypatch, text):
    monkeypatch.setattr(clock._Queue, "_usec", 0)
    monkeypatch.setattr(kernel_text, "read", lambda _path: text)
    assert clock._Queue.read_usec() == 0


def test_unreadable_wait_keeps_its_last_value(monkeypatch):
    """If it became 0, time would seem to be lost, and the next reading would hide time that really is."""

    def refuse(_path: str) -> bytes:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(clock._Queue, "_usec", 0)
    monkeypatch.setattr(kernel_text, "read", lambda _path: b"5000 7000999 3\n")
    assert clock._Queue.read_usec() == 7000
    monkeypatch.setattr(kernel_text, "read", refuse)
    assert clock._Queue.read_usec() == 7000
