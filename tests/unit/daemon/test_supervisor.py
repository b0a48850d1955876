"""The thread that ends the daemon when a read does not return; here it reads an empty pipe."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from reaper import kernel_text
from reaper.daemon import supervisor
from reaper.daemon.supervisor import Supervisor

PATIENCE_SEC, LOOK_SEC = 0.05, 0.01


class Told:
    def __init__(self) -> None:
        self.paths: list[str] = []
        self.is_told = threading.Event()

    def __call__(self, path: str) -> None:
        self.paths.append(path)
        self.is_told.set()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def watched(told: Told) -> Iterator[Supervisor]:
    supervisor = Supervisor(told, PATIENCE_SEC, LOOK_SEC)
    supervisor.start()
    yield supervisor
    supervisor.close()


def test_read_that_does_not_return_is_reported(told, watched, tmp_path):
    os.mkfifo(tmp_path / "stat")
    path = str(tmp_path / "stat")
    reader = threading.Thread(target=kernel_text.read, args=(path,))
    watched.arm()
    reader.start()
    try:
        assert told.is_told.wait(10)
        assert told.paths[0] == path
    finally:
        watched.disarm()
        os.close(os.open(path, os.O_WRONLY))
        reader.join()
    assert kernel_text.reading is None


def test_many_reads_of_one_file_are_not_reported(told, watched, tmp_path):
    (tmp_path / "stat").write_text("1")
    watched.arm()
    until = time.monotonic() + PATIENCE_SEC + 2 * supervisor.LOOKS * LOOK_SEC
    while time.monotonic() < until:
        kernel_text.read(str(tmp_path / "stat"))
    watched.disarm()
    assert not told.paths


def test_readlink_that_does_not_return_is_reported(told, watched):
    watched.arm()
    kernel_text.noting("/proc/5/exe", lambda _path: told.is_told.wait(10))
    watched.disarm()
    assert told.paths[0] == "/proc/5/exe"


def test_work_without_a_read_is_not_reported(told, watched):
    watched.arm()
    assert not told.is_told.wait(PATIENCE_SEC + 2 * supervisor.LOOKS * LOOK_SEC)
    watched.disarm()


def test_nothing_is_reported_while_the_loop_waits(told, watched):
    watched.arm()
    watched.disarm()
    assert kernel_text.noting("/proc/5/exe", lambda _path: told.is_told.wait(PATIENCE_SEC + 2 * 6 * LOOK_SEC)) is False
