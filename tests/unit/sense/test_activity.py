"""What a session's connection and processes have done."""

from __future__ import annotations

import shutil

import pytest

from reaper.decide.session.model import ActivitySample, SessionKey
from reaper.sense.activity import read_work
from tests.unit.fakes import make_session
from tests.unit.sense.trees import START_TICKS, make_connection


def test_connection_bytes_and_cpu_time_are_counted(tree):
    scope = tree.scope("3")
    session = make_connection(tree, scope)
    tree.add(502, 501, "sftp-server", scope)
    tree.write(501, "io", "rchar: 100\nwchar: 20\nsyscr: 3\nsyscw: 2\nread_bytes: 7\nwrite_bytes: 0\n")
    tree.write_scope(scope, "cpu.stat", "usage_usec 4711\nuser_usec 4000\nsystem_usec 711\n")
    assert read_work(session, False, 42) == ActivitySample(42, 501, 0, 100, 20, 4711)


def test_roots_connection_is_counted_at_its_monitor(tree):
    """There is no child: the monitor carries the connection. Without a scope, CPU time is summed from there down."""
    tree.add(500, 400, "sshd", uid=0)
    tree.add(502, 500, "bash", cpu_ticks=(1, 2, 3, 4))
    tree.add(503, 502, "make", cpu_ticks=(10, 0, 0, 0))
    tree.write(500, "io", "rchar: 100\nwchar: 20\nsyscr: 3\nsyscw: 2\n")
    session = make_session(500, key=SessionKey(500, START_TICKS), scope="", uid=0)
    assert read_work(session, False, 42) == ActivitySample(42, 500, 0, 100, 20, 200_000)


def test_activity_is_unknown_while_a_terminal_was_not_found(tree):
    """Its shell is on a terminal, so this is no session without one, whatever else says so."""
    scope = tree.scope("3")
    session = make_connection(tree, scope)
    tree.add(502, 501, "bash", scope, tty_nr=34816)
    tree.write(501, "io", "rchar: 100\nwchar: 20\nsyscr: 3\nsyscw: 2\n")
    tree.write_scope(scope, "cpu.stat", "usage_usec 4711\n")
    assert read_work(session, False, 42) is None
    assert read_work(session, True, 42) is not None


@pytest.mark.parametrize("file", ["io", "task"])
def test_activity_that_cannot_be_read_is_unknown(tree, file):
    session = make_connection(tree)
    tree.write(501, "io", "rchar: 100\nwchar: 20\nsyscr: 3\nsyscw: 2\n")
    shutil.move(tree.directory / "proc" / "501" / file, tree.directory / "away")
    assert read_work(session, False, 42) is None


def test_activity_of_an_ended_connection_is_unknown(tree):
    assert read_work(make_session(500, key=SessionKey(500, START_TICKS), scope=tree.scope("3")), False, 42) is None
