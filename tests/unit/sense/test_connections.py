"""What carries a session's connection, and what sshd started there."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reaper import procfs
from reaper.decide.policy.match import Origin
from reaper.decide.session.model import Instant, SessionKey
from reaper.sense import activity, connections, processes, terminals
from reaper.sense.host import Host
from reaper.sense.login_records import LoginRecords
from tests.unit.fakes import make_session
from tests.unit.people import fork
from tests.unit.sense.trees import START_TICKS, make_connection
from tests.unit.sense.worlds import FakeLogind, wait_until


def test_leader_and_sshds_child_carry_the_connection(tree):
    """sshd's unprivileged child has duplicates of the masters: if only the leader were killed, the shell would live on.

    What the user runs is not part of it, whatever its name and its descriptors are.
    """
    scope = tree.scope("3")
    session = make_session(500, key=SessionKey(500, START_TICKS), scope=scope)
    leader, child = tree.add(500, 400, "sshd", scope, uid=0), tree.add(501, 500, "sshd", scope, session=500)
    tree.add(502, 501, "bash", scope)
    tree.add(503, 502, "sshd", scope)
    tree.add(504, 500, "sftp-server", scope)
    tree.add(505, 500, "sshd", session=500)
    tree.add(506, 500, "sshd", scope)
    tree.open_master(502, 3, 0)
    assert connections.connection_holders(session) == [leader, child]


@pytest.mark.parametrize("kernel_session", [0, 500, 502])
@pytest.mark.parametrize(("leader", "uid"), [("login", 0), ("sshd", 1000)])
def test_other_leaders_carry_their_connection_alone(tree, leader, uid, kernel_session):
    """A lock must freeze the children of any other leader.

    On a console the user's shell is a child of login(1), and so is what the user clones with CLONE_PARENT, which can
    run the real sshd with LD_PRELOAD.
    """
    scope = tree.scope("3")
    carrier = tree.add(500, 1, leader, scope, uid=uid)
    tree.add(502, 500, "bash", scope)
    tree.add(503, 500, "sshd", scope, session=kernel_session)
    session = make_session(500, key=SessionKey(*carrier), scope=scope)
    assert connections.connection_holders(session) == [carrier]
    assert connections.carriers(session) == ([500] if leader == "sshd" else [])


def test_child_of_an_inetds_sshd_is_found_in_inetds_kernel_session(tree):
    """`sshd -i` makes no kernel session."""
    leader, child = tree.add(500, 400, "sshd", uid=0, session=400), tree.add(501, 500, "sshd", session=400)
    tree.add(502, 500, "sshd")
    session = make_session(500, key=SessionKey(*leader), scope="")
    assert connections.connection_holders(session) == [leader, child]
    assert connections.carriers(session) == [501]


@pytest.mark.parametrize("is_alive", [True, False])
def test_sshd_in_a_user_namespace_carries_nothing(tree, is_alive):
    """There a user can mount any program of root's under any name."""
    scope = tree.scope("3")
    session = make_connection(tree, scope) if is_alive else make_session(500, key=SessionKey(500, 50), scope=scope)
    if not is_alive:
        tree.add(501, 1, "sshd", scope, session=500)
    child = tree.directory / "proc" / "501" / "ns"
    assert len(connections.connection_holders(session)) == 1 + is_alive
    child.unlink()
    child.mkdir()
    (child / "user").symlink_to("user:[4711]")
    assert len(connections.connection_holders(session)) == is_alive
    assert connections.carriers(session) == []


def test_sshd_under_another_name_carries_the_connection(tree):
    """A copy or a hard link, up to OpenSSH 9.7: the PAM service has its name, and its child runs the same file."""
    scope = tree.scope("3")
    session = make_session(500, key=SessionKey(500, START_TICKS), scope=scope, service="sshd-admin")
    leader = tree.add(500, 400, "sshd-admin", scope, uid=0)
    child = tree.add(501, 500, "sshd-admin", scope, session=500)
    tree.add(502, 501, "sshd-admin", scope)
    tree.add(503, 500, "sshd-admin", scope)
    assert connections.connection_holders(session) == [leader, child]
    assert connections.carriers(session) == [501]
    for other in (replace(session, service="sshd"), replace(session, origin=Origin.OTHER)):
        assert connections.connection_holders(other) == [leader]
        assert connections.carriers(other) == []


