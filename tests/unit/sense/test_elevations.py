"""Marks of elevation: the session of each, when it begins and ceases to count, and which marks are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from reaper import kernel_text
from reaper.decide.session.model import ProcessId, SessionKey
from reaper.decide.text.duration import USEC_PER_SEC
from reaper.errors import ReaperError
from reaper.sense import elevations, pam_files, processes
from reaper.sense.belonging import MOST_ANCESTORS
from reaper.sense.elevations import BRIEF_USEC, Elevations, parse_mark
from tests.unit.fakes import make_session
from tests.unit.people import Witness
from tests.unit.sense.trees import START_TICKS
from tests.unit.sense.worlds import wait_until, write_mark

NOW = 1000 * USEC_PER_SEC
MARK = ProcessId(123, 456)
GOOD = (
    b"VERSION=1\nUSER=root\nUID=0\nSERVICE=sudo\nTTY=/dev/pts/3\nRUSER=ann\nLEADER=123\nSTART_TICKS=456\n"
    b"OPENED_USEC=789\n"
)


@pytest.fixture
def directory(tmp_path) -> str:
    (tmp_path / "elevated").mkdir()
    return str(tmp_path / "elevated")


@pytest.fixture
def marks(directory) -> Iterator[Elevations]:
    made = Elevations(directory)
    yield made
    made.close()


class Sudo:
    """A process that stands for sudo: a child of this test, in no session's scope unless the tree says so."""

    def __init__(self, directory: str, opened_usec: int = NOW - BRIEF_USEC) -> None:
        self._witness = Witness()
        self.id = self._witness.id
        self.path = write_mark(directory, self.id, OPENED_USEC=str(opened_usec))

    def end(self) -> None:
        self._witness.end()

    def stop(self) -> None:
        self._witness.stop()


@pytest.fixture
def sudos(directory) -> Iterator[list[Sudo]]:
    made: list[Sudo] = []
    yield made
    for sudo in made:
        sudo.stop()


@pytest.fixture
def sudo(directory, sudos) -> Sudo:
    sudos.append(Sudo(directory))
    return sudos[-1]


def own_session(**fields: object):
    """A session whose leader is this test, so that its children are within it."""
    key = SessionKey(os.getpid(), processes.start_ticks(os.getpid()) or 0)
    return make_session(key.pid, **{"key": key, "scope": "", **fields})


def seen(marks: Elevations, *sessions: object, now_usec: int = NOW, has_new_sessions: bool = True) -> set[SessionKey]:
    return set(marks.look(sessions, now_usec, has_new_sessions=has_new_sessions).sessions)  # type: ignore[arg-type]


def test_descendant_of_a_leader_is_in_its_session(marks, sudo):
    session = own_session()
    assert seen(marks, make_session(1), session) == {session.key}
    os.unlink(sudo.path)
    assert seen(marks, session, has_new_sessions=False) == set()


def test_process_in_a_scope_is_in_its_session(marks, sudo, tree):
    """tmux: its server is no child of any leader, and has stayed in the scope."""
    scope = tree.scope("c7")
    tree.show(sudo.id, scope)
    other = make_session(7, scope=tree.scope("c8"))
    session = make_session(8, scope=scope)
    assert seen(marks, other, session) == {session.key}


def test_leader_among_ancestors_comes_before_the_scope(marks, sudo, tree):
    """A login to an sshd that an administrator started is in the administrator's scope; its user is not root."""
    scope = tree.scope("c7")
    tree.show(sudo.id, scope)
    tree.show((os.getpid(), 0), scope)
    outer, inner = make_session(8, scope=scope), own_session()
    assert seen(marks, outer, inner) == {inner.key}


def test_mark_without_a_scope_and_a_leader_is_in_no_session(marks, sudo, tree):
    """su in a cron job: looked up again only if there are new sessions."""
    tree.show(sudo.id)
    assert seen(marks, make_session(8)) == set()
    tree.show((os.getpid(), 0))
    session = own_session()
    assert seen(marks, session, has_new_sessions=False) == set()
    assert seen(marks, session) == {session.key}


def test_number_of_ancestors_read_is_bounded(marks, sudo, tree):
    tree.show(sudo.id, tree.scope("c7"))
    pid = os.getpid()
    tree.add(pid, pid, "bash")  # for ever
    assert seen(marks, make_session(8)) == set()
    assert MOST_ANCESTORS < 1000


@pytest.fixture
def second(directory, sudo, sudos) -> Sudo:
    sudos.append(Sudo(directory))
    return sudos[-1]


def test_unreadable_mark_hides_no_other(marks, sudo, second, tree):
    scope = tree.scope("c7")
    tree.show(sudo.id, scope)
    tree.hide(sudo.id.pid, "stat")
    tree.show(second.id, scope)
    session = make_session(8, scope=scope)
    found = marks.look([session], NOW, has_new_sessions=True)
    assert found.sessions == {session.key}
    assert [problem.problem for problem in found.problems] == ["mark-broken"]
    assert marks.look([session], NOW, has_new_sessions=True).problems == []


