"""How long after its limit a session ends: 100 real ssh sessions, with the default poll and grace.

The limit counts from the last key that the user pressed, on the user's own clock. No session may end early. The delay
comes from the kernel's times of terminals (they have steps of 8 s, and the daemon assumes the latest time within a
step), from the poll, and from the time that it takes to end a session.
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
    """Prints the distribution, and fails if a session ended early or the median is later than promised."""
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
    """Returns when each connection closed, in seconds after its limit."""
    late = []
    deadline = time.monotonic() + IDLE + 60
    while waiting and time.monotonic() < deadline:
        ready = select.select(list(waiting), [], [], 1.0)[0]
        late += [time.monotonic() - waiting.pop(each) - IDLE for each in ready if not each.read_available()]
    return late
