"""The terminals of logins without sshd: those that the login has, and whose masters no user controls."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reaper import procfs
from reaper.decide.policy.match import Origin
from reaper.decide.session.model import Session, SessionKey
from reaper.sense import login_sessions, possession, terminals
from reaper.sense.login_records import LoginRecord
from tests.unit.fakes import make_session
from tests.unit.sense.trees import START_TICKS, Tree

CONSOLE = 4 << 8 | 9
PTY = 136 << 8 | 5


@pytest.fixture
def owners(monkeypatch) -> dict[str, int]:
    """The owners of the terminals; a terminal without one does not exist."""
    found: dict[str, int] = {}
    numbers = {"tty9": CONSOLE, "ttyS0": 4 << 8 | 64, "pts/5": PTY}
    monkeypatch.setattr(terminals, "read_owner", found.get)
    monkeypatch.setattr(terminals, "device_number", lambda name: numbers[name] if name in found else None)
    monkeypatch.setattr(terminals, "is_graphical", lambda _name: False)
    monkeypatch.setattr(terminals, "is_serial", lambda name: name == "ttyS0")
    return found


def make_record(tty: str, service: str = "login", **fields: object) -> LoginRecord:
    return LoginRecord(SessionKey(500, START_TICKS), "alice", 1000, service, tty, "", "", 5)._replace(**fields)


def found_by(record: LoginRecord) -> Session:
    session = login_sessions.from_record(record)
    assert session is not None
    return session


def own_terminals(session: Session) -> frozenset[str]:
    return possession.terminal_names(session, ())


def on_console(session: Session) -> Session:
    return replace(session, tty="tty9", origin=Origin.CONSOLE)


# Consoles and serial lines.


def test_name_of_a_terminal_alone_does_not_count(tree, owners):
    """systemd's PAMName=login and TTYPath=/dev/tty9: the leader is the user's own, and has nothing to do with tty9."""
    owners["tty9"] = 0
    tree.add(500, 1, "sleep")
    session = found_by(make_record("/dev/tty9"))
    assert session.tty == ""
    assert own_terminals(session) == frozenset()
    assert possession.obstacle(session, "tty9") == "its login did not have tty9 when it began"


def test_line_the_leader_had_at_login_counts(tree, owners):
    """util-linux's login(1) gives it up before the shell has it, and a user could do so too."""
    owners["tty9"] = 1000
    tree.add(500, 1, "login", uid=0)
    session = found_by(make_record("/dev/tty9", holds_tty=True))
    assert (session.tty, session.origin) == ("tty9", Origin.CONSOLE)
    assert own_terminals(session) == {"tty9"}


@pytest.mark.parametrize("by", ["leader", "child", "input"])
def test_line_the_login_has_now_counts_without_a_record(tree, owners, by):
    """For records of an older module, and where only logind knows the session."""
    owners["ttyS0"] = 1000
    tree.add(500, 1, "login", uid=0, tty_nr=4 << 8 | 64 if by == "leader" else 0)
    tree.add(501, 500, "bash", tty_nr=4 << 8 | 64 if by == "child" else 0)
    if by == "input":
        (tree.directory / "proc" / "501" / "fd").mkdir()
        os.symlink("/dev/ttyS0", tree.directory / "proc" / "501" / "fd" / "0")
    session = found_by(make_record("ttyS0"))
    assert (session.tty, session.origin) == ("ttyS0", Origin.SERIAL)
    assert own_terminals(session) == {"ttyS0"}


def test_line_taken_by_the_next_login_no_longer_counts(tree, owners):
    """Its leader lives on, for a shell that ignores the hangup."""
    session = on_console(make_session(500, key=SessionKey(*tree.add(500, 1, "login", uid=0)), scope=""))
    for owner, why in ((0, "no process of its login has tty9"), (1001, "tty9 does not belong to its user")):
        owners["tty9"] = owner
        assert own_terminals(session) == frozenset()
        assert possession.obstacle(session, "tty9") == why
    del owners["tty9"]
    assert possession.obstacle(session, "") == "there is no tty9 any more"


def test_line_that_a_lock_gave_to_root_counts(tree, owners):
    owners["tty9"] = 0
    leader = SessionKey(*tree.add(500, 1, "login", uid=0))
    tree.add(501, 500, "bash", tty_nr=CONSOLE)
    assert own_terminals(on_console(make_session(500, key=leader, scope=""))) == {"tty9"}


