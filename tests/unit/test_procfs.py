"""Holding one process: no descriptor stays behind, whatever reading about the process comes to."""

from __future__ import annotations

import os

import pytest

from reaper import procfs


def test_no_descriptor_stays_where_the_process_cannot_be_read(tmp_path, monkeypatch):
    """EMFILE or EIO at its stat: the pidfd is open by then."""
    (tmp_path / str(os.getpid()) / "stat").mkdir(parents=True)
    monkeypatch.setattr(procfs, "PROC", str(tmp_path))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError):
        procfs.open_process(os.getpid(), 5)
    assert os.listdir("/proc/self/fd") == before


def test_no_descriptor_stays_where_the_pid_is_anothers():
    before = os.listdir("/proc/self/fd")
    assert procfs.open_process(os.getpid(), 5) is None
    assert os.listdir("/proc/self/fd") == before
