"""Reads one process from /proc, and holds it by a pidfd: the leaf that both sense and act build on.

A pid alone is never trusted: it may have been reused since. A process is identified by its pid and start time together,
and a descriptor that open_process() returns is certainly that process's. Its name is not read: see kernel_text.

stat, io and the links of a process can make the reader wait for as long as a user likes; status, cgroup, fdinfo,
children and the listings cannot (measured on Linux 6.18 with a process that waits within execve(2) for a stopped FUSE
server). The former are not read at all for a process for which `is_hidden` returns True.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import itertools
import os
from typing import Callable

from reaper import kernel_text
from reaper.procparse import FileInfo, IoCounters, Signals, Stat, parse_stat, parse_status

PROC = "/proc"
CLOCK_TICKS_PER_SEC = os.sysconf("SC_CLK_TCK")
_DELETED = " (deleted)"
# The kernel's own lines come first in fdinfo; those that a driver or a user adds follow.
MOST_DESCRIPTOR_BYTES = 4096
# The same number on every architecture, as for all calls added after Linux 5.1.
_PIDFD_GETFD = 438
PIDFD_THREAD = os.O_EXCL
_UNIFIED = b"0::"  # cgroups(7): the line of the v2 hierarchy
NO_LOGIN = 2**32 - 1  # AUDIT_SID_UNSET of <linux/audit.h>
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# Whether a process must not be read, as that could wait. The daemon sets it while there is one (sense/distrust.py).
is_hidden: Callable[[int], bool] | None = None


def read_stat(pid: int, tid: int | None = None) -> Stat | None:
    """Returns the stat of a process or of one of its threads; None where it has ended, is a zombie or is hidden.

    A process whose first thread has ended while others run on (pthread_exit(3) in main) is shown as a zombie, and is
    none: its other threads keep open what it had open. is_withheld() tells a hidden process from one that has ended.
    """
    if is_hidden is not None and is_hidden(pid):
        return None
    text = kernel_text.read(f"{PROC}/{pid}/stat" if tid is None else f"{PROC}/{pid}/task/{tid}/stat")
    stat = None if text is None else parse_stat(text)
    return None if stat is None or (stat.state in "ZX" and stat.threads < 2) else stat


def is_withheld(pid: int) -> bool:
    """Returns whether a process exists but is hidden, so that nothing else is known of it."""
    if is_hidden is None or not is_hidden(pid):
        return False
    state = _status_words(pid, "State")[:1]
    return bool(state) and state[0] not in (b"Z", b"X")


def read_session(pid: int) -> int | None:
    """Returns the kernel session of a process (getsid(2)), far cheaper than read_stat(); None where it has ended."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
    except PermissionError:  # a security module
        stat = read_stat(pid)
        return stat.session if stat else None