def test_roots_own_line_must_be_held_now(tree, owners):
    """A line that nobody has belongs to root, too."""
    owners["tty9"] = 0
    leader = SessionKey(*tree.add(500, 1, "login", uid=0))
    session = on_console(make_session(500, key=leader, uid=0, scope=""))
    assert own_terminals(session) == frozenset()
    assert possession.obstacle(session, "tty9") == "no process of its login has tty9"
    tree.add(501, 500, "bash", uid=0, tty_nr=CONSOLE)
    assert own_terminals(session) == {"tty9"}


def test_display_managers_login_has_its_console_in_text_mode(tree, owners, monkeypatch):
    owners["tty9"] = 1000
    tree.add(500, 1, "greetd", uid=0)
    session = found_by(make_record("tty9", service="greetd", holds_tty=True, kind="tty"))
    assert session.origin is Origin.GRAPHICAL
    assert own_terminals(session) == {"tty9"}
    monkeypatch.setattr(terminals, "is_graphical", lambda _name: True)
    assert own_terminals(session) == frozenset()
    assert possession.obstacle(session, "tty9") == "tty9 shows graphics"


@pytest.mark.parametrize("tty", ["tty9", ":10", ""])
@pytest.mark.parametrize("kind", ["x11", "wayland"])
def test_graphical_session_is_recognised_by_its_type(tree, owners, kind, tty):
    """xrdp-sesman, and whatever else starts desktops. Its display server may not have taken the console over yet."""
    owners["tty9"] = 1000
    tree.add(500, 1, "xrdp-sesman", uid=0)
    session = found_by(make_record(tty, service="xrdp-sesman", holds_tty=True, kind=kind))
    assert (session.origin, session.tty) == (Origin.GRAPHICAL, "")
    assert own_terminals(session) == frozenset()


def test_no_type_makes_a_serial_line_graphical(tree, owners):
    """If PAM reads a file of the user's into its environment, the user can set the type."""
    owners["ttyS0"] = 1000
    tree.add(500, 1, "login", uid=0)
    session = found_by(make_record("ttyS0", holds_tty=True, kind="x11"))
    assert (session.origin, own_terminals(session)) == (Origin.SERIAL, {"ttyS0"})


# Ptys that a root program serves.


@pytest.fixture
def served(tree, owners) -> Session:
    """A daemon 400 that serves pts/5 and others, the login(1) 500 that it started there, and the user's shell 501."""
    owners["pts/5"] = 1000
    tree.add(400, 1, "webtty", uid=0)
    for descriptor, index in ((3, 5), (4, 6)):
        tree.open_master(400, descriptor, index)
    scope = tree.scope("3")
    leader = tree.add(500, 400, "login", scope, uid=0)
    tree.add(501, 500, "bash", scope, tty_nr=PTY)
    return make_session(500, key=SessionKey(*leader), scope=scope, service="login", origin=Origin.OTHER)


def set_uid(tree: Tree, pid: int, uid: int) -> None:
    tree.write(pid, "status", f"Name:\ta\nPPid:\t1\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")


def parents(tree: Tree, **of: int) -> None:
    """The tree's processes show their parents in `stat` alone."""
    for name, ppid in of.items():
        path = tree.directory / "proc" / name[1:] / "status"
        path.write_text(f"{path.read_text()}PPid:\t{ppid}\n")


@pytest.fixture
def lineage(tree, served) -> Session:
    parents(tree, p400=1, p500=400, p501=500)
    return served


def test_pty_served_by_the_program_that_began_the_login_counts(lineage):
    assert own_terminals(lineage) == {"pts/5"}


@pytest.mark.parametrize("owner", [0, 1000])
def test_pty_of_a_gateway_may_belong_to_root(lineage, owners, owner):
    owners["pts/5"] = owner
    assert own_terminals(lineage) == {"pts/5"}


def test_pty_of_another_user_does_not_count(lineage, owners):
    """One process opens the sessions of many users, so it is no process to end one of them by."""
    owners["pts/5"] = 1001
    assert own_terminals(lineage) == frozenset()


def test_pty_that_a_user_gave_up_still_counts(tree, lineage):
    """As long as the leader had it when the session was opened, and it is still served."""
    stat = tree.directory / "proc" / "501" / "stat"
    stat.write_text(stat.read_text().replace(f" {PTY} ", " 0 "))
    assert own_terminals(lineage) == frozenset()
    assert own_terminals(replace(lineage, tty="pts/5")) == {"pts/5"}