def test_orphaned_sshd_under_another_name_carries_the_connection(tree):
    """It is recognised by its name, and by a kernel session that no program of the user's is in."""
    scope = tree.scope("3")
    session = make_session(500, key=SessionKey(500, START_TICKS), scope=scope, service="sshd-admin")
    orphan = tree.add(501, 1, "sshd-admin", scope, session=500)
    tree.add(502, 1, "sshd-admin", scope)
    tree.add(503, 1, "bash", scope)
    assert connections.connection_holders(session) == [orphan]
    assert connections.carriers(session) == [501]


SERVERS = ("mosh-server", "cockpit-bridge")


@pytest.mark.parametrize("program", ["cockpit-bridge", "python3.13"])
def test_cockpit_bridge_serves_the_terminal_and_gets_sigterm_first(tree, program):
    """cockpit-session ignores SIGTERM, and closes the PAM session when its child has ended."""
    scope = tree.scope("3")
    leader, bridge = tree.add(500, 1, "cockpit-session", scope, uid=0), tree.add(501, 500, program, scope, session=500)
    tree.add(502, 501, "bash", scope)
    tree.show_mounts(501)
    session = make_session(500, key=SessionKey(*leader), scope=scope)
    assert connections.bridges(500, SERVERS) == [bridge]
    assert connections.connection_holders(session, SERVERS) == [bridge, leader]
    assert connections.remains(scope, 500, session.uid, (), SERVERS) == [bridge]
    assert connections.bridge_name(500) == "cockpit-bridge"


@pytest.mark.parametrize(
    ("leader", "uid", "parent", "kernel_session", "servers"),
    [
        ("cockpit-session", 0, 500, 502, SERVERS),  # the shell of a terminal: sshd and the bridge call setsid(2)
        ("cockpit-session", 0, 501, 500, SERVERS),
        ("cockpit-session", 0, 500, 500, ("mosh-server",)),
        ("cockpit-session", 0, 500, 500, ()),
        ("cockpit-session", 1000, 500, 500, SERVERS),  # the user's own
        ("login", 0, 500, 500, SERVERS),
        ("sshd", 0, 500, 500, SERVERS),
    ],
)
def test_other_children_are_no_cockpit_bridge(tree, leader, uid, parent, kernel_session, servers):
    scope = tree.scope("3")
    tree.add(500, 1, leader, scope, uid=uid)
    tree.add(502, parent, "python3.13", scope, session=kernel_session)
    tree.show_mounts(502)
    assert connections.bridges(500, servers) == []
    assert connections.remains(scope, 500, 1000, (), servers) == []


def test_orphaned_sshd_carries_the_connection(tree):
    """The leader has ended and pid 1 adopted its child. Another sshd in the scope is not the leader's child."""
    scope = tree.scope("3")
    session = make_session(500, key=SessionKey(500, START_TICKS), scope=scope)
    orphan = tree.add(501, 1, "sshd-session", scope, session=500)
    tree.add(502, 501, "sshd", scope)
    tree.add(503, 1, "bash", scope)
    assert connections.connection_holders(session) == [orphan]


def test_sshd_that_an_administrator_started_belongs_to_no_ended_session(tree):
    """Their session is over; the listener still runs in its scope, and so do all who log in through it."""
    scope = tree.scope("3")
    session = make_session(500, key=SessionKey(500, START_TICKS), scope=scope)
    tree.add(700, 1, "sshd", scope, uid=0)
    tree.add(710, 700, "sshd", scope, uid=0)
    tree.add(711, 710, "sshd", scope, session=710)
    assert connections.connection_holders(session) == []
    assert connections.carriers(session) == []
    assert connections.on_channels(session, processes.member_pids(scope), procfs.read_stat) == []
    root = make_session(500, key=SessionKey(500, START_TICKS), scope=scope, uid=0)
    assert connections.connection_holders(root) == []
    assert [connections.is_another_login(pid) for pid in (700, 710, 711)] == [True, True, False]


