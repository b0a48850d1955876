"""One process, read from /proc and held by a pidfd: the leaf that both sense and act stand on.

A pid alone is never trusted: it may have been given to another process since. A process is named by its pid and start
time together, and a descriptor that open_process() returns is known to be of that very process.

What a process calls itself is not read here at all, or passed over: see kernel_text.

stat, io and the links of a process can make who reads them wait for as long as a user likes; status, cgroup, fdinfo,
children and the listings cannot (measured on Linux 6.18 with a process that waits within execve(2) for a stopped FUSE
server). What `is_hidden` says of is not read by the former at all.
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
# What the kernel says of every open file comes first in fdinfo; what a driver or a user adds, after it.
MOST_DESCRIPTOR_BYTES = 4096
# The same on every architecture, as all that came after Linux 5.1.
_PIDFD_GETFD = 438
PIDFD_THREAD = os.O_EXCL
_UNIFIED = b"0::"  # cgroups(7): the line of the v2 hierarchy
NO_LOGIN = 2**32 - 1  # AUDIT_SID_UNSET of <linux/audit.h>
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# Whether to keep off what could make us wait. The daemon sets it while there is such a process (sense/distrust.py).
is_hidden: Callable[[int], bool] | None = None


def read_stat(pid: int, tid: int | None = None) -> Stat | None:
    """What the kernel says of a process, or of one of its threads; None where it is gone, or only a zombie is left.

    One whose first thread has ended while others run on (pthread_exit(3) in main) is shown as a zombie, and is none:
    its other threads hold what it had open, and do as they like. None also for what is hidden: see is_withheld().
    """
    if is_hidden is not None and is_hidden(pid):
        return None
    text = kernel_text.read(f"{PROC}/{pid}/stat" if tid is None else f"{PROC}/{pid}/task/{tid}/stat")
    stat = None if text is None else parse_stat(text)
    return None if stat is None or (stat.state in "ZX" and stat.threads < 2) else stat


def is_withheld(pid: int) -> bool:
    """Whether there is such a process, and nothing but that can be told of it, as it is hidden."""
    if is_hidden is None or not is_hidden(pid):
        return False
    state = _status_words(pid, "State")[:1]
    return bool(state) and state[0] not in (b"Z", b"X")


def read_session(pid: int) -> int | None:
    """The kernel session of a process (getsid(2)), far cheaper than read_stat(); None where it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
    except PermissionError:  # a security module
        stat = read_stat(pid)
        return stat.session if stat else None


