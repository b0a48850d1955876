"""A terminal is known by its inode or its device's number, whatever it is called and wherever it is."""

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
def test_no_server_is_asked_that_may_not_answer(login, mount, line, is_found):
    """No terminal is there, whatever it says; FUSE is not asked by statx(2)."""
    process = login.open(login.tree.add(510, scope=login.scope), "pts/0", mount=mount)
    if line:
        login.mount(line, 510)
    assert (process in login.found()) is is_found


def refuse(monkeypatch: pytest.MonkeyPatch, place: object, name: str, number: int, what: str = "/fd/3") -> None:
    """A call about one descriptor fails."""
    original = getattr(place, name)

    def call(path: str | bytes, *words: object, **more: object) -> object:
        if os.fsdecode(path).endswith(what):
            raise OSError(number, os.strerror(number))
        return original(path, *words, **more)

    monkeypatch.setattr(place, name, call)


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.EACCES, errno.ENOMEM])
def test_terminal_whose_name_is_not_told(login, monkeypatch, number):
    """Its path is longer than any that readlink(2) tells, say: a user mounts it there in a namespace of their own."""
    reader = login.open(login.tree.add(510, scope=login.scope), "pts/0", fd=3)
    other = login.open(login.tree.add(511, scope=login.scope), "pts/1", fd=3)
    login.open(login.add_foreign(512), "pts/0", fd=3)
    refuse(monkeypatch, descriptors.os, "readlink", number)
    assert reader in login.found()
    assert other not in login.found()
    assert login.foreign_reader() == 512


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESRCH, errno.EBADF, errno.ESTALE])
@pytest.mark.parametrize("call", ["readlink", "statx"])
def test_what_is_closed_meanwhile_is_none(login, monkeypatch, number, call):
    reader = login.open(login.tree.add(510, scope=login.scope), "pts/0", fd=3)
    refuse(monkeypatch, descriptors.os if call == "readlink" else descriptors, call, number)
    assert reader not in login.found()


def test_descriptor_that_cannot_be_looked_at(login, monkeypatch, capsys):
    """The user's own process is stopped; another user's is none for it. What else they have open is seen."""
    odd = login.open(login.tree.add(510, scope=login.scope), "null", fd=3)
    login.open(login.add_foreign(512), "null", fd=3)
    refuse(monkeypatch, descriptors, "statx", errno.EIO)
    monkeypatch.setattr(module, "_reported", set())
    assert odd in login.found()
    assert login.foreign_reader() is None
    login.open(ProcessId(512, START_TICKS), "pts/0", fd=7)
    assert login.foreign_reader() == 512
    assert "process 510 is taken for a reader" in capsys.readouterr().err


def test_node_of_the_same_device_elsewhere(login, monkeypatch):
    """In a chroot(2), say. /dev/null stands for the line of a console here; a pty's number is not one pty's alone."""
    null = os.stat("/dev/null").st_rdev
    monkeypatch.setattr(module, "device_number", {"pts/1": os.major(null) << 8 | os.minor(null)}.get)
    reader = login.open(login.tree.add(510, scope=login.scope), "pts/0", link="/dev/null")
    assert login.found(["pts/1"]) == {reader}
    login.open(login.add_foreign(512), "pts/0", link="/dev/null")
    assert find_foreign_reader(login.session, ["pts/1"], []) == 512
    pty = os.stat("/dev/null").st_rdev, os.makedev(136, 0), os.makedev(143, 255)
    assert [descriptors._has_one_node_everywhere(each) for each in pty] == [True, False, False]


@pytest.mark.parametrize("device", [(4, 64), (136, 300), (136, 2**20 - 1), (4095, 255)])
def test_coding_of_device_numbers(monkeypatch, device):
    rdev = os.makedev(*device)
    monkeypatch.setattr(terminals.os, "stat", lambda *_, **__: mock.Mock(st_rdev=rdev))
    assert descriptors._device(terminals.device_number("any") or 0) == rdev


def test_terminal_that_was_hung_up_is_read_by_no_process(login, monkeypatch):
    """Somebody's of an earlier login on the same line: it shows the node as before."""
    own = login.open(login.tree.add(510, scope=login.scope), "pts/0", fd=3)
    login.open(login.add_foreign(512), "pts/0", fd=3)
    monkeypatch.setattr(descriptors, "_terminal_behind", lambda descriptor: descriptors.HUNG_UP)
    assert own not in login.found()
    assert login.foreign_reader() is None


def test_kernel_tells_what_was_hung_up():
    """As it does for a pty when its master is closed."""
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


def test_dev_tty_of_a_thread_of_which_nothing_is_known(login):
    """Before Linux 6.9 no descriptor is had of a table of its own: what terminal the process has now tells nothing."""
    group = login.make_group(f"{SLICE}/session-4.scope")
    process = login.open(login.tree.add(510, scope=group, tty_nr=NUMBER + 1), "null")
    assert process not in login.found()
    login.open(process, "null", fd=3, tid=511, link="/dev/tty")
    login.open(login.add_foreign(512), "null", fd=3, tid=513, link="/dev/tty")
    assert process in login.found()
    assert login.foreign_reader() is None


def test_users_process_that_runs_with_the_rights_of_another(login):
    """A program that is set-uid to one who is not root: /proc/PID is that one's."""
    game = login.open(login.add_foreign(510, uid=5), "pts/0")
    login.tree.write(510, "status", "Name:\ta\nUid:\t1000\t5\t5\t5\n")
    assert game in login.found()
    assert login.foreign_reader() is None
