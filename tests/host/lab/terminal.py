"""A person's side of a login: a program on a pseudo-terminal of ours, what it has shown, and keys to press.

Every wait has a deadline and ends with the event, never with a sleep.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from fcntl import ioctl
from types import TracebackType
from typing import Any

TRANSCRIPT_LIMIT = 16 << 20  # a runaway program must not take the machine's memory with it
BRACKETED_PASTE = re.compile(rb"\x1b\[\?2004[hl]\r?")  # readline switches it on and off around every line


class ExpectError(AssertionError):
    """What should have appeared on the terminal did not; carries the end of what did."""


class Line:
    """What a person types on, at the other end of a descriptor of ours, and what has appeared there."""

    def __init__(self, descriptor: int) -> None:
        self.transcript = b""
        self._seen = 0  # end of the last match
        self._ended = False
        self._master = descriptor

    @property
    def text(self) -> str:
        """All that has appeared so far, as text."""
        return self.transcript.decode(errors="replace")

    def fileno(self) -> int:
        """Our end, for those who select on several terminals; read it with read_available()."""
        return self._master

    def send(self, keys: str | bytes) -> None:
        """Types."""
        data = keys.encode() if isinstance(keys, str) else keys
        while data:
            data = data[os.write(self._master, data) :]

    def read_available(self, seconds: float = 0.0) -> bytes:
        """Takes in what has appeared, waiting at most so long for something to; empty at the deadline or at the end."""
        if self._ended or not select.select([self._master], [], [], max(0.0, seconds))[0]:
            return b""
        try:
            data = os.read(self._master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # nobody has the slave open any more
                raise
            data = b""
        self._ended = not data
        self.transcript += data
        if len(self.transcript) > TRANSCRIPT_LIMIT:
            raise ExpectError(f"more than {TRANSCRIPT_LIMIT} bytes appeared on the terminal")
        return data

    def expect(self, pattern: str, timeout: float = 60.0) -> re.Match[bytes]:
        """Waits until `pattern` appears after the last match.

        Raises ExpectError at the deadline, or when the terminal closes first.
        """
        regex = re.compile(pattern.encode(), re.MULTILINE)
        deadline = time.monotonic() + timeout
        while True:
            match = regex.search(self.transcript, self._seen)
            if match:
                self._seen = match.end()
                return match
            if not self.read_available(deadline - time.monotonic()) and (self._ended or time.monotonic() >= deadline):
                why = "the terminal closed" if self._ended else f"not within {timeout:g} s"
                raise ExpectError(
                    f"{pattern!r}: {why}; after the last match came: {self.transcript[self._seen :][-2000:]!r}"
                )

    def prompt(self, timeout: float = 60.0) -> None:
        """Waits for a shell's prompt."""
        self.expect(r"[$#] (\x1b\[\S*)?\Z", timeout)

    def command(self, line: str, timeout: float = 60.0) -> str:
        """Types a line at the prompt and returns what appeared before the next one, without the echo."""
        self.send(line + "\n")
        self.expect(re.escape(line[-40:]) + r"[^\n]*\n", timeout)
        start = self._seen
        self.prompt(timeout)
        shown = BRACKETED_PASTE.sub(b"", self.transcript[start:]).decode(errors="replace")
        return shown.replace("\r", "").rpartition("\n")[0]

    def quiet(self, pattern: str, seconds: float) -> None:
        """Watches for so long that `pattern` does not appear (and the terminal stays open)."""
        with contextlib.suppress(ExpectError):
            match = self.expect(pattern, seconds)
            raise AssertionError(f"{pattern!r} appeared: {match[0]!r}")
        assert not self._ended, f"the terminal closed: {self.transcript[-2000:]!r}"


class Terminal(Line):
    """A program on a pseudo-terminal. Use it as a context manager: leaving it hangs up, as closing the window does."""

    def __init__(self, words: Sequence[str], *, rows: int = 24, columns: int = 200, term: str = "xterm") -> None:
        master, slave = pty.openpty()
        super().__init__(master)
        try:
            ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            self.process = subprocess.Popen(
                # Whoever runs us may ignore SIGHUP, as nohup(1) does; ssh then stays when its window is closed.
                ["setsid", "--ctty", "env", "--default-signal=HUP", *words],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env={**os.environ, "TERM": term, "LC_ALL": "C.UTF-8"},
            )
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)

    def __enter__(self) -> Terminal:  # noqa: PYI034 - Python 3.9 has no Self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    def resize(self, rows: int, columns: int) -> None:
        """Makes the window another size; the program gets SIGWINCH."""
        ioctl(self.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def closed(self, timeout: float = 0.0) -> bool:
        """Whether the program ends within so long; what it still shows goes to the transcript."""
        deadline = time.monotonic() + timeout
        while not self._ended:
            if not self.read_available(deadline - time.monotonic()) and time.monotonic() >= deadline:
                break
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()) if self._ended else 0.0)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait(self, timeout: float = 60.0) -> int:
        """The program's exit status (negative: the signal that ended it)."""
        if not self.closed(timeout):
            raise ExpectError(f"still open after {timeout:g} s; last came: {self.transcript[-2000:]!r}")
        return int(self.process.returncode)

    def hang_up(self, timeout: float = 10.0) -> None:
        """Closes the window: the program gets SIGHUP. Does nothing the second time."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
            self._ended = True
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


class SshClient(Terminal):
    """A real ssh client on a terminal; see ssh_words() for what can be asked for."""

    def __init__(self, user: str, *, rows: int = 24, columns: int = 200, term: str = "xterm", **more: Any) -> None:
        super().__init__(ssh_words(user, **more), rows=rows, columns=columns, term=term)

    def __enter__(self) -> SshClient:  # noqa: PYI034 - Python 3.9 has no Self
        return self


def ssh_words(
    user: str,
    *,
    key: str,
    known_hosts: str,
    address: str = "127.0.0.1",
    port: int = 22,
    enter: Sequence[str] = (),
    control: str | None = None,
    options: Sequence[str] = (),
    command: Sequence[str] = (),
) -> list[str]:
    """The words of a real ssh client's command.

    `enter` is put before ssh's own words (to reach the host's network); `control` is the path of a ControlMaster
    socket: the first client becomes the master, later ones share its connection.
    """
    settings = {
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "IdentityFile": key,
        "UserKnownHostsFile": known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlias": "lab",
        "ControlMaster": "auto" if control else "no",
        "ControlPath": control or "none",
        "ConnectTimeout": "20",
    }
    words = [*enter, "ssh", "-F", "/dev/null", "-p", str(port)]
    for name, value in settings.items():
        words += ["-o", f"{name}={value}"]
    return [*words, *options, f"{user}@{address}", *command]
