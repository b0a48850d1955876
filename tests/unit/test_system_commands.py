"""loginctl and systemctl: waits are counted, up to the time that the daemon means to wait."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from reaper import system_commands


@pytest.fixture
def tool(tmp_path, monkeypatch):
    def write(script: str) -> None:
        (tmp_path / "loginctl").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "loginctl").chmod(0o755)

    monkeypatch.setattr(os, "defpath", f"{tmp_path}:{os.defpath}")
    monkeypatch.setattr(system_commands._Waits, "usec", 0)
    return write


def test_run_returns_output_and_counts_the_wait(tool):
    tool('echo "$LC_ALL $1"; exit 3')
    done = system_commands.run(["loginctl", "list"])
    assert (done.stdout, done.returncode) == (b"C list\n", 3)
    assert 0 < system_commands.waited_usec() < 5_000_000


def test_hanging_program_times_out(tool):
    tool("exec sleep 10")
    with pytest.raises(subprocess.TimeoutExpired):
        system_commands.run(["loginctl"], 0.05)
    assert system_commands.waited_usec() == 50_000


def test_stop_of_the_daemon_during_a_wait_is_not_counted(tool, monkeypatch):
    """An hour passes in a wait of 5 s at most."""
    now_ns = [0]

    def run(*_args, **_more):
        now_ns[0] += 3600 * 10**9

    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns[0])
    monkeypatch.setattr(subprocess, "run", run)
    system_commands.run(["loginctl"])
    assert system_commands.waited_usec() == 5_000_000


def test_missing_program_raises(tool):
    with pytest.raises(FileNotFoundError):
        system_commands.run(["no-such-program"])
