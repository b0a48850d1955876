"""Starting a container under its guard, and asking the guard to end it. What the guard does is told in guard.py."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from .errors import LabError

GUARD = os.path.join(os.path.dirname(__file__), "guard.py")
STOP_SECONDS = 30.0


def unique_name(stem: str) -> str:
    """A machine name that no other run has: two runs at once must not meet."""
    return f"{stem}-{secrets.token_hex(3)}"


def end_guard(guard: subprocess.Popen[bytes]) -> None:
    """Has a guard end what it guards, and waits for its own end; does nothing the second time."""
    assert guard.stdin is not None
    assert guard.stdout is not None
    if guard.stdin.closed:
        return
    guard.stdin.close()
    try:
        guard.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
    finally:
        guard.stdout.close()


class Container:
    """One systemd-nspawn container over read-only `lower` trees (topmost first)."""

    def __init__(
        self,
        name: str,
        lower: Sequence[str],
        scratch: str,
        *,
        command: Sequence[str] = (),
        upper: str | None = None,
        files: Sequence[tuple[str, int, str]] = (),
        options: Sequence[str] = (),
        remove: str | None = None,
    ) -> None:
        self.name = name
        self.leader: int | None = None
        self.booted = False
        self.status: int | None = None
        os.makedirs(scratch, exist_ok=True)
        spec = {
            "name": name,
            "lower": list(lower),
            "upper": upper,
            "scratch": scratch,
            "files": list(files),
            "command": list(command),
            "remove": remove,
            "options": list(options),
        }
        self._console = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._heard = b""
        # Slave propagation: what is mounted here stays here, and what the machine unmounts elsewhere is not kept busy
        # by us.
        self._guard = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "slave", "--", sys.executable, "-I", GUARD, json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._console,
            start_new_session=True,
        )

    def console(self) -> str:
        """What the container and its guard have printed so far."""
        self._console.seek(0)
        return self._console.read().decode(errors="replace")

    def _listen(self, deadline: float) -> bool:
        """Takes in what the guard says next; False at the deadline or at its end."""
        assert self._guard.stdout is not None
        if not select.select([self._guard.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        data = os.read(self._guard.stdout.fileno(), 4096)
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            word, _, value = line.decode().partition(" ")
            if word == "leader":
                self.leader = int(value)
            elif word == "ready":
                self.booted = True
            elif word == "exit":
                self.status = int(value)
        return bool(data)

    def wait_booted(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not (self.booted and self.leader is not None):
            if not self._listen(deadline):
                console = self.console()
                self.stop()
                raise LabError(f"{self.name} did not boot within {seconds:.0f} s", console[-4000:])

    def wait_exit(self, seconds: float) -> int:
        """The exit status of the command."""
        deadline = time.monotonic() + seconds
        while self.status is None:
            if not self._listen(deadline):
                raise LabError(f"{self.name} did not end within {seconds:.0f} s", self.console()[-4000:])
        return self.status

    def stop(self) -> None:
        """Ends the container and returns when nothing of it is left; does nothing the second time."""
        try:
            end_guard(self._guard)
        finally:
            self._console.close()


def run_in(lower: Sequence[str], scratch: str, command: Sequence[str], seconds: float, **more: object) -> None:
    """Runs one command in a container to its end; what it printed is shown only if it failed."""
    container = Container(unique_name("build"), lower, scratch, command=command, **more)  # type: ignore[arg-type]
    with contextlib.ExitStack() as stack:
        stack.callback(container.stop)
        status = container.wait_exit(seconds)
        if status != 0:
            raise LabError(f"{' '.join(command)[:200]} exited {status}", container.console()[-8000:])
