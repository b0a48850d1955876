"""Which programs run in a session: by the file that the kernel executes, never by what a process calls itself."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reaper import procfs
from reaper.decide.session.model import ProcessId, Program
from reaper.sense import programs
from tests.unit.people import fork, identify
from tests.unit.sense.worlds import wait_until

SLEEP = os.path.realpath(shutil.which("sleep") or "/bin/sleep")


@pytest.fixture
def started(tmp_path) -> Iterator:
    running: list[subprocess.Popen] = []

    def start(*words: str) -> ProcessId:
        process = subprocess.Popen(words, cwd=tmp_path)
        running.append(process)
        return identify(process.pid)

    yield start
    for process in running:
        process.kill()
        process.wait()


def read_name(pid: int) -> str:
    """Returns what a process calls itself."""
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().rstrip("\n")


def copy_of_sleep(path: Path, mode: int = 0o755, uid: int = 0) -> str:
    shutil.copyfile(SLEEP, path)
    os.chown(path, uid, 0)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("pattern", ["sleep", "sl*", "s[kl]ee?"])
def test_program_is_matched_by_its_file_name(started, pattern):
    process = started(SLEEP, "100")
    assert programs.find([process], ["dpkg", pattern]) == Program(SLEEP, process.pid)


@pytest.mark.parametrize("pattern", ["slee", "leep", "Sleep", SLEEP])
def test_pattern_must_match_the_whole_name(started, pattern):
    assert programs.find([started(SLEEP, "100")], [pattern]) is None


def test_name_longer_than_comm_is_matched_whole(started, tmp_path):
    """comm has 15 characters (proc_pid_comm(5)); the file's name is whole."""
    path = copy_of_sleep(tmp_path / "unattended-upgrades-shutdown")
    process = started(path, "100")
    assert read_name(process.pid) == "unattended-upgr"
    assert programs.find([process], ["unattended-upgrades-*"]) == Program(path, process.pid)
    assert programs.find([process], ["unattended-upgr"]) is None


@pytest.mark.parametrize(("mode", "uid"), [(0o755, 1000), (0o775, 0), (0o757, 0)])
def test_program_that_others_can_write_does_not_count(started, tmp_path, mode, uid):
    """Anybody can copy sleep to a file named rsync."""
    assert programs.find([started(copy_of_sleep(tmp_path / "rsync", mode, uid), "100")], ["rsync"]) is None


def test_script_counts_as_its_interpreter(started, tmp_path):
    """Its comm is the name of its own file: anybody can write one named rsync, and root's sh runs it."""
    script = tmp_path / "rsync"
    script.write_text(f"#!/bin/sh\n{SLEEP} 100 &\nwait\n")
    script.chmod(0o755)
    process = started(str(script))
    wait_until(lambda: read_name(process.pid) == "rsync")
    assert programs.find([process], ["rsync"]) is None
    shell = os.path.realpath("/bin/sh")
    assert programs.find([process], [os.path.basename(shell)]) == Program(shell, process.pid)


def test_what_a_process_calls_itself_does_not_count():
    """prctl(2), PR_SET_NAME."""
    ready, is_ready = os.pipe()

    def work() -> None:
        ctypes.CDLL(None).prctl(15, b"rsync", 0, 0, 0)
        os.write(is_ready, b"x")
        time.sleep(100)

    process = identify(fork(work))
    try:
        os.read(ready, 1)
        assert read_name(process.pid) == "rsync"
        assert programs.find([process], ["rsync"]) is None
        assert programs.find([process], ["python*"]) == Program(os.path.realpath(sys.executable), process.pid)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        os.waitpid(process.pid, 0)
        os.close(ready)
        os.close(is_ready)


def test_program_with_a_replaced_file_counts(started, tmp_path):
    """As dpkg does with its own."""
    path = copy_of_sleep(tmp_path / "dpkg")
    process = started(path, "100")
    os.unlink(path)
    assert programs.find([process], ["dpkg"]) == Program(path, process.pid)


def test_stopped_program_does_not_run(started):
    process = started(SLEEP, "100")
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: procfs.read_stat(process.pid).state == "T")
    assert programs.find([process], ["sleep"]) is None
    os.kill(process.pid, signal.SIGCONT)
    wait_until(lambda: procfs.read_stat(process.pid).state == "S")
    assert programs.find([process], ["sleep"]) is not None


def test_ended_program_does_not_run(started):
    process = started(SLEEP, "100")
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: procfs.read_stat(process.pid) is None)  # a zombie: nobody has waited for it
    assert programs.find([process, ProcessId(2**22 + 1, 1)], ["sleep"]) is None


def test_reused_pid_does_not_count(started):
    process = started(SLEEP, "100")
    assert programs.find([process._replace(start_ticks=process.start_ticks - 1)], ["sleep"]) is None
    assert programs.find([process._replace(start_ticks=1), process], ["sleep"]) == Program(SLEEP, process.pid)