def read_process_group(pid: int) -> int | None:
    """Returns the process group of a process (getpgid(2)), as cheap; None where it has ended."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
    except PermissionError:  # a security module
        stat = read_stat(pid)
        return stat.pgrp if stat else None


def read_program(pid: int) -> str | None:
    """Returns the path of the file that a process runs (proc_pid_exe(5)), even if an upgrade has replaced that file.

    None where the process has ended, is hidden, a zombie or a kernel thread, or the path is longer than any that a
    system call accepts.
    """
    path = read_link(pid, "exe")
    if path is None:
        return None
    return path[: -len(_DELETED)] if path.endswith(_DELETED) else path


def read_link(pid: int, name: str) -> str | None:
    """Returns the target of a link of a process: exe, ns/NAME, fd/NUMBER. None if it is gone, hidden or refused."""
    if is_hidden is not None and is_hidden(pid):
        return None
    try:
        return kernel_text.noting(f"{PROC}/{pid}/{name}", os.readlink)
    except OSError:
        return None


def _status_words(pid: int, field: str) -> list[bytes]:
    """Returns the words of a field of /proc/PID/status; none where the process or the field does not exist."""
    text = kernel_text.read(f"{PROC}/{pid}/status")
    value = None if text is None else parse_status(text, field)
    return value.replace(b"\t", b" ").split(b" ") if value else []


def read_uids(pid: int) -> tuple[int, ...]:
    """Returns the real, effective, saved and file-system uid of a process; empty where it has ended.

    The owner of /proc/PID does not show them: that is the effective uid alone.
    """
    values = [kernel_text.number(word) for word in _status_words(pid, "Uid")]
    found = tuple(each for each in values if each is not None)
    return found if len(found) == len(values) == 4 else ()


def read_gids(pid: int) -> frozenset[int]:
    """Returns the groups of a process: its effective gid and the supplementary ones. Empty where it has ended."""
    words = [*_status_words(pid, "Groups"), *_status_words(pid, "Gid")[1:2]]
    return frozenset(gid for gid in map(kernel_text.number, words) if gid is not None)


def read_parent(pid: int) -> int | None:
    """Returns the parent of a process; None where it has ended."""
    words = _status_words(pid, "PPid")
    return kernel_text.number(words[0]) if len(words) == 1 else None


def read_login(pid: int) -> int | None:
    """Returns the audit session of a process (pam_loginuid(8)): a number that each login gets of its own.

    A process inherits it from its parent and keeps it, whatever becomes of the parent, its control group or its
    terminal; only a process with CAP_AUDIT_CONTROL in the host's user namespace can get another, and none can choose
    one. None where no login has set it (4294967295), where this kernel has none (CONFIG_AUDIT), and where the process
    has ended.
    """
    login = kernel_text.number(kernel_text.read(f"{PROC}/{pid}/sessionid"))
    return None if login == NO_LOGIN else login


def read_tgid(tid: int) -> int | None:
    """Returns the process of a thread; None where it has ended."""
    words = _status_words(tid, "Tgid")
    return kernel_text.number(words[0]) if len(words) == 1 else None


def read_ignored_signals(pid: int) -> int | None:
    """Returns the signals that a process ignores, signal N as bit N-1; None where it has ended."""
    words = _status_words(pid, "SigIgn")
    return kernel_text.hexadecimal(words[0]) if len(words) == 1 else None


def read_signals(pid: int) -> Signals | None:
    """Returns the pending, blocked, ignored and caught signals; None where the process has ended."""
    text = kernel_text.read(f"{PROC}/{pid}/status")
    if text is None:
        return None
    names = ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")
    values = [kernel_text.hexadecimal(parse_status(text, name)) for name in names]
    found = [each for each in values if each is not None]
    return Signals(found[0] | found[1], *found[2:]) if len(found) == len(values) else None


def read_group(pid: int) -> str | None:
    """Returns the control group (v2) of a process, as a path below the mount of the hierarchy; None where it has ended.

    Users name the groups below user@UID.service: bytes that are not UTF-8 become surrogates, which os functions accept.
    A line feed is not among them: the kernel refuses to make such a group.
    """
    text = kernel_text.read(f"{PROC}/{pid}/cgroup")
    for line in kernel_text.lines(text or b""):
        if line.startswith(_UNIFIED):
            return os.fsdecode(line[len(_UNIFIED) :])
    return None


def read_io(pid: int) -> IoCounters | None:
    """Returns what a process has read and written; None where it has ended or is hidden. Raises OSError if refused."""
    if is_hidden is not None and is_hidden(pid):
        return None
    text = kernel_text.read(f"{PROC}/{pid}/io")
    if text is None:
        return None
    values = [kernel_text.number(kernel_text.field(text, name)) for name in (b"rchar", b"wchar", b"syscr", b"syscw")]
    found = [each for each in values if each is not None]
    return IoCounters(*found) if len(found) == len(values) else None


def read_children(pid: int) -> list[int]:
    """Returns the pids of a process's children (proc_pid_task(5), `children`); none where it has ended.

    Raises OSError on a kernel without CONFIG_PROC_CHILDREN.
    """
    text = kernel_text.read(f"{PROC}/{pid}/task/{pid}/children")
    if text is None and os.path.exists(f"{PROC}/{pid}/stat"):
        raise FileNotFoundError(errno.ENOENT, "this kernel does not list the children of a process", f"{PROC}/{pid}")
    return kernel_text.numbers(text or b"")


def read_descriptor(pid: int, descriptor: int, tid: int | None = None) -> FileInfo | None:
    """Returns what fdinfo says of a descriptor of a process or of one of its threads; None where it is closed."""
    task = "" if tid is None else f"/task/{tid}"
    text = kernel_text.read(f"{PROC}/{pid}{task}/fdinfo/{descriptor}", MOST_DESCRIPTOR_BYTES)
    if text is None:
        return None
    mount, inode = (kernel_text.number(kernel_text.field(text, name)) for name in (b"mnt_id", b"ino"))
    return FileInfo(mount, inode)


def read_tty_index(pid: int, descriptor: int) -> int | None:
    """Returns the number of the pty whose master a descriptor is (fdinfo, `tty-index`, since Linux 4.11); else None.

    None also where the descriptor is closed by now or may not be looked at.
    """
    try:
        text = kernel_text.read(f"{PROC}/{pid}/fdinfo/{descriptor}", MOST_DESCRIPTOR_BYTES)
    except PermissionError:
        return None
    return None if text is None else kernel_text.number(kernel_text.field(text, b"tty-index"))


def list_pids() -> list[int]:
    """Returns the pid of every process on the host."""
    return _numbered(PROC)


def list_threads(pid: int) -> list[int]:
    """Returns the ids of a process's threads; none where it has ended."""
    return _numbered(f"{PROC}/{pid}/task")


