"""What a test does with a booted system, whatever it runs on: commands, files, packages, people, the journal."""

from __future__ import annotations

import abc
import base64
import json
import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar

from .errors import LabError
from .terminal import SshClient

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
JournalEntry = dict[str, Any]
G = TypeVar("G", bound="Guest")

WAIT_END = """\
import os, select, sys
try:
    descriptor = os.pidfd_open(int(sys.argv[1]))
except ProcessLookupError:
    sys.exit(0)
sys.exit(0 if select.select([descriptor], [], [], float(sys.argv[2]))[0] else 1)
"""


def surroundings(environment: dict[str, str] | None) -> dict[str, str]:
    """The whole environment of a command: root's, and what the caller adds."""
    return {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb", **(environment or {})}


class Guest(abc.ABC):
    """A booted system of one suite."""

    def __init__(self, suite: str, name: str) -> None:
        self.suite = suite
        self.name = name
        self.key = ""
        self._last_uid = 1999

    def __enter__(self: G) -> G:  # noqa: PYI019 - Python 3.9 has no Self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.power_off()

    # What each kind of guest has its own way of doing

    @abc.abstractmethod
    def power_off(self) -> None:
        """Ends it; on return nothing of it is left. Does nothing the second time."""

    @abc.abstractmethod
    def run(
        self,
        command: Sequence[str],
        *,
        check: bool = True,
        timeout: float = 60.0,
        input: str | None = None,  # noqa: A002 - subprocess.run's own name
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command as root in the guest; stdout and stderr come as text.

        A failure raises LabError unless `check` is false.
        """

    @abc.abstractmethod
    def ssh(self, user: str, **more: Any) -> SshClient:
        """Logs in over ssh; see SshClient for what can be asked for."""

    @abc.abstractmethod
    def wait_journal(
        self,
        predicate: Callable[[JournalEntry], bool],
        timeout: float = 60.0,
        *,
        after: str | None = None,
        **matches: str,
    ) -> JournalEntry:
        """The first entry that matches and satisfies the predicate, waiting for it if need be.

        Raises AssertionError at the deadline.
        """

    # Commands

    def _result(
        self, command: Sequence[str], status: int, stdout: str, stderr: str, check: bool
    ) -> subprocess.CompletedProcess[str]:
        if check and status != 0:
            raise LabError(f"{self.name}: {shlex.join(command)} exited {status}", stdout + stderr)
        return subprocess.CompletedProcess(command, status, stdout, stderr)

    def output(self, command: Sequence[str], *, timeout: float = 60.0) -> str:
        """What a command that succeeds prints, without the last newline."""
        return self.run(command, timeout=timeout).stdout.rstrip("\n")

    def shell(self, script: str, *, check: bool = True, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        return self.run(["sh", "-c", script], check=check, timeout=timeout)

    def wait_process(self, *options: str, timeout: float = 60.0) -> list[str]:
        """Waits until pgrep(1) finds processes by these options, and returns their pids, as the host numbers them."""
        script = 'until pgrep "$@"; do sleep 0.1; done'
        return self.output(["timeout", str(timeout), "sh", "-c", script, "sh", *options], timeout=timeout + 10).split()

    def wait_end(self, pid: int, timeout: float = 60.0) -> None:
        """Waits until the process with this pid (as the host numbers them) has ended."""
        words = ["python3", "-c", WAIT_END, str(pid), str(timeout)]
        if self.run(words, check=False, timeout=timeout + 10).returncode != 0:
            process = self.run(["ps", "-fp", str(pid)], check=False).stdout
            raise AssertionError(f"process {pid} still runs after {timeout:g} s:\n{process}")

    # Files and packages

    def write(self, path: str, text: str | bytes, mode: int = 0o644) -> None:
        """Writes a file in the host, its directories with it."""
        data = base64.b64encode(text.encode() if isinstance(text, str) else text).decode()
        script = 'set -e; mkdir -p "$(dirname "$1")"; base64 -d > "$1"; chmod "$2" "$1"'
        self.run(["sh", "-c", script, "sh", path, f"{mode:o}"], input=data)

    def read(self, path: str) -> str:
        return self.run(["cat", path]).stdout

    def exists(self, path: str) -> bool:
        return self.run(["test", "-e", path], check=False).returncode == 0

    def install(self, deb: str) -> str:
        """Installs a package file with apt, as a user would; returns what apt printed."""
        target = f"/var/tmp/{os.path.basename(deb)}"
        with open(deb, "rb") as stream:
            self.write(target, stream.read())
        return self.apt("install", target)

    def apt(self, *words: str) -> str:
        """Runs apt-get without asking; returns what it printed."""
        result = self.run(
            ["apt-get", "-q", "-y", *words], timeout=300, environment={"DEBIAN_FRONTEND": "noninteractive"}
        )
        return result.stdout + result.stderr

    # People

    def add_user(
        self, name: str, *, groups: Sequence[str] = (), shell: str = "/bin/bash", password: str | None = None
    ) -> str:
        """Makes a user who can log in over ssh with the host's key; returns the name."""
        self._last_uid += 1  # never one that an earlier user had: what that one left could be taken for this one's
        words = ["useradd", "--create-home", "--shell", shell, f"--uid={self._last_uid}"]
        if groups:
            words += ["--groups", ",".join(groups)]
        script = (
            f"set -e; {shlex.join([*words, name])}; home=$(getent passwd {name} | cut -d: -f6); "
            "mkdir -m 700 $home/.ssh; "
            f"cat > $home/.ssh/authorized_keys; chown -R {name}: $home/.ssh; "
        )
        if password is not None:
            script += f"printf '%s:%s\\n' {name} {shlex.quote(password)} | chpasswd"
        self.run(["sh", "-c", script], input=read_text(f"{self.key}.pub"))
        return name

    def remove_user(self, name: str) -> None:
        """Ends what the user runs and removes the user."""
        slice_unit = f"user-$(id -u {name}).slice"
        self.shell(
            f"systemctl kill --signal=KILL {slice_unit}; systemctl stop {slice_unit}; "
            f"systemctl reset-failed user@$(id -u {name}).service; userdel --force --remove {name}",
            check=False,
        )

    # Journal

    def cursor(self) -> str:
        """The journal's present end, for `after=`."""
        shown = self.output(["journalctl", "--quiet", "--lines=1", "--show-cursor", "--no-pager", "--output=cat"])
        return shown.rpartition("-- cursor: ")[2].strip()

    def _journalctl(self, after: str | None, matches: dict[str, str]) -> list[str]:
        """What prints the entries that match, and after a cursor all that there are: see fits().

        With matches that the entry at a cursor does not meet itself, Debian 11's and 12's journalctl also skips the
        first one that does.
        """
        words = ["journalctl", "--quiet", "--no-pager", "--all", "--output=json"]
        if after:
            return [*words, f"--after-cursor={after}"]
        return [*words, *(f"{key}={value}" for key, value in matches.items())]

    def _entries(self, after: str | None, matches: dict[str, str]) -> list[JournalEntry]:
        self.run(["journalctl", "--sync"], check=False)
        return [json.loads(line) for line in self.run(self._journalctl(after, matches)).stdout.splitlines()]

    def journal(self, *, after: str | None = None, **matches: str) -> list[JournalEntry]:
        """The journal's entries that match, oldest first."""
        return [entry for entry in self._entries(after, matches) if fits(entry, matches)]


def fits(entry: JournalEntry, matches: dict[str, str]) -> bool:
    """Whether an entry has these fields."""
    return all(entry.get(key) == value for key, value in matches.items())


def no_such_entry(timeout: float, seen: Sequence[str]) -> AssertionError:
    """The deadline of wait_journal() has passed; `seen` are the messages that came instead."""
    return AssertionError(f"no such journal entry within {timeout:g} s; the last ones were:\n" + "\n".join(seen[-20:]))


def read_text(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()
