"""Signals wake a keeper, and systemd's watchdog is notified often enough, but not at every turn of the loop."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator

import pytest

from reaper.lock import wakeup
from reaper.lock.wakeup import PING_SEC, Wakeup, ping_watchdog

NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def caught() -> Iterator[Wakeup]:
    handlers = {number: signal.getsignal(number) for number in NUMBERS}
    made = Wakeup()
    made.catch()
    yield made
    signal.set_wakeup_fd(-1)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    made.close()


def is_readable(made: Wakeup) -> bool:
    return bool(select.select([made], [], [], 0)[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_wakes_and_asks_for_the_end(caught, number):
    assert not is_readable(caught)
    assert not caught.is_stopped
    os.kill(os.getpid(), number)
    assert caught.is_stopped
    assert is_readable(caught)
    caught.clear()
    assert not is_readable(caught)
    assert caught.is_stopped


def test_sighup_is_ignored(caught):
    os.kill(os.getpid(), signal.SIGHUP)
    assert not caught.is_stopped
    assert not is_readable(caught)


def test_watchdog_is_notified_at_most_once_in_an_interval(monkeypatch):
    now, sent = [1000.0], []
    monkeypatch.setattr(wakeup, "_last_ping", float("-inf"))
    monkeypatch.setattr(wakeup.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(wakeup.systemd, "notify", sent.append)
    for _ in range(3):
        ping_watchdog()
    assert sent == ["WATCHDOG=1"]
    now[0] += PING_SEC
    ping_watchdog()
    assert sent == ["WATCHDOG=1"] * 2