def test_leader_that_is_no_sshd_has_no_carrier(tree):
    tree.add(500, 400, "teleport", uid=0)
    assert connections.carriers(make_session(500, key=SessionKey(500, START_TICKS), scope="")) == []


def test_roots_internal_sftp_is_no_carrier(tree):
    tree.add(500, 400, "sshd", uid=0)
    tree.add(501, 500, "sshd", uid=0)
    root = make_session(500, key=SessionKey(500, START_TICKS), scope="", uid=0)
    assert connections.carriers(root) == [500]
    assert [each.pid for each in connections.channels(500)] == [501]


def test_roots_connection_is_carried_by_sshds_child_if_there_is_one(tree):
    """OpenSSH 10.0 has a child for root too, and it runs as root."""
    tree.add(500, 400, "sshd-session", uid=0)
    tree.add(501, 500, "sshd-session", uid=0, session=500)
    root = make_session(500, key=SessionKey(500, START_TICKS), scope="", uid=0)
    assert connections.carriers(root) == [501]


def test_connection_without_a_scope_is_carried_by_the_leaders_child(tree):
    session = make_session(500, key=SessionKey(500, START_TICKS), scope="")
    leader, child = tree.add(500, 400, "sshd", uid=0), tree.add(501, 500, "sshd", session=500)
    tree.add(510, 400, "sshd", session=500)
    assert connections.connection_holders(session) == [leader, child]


def test_sshd_is_recognised_by_its_binary(tmp_path):
    """Not by the name that a process gives itself: by a file of that name that root owns."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    shutil.copy(sleep, tmp_path / "sshd")
    os.chmod(tmp_path / "sshd", 0o755)
    for path, expected in ((tmp_path / "sshd", True), (sleep, False)):
        with subprocess.Popen([str(path), "60"]) as process:
            wait_until(lambda pid=process.pid, path=path: os.readlink(f"/proc/{pid}/exe") == os.path.realpath(path))
            try:
                assert connections.is_sshd(process.pid) is expected
            finally:
                process.kill()
    assert not connections.is_sshd(2**22 - 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="an sshd is one of root's")
def test_program_with_a_path_too_long_for_readlink_is_no_sshd(tmp_path):
    """ENAMETOOLONG of /proc/PID/exe: any user can have such a process, and it is no sshd."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    depth = 25
    fds = [os.open(tmp_path, os.O_DIRECTORY)]
    try:
        for _ in range(depth):
            os.mkdir("d" * 200, dir_fd=fds[-1])
            fds.append(os.open("d" * 200, os.O_DIRECTORY, dir_fd=fds[-1]))
        program = Path(sleep).read_bytes()
        with open(os.open("sshd", os.O_CREAT | os.O_WRONLY, 0o755, dir_fd=fds[-1]), "wb") as file:
            file.write(program)

        def run() -> None:
            os.fchdir(fds[-1])
            os.execv("./sshd", ["sshd", "60"])

        pid = fork(run)
        try:
            wait_until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sshd"))
            with pytest.raises(OSError) as caught:
                os.readlink(f"/proc/{pid}/exe")
            assert caught.value.errno == errno.ENAMETOOLONG
            assert not connections.is_sshd(pid)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    finally:
        for fd in fds:
            os.close(fd)
        shutil.rmtree(tmp_path / ("d" * 200))


def test_channel_without_a_terminal_is_recognised_by_its_pipes(tree, monkeypatch):
    """A child without sshd's pipes does not count.

    clone(CLONE_PARENT) makes a user's process a child of sshd's, but gives it no pipe of sshd's, so what it does is no
    transfer. Nor does a child count that has pipes of its own.
    """
    session = make_connection(tree)
    channels = {502: 0, 503: 34816, 504: 0, 505: 0}
    for number, (pid, tty_nr) in enumerate(channels.items(), 1):
        tree.add(pid, 501, "bash", tty_nr=tty_nr)
        tree.write(pid, "io", f"rchar: {10**number}\nwchar: {10**number}\nsyscr: 1\nsyscw: 1\n")
    tree.write(501, "io", "rchar: 7\nwchar: 7\nsyscr: 3\nsyscw: 2\n")
    tree.open_master(501, 7, 0)
    for pid, descriptor in ((502, 0), (504, 1)):
        tree.open_pipe(pid, descriptor, 4711)
    monkeypatch.setattr(activity, "DEV", str(tree.directory))
    (tree.directory / "pts").mkdir()
    (tree.directory / "pts" / "0").touch()

    def transferred() -> int:
        line = activity.read_line(session, ["pts/0"], Instant(42, 42))
        assert line is not None
        return line.channel_bytes

    assert transferred() == 0
    tree.open_pipe(501, 9, 4712)
    assert transferred() == 0
    tree.open_pipe(501, 10, 4711)
    assert transferred() == 2 * (10 + 1000)
    tree.open_pipe(505, 2, 4712)
    assert transferred() == 2 * (10 + 1000 + 10_000)