def test_short_command_does_not_count(marks, directory, sudos):
    sudos.append(Sudo(directory, NOW - 1))
    session = own_session()
    assert seen(marks, session) == set()
    assert seen(marks, session, now_usec=NOW + BRIEF_USEC - 2, has_new_sessions=False) == set()
    assert seen(marks, session, now_usec=NOW + BRIEF_USEC - 1, has_new_sessions=False) == {session.key}


def test_nested_elevation_lasts_until_the_last_ends(marks, sudo, second):
    """sudo su -: the session is elevated until the last of them is over."""
    session = own_session()
    assert seen(marks, session) == {session.key}
    os.unlink(second.path)
    assert seen(marks, session) == {session.key}
    os.unlink(sudo.path)
    assert seen(marks, session) == set()


def test_killed_sudo_is_reported_and_no_longer_counts(marks, sudo):
    session = own_session()
    assert seen(marks, session) == {session.key}
    sudo.end()
    wait_until(lambda: not processes.is_alive(sudo.id))
    found = marks.look([session], NOW, has_new_sessions=False)
    assert (found.sessions, found.dead_marks) == (frozenset(), [sudo.id])
    os.unlink(sudo.path)
    assert marks.look([session], NOW, has_new_sessions=False).dead_marks == []


def test_mark_of_a_dead_process_is_reported(marks, directory, sudo):
    write_mark(directory, sudo.id._replace(start_ticks=sudo.id.start_ticks + 1))
    assert marks.look([], NOW, has_new_sessions=True).dead_marks == [
        sudo.id._replace(start_ticks=sudo.id.start_ticks + 1)
    ]


def test_end_is_found_without_a_free_descriptor(marks, sudo, monkeypatch):
    monkeypatch.setattr(marks._processes, "watch", lambda _process: False)
    session = own_session()
    assert seen(marks, session) == {session.key}
    sudo.end()
    wait_until(lambda: not processes.is_alive(sudo.id))
    assert marks.look([session], NOW, has_new_sessions=False).dead_marks == [sudo.id]


def test_no_file_is_read_while_nothing_changes(marks, sudo, monkeypatch):
    """One listing, and no file of /proc: the daemon asks at every poll."""
    session = own_session()
    assert seen(marks, session) == {session.key}
    monkeypatch.setattr(pam_files.Directory, "read", None)
    monkeypatch.setattr(kernel_text, "read", None)
    monkeypatch.setattr(elevations, "processes", None)
    for _ in range(3):
        assert seen(marks, session, has_new_sessions=False) == {session.key}


def test_marks_are_found_again_after_a_restart(directory, marks, sudo):
    session = own_session()
    assert seen(marks, session) == {session.key}
    again = Elevations(directory)
    assert seen(again, session) == {session.key}
    again.close()


def test_missing_directory_is_no_elevation(tmp_path):
    marks = Elevations(str(tmp_path / "none"))
    assert marks.look([], NOW, has_new_sessions=True) == (frozenset(), [], [])
    marks.close()


def test_broken_mark_is_reported_once(marks, directory, sudo):
    with open(sudo.path, "a", encoding="ascii") as file:
        file.write("garbage")
    session = own_session()
    found = marks.look([session], NOW, has_new_sessions=True)
    assert found.sessions == frozenset()
    assert [problem.problem for problem in found.problems] == ["mark-broken"]
    write_mark(directory, MARK)
    assert marks.look([session], NOW, has_new_sessions=True) == (frozenset(), [MARK], [])


def test_link_and_file_that_others_could_write_are_refused(marks, directory, sudo, tmp_path):
    os.chmod(sudo.path, 0o620)
    os.symlink(sudo.path, os.path.join(directory, f"1.{START_TICKS}"))
    found = marks.look([own_session()], NOW, has_new_sessions=True)
    assert found.sessions == frozenset()
    assert len(found.problems) == 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (GOOD[:-1], "its last line is cut off"),
        (GOOD.replace(b"UID=0", b"UID=1000"), "UID is 1000, not root's"),
        (GOOD.replace(b"UID=0\n", b""), "UID is missing"),
        (GOOD.replace(b"VERSION=1", b"VERSION=2"), "VERSION is '2', not 1"),
        (GOOD.replace(b"LEADER=123", b"LEADER=1"), "it is about 1.456"),
        (GOOD.replace(b"OPENED_USEC=789\n", b""), "OPENED_USEC is missing"),
        (GOOD.replace(b"OPENED_USEC=789", b"OPENED_USEC=-789"), "'-789' is not a number"),
    ],
)
def test_broken_mark_is_reported_with_its_fault(data, why):
    assert parse_mark(MARK, GOOD) == 789
    with pytest.raises(ReaperError) as caught:
        parse_mark(MARK, data)
    assert caught.value.message == f"mark of elevation 123.456 cannot be read: {why}"
    assert "rules" in caught.value.hint
