"""How long after its limit a session is gone, in 100 real ssh sessions that end at the package's own poll and grace.

The limit counts from the last key that the person pressed, on the person's own clock. Early would be a mistake;
late is the kernel's clock of terminals (it moves in steps of 8 s, and the daemon takes the latest moment that a step
can mean), and the time to end a session.
"""

from __future__ import annotations

import contextlib
import random
import select
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.host.lab import Host, SshClient

SESSIONS = 100
IDLE = 30
POLL, GRACE = 15, 10
POLICY = f"""\
poll: {POLL}s
brake: {{sessions: unlimited}}
environments: {{standard: {{idle: {IDLE}s, warn: [10s], grace: {GRACE}s}}}}
"""


def main(host: Host) -> None:
    """Prints the distribution, and fails where a session ended early or the median is past what is promised."""
    host.write("/etc/reaper/reaper.d/bench.yaml", POLICY)
    host.run(["systemctl", "reload", "reaper.service"])
    host.add_user("late")
    with contextlib.ExitStack() as stack:
        waiting: dict[SshClient, float] = {}
        for _ in range(SESSIONS):
            terminal = stack.enter_context(host.ssh("late"))
            terminal.prompt(60)
            terminal.read_available(random.uniform(0, 0.3))  # last keys at any point of the kernel's step
            terminal.send("x")
            waiting[terminal] = time.monotonic()
        late = sorted(collect(waiting))
    host.remove_user("late")
    host.run(["rm", "/etc/reaper/reaper.d/bench.yaml"])
    host.run(["systemctl", "reload", "reaper.service"])
    promised = POLL + 1 + GRACE
    print(
        f"{len(late)} sessions, from the limit ({IDLE} s after the last key) to the end of the connection, in seconds:"
    )
    print(f"earliest {late[0]:.2f}, median {statistics.median(late):.2f}, latest {late[-1]:.2f}")
    print(f"promised: not before 0, median within {promised} (poll {POLL} + 1 + grace {GRACE})")
    assert len(late) == SESSIONS
    assert late[0] >= 0
    assert statistics.median(late) <= promised


def collect(waiting: dict[SshClient, float]) -> list[float]:
    """When each connection closed, from its limit."""
    late = []
    deadline = time.monotonic() + IDLE + 60
    while waiting and time.monotonic() < deadline:
        ready = select.select(list(waiting), [], [], 1.0)[0]
        late += [time.monotonic() - waiting.pop(each) - IDLE for each in ready if not each.read_available()]
    return late