def test_pty_is_the_sessions_own_only_if_held_at_login(tree, lineage):
    del lineage
    assert found_by(make_record("/dev/pts/5")).tty == ""
    assert found_by(make_record("/dev/pts/5", holds_tty=True)).tty == "pts/5"


UNTRUSTED = (
    "pts/5 counts only where a program of root's that is in no login session serves it and began the login, as a web"
    ' terminal does (see "terminal" in reaper(7))'
)


def in_a_session(tree: Tree) -> None:
    """sudo (use_pty) of a user: runs as root, in the user's session, and holds the master of an inner pty."""
    tree.write(400, "cgroup", f"0::{tree.scope('9')}\n")


def of_a_user(tree: Tree) -> None:
    """script(1), tmux, machinectl(1)."""
    set_uid(tree, 400, 1000)


def below_a_user(tree: Tree) -> None:
    """Runs as root, on a host without logind, and was started from a user's shell: by sudo."""
    tree.write(400, "status", "Name:\ta\nPPid:\t390\nUid:\t0\t0\t0\t0\n")
    tree.add(390, 1, "bash", uid=1000)
    parents(tree, p390=1)


def by_a_stranger(tree: Tree) -> None:
    """It has started another login, whose user gives up their terminal."""
    tree.write(500, "status", "Name:\ta\nPPid:\t1\nUid:\t0\t0\t0\t0\n")


def of_a_user_leader(tree: Tree) -> None:
    """A unit with PAMName= and a User=."""
    tree.write(500, "status", "Name:\ta\nPPid:\t400\nUid:\t1000\t1000\t1000\t1000\n")


@pytest.mark.parametrize("forge", [in_a_session, of_a_user, below_a_user, by_a_stranger, of_a_user_leader])
def test_pty_that_a_user_controls_does_not_count(tree, lineage, forge: Callable[[Tree], None]):
    forge(tree)
    assert own_terminals(lineage) == frozenset()
    assert own_terminals(replace(lineage, tty="pts/5")) == frozenset()
    assert possession.obstacle(lineage, "") == UNTRUSTED


def test_inner_pty_of_a_clone_parent_child_does_not_count(tree, lineage):
    """It has a kernel session on a pty of its own, whose master the user holds."""
    tree.add(502, 500, "bash", lineage.scope, tty_nr=136 << 8 | 8)
    tree.add(503, 502, "script", lineage.scope)
    tree.open_master(503, 3, 8)
    assert own_terminals(lineage) == {"pts/5"}


def test_session_without_a_named_terminal_has_no_obstacle(tree, owners):
    """An FTP server's session has none, and nothing says that it had one."""
    tree.add(500, 1, "vsftpd", uid=0)
    session = make_session(500, key=SessionKey(500, START_TICKS), scope="", origin=Origin.OTHER)
    assert own_terminals(session) == frozenset()
    assert possession.obstacle(session, "") == ""


def test_number_of_children_read_is_bounded(tree, lineage, monkeypatch):
    monkeypatch.setattr(possession, "MOST_CHILDREN", 3)
    for pid in range(510, 520):
        tree.add(pid, 500, "bash")
    read: list[int] = []
    original = procfs.read_stat
    monkeypatch.setattr(procfs, "read_stat", lambda pid: read.append(pid) or original(pid))
    assert own_terminals(lineage) == {"pts/5"}
    assert len(set(read)) <= 5


# Logins by ssh.


@pytest.mark.parametrize(("program", "service"), [("sshd-session", "sshd-admin"), ("sshd-admin", "sshd-admin")])
def test_login_by_sshd_is_ssh_whatever_its_service(tree, program, service):
    tree.add(500, 400, program, uid=0)
    session = found_by(make_record("ssh", service=service))
    assert (session.origin, session.service) == (Origin.SSH, service)


def test_login_by_sshd_that_only_logind_knows_is_ssh(tree):
    """logind does not report PAM_TTY."""
    tree.add(500, 400, "sshd-session", uid=0)
    assert found_by(make_record("", service="sshd-admin")).origin is Origin.SSH


@pytest.mark.parametrize("program", ["login", "vsftpd", "cockpit-session"])
def test_program_named_like_its_service_is_no_sshd(tree, program):
    tree.add(500, 400, program, uid=0)
    assert found_by(make_record("", service=program)).origin is Origin.OTHER


def test_users_own_sshd_is_no_monitor(tree):
    tree.add(500, 400, "sshd", uid=1000)
    assert found_by(make_record("", service="login")).origin is Origin.OTHER
    assert Path(tree.directory / "sbin" / "sshd").exists()