def test_number_of_channels_read_is_bounded(tree, monkeypatch):
    make_connection(tree)
    monkeypatch.setattr(connections, "MOST_CHANNELS", 3)
    for pid in range(502, 512):
        tree.add(pid, 501, "bash")
    assert [each.pid for each in connections.channels(501)] == [502, 503, 504]


def test_processes_on_channels_without_a_terminal_are_attached(tree):
    """What a hangup would end is in the foreground; processes with a kernel session or terminal of their own do not
    count.
    """
    scope = tree.scope("3")
    session = make_connection(tree, scope)
    tree.add(502, 501, "bash", scope)
    tree.add(503, 502, "make", scope, session=502)
    tree.add(504, 502, "nohup", scope, session=502)
    tree.add(505, 502, "tmux", scope)
    tree.add(506, 501, "bash", scope, tty_nr=34816)
    tree.add(507, 1, "bash", scope)
    tree.write(504, "status", "Name:\tnohup\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n")
    found = connections.on_channels(session, processes.member_pids(scope), procfs.read_stat)
    assert {each.process.pid: each.in_front for each in found} == {502: True, 503: True, 504: False}


def test_terminal_server_outlives_its_connection(tree, tmp_path, monkeypatch):
    """mosh: ssh starts its server and ends. A program of that name that root does not own does not count.

    With a devpts in a namespace of its user's, a server can have the number of another user's pty.
    """
    monkeypatch.setattr(terminals, "read_owner", {"pts/7": 1000, "pts/9": 1001, "pts/10": 0}.get)
    scope = tree.scope("3")
    session = make_session(500, key=SessionKey(500, START_TICKS), scope=scope)
    host = Host(LoginRecords(str(tmp_path / "none")), FakeLogind())  # type: ignore[arg-type]
    server = tree.add(510, 1, "mosh-server", scope)
    tree.add(511, 1, "tmux: server", scope)
    tree.show_mounts(510)
    tree.open_master(510, 3, 7)
    tree.open_master(510, 4, 9)
    tree.open_master(510, 5, 10)
    tree.open_master(511, 3, 8)
    assert not host.is_alive(session)
    host.terminal_servers = ("mosh-server",)
    assert host.is_alive(session)
    assert host.terminal_names(session) == {"pts/7"}
    assert host.targets(session, [], whole=False).connection == (server,)
    tree.write_scope("", "cgroup.controllers", "")
    tree.write_scope(scope, "cgroup.freeze", "0")
    why = "what is typed in it goes through mosh-server, which its user could look into"
    assert host.lock_obstacle(session, ["pts/7"]) == why


def test_terminal_server_does_not_count_beside_sshds_terminal(tree, tmp_path):
    """A user who has a terminal of sshd's could run such a server, with a program as its client."""
    scope = tree.scope("3")
    session = make_connection(tree, scope)
    host = Host(LoginRecords(str(tmp_path / "none")), FakeLogind())  # type: ignore[arg-type]
    host.terminal_servers = ("mosh-server",)
    tree.add(510, 502, "mosh-server", scope)
    tree.show_mounts(510)
    for pid, number in ((500, 1), (510, 7)):
        tree.open_master(pid, 3, number)
    assert host.terminal_names(session) == {"pts/1"}
    tree.write_scope("", "cgroup.controllers", "")
    tree.write_scope(scope, "cgroup.freeze", "0")
    assert "mosh" not in host.lock_obstacle(session, ["pts/1"])
