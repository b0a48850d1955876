"""The file that a process runs and its owner, found without waiting for the file system that the file is on.

stat(2) of /proc/PID/exe asks that file system, and its server may never answer: an NFS server that is down, or a FUSE
server, which any user can run and stop. A process that waits for a FUSE server cannot even be killed: with bindfs
stopped (SIGSTOP), a reaperd in such a stat(2) outlived the SIGABRT of its watchdog, and the next one waited in the same
call before it was ready. So:

1. The path comes from readlink(2): the kernel builds it from its own tables (d_path) and asks no file system.
2. Owner and mode come from statx(2) with AT_STATX_DONT_SYNC, which returns what the kernel knows already. FUSE
   (fuse_update_get_attr) and NFS (nfs_getattr) send no request then; the file is in use, so the kernel does know it.
   Measured on Linux 6.18 with a stopped bindfs: stat(2) waits, this call does not.
3. Where the answer decides about a program that a user may have started (ProgramFiles), the mount is checked first,
   which does not ask the file system either.
"""

from __future__ import annotations

import functools
import os
import stat
from typing import NamedTuple

from reaper import kernel_text, procfs
from reaper.statx import ASKING, AT_EMPTY_PATH, AT_FDCWD, MODE, TYPE, UID, statx

_OURSELVES = "/proc/self"
_FUSE = (b"fuse", b"fuseblk")


class FileStatus(NamedTuple):
    """The owner and mode of a file, as statx(2) returns them."""

    uid: int
    mode: int


class MountKind(NamedTuple):
    """The type of a mount's file system and that file system's options, from proc_pid_mountinfo(5)."""

    file_system: bytes
    options: tuple[bytes, ...]

    @property
    def is_asking(self) -> bool:
        """Whether its server, which may never answer, is asked even for what the kernel knows."""
        return self.file_system in ASKING

    @property
    def is_trusted(self) -> bool:
        """Whether it answers at once, and root controls what it reports as a file's owner.

        A FUSE file system reports whatever its server likes about its files; `user_id` is who mounted it (fuse(4)).
        """
        if self.is_asking:
            return False
        if self.file_system.partition(b".")[0] in _FUSE:
            return b"user_id=0" in self.options
        return True


def read_status(pid: int) -> FileStatus | None:
    """Returns what the kernel knows of the file that a process runs; None if it has ended, is hidden or has none."""
    if procfs.is_hidden is not None and procfs.is_hidden(pid):
        return None
    return kernel_text.noting(f"{procfs.PROC}/{pid}/exe", lambda path: _file_status(path.encode()))


def is_in_our_user_namespace(pid: int) -> bool:
    """Returns whether a process is in the user namespace of the host; False where it has ended or is hidden."""
    return procfs.read_link(pid, "ns/user") == _own_user_namespace()


class ProgramFiles:
    """Reads the programs of one search; the mounts of a mount namespace are read once for all of its processes."""

    def __init__(self) -> None:
        self._mounts: dict[str, bytes] = {}

    def read_status(self, pid: int) -> FileStatus | None:
        """Returns the same as read_status(), but None also where a user could control the answer.

        That is so for the files of a FUSE file system that another user than root mounted; for a process in a user
        namespace of its own, where a user can mount any file of root's under any name; and for a file on a mount that
        the process itself does not see (it was unmounted, or the descriptor that was executed came out of such a
        namespace).
        """
        if not is_in_our_user_namespace(pid):
            return None
        try:
            fd = kernel_text.noting(f"{procfs.PROC}/{pid}/exe", _open_path)
        except OSError:
            return None
        try:
            mount = self._find_mount(pid, fd)
            if mount is None or not mount.is_trusted:
                return None
            return _file_status(b"", fd, AT_EMPTY_PATH)
        finally:
            os.close(fd)

    def _find_mount(self, pid: int, fd: int) -> MountKind | None:
        """Returns the mount of a file that we have open, which keeps the mount's number from being reused."""
        number = kernel_text.number(kernel_text.field(kernel_text.read(f"{_OURSELVES}/fdinfo/{fd}") or b"", b"mnt_id"))
        namespace = procfs.read_link(pid, "ns/mnt")
        if namespace is None:
            return None
        try:
            if namespace not in self._mounts:
                self._mounts[namespace] = kernel_text.read(f"{procfs.PROC}/{pid}/mountinfo") or b""
        except OSError:
            return None
        return None if number is None else find_mount(self._mounts[namespace], number)


def _open_path(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_CLOEXEC)  # O_PATH does not open the file itself: open(2)


def find_mount(mountinfo: bytes, number: int) -> MountKind | None:
    """Finds a mount by its number in proc_pid_mountinfo(5); None where it is not there.

    A line is: number, parent, major:minor, root, mount point, options, optional fields, a hyphen, type, source, options
    of the file system. Users choose paths and sources; the kernel escapes blanks and line feeds in them.
    """
    start = b"%d " % number
    at = 0 if mountinfo.startswith(start) else mountinfo.find(b"\n" + start) + 1
    if not at and not mountinfo.startswith(start):
        return None
    end = mountinfo.find(b"\n", at)
    line = mountinfo[at : end if end >= 0 else None]
    words = line.partition(b" - ")[2].split(b" ")
    return MountKind(words[0], tuple(words[2].split(b","))) if len(words) == 3 else None


@functools.cache
def _own_user_namespace() -> str:
    return os.readlink(f"{_OURSELVES}/ns/user")


def _file_status(path: bytes, directory: int = AT_FDCWD, flags: int = 0) -> FileStatus | None:
    wanted = TYPE | MODE | UID
    try:
        found = statx(path, wanted, directory=directory, flags=flags)
    except OSError:
        return None
    is_known = found.mask & wanted == wanted and stat.S_ISREG(found.mode)
    return FileStatus(found.uid, found.mode) if is_known else None
