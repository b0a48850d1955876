"""Reads files of the host and runs commands that only print. Changes nothing.

The time that a command takes, the output that it prints, and the size of a file are all limited.
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

# A command that takes this long hangs. doctor runs about ten commands.
TIMEOUT_SEC = 10
# The longest output is that of journalctl --list-catalog, with a line for each message: about 40 KiB.
MOST_BYTES = 1024 * 1024
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class CommandOutput(NamedTuple):
    """The exit status, standard output and standard error of a command."""

    status: int
    output: str
    errors: str


Run = Callable[[Sequence[str]], "CommandOutput | None"]


def run_command(words: Sequence[str]) -> CommandOutput | None:
    """Runs a command of the system; None if there is no such command, or it hangs."""
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
    """Returns the daemon's answer. Raises ReaperError if it does not answer."""
    return call(method, {})


def list_processes() -> list[tuple[int, str]]:
    """Returns the pid of each process of root with the name of its program's file; empty unless the caller is root.

    Processes of users are left out, so that no user can pose as a server or make doctor wait. Processes of containers
    are left out, too, as they are not this host's.
    """
    pids = [pid for pid in procfs.list_pids() if procfs.read_uids(pid)[:1] == (0,) and _is_hosts(pid)]
    programs = ((pid, procfs.read_program(pid)) for pid in pids)
    return [(pid, os.path.basename(path)) for pid, path in programs if path is not None]


def _is_hosts(pid: int) -> bool:
    return procfs.read_link(pid, "ns/pid") == procfs.read_link(os.getpid(), "ns/pid")


@dataclass(frozen=True)
class HostReader:
    """Access to the host: files below `root`, commands, the daemon, and processes."""

    root: str = "/"
    run: Run = run_command
    ask: Callable[[str], dict[str, Any]] = ask_daemon
    is_root: bool = True
    processes: Callable[[], list[tuple[int, str]]] = list_processes

    def path(self, path: str) -> str:
        """Returns the path of a file of the host for open()."""
        return os.path.join(self.root, path.lstrip("/"))

    def read(self, path: str) -> str | None:
        """Returns a file's text; None if it does not exist or is not a regular file. Raises PermissionError."""
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
        """Whether the path exists."""
        return os.path.exists(self.path(path))

    def names(self, directory: str) -> list[str]:
        """Returns the names in a directory, sorted; empty if it does not exist or cannot be listed."""
        try:
            return sorted(os.listdir(self.path(directory)))
        except OSError:
            return []
