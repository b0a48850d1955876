"""The programs that run in a session, by the names of their files.

Not by what a process calls itself (its comm, its arguments): anybody can set that, and a script's is whatever its file
is called. What the kernel executes is told by /proc/PID/exe, and a program counts only if that file is root's and
nobody else can write to it, so that a copy or a script under another name does not. Its real name is that of the file:
for a script that of its interpreter, and where the name was a link that of its target.

A program whose file system does not answer at the moment counts as before: the kernel still knows whose it is. One of
which the kernel cannot tell that without a user's word, or without asking a server, does not count (see executables).
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase

from reaper import procfs
from reaper.decide.session.model import ProcessId, Program
from reaper.sense.executables import ProgramFiles


def find(processes: Iterable[ProcessId], patterns: Collection[str]) -> Program | None:
    """The first of the processes that runs a program of such a name. One that is stopped (Ctrl-Z) does not run."""
    files = ProgramFiles()
    for process in processes:
        path = procfs.read_program(process.pid)
        if path is None:
            continue
        program = Program(path, process.pid)
        if not any(fnmatchcase(program.name, pattern) for pattern in patterns):
            continue
        if _is_roots(files, process.pid) and _runs(process):
            return program
    return None


def candidates(pids: Iterable[int], patterns: Collection[str]) -> Iterator[ProcessId]:
    """Those of the processes that run a program of such a name, regardless of the file's owner. Reads no other."""
    for pid in pids:
        path = procfs.read_program(pid)
        if path is None or not any(fnmatchcase(Program(path, pid).name, pattern) for pattern in patterns):
            continue
        status = procfs.read_stat(pid)
        if status is not None:
            yield ProcessId(pid, status.starttime)


def _is_roots(files: ProgramFiles, pid: int) -> bool:
    status = files.read_status(pid)
    return status is not None and status.uid == 0 and not status.mode & (stat.S_IWGRP | stat.S_IWOTH)


def _runs(process: ProcessId) -> bool:
    """Whether it was that very process that was looked at, and it runs. Asked last, as a pid may change hands."""
    status = procfs.read_stat(process.pid)
    return status is not None and status.starttime == process.start_ticks and status.state not in "Tt"
