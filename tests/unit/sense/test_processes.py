"""The processes of a session: those on its terminals, and those in its scope."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from reaper import procfs
from reaper.sense import processes, terminals


def test_process_on_another_terminal_of_the_number_is_not_attached(tree, monkeypatch):
    """Every instance of devpts has a pts/0. A job that left the scope (su, a user service) is still attached."""
    monkeypatch.setattr(processes, "device_number", {"pts/0": 34816}.get)
    scope = tree.scope("3")
    held = [
        tree.add(500, 400, "sshd", scope),
        tree.add(501, 500, scope=scope, tty_nr=34816, tpgid=502),
        tree.add(502, 501, scope=scope, session=501, tty_nr=34816, tpgid=502),
        tree.add(503, 501, scope=scope, session=501, tty_nr=34816, tpgid=502),
        tree.add(504, 500, scope=scope, tty_nr=34817),
    ]
    elsewhere = tree.add(505, 1, session=501, pgrp=503, tty_nr=34816, tpgid=502)
    tree.add(506, 501, scope=scope, session=501)  # has given it up (TIOCNOTTY)
    tree.add(600, 1, tty_nr=34816, tpgid=600)
    tree.add(601, 600, session=600, tty_nr=34816, tpgid=600)
    found = {each.process.pid: each.in_front for each in processes.attached(["pts/0"], held)}
    assert found == {501: True, 502: True, 503: False, elsewhere.pid: False}
    assert processes.attached(["pts/0"], []) == []
    assert processes.attached([], held) == []


# A container's devpts, with a process on each of its first ptys, up to the number that is wanted.
CONTAINER = """
import fcntl, os, sys, termios
directory, number = sys.argv[1], int(sys.argv[2])
masters = []
for each in range(number + 1):
    masters.append(os.open(f"{directory}/ptmx", os.O_RDWR | os.O_NOCTTY))
    fcntl.ioctl(masters[-1], 0x40045431, b"\\0\\0\\0\\0")  # TIOCSPTLCK
os.setsid()
slave = os.open(f"{directory}/{number}", os.O_RDWR | os.O_NOCTTY)
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a devpts, which only root can")
def test_processes_of_a_real_container_are_not_attached(real, tmp_path):
    """A process on a container's pts/N has the tty_nr of the session's pts/N, and is not one of the session's."""
    line = real.open()
    directory = tmp_path / "devpts"
    directory.mkdir()
    script = f"""mount -t devpts -o newinstance,ptmxmode=0666 none {directory} && exec "$@" """
    command = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", CONTAINER, str(directory)]
    with subprocess.Popen(
        [*command, line.name.rpartition("/")[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as container:
        assert container.stdout is not None
        told = container.stdout.readline()
        try:
            if not told:
                assert container.stderr is not None
                pytest.skip(f"no mount here: {container.stderr.read().decode()}")
            inside = procfs.read_stat(int(told))
            assert inside is not None
            assert inside.tty_nr == terminals.device_number(line.name)
            targets = real.host.targets(real.session, [line.name], whole=False)
        finally:
            container.kill()
    assert {each.process for each in targets.attached} == {line.shell, line.job}


def test_members_of_a_scope_include_groups_below(tree):
    """Those of the groups below it too; zombies do not count, and a removed scope has none."""
    scope = tree.scope("3")
    outer, inner = tree.add(5, scope=scope), tree.add(6)
    below = tree.directory / "cgroup" / scope[1:] / "inner"
    below.mkdir()
    (below / "cgroup.procs").write_text("6\n7\n")
    assert set(processes.members(scope)) == {outer, inner}
    assert processes.members("") == []
    assert processes.members("/user.slice/session-4.scope") == []


def test_own_scope_is_that_of_the_sessions_id(tree):
    """Only that of its id: an administrator's own sshd puts monitors into the administrator's session."""
    own, other = tree.scope("3"), tree.scope("4")
    tree.add(5, scope=own)
    tree.add(6, scope=other)
    tree.add(7)
    assert processes.own_scope(5, 1000, "3") == own
    assert processes.own_scope(6, 1000, "3") == ""
    assert processes.own_scope(0, 1000, "3") == own, "the leader is dead, the scope is there"
    assert processes.own_scope(7, 1000, "3") == own, "the leader is in none"
    assert processes.own_scope(0, 1001, "3") == "", "another user's"
    assert processes.own_scope(0, 1000, "5") == ""


@pytest.mark.parametrize("session_id", ["", "../../x", "3.scope/../session-4", "3\n", "*", "\u0663"])
def test_odd_session_id_has_no_scope(tree, session_id):
    tree.add(5, scope=tree.scope("3"))
    tree.scope("4")
    tree.scope(session_id)
    for pid in (0, 5):
        assert processes.own_scope(pid, 1000, session_id) == ""


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
def test_only_a_session_scope_below_user_slice_counts(tmp_path, monkeypatch, line, scope):
    monkeypatch.setattr("reaper.procfs.PROC", str(tmp_path))
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "cgroup").write_text(f"{line}\n")
    assert processes.scope_of(5) == scope
    assert processes.scope_of(6) == ""


def test_pager_in_the_foreground_reads_dev_tty(tree, monkeypatch):
    """Not the shell at its prompt, which has it open for job control, nor a process in the background."""
    monkeypatch.setattr(processes, "device_number", {"pts/0": 34816}.get)
    tree.add(501, 500, tty_nr=34816, tpgid=502)
    tree.add(502, 501, session=501, tty_nr=34816, tpgid=502)
    tree.add(503, 501, session=501, tty_nr=34816, tpgid=502)
    for pid, fd in ((501, 255), (502, 10), (503, 3)):
        (tree.directory / f"proc/{pid}/fd").mkdir()
        os.symlink("/dev/tty", tree.directory / f"proc/{pid}/fd/{fd}")
    assert not processes.pages_apart(["pts/0"], [501, 502, 503])
    os.symlink("/dev/tty", tree.directory / "proc/502/fd/3")
    assert processes.pages_apart(["pts/0"], [501, 502, 503])
    assert not processes.pages_apart(["pts/1"], [501, 502, 503])


def test_groups_are_those_of_the_users_first_process(tree):
    """sshd's unprivileged child, or the shell of login(1); what the user started may have other groups."""
    tree.add(500, 1, "sshd", uid=0, groups=(0,))
    assert processes.groups_of(500, 1000) == frozenset()
    tree.add(501, 500, "sshd", uid=1000, groups=(1000, 27, 100))
    tree.add(502, 501, uid=1000, groups=(6001,))
    tree.add(503, 500, "sudo", uid=0, groups=(0, 4))
    assert processes.groups_of(500, 1000) == {1000, 27, 100}
    assert processes.groups_of(500, 0) == {0, 4}
    assert processes.groups_of(502, 1000) == {6001}
    assert processes.groups_of(599, 1000) == frozenset()


def test_number_of_processes_read_for_groups_is_bounded(tree):
    tree.add(500, 1, "login", uid=0)
    for pid in range(501, 501 + processes.MOST_BELOW):
        tree.add(pid, 500, uid=0)
    tree.add(999, 501 + processes.MOST_BELOW - 1, uid=1000, groups=(1000,))
    assert processes.groups_of(500, 1000) == frozenset()
