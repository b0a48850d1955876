"""Which processes are a session's: those that hold its line, sshd among them, and the members of its scope."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from reaper.sense import processes
from tests.unit.people import RealLogin
from tests.unit.sense.worlds import wait_until


def test_who_else_holds_the_line(real):
    """sshd's unprivileged child has duplicates of the masters: were only the leader killed, the shell would live on."""
    line = real.open()
    other = RealLogin()
    try:
        assert other.pid not in [each.pid for each in processes.connection_holders(real.session, {line.name})]
    finally:
        other.stop()
    assert processes.connection_holders(real.session, {line.name}) == [real.leader]


def test_sshd_is_told_by_its_binary(tmp_path):
    """Not by a name that it gives itself: by root's file of that name."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    shutil.copy(sleep, tmp_path / "sshd")
    os.chmod(tmp_path / "sshd", 0o755)
    for path, expected in ((tmp_path / "sshd", True), (sleep, False)):
        with subprocess.Popen([str(path), "60"]) as process:
            wait_until(lambda pid=process.pid, path=path: os.readlink(f"/proc/{pid}/exe") == os.path.realpath(path))
            try:
                assert processes.is_sshd(process.pid) is expected
            finally:
                process.kill()
    assert not processes.is_sshd(2**22 - 1)


def test_the_members_of_a_scope(tmp_path, monkeypatch):
    """Those of the groups below it, too; dead ones and a scope that is gone have none."""
    monkeypatch.setattr(processes, "CGROUP", str(tmp_path))
    scope = "/user.slice/user-1000.slice/session-3.scope"
    inner = tmp_path / scope[1:] / "inner"
    inner.mkdir(parents=True)
    (inner.parent / "cgroup.procs").write_text(f"{os.getpid()}\n{2**22 - 1}\n")
    (inner / "cgroup.procs").write_text("1\n")
    assert {each.pid for each in processes.members(scope)} == {1, os.getpid()}
    assert processes.members("") == []
    assert processes.members("/user.slice/session-4.scope") == []
    assert processes.guess_scope(1000, "3") == scope
    assert processes.guess_scope(1000, "4") == ""
    assert processes.guess_scope(1000, "../../x") == ""


@pytest.mark.parametrize(
    ("line", "scope"),
    [
        ("0::/user.slice/user-1000.slice/session-3.scope", "/user.slice/user-1000.slice/session-3.scope"),
        ("0::/user.slice/user-1000.slice/session-c1.scope/sub", "/user.slice/user-1000.slice/session-c1.scope"),
        ("0::/system.slice/ssh.service", ""),
        ("0::/system.slice/session-3.scope", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice", ""),
        ("0::/user.slice/user-1000.slice/session-3.scopex", ""),
        ("1:name=systemd:/user.slice/user-1000.slice/session-3.scope", ""),
        ("", ""),
    ],
)
def test_only_a_session_scope_is_a_sessions_own(tmp_path, monkeypatch, line, scope):
    monkeypatch.setattr("reaper.procfs.PROC", str(tmp_path))
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "cgroup").write_text(f"{line}\n")
    assert processes.scope_of(5) == scope
    assert processes.scope_of(6) == ""
