"""The processes of a real login, found by what the daemon answers about it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reaper import procfs
from reaper.ctl import session_processes
from reaper.sense.survivors import ProcessOutcome
from tests.unit.ctl.shown import session
from tests.unit.people import RealLogin, real_login
from tests.unit.sense.trees import Tree
from tests.unit.waiting import waiting_files


@pytest.fixture
def login() -> Iterator[RealLogin]:
    with real_login(1) as login:
        yield login


@pytest.fixture(autouse=True)
def no_read_goes_on() -> Iterator[None]:
    """On a busy machine a read may be given up before it ends; what it has open is closed when it does."""
    yield
    for thread in threading.enumerate():
        if thread.name == "aside":
            thread.join(60)


def shown(login: RealLogin) -> dict[str, Any]:
    key = login.session.key
    return session(str(key), "root", uid=0, leader=key.pid, terminals=list(login.lines), service="login")


def explanation(login: RealLogin, **fields: Any) -> dict[str, Any]:
    ticks = login.session.key.start_ticks
    return {
        "session": shown(login),
        "scope": "",
        "kill": "terminal",
        "leader_ticks": ticks,
        "terminal_servers": [],
        **fields,
    }


def test_processes_of_a_login(login):
    found = session_processes.read(explanation(login), [shown(login)])
    assert found is not None
    (line,) = login.lines.values()
    assert {each.pid: each.outcome for each in found.shown} == {
        login.pid: ProcessOutcome.ENDS,
        line.shell.pid: ProcessOutcome.ENDS,
        line.job.pid: ProcessOutcome.HUNG_UP,
    }
    assert found.shown[0].pid == login.pid, "the oldest first"
    for each in found.shown:
        assert each.since_usec is not None
        assert each.since_usec < 600 * 1_000_000
        assert each.details.command
        assert each.details.memory_bytes


def test_no_more_than_so_many_are_shown_and_those_that_end_first(login):
    found = session_processes.read(explanation(login), [], most=2)
    assert found is not None
    assert [each.outcome for each in found.shown] == [ProcessOutcome.ENDS, ProcessOutcome.ENDS]
    assert found.left_out == (ProcessOutcome.HUNG_UP,)


def test_without_a_policy_nothing_is_known_to_end(login):
    for fields in ({"kill": "none"}, {"kill": "none", "leader_ticks": login.session.key.start_ticks}):
        found = session_processes.read(explanation(login, **fields), [])
        assert found is not None
        assert {each.outcome for each in found.shown} == {ProcessOutcome.UNKNOWN}


def test_answer_of_an_older_daemon(login):
    """It does not tell when the leader began: there is no telling whose process has its pid by now."""
    old = {key: value for key, value in explanation(login).items() if key in ("session", "scope")}
    assert session_processes.read(old, []) is not None


def test_session_that_is_gone(login):
    answer = explanation(login)
    login.stop()
    assert session_processes.read(answer, []) == session_processes.ShownProcesses(())


def test_command_in_front(login):
    told = [shown(login), session("x", "ann", leader=2**22 - 1, terminals=[])]
    commands = session_processes.read_commands(told)
    assert commands[0]
    assert os.path.basename(sys.executable) in commands[0]
    assert commands[1] == ""


def test_processes_that_cannot_be_read_are_shown_as_such(tmp_path, monkeypatch):
    """Two whose stat makes the reader wait: the others are shown, and these by their pids."""
    (tmp_path / "tree").mkdir()
    tree = Tree(tmp_path / "tree", monkeypatch)
    monkeypatch.setattr(procfs, "is_hidden", None)
    scope = tree.scope("3")
    leader = tree.add(500, 1, scope=scope)
    tree.add(501, 500, scope=scope)
    with waiting_files() as make:
        for pid in (502, 503):
            tree.add(pid, 500, scope=scope)
            tree.write(pid, "status", "Name:\ta\nState:\tS (sleeping)\nUid:\t1000\t1000\t1000\t1000\n")
            path = tree.directory / f"proc/{pid}/stat"
            path.unlink()
            make(path)
        members = tree.directory / "cgroup" / scope[1:] / "cgroup.procs"
        members.write_text("500\n501\n502\n503\n")
        shown = session("3", "ann", leader=500, terminals=[])
        answer = {"session": shown, "scope": scope, "kill": "session", "leader_ticks": leader.start_ticks}
        began = time.monotonic()
        found = session_processes.read(answer, [])
        monkeypatch.setattr(procfs, "is_hidden", None)
    assert time.monotonic() - began < 10
    assert found is not None
    told = {each.pid: (each.outcome, each.details.command) for each in found.shown}
    assert told[502] == told[503] == (ProcessOutcome.ENDS, None)
