"""Files, commands and processes of a host."""

from __future__ import annotations

import os
from pathlib import Path

from reaper.doctor.probes.reader import MOST_BYTES, CommandOutput, HostReader, list_processes, run_command


def test_only_regular_files_are_read_up_to_a_limit(tmp_path: Path) -> None:
    host = HostReader(str(tmp_path))
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "long").write_bytes(b"\xff" * (MOST_BYTES + 1))
    assert host.read("/fifo") is None
    assert host.read("/absent") is None
    assert host.read("/") is None
    assert host.read("/long") == "\ufffd" * MOST_BYTES


def test_commands_are_run_in_the_c_locale() -> None:
    assert run_command(["sh", "-c", "echo out; echo err >&2; exit 3"]) == CommandOutput(3, "out\n", "err\n")
    assert run_command(["reaper-no-such-command"]) is None
    result = run_command(["env"])
    assert result is not None
    assert "LC_ALL=C\n" in result.output


def test_processes_of_root_are_listed_by_program() -> None:
    assert all(pid > 0 and "/" not in name for pid, name in list_processes())
