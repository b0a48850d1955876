"""Users whose sessions are locked: how such a session was before, and whether all of it is restored."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from .lab import Host
from .limits import quick, wait_event
from .locks import scope_of

# Adds to a file again and again, like a background job.
TICK = "import sys, time\nwhile True:\n    open(sys.argv[1], 'a').write('x')\n    time.sleep(0.1)\n"

# Reports on a session: its terminals, and the processes in it or of its user, wherever they run.
LOOK = r"""
import fcntl, json, os, subprocess, sys
TCGETS2, SIZE = 0x802C542A, 44
session, user, names = sys.argv[1], sys.argv[2], sys.argv[3:]
lines = {}
for name in names:
    fd = os.open("/dev/" + name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    lines[name] = {
        "is": subprocess.check_output(["stat", "-c", "%U %G %a %t:%T", "/dev/" + name], text=True),
        "attributes": fcntl.ioctl(fd, TCGETS2, bytes(SIZE)).hex(),
        "size": list(os.get_terminal_size(fd)),
    }
    os.close(fd)
uid = int(subprocess.check_output(["id", "-u", user], text=True))
found = {}
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        group = open(f"/proc/{pid}/cgroup").read().split("0::")[1].strip()
        comm, _, rest = open(f"/proc/{pid}/stat").read().partition("(")[2].rpartition(")")
        owner = os.stat(f"/proc/{pid}").st_uid
    except (FileNotFoundError, ProcessLookupError):
        continue
    state, parent, group_id, sid, tty, front = rest.split()[:6]
    if owner == uid or f"/session-{session}.scope" in group:
        found[f"{pid} {comm}"] = [group, "stopped" if state == "T" else "runs", group_id, sid, tty, front]
print(json.dumps({"lines": lines, "processes": found}))
"""


@contextlib.contextmanager
def looking(host: Host) -> Iterator[None]:
    """Has the daemon look at sessions every second; and installs /opt/tick."""
    host.write("/opt/tick", TICK)
    with quick(host):
        yield
    host.run(["rm", "-f", "/opt/tick"])


class Stay:
    """A user's only session, and how it was before it was locked."""

    def __init__(self, host: Host, person: str, terminals: int = 1) -> None:
        self.host, self.person = host, person
        self.name = wait_event(host, person, "opened")["REAPER_SESSION"]
        deadline = time.monotonic() + 20
        while len(self.terminals()) != terminals:  # no event reports a terminal
            assert time.monotonic() < deadline, self.terminals()
            time.sleep(0.1)
        self.scope = scope_of(host, person, self.name)
        self.before = self.look()

    def look(self) -> dict[str, Any]:
        """Returns the state of its terminals and processes."""
        words = ["python3", "-c", LOOK, self.name, self.person, *self.terminals()]
        return dict(json.loads(self.host.output(words)))

    def terminals(self) -> list[str]:
        """Returns the terminals that the daemon saw last."""
        sessions = json.loads(self.host.output(["reaperctl", "list", "--json"]))["sessions"]
        (told,) = [each for each in sessions if each["session"] == self.name]
        return sorted(told["terminals"])

    def frozen(self) -> list[str]:
        """Returns the pids of its frozen processes."""
        return self.host.read(f"{self.scope}/reaper-lock/cgroup.procs").split()

    def is_healthy(self) -> None:
        """Asserts that systemd and logind see nothing unusual."""
        told = self.host.output(["systemctl", "status", "--no-pager", f"session-{self.name}.scope"])
        assert "Active: active (running)" in told or "Active: active (abandoned)" in told, told
        told = self.host.output(["loginctl", "session-status", "--no-pager", self.name])
        assert re.search(r"State: (active|online)", told), told
        assert re.search(r"Leader: \d+ \((sshd|login)", told), told

    def lock(self) -> str:
        """Has it locked; returns the journal's cursor from before."""
        cursor = self.host.cursor()
        self.host.run(["reaperctl", "lock", self.name])
        wait_event(self.host, self.person, "locked", after=cursor)
        self.is_healthy()
        assert "1" in self.host.read(f"{self.scope}/reaper-lock/cgroup.freeze")
        now = self.look()["lines"]
        for name, was in self.before["lines"].items():
            assert now[name]["is"].startswith("root ")
            assert now[name]["is"].split()[2] == "600"
            assert now[name]["attributes"] != was["attributes"]
        return cursor

    def wait_over(self) -> None:
        """Waits until everything is given back."""
        self.host.shell(f"while systemctl is-active --quiet reaper-lock@{self.name}.service; do sleep 0.1; done")

    def is_back(self, cursor: str) -> None:
        """Waits until everything is given back, and asserts that it is as before."""
        wait_event(self.host, self.person, "unlocked", after=cursor)
        self.wait_over()
        assert not self.host.exists(f"{self.scope}/reaper-lock")
        now = self.look()
        assert now == self.before, f"{now}\nand not {self.before}"
        self.is_healthy()


def grows(host: Host, path: str) -> None:
    """Waits until something has been added to a file."""
    host.shell(f'was=$(stat -c %s {path}); until [ "$(stat -c %s {path})" -gt "$was" ]; do sleep 0.1; done')


def resized(look: dict[str, Any], rows: int, columns: int) -> dict[str, Any]:
    """Returns the look of the same terminal in another size."""
    return {**look, "lines": {name: {**each, "size": [columns, rows]} for name, each in look["lines"].items()}}
