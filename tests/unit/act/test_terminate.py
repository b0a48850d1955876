"""Real signals to the test's own children, and scopes: nothing but the session's own is ever reached."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from reaper import procfs
from reaper.act import terminate
from reaper.decide.policy.limits import Kill
from reaper.decide.session.model import ProcessId, Targets
from reaper.decide.session.state import TerminationStep
from tests.unit.logins import CONT, HUP
from tests.unit.people import Witness


@pytest.fixture
def witness() -> Iterator[Witness]:
    witness = Witness()
    yield witness
    witness.stop()


# Signals.


def test_pid_1_and_the_daemon_are_never_signalled():
    """Whatever the caller asks: the start times are right, and SIGCONT would do no harm."""
    for pid in (1, os.getpid()):
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            start = int(file.read().rpartition(")")[2].split()[19])
        assert terminate.send([ProcessId(pid, start)], signal.SIGCONT) == 0


def test_process_groups_are_never_signalled():
    """kill(2) would take 0 and negative numbers for groups."""
    assert terminate.send([ProcessId(0, 0)], signal.SIGCONT) == 0
    for pid in (-1, -os.getpgrp()):
        assert terminate.send([ProcessId(pid, 0)], signal.SIGCONT) == 0


def test_process_is_signalled_once_and_counted(witness):
    assert terminate.send([witness.id, ProcessId(2**22 - 1, 1)], signal.SIGHUP, signal.SIGCONT) == 1
    assert witness.signals() == {HUP, CONT}


def test_process_that_may_not_be_signalled_does_not_shield_others(witness, monkeypatch):
    """A security module refuses one process: the others are still ended, and it is not counted."""
    refused = Witness()
    send = signal.pidfd_send_signal
    refused_fds = {}

    def open_process(pid: int, ticks: int) -> int | None:
        fd = procfs.open_process(pid, ticks)
        refused_fds[fd] = pid == refused.pid
        return fd

    def send_signal(fd: int, number: int) -> None:
        if refused_fds[fd]:
            raise PermissionError(1, "Operation not permitted")
        send(fd, number)

    monkeypatch.setattr(terminate, "procfs", SimpleNamespace(open_process=open_process))
    monkeypatch.setattr(signal, "pidfd_send_signal", send_signal)
    try:
        assert terminate.send([refused.id, witness.id], signal.SIGHUP, signal.SIGCONT) == 1
        assert witness.signals() == {HUP, CONT}
        assert refused.signals() == set()
    finally:
        refused.stop()


# Scopes.


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    monkeypatch.setattr(terminate, "CGROUP", str(tmp_path))

    def make(path: str) -> str:
        directory = os.path.normpath(f"{tmp_path}{path}")
        os.makedirs(directory, exist_ok=True)
        with open(f"{directory}/cgroup.kill", "w", encoding="ascii"):
            pass
        return f"{directory}/cgroup.kill"

    return make


@pytest.mark.parametrize(
    "scope",
    ["/user.slice/user-1000.slice/session-3.scope", "/user.slice/user-0.slice/session-c12.scope"],
)
def test_session_scope_is_killed_at_once(cgroup, scope):
    path = cgroup(scope)
    assert terminate.kill_scope(scope)
    with open(path, encoding="ascii") as file:
        assert file.read() == "1"


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "/",
        "/user.slice",
        "/user.slice/",
        "/user.slice/user-1000.slice",
        "/user.slice/user-1000.slice/user@1000.service",
        "/user.slice/user-1000.slice/session-3.scope/",
        "/user.slice/user-1000.slice/session-3.scope/below",
        "/user.slice/user-1000.slice/session-3.service",
        "/user.slice/user-1000.slice/run-3.scope",
        "/system.slice/session-3.scope",
        "/session-3.scope",
        "/user.slicex/session-3.scope",
        "user.slice/user-1000.slice/session-3.scope",
        "/user.slice/../system.slice/session-3.scope",
        "/user.slice/../session-3.scope",
        "/machine.slice/user.slice/session-3.scope",
    ],
)
def test_other_groups_are_never_killed(cgroup, scope):
    """Any other holds other people's sessions, or the system."""
    cgroup("/user.slice")
    path = cgroup(f"/{scope}")
    assert not terminate.kill_scope(scope)
    with open(path, encoding="ascii") as file:
        assert file.read() == ""


def test_missing_or_unwritable_scope_returns_false(cgroup, tmp_path):
    """Linux before 5.14 has no cgroup.kill: the caller signals each process instead."""
    scope = "/user.slice/user-1000.slice/session-3.scope"
    assert not terminate.kill_scope(scope)
    os.makedirs(f"{tmp_path}{scope}")
    assert not terminate.kill_scope(scope)


@pytest.mark.parametrize("call", ["open", "write"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE, errno.EOPNOTSUPP])
def test_scope_without_cgroup_kill_is_signalled_by_process(cgroup, monkeypatch, witness, call, number):
    scope = "/user.slice/user-1000.slice/session-3.scope"
    cgroup(scope)

    do = getattr(os, call)

    def refuse(target: object, *words: object) -> object:
        if call == "write" or str(target).endswith("/cgroup.kill"):
            raise OSError(number, os.strerror(number))
        return do(target, *words)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        assert not terminate.escalate(Targets((), (), (witness.id,)), TerminationStep.KILL, Kill.SESSION, scope)
    assert witness.signals() == {signal.SIGKILL}


@pytest.mark.parametrize(
    ("rung", "kill", "taken"),
    [
        (TerminationStep.KILL, Kill.SESSION, {signal.SIGKILL}),
        (TerminationStep.KILL, Kill.TERMINAL, set()),
        (TerminationStep.HANGUP, Kill.SESSION, set()),
    ],
)
def test_strays_are_killed_with_the_whole_scope(cgroup, witness, rung, kill, taken):
    """And only with all of the session."""
    scope = "/user.slice/user-1000.slice/session-3.scope"
    cgroup(scope)
    assert terminate.escalate(Targets((), (), strays=(witness.id,)), rung, kill, scope)
    assert witness.signals() == taken


def test_link_in_place_of_cgroup_kill_is_not_followed(cgroup, tmp_path):
    scope = "/user.slice/user-1000.slice/session-3.scope"
    os.makedirs(f"{tmp_path}{scope}")
    (tmp_path / "other").write_text("")
    os.symlink(tmp_path / "other", f"{tmp_path}{scope}/cgroup.kill")
    assert not terminate.kill_scope(scope)
    assert (tmp_path / "other").read_text() == ""
