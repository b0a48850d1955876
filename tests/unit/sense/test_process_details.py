"""What a process is called and uses: real ones, hostile ones, and those that make their reader wait."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from reaper import procfs
from reaper.decide.session.model import ProcessId
from reaper.sense import process_details
from reaper.sense.process_details import ProcessDetails
from tests.unit.people import identify
from tests.unit.waiting import waiting_files


@contextmanager
def running(*words: str) -> Iterator[ProcessId]:
    """A process by these words, which has begun to run its program."""
    with subprocess.Popen([*words], executable=sys.executable, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield identify(process.pid)
        finally:
            process.kill()


READY = ("-c", "print(flush=True); import time; sum(range(10**6)); time.sleep(60)")


def test_a_real_process():
    with running("some-name", *READY) as process:
        details = process_details.read([process])[process]
    assert details.command == f"some-name {' '.join(READY)}"
    assert details.memory_bytes is not None
    assert 1 << 20 < details.memory_bytes < 1 << 30
    assert details.cpu_usec is not None


def test_a_name_that_a_terminal_could_obey_is_escaped_and_cut():
    name = "\x1b]0;owned\x07\u202e\r\n\x9b2J"
    with running(name, *READY, "x" * 100_000) as process:
        command = process_details.read([process])[process].command
    assert command is not None
    assert command.startswith("\\x1b]0;owned\\x07\\u202e\\r\\n\\x9b2J -c ")
    assert command.isprintable()
    assert len(command) < 300
    assert command.endswith("x...")


def test_what_has_no_words_goes_by_its_name():
    with running("", *READY) as process:
        assert process_details.read([process])[process].command == f" {' '.join(READY)}"
    if (stat := procfs.read_stat(2)) is not None and stat.flags & 0x200000:  # PF_KTHREAD
        kernel = ProcessId(2, stat.starttime)
        assert process_details.read([kernel])[kernel].command == "[kthreadd]"


def test_arguments_of_any_size_cost_no_more(monkeypatch):
    """A process points its arguments at 64 MiB: no more than the beginning is read, whatever psutil would do."""
    sizes = []
    original = os.read
    monkeypatch.setattr(os, "read", lambda fd, most: sizes.append(most) or original(fd, most))
    with running("huge", "-c", "print(flush=True); import time; time.sleep(60)", "y" * 100_000) as process:
        assert process_details.read([process])[process].command.startswith("huge -c ")
    assert max(sizes) <= 65536
    assert 800 in sizes


def test_a_blank_command_goes_by_its_name():
    blank = subprocess.Popen(["   "], executable="/bin/cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        blank.stdin.write(b"x")
        blank.stdin.flush()
        assert blank.stdout.read(1) == b"x"
        process = identify(blank.pid)
        assert process_details.read([process])[process].command == "[cat]"
    finally:
        blank.communicate()


def test_a_process_that_has_ended_has_no_details():
    with running("some-name", *READY) as process:
        pass
    assert process_details.read([process]) == {}


def test_a_later_process_of_the_pid_is_not_described():
    own = identify(os.getpid())
    assert process_details.read([own._replace(start_ticks=own.start_ticks - 1)]) == {}


@pytest.fixture
def waits(tmp_path, monkeypatch) -> Iterator[str]:
    """A copy of what /proc says of this process, but that its cmdline cannot be read until the test is over."""
    directory = tmp_path / str(os.getpid())
    directory.mkdir()
    for name in ("stat", "statm", "status"):
        with open(f"/proc/self/{name}", "rb") as file:
            (directory / name).write_bytes(file.read())
    with open("/proc/stat", "rb") as file:
        (tmp_path / "stat").write_bytes(file.read())
    monkeypatch.setattr(procfs, "PROC", str(tmp_path))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    with waiting_files() as make:
        make(directory / "cmdline")
        yield str(directory)


def test_a_command_that_cannot_be_read_in_time(waits):
    """As that of a process whose memory map somebody has locked; what was read before is told."""
    own = identify(os.getpid())
    began = time.monotonic()
    details = process_details.read([own], each_sec=0.1)[own]
    assert time.monotonic() - began < 5
    assert details.command is None
    assert details.memory_bytes
    assert details.cpu_usec is not None


def test_all_processes_together_have_their_time(waits):
    own = identify(os.getpid())
    began = time.monotonic()
    found = process_details.read([own, *(ProcessId(pid, 5) for pid in range(10**7, 10**7 + 50))], 1.0, 0.1)
    assert time.monotonic() - began < 5
    assert len(found) == 51
    assert all(details.command is None for details in found.values())


def test_without_psutil_there_are_no_details(monkeypatch):
    own = identify(os.getpid())
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert process_details.read([own]) == {own: ProcessDetails()}
