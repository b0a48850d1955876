"""Which processes are frozen with a terminal, and which never are."""

from __future__ import annotations

import itertools
import os
import threading
from dataclasses import replace

import pytest

from reaper.decide.session.model import ProcessId, SessionKey
from reaper.lock import bounded
from reaper.lock.freeze import descriptors
from reaper.lock.freeze import readers as module
from tests.unit.lock.logged_in import NUMBER, SLICE
from tests.unit.sense.trees import START_TICKS


def test_attached_processes_are_found_but_not_the_connection(login):
    login.open(login.leader, "pts/0")
    login.open(login.carrier, "pts/0")
    elsewhere = login.tree.add(503, 502, session=502, tty_nr=NUMBER, uid=0)
    login.tree.add(504, 502, scope=login.scope)
    assert login.found() == {login.shell, elsewhere}
    assert login.found([]) == login.found(["pts/7"]) == set()


def test_detached_process_with_the_terminal_open_is_found(login):
    """In the scope, in another group of the user's, in a system service of the user's, and as another user."""
    reader = login.open(login.tree.add(510, scope=login.scope, uid=7), "pts/0", fd=5)
    mapped = login.open(login.tree.add(511, scope=login.make_group(f"{SLICE}/user@1000.service"), uid=100000), "pts/0")
    service = login.open(login.tree.add(512), "pts/0")
    login.open(login.tree.add(513, scope=login.scope), "pts/1")
    login.open(login.tree.add(514, scope=login.scope), "null", link="socket:[1]")
    foreign_reader = login.open(login.tree.add(515, uid=1001), "pts/0")
    os.chown(login.tree.directory / "proc/512", 1000, -1)
    os.chown(login.tree.directory / "proc/515", 1001, -1)
    assert login.found() == {login.shell, reader, mapped, service}
    assert foreign_reader not in login.found()


def test_process_that_belongs_to_root_in_proc_is_found(login):
    """It is found by its status: here by the saved uid."""
    hidden = login.open(login.tree.add(510, uid=0), "pts/0")
    login.tree.write(510, "status", "Name:\ta\nUid:\t0\t0\t1000\t0\n")
    daemon = login.open(login.tree.add(511, uid=0), "pts/0")
    assert hidden in login.found()
    assert daemon not in login.found()


def test_thread_with_its_own_descriptors_is_found(login):
    login.open(login.tree.add(510, scope=login.scope), "null")
    reader = login.open(ProcessId(510, START_TICKS), "pts/0", tid=511)
    assert reader in login.found()


@pytest.mark.parametrize(
    ("behind", "tty_nr", "is_held", "is_found"),
    [
        (NUMBER, 0, True, True),
        (NUMBER, NUMBER + 1, False, True),
        (NUMBER + 1, 0, True, False),
        (None, 0, False, True),
        (None, NUMBER + 1, True, True),
        (None, NUMBER + 1, False, False),
        (descriptors.HUNG_UP, 0, True, False),
    ],
)
def test_process_with_dev_tty_open(login, monkeypatch, behind, tty_nr, is_held, is_found):
    """It leads to the terminal that was the controlling one when it was opened.

    If that is unknown, a process counts if it is the session's or has no terminal now; shells of other logins do not.
    """
    monkeypatch.setattr(descriptors, "_terminal_behind", lambda descriptor: behind)
    group = login.scope if is_held else login.make_group(f"{SLICE}/session-4.scope")
    process = login.open(login.tree.add(510, scope=group, tty_nr=tty_nr), "null", fd=255, link="/dev/tty")
    assert (process in login.found()) is is_found


def test_leader_that_is_the_shell_itself_is_found(login):
    """With run0(1) and machinectl(1), no process stands between the user and the shell."""
    login.session = replace(login.session, key=SessionKey(502, START_TICKS), service="systemd-run0")
    assert login.shell in login.found()


def test_another_login_is_not_found(login):
    """An administrator runs an sshd by hand on the terminal: the logins through it are not frozen."""
    listener = login.tree.add(520, 502, "sshd", login.scope, session=502, pgrp=520, tty_nr=NUMBER, uid=0)
    monitor = login.open(login.tree.add(521, 520, "sshd", login.scope, uid=0), "pts/0", fd=2)
    child = login.open(login.tree.add(522, 521, "sshd", login.scope, session=521, uid=1001), "pts/0", fd=2)
    found = login.found()
    assert listener in found
    assert not {monitor, child} & found


def test_this_process_and_pid_1_are_never_found(login, monkeypatch):
    init = login.tree.add(1, 0, uid=0, tty_nr=NUMBER, session=502)
    keeper = login.tree.add(530, 1, uid=0, tty_nr=NUMBER, session=502)
    prompt = login.tree.add(531, 530, uid=0, tty_nr=NUMBER, session=502)
    module_of_pam = login.tree.add(532, 531, uid=0, tty_nr=NUMBER, session=502)
    monkeypatch.setattr(os, "getpid", lambda: 530)
    assert not {init, keeper, prompt, module_of_pam} & login.found()


def test_process_that_ended_meanwhile_is_not_found(login):
    gone = login.tree.add(510, scope=login.scope)
    os.rename(login.tree.directory / "proc/510/task", login.tree.directory / "proc/510/gone")
    assert gone not in login.found()


