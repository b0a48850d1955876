"""Memory in shares: as the kernel counts it, never waited for longer than the limit, and never half known."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from reaper import kernel_text, procfs
from reaper.decide.session.model import Holding, ProcessId, Usage
from reaper.sense import shared_memory
from reaper.sense.aside import Aside
from tests.unit.waiting import release, waiting_files

ROLLUP = b"""55d3c0a00000-7ffd1b5f0000 ---p 00000000 00:00 0                          [rollup]
Rss:                2048 kB
Pss:                 512 kB
Pss_Dirty:           100 kB
"""


def holding(*pids: int, rss_bytes: int = 1 << 20) -> Holding:
    return Holding(tuple((ProcessId(pid, 7), Usage(1, rss_bytes, 5)) for pid in pids), scope="/x")


@pytest.fixture
def rollup(tmp_path, monkeypatch):
    """Has the kernel say of a process what is given; None: the read waits until the test is over."""
    monkeypatch.setattr(procfs, "PROC", str(tmp_path))
    with waiting_files() as make:

        def write(pid: int, text: bytes | None) -> None:
            (tmp_path / str(pid)).mkdir()
            path = tmp_path / str(pid) / "smaps_rollup"
            if text is None:
                make(path)
            else:
                path.write_bytes(text)

        yield write


def test_shares_of_a_real_process():
    stat = procfs.read_stat(os.getpid())
    assert stat is not None
    held = shared_memory.read(os.getpid())
    assert held is not None
    assert 0 < held <= (stat.rss_pages + 10_000) * procfs.PAGE_BYTES


def test_shares_take_the_place_of_the_resident_size(rollup):
    rollup(5, ROLLUP)
    found = shared_memory.weigh(holding(5, 6))
    assert found == holding(5, 6)._replace(
        each=((ProcessId(5, 7), Usage(1, 512 * 1024, 5)), (ProcessId(6, 7), Usage(1, 1 << 20, 5)))
    )


@pytest.mark.parametrize("text", [b"", b"Pss: x kB\n", b"Pss: 5\n", b"Pss:\n", b"Rss: 5 kB\n", b"Pss: -\xff kB\n"])
def test_what_is_no_amount_is_not_taken(rollup, text):
    rollup(5, text)
    assert shared_memory.weigh(holding(5)) == holding(5)


def test_process_that_makes_the_reader_wait(rollup):
    """What was read before counts; what was not keeps its resident size; the next look does not wait at all."""
    rollup(5, ROLLUP)
    rollup(6, None)
    rollup(7, ROLLUP)
    aside = Aside()
    began = time.monotonic()
    found = shared_memory.weigh(holding(5, 6, 7), 0.05, aside)
    assert time.monotonic() - began < 2
    assert [usage.rss_bytes for _, usage in found.each] == [512 * 1024, 1 << 20, 1 << 20]
    assert kernel_text.reading is None, "the daemon's supervisor would take it for a wait of the daemon"
    began = time.monotonic()
    assert shared_memory.weigh(holding(5), 10, aside) == holding(5)
    assert time.monotonic() - began < 2
    release(Path(procfs.PROC, "6", "smaps_rollup"))
    aside._thread.join(10)
    assert shared_memory.weigh(holding(5), 10, aside) != holding(5)


def test_crowd_is_not_read_whole(rollup, monkeypatch):
    monkeypatch.setattr(shared_memory, "MOST_PROCESSES", 1)
    rollup(5, ROLLUP)
    rollup(6, ROLLUP)
    found = shared_memory.weigh(holding(5, 6))
    assert [usage.rss_bytes for _, usage in found.each] == [512 * 1024, 1 << 20]
