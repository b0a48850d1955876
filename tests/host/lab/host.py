"""A throwaway host: boots in a second, has its own systemd, logind, journald, PAM, sshd and network, leaves nothing."""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any

from .container import Container, unique_name
from .errors import LabError
from .terminal import SshClient, Terminal
from .trees import base_tree, scratch_directory

BOOT_SECONDS = 90.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
JournalEntry = dict[str, Any]

SSHD = """\
ListenAddress 0.0.0.0
HostKey /etc/ssh/lab_host_key
PasswordAuthentication no
MaxStartups 200
"""

WAIT_END = """\
import os, select, sys
try:
    descriptor = os.pidfd_open(int(sys.argv[1]))
except ProcessLookupError:
    sys.exit(0)
sys.exit(0 if select.select([descriptor], [], [], float(sys.argv[2]))[0] else 1)
"""


class Host:
    """A booted host of one suite. Its network is its own: a loopback interface, and sshd on port 22 of it."""

    def __init__(self, suite: str, *, boot_seconds: float = BOOT_SECONDS) -> None:
        self.suite = suite
        self.name = unique_name(f"reaper-{suite}")
        tree = base_tree(suite)
        self._exit_on_sigterm()
        self._directory = tempfile.mkdtemp(prefix="reaper-lab-")
        self._container: Container | None = None
        self._last_uid = 1999
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
                ("/etc/hosts", 0o644, f"127.0.0.1 localhost {self.name}\n"),
            ]
            self._container = Container(
                self.name,
                [tree],
                scratch_directory(),
                files=files,
                options=["--private-network"],
                remove=self._directory,
            )
            self._container.wait_booted(boot_seconds)
            self._wait_for_sshd(boot_seconds)
        except BaseException:
            self.power_off()
            raise

    @staticmethod
    def _exit_on_sigterm() -> None:
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

    def __enter__(self) -> Host:  # noqa: PYI034 - Python 3.9 has no Self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.power_off()

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
        variables = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb", **(environment or {})}
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
        """Runs a command as root in the host; stdout and stderr come as text.

        A failure raises LabError unless `check` is false.
        """
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
        result = subprocess.CompletedProcess(command, process.returncode, stdout, stderr)
        if check and result.returncode != 0:
            raise LabError(
                f"{self.name}: {shlex.join(command)} exited {result.returncode}", result.stdout + result.stderr
            )
        return result

    def output(self, command: Sequence[str], *, timeout: float = 60.0) -> str:
        """What a command that succeeds prints, without the last newline."""
        return self.run(command, timeout=timeout).stdout.rstrip("\n")

    def shell(self, script: str, *, check: bool = True, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        return self.run(["sh", "-c", script], check=check, timeout=timeout)

    def wait_end(self, pid: int, timeout: float = 20.0) -> None:
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

    def ssh(self, user: str, **more: Any) -> SshClient:
        """Logs in over ssh; see SshClient for what can be asked for."""
        # The client runs here but in the host's network, as if the host's loopback reached to us.
        enter = ["nsenter", f"--target={self.leader}", "--net", "--"]
        return SshClient(user, key=self.key, known_hosts=self.known_hosts, enter=enter, **more)

    def terminal(self, command: Sequence[str]) -> Terminal:
        """Runs a command as root on a pseudo-terminal of the host's own (for login(1), sudo, su)."""
        # systemd-run makes the host's pty (ours is not in the host's /dev/pts, nothing there could name it) and a
        # service around it: what getty(8) and login(1) have on a machine.
        words = ["systemd-run", "--quiet", "--collect", "--wait", "--pty", "--setenv=TERM=xterm", "--", *command]
        return EnteredTerminal(self.words(words, {"TERM": "xterm", "SYSTEMD_TINT_BACKGROUND": "0"}))

    # Journal

    def cursor(self) -> str:
        """The journal's present end, for `after=`."""
        shown = self.output(["journalctl", "--quiet", "--lines=1", "--show-cursor", "--no-pager", "--output=cat"])
        return shown.rpartition("-- cursor: ")[2].strip()

    def _journalctl(self, after: str | None, matches: dict[str, str]) -> list[str]:
        words = ["journalctl", "--quiet", "--no-pager", "--all", "--output=json"]
        if after:
            words.append(f"--after-cursor={after}")
        return [*words, *(f"{key}={value}" for key, value in matches.items())]

    def journal(self, *, after: str | None = None, **matches: str) -> list[JournalEntry]:
        """The journal's entries that match, oldest first."""
        self.run(["journalctl", "--sync"], check=False)
        return [json.loads(line) for line in self.run(self._journalctl(after, matches)).stdout.splitlines()]

    def wait_journal(
        self,
        predicate: Callable[[JournalEntry], bool],
        timeout: float = 20.0,
        *,
        after: str | None = None,
        **matches: str,
    ) -> JournalEntry:
        """The first entry that matches and satisfies the predicate, waiting for it if need be.

        Raises AssertionError at the deadline.
        """
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
                    if predicate(entry):
                        return entry
                    seen.append(str(entry.get("MESSAGE")))
        finally:
            follower.stdout.close()
            end_entered(follower)
        raise AssertionError(
            f"no such journal entry within {timeout:g} s; the last ones were:\n" + "\n".join(seen[-20:])
        )


class EnteredTerminal(Terminal):
    """A terminal on what nsenter runs in a host."""

    def hang_up(self, timeout: float = 10.0) -> None:
        end_entered(self.process)
        super().hang_up(timeout)


def read_text(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()


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