def test_other_user_with_the_terminal_open_is_found(login):
    """By its uid, or by what /proc/PID hides of it. Not one of the session, of root, or on another terminal."""
    login.open(login.tree.add(510, scope=login.scope, uid=1001), "pts/0")
    login.open(login.tree.add(511, uid=0), "pts/0")
    login.open(login.add_foreign(512), "pts/1")
    assert login.foreign_reader() is None
    login.open(login.add_foreign(513), "pts/0", fd=7)
    assert login.foreign_reader() == 513
    assert login.found() == {login.shell, ProcessId(510, START_TICKS)}, "and is not frozen"
    os.remove(login.tree.directory / "proc/513/task/513/fd/7")
    login.open(login.tree.add(514, uid=0), "pts/0")
    login.tree.write(514, "status", "Name:\ta\nUid:\t0\t0\t100000\t0\n")
    assert login.foreign_reader() == 514


def test_other_user_who_only_writes_is_not_found(login, monkeypatch):
    """Any member of the group tty may."""
    login.open(login.add_foreign(512), "pts/0")
    assert login.foreign_reader() == 512
    monkeypatch.setattr(descriptors.Descriptor, "can_read", False)
    assert login.foreign_reader() is None


@pytest.mark.parametrize(
    ("behind", "is_found"), [(NUMBER, True), (NUMBER + 1, False), (None, False), (descriptors.HUNG_UP, False)]
)
def test_other_user_with_dev_tty_open(login, monkeypatch, behind, is_found):
    """All shells have. One that is unresolved does not count: any user could otherwise prevent all locks."""
    monkeypatch.setattr(descriptors, "_terminal_behind", lambda descriptor: behind)
    login.open(login.add_foreign(512), "null", fd=255, link="/dev/tty")
    assert (login.foreign_reader() == 512) is is_found


def test_sshd_of_another_login_does_not_count_as_other_user(login):
    """An administrator runs an sshd by hand on the terminal."""
    login.tree.add(521, 520, "sshd", login.scope, session=521, uid=0)
    login.open(login.add_foreign(522, exe="sshd", session=521), "pts/0", fd=2)
    assert login.foreign_reader() is None


def test_many_processes_of_one_user_do_not_hide_another_users(login, monkeypatch):
    """Each user has a share of the time: of one who takes more not all processes are examined, of others all are."""
    seconds = itertools.count()
    monkeypatch.setattr(bounded.time, "monotonic", lambda: next(seconds) / 100)
    for fd in range(500):
        login.open(login.add_foreign(600) if not fd else ProcessId(600, START_TICKS), "null", fd=fd)
    login.open(login.add_foreign(601, uid=1002), "pts/0")
    for _ in range(4):  # whichever user is first
        assert login.foreign_reader() == 601


def test_user_who_blocks_the_search_does_not_hide_another_user(login, monkeypatch):
    """That search is abandoned, and the user is not searched again until it has come back."""
    monkeypatch.setattr(module, "_FOREIGN_USER_SEC", 0.05)
    reads, is_over, begun = module._reads, threading.Event(), []

    def look(pid: int, *more) -> bool:
        if pid == 600:
            begun.append(pid)
            is_over.wait()
        return reads(pid, *more)

    monkeypatch.setattr(module, "_reads", look)
    login.open(login.add_foreign(600), "null")
    login.open(login.add_foreign(601, uid=1002), "pts/0")
    try:
        for _ in range(4):  # whichever user is first
            assert login.foreign_reader() == 601
        assert len(begun) <= 1
        assert login.found() >= {login.shell}
    finally:
        is_over.set()
        for thread in [each for each in threading.enumerate() if each.name == "look"]:
            thread.join()
    login.open(ProcessId(600, START_TICKS), "pts/0", fd=1)
    assert login.foreign_reader() in (600, 601)


def test_too_many_descriptors_raise(login, monkeypatch):
    """Of the user's own: processes that cannot be examined in time cannot be frozen either."""
    for fd in range(20):
        login.open(login.tree.add(510, scope=login.scope) if not fd else ProcessId(510, START_TICKS), "null", fd=fd)
    seconds = itertools.count()
    monkeypatch.setattr(bounded.time, "monotonic", lambda: next(seconds))
    with pytest.raises(bounded.TooLongError, match="takes too long"):
        login.found()


def test_process_with_registered_files_in_a_ring_is_found(login):
    ring = login.tree.add(510, scope=login.scope)
    login.open(ring, "null", link=descriptors.RING)
    info = login.tree.directory / "proc/510/task/510/fdinfo/0"
    told = info.read_text() + "CachedSqHead:\t1\nSqThread:\t-1\nUserFiles:\t{}\n"
    info.write_text(told.format(0))
    assert ring not in login.found()
    info.write_text(told.format(1))
    assert ring in login.found()


@pytest.mark.parametrize("error", [ValueError("zz"), OSError(5, "Input/output error"), RecursionError(), MemoryError()])
@pytest.mark.parametrize("where", ["open_descriptors", "io_uring.may_read"])
def test_process_that_cannot_be_examined(login, monkeypatch, capsys, where, error):
    """It is frozen, reported once, and hides no other process. One of another user's is passed over."""
    hostile = [login.tree.add(pid, scope=login.scope) for pid in (509, 511)]
    reader = login.open(login.tree.add(510, scope=login.scope), "pts/0", fd=5)
    login.tree.add(512, scope=login.scope)
    login.open(login.add_foreign(513), "pts/0")
    owner, _, name = where.rpartition(".")
    place = getattr(module, owner) if owner else module
    original = getattr(place, name)

    def look(pid, *words, **more):
        if pid in {each.pid for each in hostile} | {513}:
            raise error
        return original(pid, *words, **more)

    monkeypatch.setattr(place, name, look)
    monkeypatch.setattr(module, "_reported", set())
    for _ in range(2):
        assert login.found() == {login.shell, reader, *hostile}
    if not owner:
        assert login.foreign_reader() is None
    told = capsys.readouterr().err
    assert [told.count(f"process {each.pid} is taken for a reader") for each in hostile] == [1, 1]
    assert told.count("process 513 is passed over") == (0 if owner else 1)
