"""What the host tests ask of a login: the records of those who are logged in, and whether a login works."""

from __future__ import annotations

import subprocess

from .lab import Host

RECORDS = "/run/reaper/sessions"


def records(host: Host, user: str | None = None) -> list[dict[str, str]]:
    """The login records on the host, by default everybody's, each as its keys and values; its path is under `path`."""
    listing = host.shell(f'for file in {RECORDS}/*; do [ -e "$file" ] && echo "path=$file" && cat "$file"; done; true')
    found: list[dict[str, str]] = []
    for line in listing.stdout.splitlines():
        key, _, value = line.partition("=")
        if key == "path":
            found.append({})
        found[-1][key] = value
    return [record for record in found if user is None or record.get("USER") == user]


def log_in_and_out(host: Host, user: str) -> None:
    """A whole login over ssh with a terminal, as a person does it."""
    with host.ssh(user) as terminal:
        terminal.prompt()
        assert terminal.command("id -un") == user
        terminal.send("exit\n")
        assert terminal.wait() == 0


def log_in_while(host: Host, user: str, process: subprocess.Popen[str]) -> int:
    """Logs in again and again, each time successfully, until the process has ended; returns how often."""
    count = 0
    while True:
        over = process.poll() is not None
        with host.ssh(user, command=["echo", "here", "I", "am"]) as terminal:
            assert terminal.wait() == 0, terminal.text
            assert "here I am" in terminal.text
        count += 1
        if over:
            return count