def list_descriptors(pid: int, tid: int | None = None, most: int | None = None) -> list[int]:
    """Returns the descriptors of a process, or of one of its threads, which can have its own; none where it has ended.

    At most `most`, if that is given: a user's process can have a million. Raises PermissionError where a security
    module refuses it.
    """
    return _numbered(f"{PROC}/{pid}/fd" if tid is None else f"{PROC}/{pid}/task/{tid}/fd", most)


def _numbered(directory: str, most: int | None = None) -> list[int]:
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in itertools.islice(entries, most)]
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return []
    return [int(name) for name in names if name.isascii() and name.isdigit()]


def open_process(pid: int, start_ticks: int) -> int | None:
    """Returns a pidfd of exactly that process, for the caller to close; None where it has ended or the pid was reused.

    The pidfd is opened first and the start time read after: if the process ends in between, the pidfd is the dead
    one's, and the read fails or returns another start time.
    """
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:  # a thread, or a pid that cannot be
            return None
        raise
    try:
        stat = read_stat(pid)
    except BaseException:
        os.close(fd)
        raise
    if stat is None or stat.starttime != start_ticks:
        os.close(fd)
        return None
    return fd


def take_descriptor(pid: int, descriptor: int, tid: int | None = None) -> int:
    """Returns a duplicate of a descriptor of a process or of one of its threads (pidfd_getfd(2)), close-on-exec.

    The caller closes it soon: it keeps the file open. For a thread other than the first it needs Linux 6.9. Raises
    OSError; PermissionError where a security module or a filter of system calls refuses it.
    """
    pidfd = os.pidfd_open(tid or pid, 0 if tid in (None, pid) else PIDFD_THREAD)
    try:
        taken = f"{PROC}/{pid}: pidfd_getfd"  # it can wait as a read of /proc can
        own = kernel_text.noting(taken, lambda _: _libc().syscall(_PIDFD_GETFD, pidfd, descriptor, 0))
    finally:
        os.close(pidfd)
    if own < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"{PROC}/{pid}/fd/{descriptor}")
    return int(own)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
