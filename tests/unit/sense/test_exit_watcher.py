"""The end of a process is reported at once and only once, and no descriptor stays open."""

from __future__ import annotations

import os
import resource
import select
from collections.abc import Iterator

import pytest

from reaper.decide.session.model import SessionKey
from reaper.sense.exit_watcher import ExitWatcher
from tests.unit.people import Witness


@pytest.fixture
def leaders() -> Iterator[ExitWatcher]:
    leaders = ExitWatcher()
    yield leaders
    leaders.close()


@pytest.fixture
def pair() -> Iterator[tuple[Witness, Witness]]:
    pair = Witness(), Witness()
    yield pair
    for witness in pair:
        witness.stop()


def is_readable(leaders: ExitWatcher, seconds: float = 0) -> bool:
    return bool(select.select([leaders.fileno()], [], [], seconds)[0])


def test_end_of_a_process_is_reported_once(leaders, pair):
    first, second = pair
    keys = [SessionKey(*each.id) for each in pair]
    assert [leaders.watch(key) for key in keys] == [True, True]
    assert not is_readable(leaders)
    assert leaders.ended() == []
    second.end()
    assert is_readable(leaders, 5)
    assert leaders.ended() == [keys[1]]
    assert not is_readable(leaders)
    assert leaders.ended() == []
    first.end()
    assert is_readable(leaders, 5)
    assert leaders.ended() == [keys[0]]


def test_unwatched_process_is_not_reported(leaders, pair):
    key = SessionKey(*pair[0].id)
    before = os.listdir("/proc/self/fd")
    leaders.watch(key)
    leaders.unwatch(key)
    leaders.unwatch(key)
    assert os.listdir("/proc/self/fd") == before
    pair[0].end()
    assert leaders.ended() == []


def test_reused_pid_is_not_watched(leaders, pair):
    pid, ticks = pair[0].id
    before = os.listdir("/proc/self/fd")
    assert not leaders.watch(SessionKey(pid, ticks + 1))
    assert not leaders.watch(SessionKey(2**22 - 1, 1))
    assert os.listdir("/proc/self/fd") == before


def test_watch_fails_without_a_free_descriptor(leaders, pair):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        assert not leaders.watch(SessionKey(*pair[0].id))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert leaders.watch(SessionKey(*pair[0].id))


def test_close_leaves_no_descriptor_open(pair):
    before = os.listdir("/proc/self/fd")
    leaders = ExitWatcher()
    for each in pair:
        leaders.watch(SessionKey(*each.id))
    leaders.close()
    assert os.listdir("/proc/self/fd") == before
