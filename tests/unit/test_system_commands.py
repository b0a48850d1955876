"""loginctl and systemctl: what is waited for is counted, and no more than the daemon means to wait."""

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


def test_what_a_program_prints_and_how_long_it_took(tool):
    tool('echo "$LC_ALL $1"; exit 3')
    done = system_commands.run(["loginctl", "list"])
    assert (done.stdout, done.returncode) == (b"C list\n", 3)
    assert 0 < system_commands.waited_usec() < 5_000_000


def test_a_program_that_hangs(tool):
    tool("exec sleep 10")
    with pytest.raises(subprocess.TimeoutExpired):
        system_commands.run(["loginctl"], 0.05)
    assert system_commands.waited_usec() == 50_000


def test_a_stop_of_the_daemon_while_it_waits_is_not_counted(tool, monkeypatch):
    """An hour passes in which it was to wait for 5 s at most."""
    now_ns = [0]

    def run(*_args, **_more):
        now_ns[0] += 3600 * 10**9

    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns[0])
    monkeypatch.setattr(subprocess, "run", run)
    system_commands.run(["loginctl"])
    assert system_commands.waited_usec() == 5_000_000


def test_a_program_that_is_not_there(tool):
    with pytest.raises(FileNotFoundError):
        system_commands.run(["no-such-program"])
