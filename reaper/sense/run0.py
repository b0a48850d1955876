"""Who ordered what run0(1) runs: the client that waits in the session that it was called from.

run0 has PID 1 start what it runs (systemd 256 and later), so that is no child of the session, has a session of logind's
own and no audit session. What joins the two is what the client gave away or kept: it holds the master of the pty that
PID 1 gave to the other side as its terminal, and without a terminal both have the same pipes as standard input, output
and errors (measured with systemd 257: `run0` on a terminal, `ssh host run0 sleep 30` without one).

Neither can be claimed by another user. A pipe is had by who was given it. The master has to be open through a mount
that the client itself sees, in the user namespace of the host: in a namespace of their own a user can make a devpts
whose ptys have any number.
"""

from __future__ import annotations

import os
from itertools import islice

from reaper import kernel_text, procfs
from reaper.sense import executables

# run0 is a link to it. Its client has some fifteen descriptors.
_PROGRAM = "systemd-run"
_MOST_DESCRIPTORS = 256
_PTY_MAJOR = 136  # of the slaves that devpts has (Documentation/admin-guide/devices.txt)
_MASTERS = (b"devpts", b"devtmpfs", b"tmpfs")  # where /dev/ptmx may be; a container's /dev is a tmpfs
_OF_SESSIONS = ("pipe:[", "socket:[")


def find_client(pid: int) -> int | None:
    """The run0 that had a process started; None where there is none, or more than one that could have.

    Looks at which program every process of the host runs: 25 ms where there are 5,000.
    """
    stat = procfs.read_stat(pid)
    if stat is None or stat.ppid != 1:
        return None
    index, ends = pty_index(stat.tty_nr), _standard_ends(pid)
    if index is None and not ends:
        return None
    found = [
        client
        for client in procfs.list_pids()
        if client != pid
        and _is_client(client)
        and (_holds_master(client, index) if index is not None else bool(ends & _standard_ends(client)))
    ]
    return found[0] if len(found) == 1 else None


def pty_index(tty_nr: int) -> int | None:
    """The number N of a controlling terminal that is pts/N (tty_nr of proc_pid_stat(5)); None for any other."""
    if (tty_nr >> 8) & 0xFFF != _PTY_MAJOR:
        return None
    return (tty_nr & 0xFF) | ((tty_nr >> 12) & 0xFFF00)


def _is_client(pid: int) -> bool:
    if os.path.basename(procfs.read_program(pid) or "") != _PROGRAM or not executables.is_in_our_user_namespace(pid):
        return False
    status = executables.read_status(pid)
    return status is not None and status.uid == 0


def _holds_master(pid: int, index: int) -> bool:
    try:
        descriptors = procfs.list_descriptors(pid)
    except PermissionError:  # a security module
        return False
    for descriptor in islice(descriptors, _MOST_DESCRIPTORS):
        if procfs.read_tty_index(pid, descriptor) == index:
            info = procfs.read_descriptor(pid, descriptor)
            mounts = kernel_text.read(f"{procfs.PROC}/{pid}/mountinfo")
            if info is None or info.mount is None or mounts is None:
                continue
            mount = executables.find_mount(mounts, info.mount)
            if mount is not None and mount.file_system in _MASTERS:
                return True
    return False


def _standard_ends(pid: int) -> set[str]:
    """The pipes and sockets that are a process's standard input, output and errors, by the kernel's names of them."""
    links = (procfs.read_link(pid, f"fd/{descriptor}") for descriptor in range(3))
    return {link for link in links if link is not None and link.startswith(_OF_SESSIONS)}
