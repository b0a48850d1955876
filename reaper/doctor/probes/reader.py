"""The host that is looked at: its files, and commands that only tell. Changes nothing.

Whatever is outside is bounded: how long a command may take, how much it may print, how large a file may be.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from reaper import procfs
from reaper.control.client import call

# A command that takes this long hangs; there are some ten of them.
TIMEOUT_SEC = 10
# journalctl --list-catalog, the longest, prints a line for each message: some 40 KiB.
MOST_BYTES = 1024 * 1024
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class CommandOutput(NamedTuple):
    """What a command printed, both streams apart, and how it ended."""

    status: int
    output: str
    errors: str


Run = Callable[[Sequence[str]], "CommandOutput | None"]


def run_command(words: Sequence[str]) -> CommandOutput | None:
    """Runs a command of the system's; None where there is none of that name, or it hangs."""
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            timeout=TIMEOUT_SEC,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": PATH, "LC_ALL": "C", "SYSTEMD_PAGER": "cat", "SYSTEMD_COLORS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    output, errors = (each[:MOST_BYTES].decode("utf-8", "replace") for each in (done.stdout, done.stderr))
    return CommandOutput(done.returncode, output, errors)


def ask_daemon(method: str) -> dict[str, Any]:
    """What the daemon answers. Raises ReaperError where it does not."""
    return call(method, {})


def list_processes() -> list[tuple[int, str]]:
    """The pid of each process that root runs, with the name of the program's file; none where we are not root.

    No user has such a process, so that none of them can stand there under a server's name, or keep us waiting. Those of
    containers are not this host's.
    """
    pids = [pid for pid in procfs.list_pids() if procfs.read_uids(pid)[:1] == (0,) and _is_hosts(pid)]
    programs = ((pid, procfs.read_program(pid)) for pid in pids)
    return [(pid, os.path.basename(path)) for pid, path in programs if path is not None]


def _is_hosts(pid: int) -> bool:
    return procfs.read_link(pid, "ns/pid") == procfs.read_link(os.getpid(), "ns/pid")


@dataclass(frozen=True)
class HostReader:
    """Where to look: the files below `root`, and by these means."""

    root: str = "/"
    run: Run = run_command
    ask: Callable[[str], dict[str, Any]] = ask_daemon
    is_root: bool = True
    processes: Callable[[], list[tuple[int, str]]] = list_processes

    def path(self, path: str) -> str:
        """Where a file of the host is."""
        return os.path.join(self.root, path.lstrip("/"))

    def read(self, path: str) -> str | None:
        """A file's text; None where there is none, or it is no file. Raises PermissionError."""
        try:
            fd = os.open(self.path(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except PermissionError:
            raise
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            with os.fdopen(fd, "rb", closefd=False) as file:
                return file.read(MOST_BYTES).decode("utf-8", "replace")
        finally:
            os.close(fd)

    def exists(self, path: str) -> bool:
        """Whether there is something by that name."""
        return os.path.exists(self.path(path))

    def names(self, directory: str) -> list[str]:
        """The names in a directory, sorted; none where there is none, or it may not be listed."""
        try:
            return sorted(os.listdir(self.path(directory)))
        except OSError:
            return []
