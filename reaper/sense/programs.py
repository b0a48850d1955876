"""The programs that run in a session, by the names of their files.

What a process calls itself (its comm, its arguments) is ignored: anybody can set that, and for a script it is the name
of the script's file. /proc/PID/exe shows what the kernel executes, and a program counts only if root owns that file and
nobody else can write to it, so a copy or a script under another name does not count. The name that is matched is that
of the file: for a script that of its interpreter, and for a link that of its target.

A program whose file system does not answer at the moment still counts: the kernel knows the owner. A program does not
count if the kernel cannot tell its owner without trusting a user or asking a server (see executables).
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase

from reaper import procfs
from reaper.decide.session.model import ProcessId, Program
from reaper.sense.executables import ProgramFiles


def find(processes: Iterable[ProcessId], patterns: Collection[str]) -> Program | None:
    """Returns the first process that runs a program of such a name. A process that is stopped (Ctrl-Z) does not run."""
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
    """Yields the processes that run a program of such a name, whoever owns the file. Reads no other process's stat."""
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
    """Returns whether the process that was looked at still runs. Checked last, as its pid may have been reused."""
    status = procfs.read_stat(process.pid)
    return status is not None and status.starttime == process.start_ticks and status.state not in "Tt"
