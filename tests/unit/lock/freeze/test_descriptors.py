"""A terminal is recognized by its inode or its device number, whatever its name and wherever it is."""

from __future__ import annotations

import errno
import os
from unittest import mock

import pytest

from reaper.decide.session.model import ProcessId
from reaper.lock.freeze import descriptors
from reaper.lock.freeze import readers as module
from reaper.lock.freeze.descriptors import Descriptor
from reaper.lock.freeze.readers import find_foreign_reader
from reaper.sense import terminals
from tests.unit.lock.logged_in import NUMBER, SLICE
from tests.unit.sense.trees import START_TICKS


@pytest.mark.parametrize(
    ("mount", "line", "is_found"),
    [
        (22, "", True),
        (23, "", True),
        (24, "24 1 0:45 / /m rw - cifs //server/a rw", False),
        (24, "", True),
        (24, "24 1 0:46 / /srv/dev rw - devpts devpts rw", True),
    ],
    ids=["ours", "FUSE", "of another namespace", "of nobody knows which", "another mount of it"],
)
def test_file_system_server_that_may_not_answer_is_not_asked(login, mount, line, is_found):
    """No terminal is there, whatever the name; statx(2) does not ask FUSE."""
    process = login.open(login.tree.add(510, scope=login.scope), "pts/0", mount=mount)
    if line:
        login.mount(line, 510)
    assert (process in login.found()) is is_found


def refuse(monkeypatch: pytest.MonkeyPatch, place: object, name: str, number: int, what: str = "/fd/3") -> None:
    """Has a call about one descriptor fail."""
    original = getattr(place, name)

    def call(path: str | bytes, *words: object, **more: object) -> object:
        if os.fsdecode(path).endswith(what):
            raise OSError(number, os.strerror(number))
        return original(path, *words, **more)

    monkeypatch.setattr(place, name, call)


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.EACCES, errno.ENOMEM])
def test_terminal_whose_name_is_unknown_is_found(login, monkeypatch, number):
    """Its path may be longer than readlink(2) returns: users can mount it there in their own namespace."""
    reader = login.open(login.tree.add(510, scope=login.scope), "pts/0", fd=3)
    other = login.open(login.tree.add(511, scope=login.scope), "pts/1", fd=3)
    login.open(login.add_foreign(512), "pts/0", fd=3)
    refuse(monkeypatch, descriptors.os, "readlink", number)
    assert reader in login.found()
    assert other not in login.found()
    assert login.foreign_reader() == 512


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESRCH, errno.EBADF, errno.ESTALE])
@pytest.mark.parametrize("call", ["readlink", "statx"])
def test_descriptor_closed_meanwhile_does_not_count(login, monkeypatch, number, call):
    reader = login.open(login.tree.add(510, scope=login.scope), "pts/0", fd=3)
    refuse(monkeypatch, descriptors.os if call == "readlink" else descriptors, call, number)
    assert reader not in login.found()


def test_descriptor_that_cannot_be_examined(login, monkeypatch, capsys):
    """The user's own process is frozen for it; another user's is not. Its other descriptors are examined."""
    odd = login.open(login.tree.add(510, scope=login.scope), "null", fd=3)
    login.open(login.add_foreign(512), "null", fd=3)
    refuse(monkeypatch, descriptors, "statx", errno.EIO)
    monkeypatch.setattr(module, "_reported", set())
    assert odd in login.found()
    assert login.foreign_reader() is None
    login.open(ProcessId(512, START_TICKS), "pts/0", fd=7)
    assert login.foreign_reader() == 512
    assert "process 510 is taken for a reader" in capsys.readouterr().err


def test_node_of_the_same_device_elsewhere_is_found(login, monkeypatch):
    """Such as in a chroot(2). /dev/null stands for a console here; a pty's number may mean several ptys."""
    null = os.stat("/dev/null").st_rdev
    monkeypatch.setattr(module, "device_number", {"pts/1": os.major(null) << 8 | os.minor(null)}.get)
    reader = login.open(login.tree.add(510, scope=login.scope), "pts/0", link="/dev/null")
    assert login.found(["pts/1"]) == {reader}
    login.open(login.add_foreign(512), "pts/0", link="/dev/null")
    assert find_foreign_reader(login.session, ["pts/1"], []) == 512
    pty = os.stat("/dev/null").st_rdev, os.makedev(136, 0), os.makedev(143, 255)
    assert [descriptors._has_one_node_everywhere(each) for each in pty] == [True, False, False]


@pytest.mark.parametrize("device", [(4, 64), (136, 300), (136, 2**20 - 1), (4095, 255)])
def test_device_numbers_are_converted_to_those_of_stat(monkeypatch, device):
    rdev = os.makedev(*device)
    monkeypatch.setattr(terminals.os, "stat", lambda *_, **__: mock.Mock(st_rdev=rdev))
    assert descriptors._device(terminals.device_number("any") or 0) == rdev


def test_terminal_that_was_hung_up_has_no_readers(login, monkeypatch):
    """Such as one of an earlier login on the same line, which shows the same node."""
    own = login.open(login.tree.add(510, scope=login.scope), "pts/0", fd=3)
    login.open(login.add_foreign(512), "pts/0", fd=3)
    monkeypatch.setattr(descriptors, "_terminal_behind", lambda descriptor: descriptors.HUNG_UP)
    assert own not in login.found()
    assert login.foreign_reader() is None


def test_kernel_reports_a_hung_up_terminal():
    """The same happens to a pty when its master is closed."""
    master, slave = os.openpty()
    try:
        status, name = os.fstat(slave), os.ttyname(slave)
        search = descriptors.Search({(status.st_dev, status.st_ino): terminals.device_number(name[5:]) or 0})
        descriptor = Descriptor(os.getpid(), os.getpid(), slave, name)
        assert search.is_terminal(descriptor) is True
        os.close(master)
        assert os.readlink(descriptor.path).startswith(name)
        assert search.is_terminal(descriptor) is False
    finally:
        os.close(slave)


def test_unresolved_dev_tty_of_a_thread_counts_as_the_terminal(login):
    """Before Linux 6.9 a thread's own descriptor cannot be copied; its process's terminal shows nothing about it."""
    group = login.make_group(f"{SLICE}/session-4.scope")
    process = login.open(login.tree.add(510, scope=group, tty_nr=NUMBER + 1), "null")
    assert process not in login.found()
    login.open(process, "null", fd=3, tid=511, link="/dev/tty")
    login.open(login.add_foreign(512), "null", fd=3, tid=513, link="/dev/tty")
    assert process in login.found()
    assert login.foreign_reader() is None


def test_set_uid_process_of_the_user_is_found(login):
    """A set-uid program of a user who is not root: /proc/PID belongs to that user."""
    game = login.open(login.add_foreign(510, uid=5), "pts/0")
    login.tree.write(510, "status", "Name:\ta\nUid:\t1000\t5\t5\t5\n")
    assert game in login.found()
    assert login.foreign_reader() is None