def read_process_group(pid: int) -> int | None:
    """The process group of a process (getpgid(2)), as cheap; None where it is gone."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
    except PermissionError:  # a security module
        stat = read_stat(pid)
        return stat.pgrp if stat else None


def read_program(pid: int) -> str | None:
    """The path of the file that a process runs (proc_pid_exe(5)), also of one that an upgrade has replaced since.

    None where there is none to tell: it is gone, hidden, a zombie or a task of the kernel, or its path is longer than
    any that a system call takes.
    """
    path = read_link(pid, "exe")
    if path is None:
        return None
    return path[: -len(_DELETED)] if path.endswith(_DELETED) else path


def read_link(pid: int, name: str) -> str | None:
    """Where a link of a process leads: exe, ns/NAME, fd/NUMBER. None where it is gone, hidden or kept from us."""
    if is_hidden is not None and is_hidden(pid):
        return None
    try:
        return kernel_text.noting(f"{PROC}/{pid}/{name}", os.readlink)
    except OSError:
        return None


def _status_words(pid: int, field: str) -> list[bytes]:
    """The words of a field of /proc/PID/status; none where the process, or the field, is not there."""
    text = kernel_text.read(f"{PROC}/{pid}/status")
    value = None if text is None else parse_status(text, field)
    return value.replace(b"\t", b" ").split(b" ") if value else []


def read_uids(pid: int) -> tuple[int, ...]:
    """As whom a process runs: real, effective, saved and file-system uid. Empty where it is gone.

    The owner of /proc/PID does not tell it: that is the effective uid alone.
    """
    told = [kernel_text.number(word) for word in _status_words(pid, "Uid")]
    found = tuple(each for each in told if each is not None)
    return found if len(found) == len(told) == 4 else ()


def read_gids(pid: int) -> frozenset[int]:
    """The groups that a process is in: its effective gid and the supplementary ones. Empty where it is gone."""
    words = [*_status_words(pid, "Groups"), *_status_words(pid, "Gid")[1:2]]
    return frozenset(gid for gid in map(kernel_text.number, words) if gid is not None)


def read_parent(pid: int) -> int | None:
    """The parent of a process; None where it is gone."""
    words = _status_words(pid, "PPid")
    return kernel_text.number(words[0]) if len(words) == 1 else None


def read_login(pid: int) -> int | None:
    """The audit session of a process (pam_loginuid(8)): a number that each login gets of its own.

    A process has that of its parent, whatever becomes of its parent, its control group or its terminal; only what has
    CAP_AUDIT_CONTROL in the host's user namespace can have another, and nothing can choose one. None where no login
    has set it (4294967295), where this kernel keeps none (CONFIG_AUDIT), and where the process is gone.
    """
    login = kernel_text.number(kernel_text.read(f"{PROC}/{pid}/sessionid"))
    return None if login == NO_LOGIN else login


def read_tgid(tid: int) -> int | None:
    """The process that a thread is of; None where it is gone."""
    words = _status_words(tid, "Tgid")
    return kernel_text.number(words[0]) if len(words) == 1 else None


def read_ignored_signals(pid: int) -> int | None:
    """The signals that a process ignores, signal N as bit N-1; None where it is gone."""
    words = _status_words(pid, "SigIgn")
    return kernel_text.hexadecimal(words[0]) if len(words) == 1 else None


def read_signals(pid: int) -> Signals | None:
    """What is pending, blocked, ignored and caught; None where the process is gone."""
    text = kernel_text.read(f"{PROC}/{pid}/status")
    if text is None:
        return None
    names = ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")
    told = [kernel_text.hexadecimal(parse_status(text, name)) for name in names]
    found = [each for each in told if each is not None]
    return Signals(found[0] | found[1], *found[2:]) if len(found) == len(told) else None


def read_group(pid: int) -> str | None:
    """The control group (v2) of a process, as a path below the mount of the hierarchy; None where it is gone.

    A user names the groups below user@UID.service: bytes that are no UTF-8 come as surrogates, as os functions take
    them. A line feed is not among them: the kernel refuses to make such a group.
    """
    text = kernel_text.read(f"{PROC}/{pid}/cgroup")
    for line in kernel_text.lines(text or b""):
        if line.startswith(_UNIFIED):
            return os.fsdecode(line[len(_UNIFIED) :])
    return None


def read_io(pid: int) -> IoCounters | None:
    """What a process has passed on; None where it is gone, or hidden. Raises OSError where it is not for us to read."""
    if is_hidden is not None and is_hidden(pid):
        return None
    text = kernel_text.read(f"{PROC}/{pid}/io")
    if text is None:
        return None
    told = [kernel_text.number(kernel_text.field(text, name)) for name in (b"rchar", b"wchar", b"syscr", b"syscw")]
    found = [each for each in told if each is not None]
    return IoCounters(*found) if len(found) == len(told) else None


def read_children(pid: int) -> list[int]:
    """The pids of a process's children (proc_pid_task(5), `children`); none where it is gone.

    Raises OSError on a kernel that does not tell (CONFIG_PROC_CHILDREN).
    """
    text = kernel_text.read(f"{PROC}/{pid}/task/{pid}/children")
    if text is None and os.path.exists(f"{PROC}/{pid}/stat"):
        raise FileNotFoundError(errno.ENOENT, "this kernel does not tell who is whose child", f"{PROC}/{pid}")
    return kernel_text.numbers(text or b"")


def read_descriptor(pid: int, descriptor: int, tid: int | None = None) -> FileInfo | None:
    """What fdinfo says of a descriptor of a process, or of one of its threads; None where it is closed by now."""
    task = "" if tid is None else f"/task/{tid}"
    text = kernel_text.read(f"{PROC}/{pid}{task}/fdinfo/{descriptor}", MOST_DESCRIPTOR_BYTES)
    if text is None:
        return None
    mount, inode = (kernel_text.number(kernel_text.field(text, name)) for name in (b"mnt_id", b"ino"))
    return FileInfo(mount, inode)


def read_tty_index(pid: int, descriptor: int) -> int | None:
    """The number of the pty whose master a descriptor is (fdinfo, `tty-index`, since Linux 4.11); None for any other.

    Neither is told of what is closed by now, or may not be looked at.
    """
    try:
        text = kernel_text.read(f"{PROC}/{pid}/fdinfo/{descriptor}", MOST_DESCRIPTOR_BYTES)
    except PermissionError:
        return None
    return None if text is None else kernel_text.number(kernel_text.field(text, b"tty-index"))


def list_pids() -> list[int]:
    """The pid of every process on the host."""
    return _numbered(PROC)


def list_threads(pid: int) -> list[int]:
    """The ids of a process's threads; none where it is gone."""
    return _numbered(f"{PROC}/{pid}/task")


def list_descriptors(pid: int, tid: int | None = None, most: int | None = None) -> list[int]:
    """What a process has open, or one of its threads, which can have a table of its own; none where it is gone.

    No more than `most`, if that is given: a user's process can have a million. Raises PermissionError where a security
    module keeps it from us.
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
    """A pidfd of exactly that process, which the caller closes; None where it is gone or the pid is another's by now.

    The descriptor is opened first and the start time read after: had the process ended in between, the pidfd would
    be of the dead one and the read would fail or tell another start time.
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
    """A descriptor of our own of what a process, or one of its threads, has open (pidfd_getfd(2)), close-on-exec.

    The caller closes it soon: while it is open, so is what it leads to. Of a thread that is not the first, there is one
    from Linux 6.9 on. Raises OSError, PermissionError where a security module or a filter of system calls refuses it.
    """
    pidfd = os.pidfd_open(tid or pid, 0 if tid in (None, pid) else PIDFD_THREAD)
    try:
        taken = f"{PROC}/{pid}: pidfd_getfd"  # which waits as a read of /proc does
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
