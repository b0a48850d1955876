"""Which session a process belongs to: by its ancestors, its scope, its audit session, and the run0 that ordered it."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from reaper.decide.session.model import Session, SessionKey
from reaper.sense import belonging
from reaper.sense.belonging import Homes
from tests.unit.fakes import make_session
from tests.unit.sense.trees import PANE, START_TICKS, add_login, add_process

PTS_7 = (136 << 8) | 7
DEVPTS = 31


def home(pid: int, sessions: Collection[Session]) -> SessionKey | None:
    return Homes().of(pid, sessions)


def test_tmux_pane_belongs_to_the_session_of_its_audit_session(tree):
    """The tmux server has ended, or belongs to somebody whom nothing links to the session."""
    ours, other = add_login(tree, 10, "c1", 71), add_login(tree, 20, "c2", 72)
    assert home(add_process(tree, 30, 1, PANE, 71), [other, ours]) == ours.key
    assert home(add_process(tree, 31, 1, PANE, 72), [other, ours]) == other.key


@pytest.mark.parametrize("login", [None, 4294967295])
def test_tmux_pane_belongs_to_its_servers_scope_without_audit_sessions(tree, login):
    ours, other = add_login(tree, 10, "c1", login), add_login(tree, 20, "c2", login)
    server = add_process(tree, 30, 1, ours.scope, login)
    shell = add_process(tree, 31, server, PANE, login)
    assert home(add_process(tree, 32, shell, PANE, login), [other, ours]) == ours.key
    assert home(add_process(tree, 33, 1, PANE, login), [other, ours]) is None


def test_audit_session_of_two_logins_is_ignored(tree):
    """In a container all logins can have that of the login from which the container was started."""
    sessions = [add_login(tree, 10, "c1", 71), add_login(tree, 20, "c2", 71)]
    assert home(add_process(tree, 30, 1, PANE, 71), sessions) is None
    server = add_process(tree, 40, 1, sessions[1].scope, 71)
    assert home(add_process(tree, 41, server, PANE, 71), sessions) == sessions[1].key


def test_leader_among_ancestors_comes_before_the_scope(tree):
    outer, other = add_login(tree, 10, "c1", 71), add_login(tree, 20, "c2", 72)
    inner = make_session(30, key=SessionKey(30, START_TICKS), scope="")
    add_process(tree, 30, 10, outer.scope, 73)
    assert home(add_process(tree, 31, 30, outer.scope, 72), [outer, other, inner]) == inner.key
    assert home(add_process(tree, 32, 1, outer.scope, 72), [outer, other, inner]) == outer.key


def test_process_of_an_ended_login_belongs_to_no_session(tree):
    known = [add_login(tree, 10, "c1", 71)]
    assert home(add_process(tree, 30, 1, PANE, 70), known) is None
    assert home(add_process(tree, 31, 1, tree.scope("c0"), 70), known) is None
    assert home(9999, known) is None


def test_service_of_the_users_manager_belongs_to_no_session(tree):
    """Not even one that the user started from the session: the manager is its parent and has its audit session."""
    ours = add_login(tree, 10, "c1", 71)
    manager = add_process(tree, 40, 1, "/user.slice/user-1000.slice/user@1000.service/init.scope", 99)
    service = add_process(tree, 41, manager, "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", 99)
    assert home(service, [ours]) is None


def test_audit_session_outlives_the_leader_but_not_the_session(tree):
    ours, other = add_login(tree, 10, "c1", 71), add_login(tree, 20, "c2", 72)
    homes, pane = Homes(), add_process(tree, 30, 1, PANE, 71)
    assert homes.login_of(ours, [ours, other]) == 71
    (tree.directory / "proc" / "10" / "stat").unlink()
    (tree.directory / "proc" / "10" / "sessionid").unlink()
    assert homes.login_of(ours, [ours, other]) == 71
    assert homes.of(pane, [ours, other]) == ours.key
    assert homes.of(pane, [other]) is None
    assert len(homes._logins) == 1


def test_audit_session_of_an_ended_leader_is_that_of_its_scope(tree):
    """If all of the scope has the same one. A pid that was reused by another process does not count."""
    ours, other = add_login(tree, 10, "c1", 71), add_login(tree, 20, "c2", 72)
    ended = make_session(20, key=SessionKey(20, START_TICKS - 1), scope=tree.scope("c3"))
    add_process(tree, 30, 1, ended.scope, 73)
    assert Homes().login_of(ended, [ours, other]) == 73
    add_process(tree, 31, 1, ended.scope, 74)
    assert Homes().login_of(ended, [ours, other]) is None


def test_audit_session_of_several_sessions_is_none(tree):
    ours, other = add_login(tree, 10, "c1", 71), add_login(tree, 20, "c2", 71)
    assert Homes().login_of(ours, [ours, other]) is None
    assert Homes().login_of(ours, [ours]) == 71
    assert Homes().login_of(add_login(tree, 40, "c4"), [ours]) is None


@pytest.fixture
def run0(tree, monkeypatch) -> int:
    """The pid of a shell that PID 1 has started for the run0 that waits in a pane of session c1."""
    monkeypatch.setattr(belonging.run0.executables, "find_mount", lambda _text, number: MOUNTS.get(number))
    client = add_process(tree, 50, 1, PANE, 71, exe="systemd-run")
    tree.show_mounts(client)
    tree.open_master(client, 5, 7, DEVPTS)
    return add_process(tree, 51, 1, tree.scope("c9", 0), tty_nr=PTS_7, uid=0)


MOUNTS = {DEVPTS: belonging.run0.executables.MountKind(b"devpts", (b"rw",))}


def test_run0s_shell_belongs_to_the_session_of_its_client(tree, run0):
    ours = add_login(tree, 10, "c1", 71)
    assert home(run0, [ours, add_login(tree, 20, "c2", 72)]) == ours.key
    below = add_process(tree, 52, run0, tree.scope("c9", 0), tty_nr=PTS_7, uid=0)
    assert home(below, [ours]) == ours.key


def test_nested_run0_belongs_to_the_outer_session(tree, run0):
    ours = add_login(tree, 10, "c1", 71)
    client = add_process(tree, 60, run0, tree.scope("c9", 0), exe="systemd-run", uid=0)
    tree.show_mounts(client)
    tree.open_master(client, 5, 8, DEVPTS)
    shell = add_process(tree, 61, 1, tree.scope("c10", 0), tty_nr=PTS_7 + 1, uid=0)
    assert home(shell, [ours]) == ours.key
    assert belonging.is_within_login(shell)


def test_shell_of_a_user_service_belongs_to_the_session_of_its_client(tree, run0):
    """`systemd-run --user --pty`, and sudo within it."""
    ours = add_login(tree, 10, "c1", 71)
    manager = add_process(tree, 70, 1, "/user.slice/user-1000.slice/user@1000.service/init.scope", 99)
    service = add_process(
        tree, 71, manager, "/user.slice/user-1000.slice/user@1000.service/x.service", 99, tty_nr=PTS_7
    )
    assert home(service, [ours]) == ours.key


def test_process_started_within_a_login_is_recognised(tree, run0):
    """su in a pane, whichever session the pane is of; but not su in a service of the host's."""
    assert belonging.is_within_login(add_process(tree, 30, 1, tree.scope("c5", 0), 71))
    server = add_process(tree, 31, 1, tree.scope("c6"))
    assert belonging.is_within_login(add_process(tree, 32, server, tree.scope("c7", 0)))
    assert belonging.is_within_login(run0)
    service = add_process(tree, 33, 1, "/system.slice/x.service", uid=0)
    assert not belonging.is_within_login(add_process(tree, 34, service, tree.scope("c8", 0)))
    assert not belonging.is_within_login(9999)
