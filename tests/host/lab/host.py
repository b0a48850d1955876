"""A throwaway host: boots in a second, has its own systemd, logind, journald, PAM, sshd and network, leaves nothing."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from .container import Container, unique_name
from .errors import LabError
from .guest import Guest, JournalEntry, fits, no_such_entry, read_text, surroundings
from .terminal import SshClient, Terminal, ssh_words
from .trees import scratch_directory, tree_with
from .workstation import Workstation

BOOT_SECONDS = 90.0

SSHD = """\
ListenAddress 0.0.0.0
HostKey /etc/ssh/lab_host_key
PasswordAuthentication no
MaxStartups 200
"""

# Each user has a journal file, and a run of the tests has hundreds of users. With its default of 100 files journald
# would delete what reaper has logged whenever it starts new ones.
JOURNALD = """\
[Journal]
SystemMaxFiles=10000
SystemMaxUse=8G
"""


class Host(Guest):
    """A booted host of one suite. Its network is its own: a loopback interface, and sshd on port 22 of it.

    `packages` are Debian packages that it has beyond those of every host.
    """

    def __init__(self, suite: str, *, packages: Sequence[str] = (), boot_seconds: float = BOOT_SECONDS) -> None:
        super().__init__(suite, unique_name(f"reaper-{suite}"))
        layers = tree_with(suite, packages)
        self.exit_on_sigterm()
        self._directory = tempfile.mkdtemp(prefix="reaper-lab-")
        self._container: Container | None = None
        atexit.register(self.power_off)
        try:
            self.key = self._keygen("user_key")
            host_key = self._keygen("host_key")
            self.known_hosts = os.path.join(self._directory, "known_hosts")
            with open(self.known_hosts, "w", encoding="ascii") as stream:
                stream.write(f"lab {read_text(host_key + '.pub')}")
            files = [
                ("/etc/ssh/lab_host_key", 0o600, read_text(host_key)),
                ("/etc/ssh/sshd_config.d/lab.conf", 0o644, SSHD),
                ("/etc/systemd/journald.conf.d/lab.conf", 0o644, JOURNALD),
                ("/etc/hosts", 0o644, f"127.0.0.1 localhost {self.name}\n"),
            ]
            self._container = Container(
                self.name,
                layers,
                scratch_directory(),
                files=files,
                # systemd-nspawn's own filter refuses what a machine does not.
                options=["--private-network", "--system-call-filter=pidfd_getfd"],
                remove=self._directory,
            )
            self._container.wait_booted(boot_seconds)
            self._wait_for_sshd(boot_seconds)
        except BaseException:
            self.power_off()
            raise

    @staticmethod
    def exit_on_sigterm() -> None:
        """SIGTERM ends the program as Ctrl-C does, through its handlers, so that hosts go before it does."""
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:

            def leave(number: int, _frame: FrameType | None) -> None:
                raise SystemExit(128 + number)

            signal.signal(signal.SIGTERM, leave)

    def _keygen(self, name: str) -> str:
        path = os.path.join(self._directory, name)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return path

    def _wait_for_sshd(self, seconds: float) -> None:
        # Debian's sshd is Type=notify: active means that it listens.
        self.run(["systemctl", "start", "ssh.service"], timeout=seconds)

    def power_off(self) -> None:
        """Powers the host off; on return no process, mount or file of it is left. Does nothing the second time."""
        atexit.unregister(self.power_off)
        if self._container is not None:
            self._container.stop()
            self._container = None
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def leader(self) -> int:
        """The pid, seen from outside, of the host's init."""
        if self._container is None or self._container.leader is None:
            raise LabError(f"{self.name} is off")
        return self._container.leader

    # Commands

    def words(self, command: Sequence[str], environment: dict[str, str] | None = None) -> list[str]:
        """The words that run a command as root in the host, from outside: for Popen, or a Terminal."""
        variables = surroundings(environment)
        enter = ["nsenter", f"--target={self.leader}", "--all", "--", "env", "--ignore-environment"]
        return [*enter, *(f"{name}={value}" for name, value in variables.items()), *command]

    def run(
        self,
        command: Sequence[str],
        *,
        check: bool = True,
        timeout: float = 60.0,
        input: str | None = None,  # noqa: A002 - subprocess.run's own name
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        with subprocess.Popen(
            self.words(command, environment),
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            try:
                stdout, stderr = process.communicate(input, timeout)
            except BaseException:
                end_entered(process)
                raise
        return self._result(command, process.returncode, stdout, stderr, check)

    def ssh(self, user: str, *, on: Workstation | None = None, **more: Any) -> SshClient:
        """Logs in over ssh, with the client of another machine if one is given."""
        return SshClient(user, **self._ssh_settings(on), **more)

    def ssh_words(self, user: str, *, on: Workstation | None = None, **more: Any) -> list[str]:
        """The words of a command that logs in over ssh, for who has a terminal of their own for it."""
        return ssh_words(user, **self._ssh_settings(on), **more)

    def _ssh_settings(self, on: Workstation | None) -> dict[str, Any]:
        # The client runs here but in the host's network, as if the host's loopback reached to us.
        enter = ["nsenter", f"--target={self.leader}", "--net", "--"] if on is None else on.enter(self.leader)
        return {"key": self.key, "known_hosts": self.known_hosts, "enter": enter}

    def terminal(self, command: Sequence[str]) -> Terminal:
        """Runs a command as root on a pseudo-terminal of the host's own (for login(1), sudo, su)."""
        # systemd-run makes the host's pty (ours is not in the host's /dev/pts, nothing there could name it) and a
        # service around it: what getty(8) and login(1) have on a machine.
        words = ["systemd-run", "--quiet", "--collect", "--wait", "--pty", "--setenv=TERM=xterm", "--", *command]
        return EnteredTerminal(self.words(words, {"TERM": "xterm", "SYSTEMD_TINT_BACKGROUND": "0"}))

    def wait_journal(
        self,
        predicate: Callable[[JournalEntry], bool],
        timeout: float = 60.0,
        *,
        after: str | None = None,
        **matches: str,
    ) -> JournalEntry:
        deadline = time.monotonic() + timeout
        words = [*self._journalctl(after, matches), "--follow", "--no-tail"]
        follower = subprocess.Popen(self.words(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert follower.stdout is not None
        rest, seen = b"", []
        try:
            while select.select([follower.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                data = os.read(follower.stdout.fileno(), 1 << 16)
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    entry: JournalEntry = json.loads(line)
                    if not fits(entry, matches):
                        continue
                    if predicate(entry):
                        return entry
                    seen.append(str(entry.get("MESSAGE")))
        finally:
            follower.stdout.close()
            end_entered(follower)
        raise no_such_entry(timeout, seen)


class EnteredTerminal(Terminal):
    """A terminal on what nsenter runs in a host."""

    def hang_up(self, timeout: float = 10.0) -> None:
        end_entered(self.process)
        super().hang_up(timeout)


def end_entered(nsenter: subprocess.Popen[Any]) -> None:
    """Kills what nsenter runs and lets nsenter reap it.

    Killing nsenter would leave its child, in the host's pid namespace, to be reaped from outside, and until then the
    host cannot power off.
    """
    while nsenter.poll() is None:
        with (
            contextlib.suppress(OSError),
            open(f"/proc/{nsenter.pid}/task/{nsenter.pid}/children", encoding="ascii") as stream,
        ):
            for pid in stream.read().split():
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            nsenter.wait(0.05)  # again, if it had not forked yet
