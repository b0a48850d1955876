"""The owner of the file that a process runs: determined without trusting a user or waiting for a file system."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from reaper.decide.session.model import ProcessId, Program
from reaper.sense import connections, executables, programs
from reaper.sense.executables import FileStatus, MountKind, ProgramFiles, find_mount
from tests.unit.people import identify
from tests.unit.sense.worlds import wait_until

SLEEP = os.path.realpath(shutil.which("sleep") or "/bin/sleep")
MOUNTINFO = (
    b"1218 1197 0:124 / / rw,relatime shared:295 - ext4 /dev/vda rw\n"
    b"218 1218 0:166 / /mnt/t rw,nosuid,nodev shared:598 - fuse /srv/real rw,user_id=0,group_id=0,allow_other\n"
    b"219 1218 0:167 / /mnt/a\\040218\\0400:1 rw,nosuid - fuse.rclone m\\012220: rw,user_id=1000,group_id=1000\n"
    b"220 1218 0:168 / /mnt/c rw - cifs //server/share rw,uid=0\n"
    b"221 1218 0:169 / /mnt/n rw master:3 propagate_from:2 - nfs4 server:/x rw,hard\n"
)


@pytest.fixture
def started(tmp_path) -> Iterator[Callable[..., ProcessId]]:
    running: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> ProcessId:
        running.append(subprocess.Popen(words, cwd=tmp_path))
        return identify(running[-1].pid)

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_status_is_that_of_the_program_file(started):
    process = started(SLEEP, "100")
    expected = os.stat(SLEEP)
    assert executables.read_status(process.pid) == FileStatus(expected.st_uid, expected.st_mode)
    assert ProgramFiles().read_status(process.pid) == FileStatus(expected.st_uid, expected.st_mode)


def test_ended_process_has_no_program_file():
    assert executables.read_status(2**22 - 1) is None
    assert ProgramFiles().read_status(2**22 - 1) is None


@pytest.mark.parametrize(
    ("number", "file_system", "is_trusted"),
    [
        (1218, b"ext4", True),
        (218, b"fuse", True),
        (219, b"fuse.rclone", False),
        (220, b"cifs", False),
        (221, b"nfs4", True),
    ],
)
def test_mount_is_found_by_number_and_trusted_by_type(number, file_system, is_trusted):
    mount = find_mount(MOUNTINFO, number)
    assert mount is not None
    assert mount.file_system == file_system
    assert mount.is_trusted is is_trusted


@pytest.mark.parametrize("mountinfo", [b"", b"\n", b"12", b"1218 ", b"18 1 0:1 / / rw - ext4 a rw", MOUNTINFO[1:]])
def test_missing_mount_is_not_found(mountinfo):
    assert find_mount(mountinfo, 1218) is None


def test_source_of_a_mount_cannot_pose_as_an_option():
    """`user_id=0` must be an option of its own, not part of a source's name."""
    line = b"7 1 0:9 / /m rw - fuse user_id=0,x rw,user_id=1000,xuser_id=0,user_id=01\n"
    mount = find_mount(line, 7)
    assert mount == MountKind(b"fuse", (b"rw", b"user_id=1000", b"xuser_id=0", b"user_id=01"))
    assert not mount.is_trusted


@pytest.mark.skipif(os.geteuid() != 0, reason="a program of root's")
def test_program_in_a_users_namespace_does_not_count(started, tmp_path):
    """Any user can mount root's sleep over a file named rsync, in a user namespace: /proc/PID/exe is …/rsync then."""
    (tmp_path / "rsync").touch()
    tmp_path.chmod(0o755)
    script = f"mount --bind {SLEEP} {tmp_path}/rsync && exec {tmp_path}/rsync 100"
    process = started("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script)
    wait_until(lambda: os.readlink(f"/proc/{process.pid}/exe") == f"{tmp_path}/rsync")
    process = identify(process.pid)
    assert executables.read_status(process.pid) == FileStatus(0, os.stat(SLEEP).st_mode)
    assert ProgramFiles().read_status(process.pid) is None
    assert programs.find([process], ["rsync"]) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts, which only root can")
def test_program_on_an_invisible_mount_does_not_count(started, tmp_path):
    """A descriptor of such a namespace can be handed out and executed; umount -l looks the same from here."""
    (tmp_path / "rsync").touch()
    path = tmp_path / "rsync"
    script = f"mount --bind {SLEEP} {path}; exec 9<{path}; umount -l {path}; exec /dev/fd/9 100"
    process = started("unshare", "--mount", "sh", "-c", script)
    wait_until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"/dev/fd/9"))
    assert ProgramFiles().read_status(process.pid) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts, which only root can")
def test_program_in_a_mount_namespace_of_roots_counts(started, tmp_path):
    """As pam_namespace(8) makes one for each login."""
    shutil.copyfile(SLEEP, tmp_path / "rsync")
    (tmp_path / "rsync").chmod(0o755)
    process = started("unshare", "--mount", str(tmp_path / "rsync"), "100")
    wait_until(lambda: os.readlink(f"/proc/{process.pid}/exe") == str(tmp_path / "rsync"))
    assert programs.find([process], ["rsync"]) == Program(str(tmp_path / "rsync"), process.pid)


def test_programs_are_read_without_stat(started, monkeypatch):
    """stat(2) asks the file system, and its server may never answer."""

    def refuse(*_words: object, **_more: object) -> None:
        raise AssertionError

    process = started(SLEEP, "100")
    with monkeypatch.context() as patch:
        for name in ("stat", "lstat", "fstat"):
            patch.setattr(os, name, refuse)
        found = programs.find([process], ["sleep"])
        is_sshd = connections.is_sshd(process.pid)
    assert found == Program(SLEEP, process.pid)
    assert not is_sshd
