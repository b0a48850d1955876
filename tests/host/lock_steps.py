"""The steps of a lock without the daemon, taken one at a time on a booted host by parts.py."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

from .lab import Host, SshClient

PARTS = "/run/lock-parts.py"


@contextlib.contextmanager
def parts_installed(host: Host) -> Iterator[None]:
    """Installs parts.py, with the daemon stopped."""
    here = os.path.join(os.path.dirname(__file__), "parts.py")
    with open(here, encoding="utf-8") as file:
        host.write(PARTS, file.read())
    host.run(["systemctl", "stop", "reaper.service"])
    try:
        yield
    finally:
        host.run(["systemctl", "start", "reaper.service"])


def step(host: Host, what: str, person: str, *tty: str) -> dict[str, Any]:
    """Runs one step; `tty` chooses among several logins of the user's."""
    told = host.output(["python3", PARTS, what, person, *tty])
    return json.loads(told) if told else {}


def tty_of(terminal: SshClient) -> str:
    return terminal.command("tty")[len("/dev/") :]


def waits_on_terminal(host: Host, person: str, program: str) -> None:
    """Waits until a user's program sleeps in a read of its terminal, or waits for input there."""
    script = 'for n in $(seq 300); do pid=$(pgrep -nu "$1" -x "$2") && [ "$(ps -o stat= -p $pid | cut -c1)" = S ] && '
    script += '[ "$(ps -o tpgid= -p $pid)" -eq "$(ps -o pgid= -p $pid)" ] && exit 0; sleep 0.1; done; exit 1'
    host.run(["sh", "-c", script, "sh", person, program])
