"""What a lock costs: the time to lock one session, or many at once, and the CPU time and memory to hold a lock.

The sessions are real ssh sessions. One session is measured from the order until its terminal asks for the password; of
many that reach their limit together, the time from the first lock to the last. CPU time and memory are the kernel's
counts for reaper-lock and its process that asks, whose shared pages are divided among them (PSS).
"""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.host.lab import Host, SshClient

ONE_BY_ONE = 10
TOGETHER = 40
HELD_SECONDS = 20
IDLE = 20  # most sessions have been idle for longer when this policy is put in force
POLICY = f"""\
poll: 5s
environments: {{standard: {{idle: {IDLE}s, warn: [10s], action: lock}}}}
"""
LOCKED = r"This session on \S+ is locked\."
PASSWORD = "correct horse"

# Runs in the host: CPU milliseconds a second of a service's processes, and the memory of each in KiB.
MEASURE = r"""
import json, re, sys, time
group, seconds = f"/sys/fs/cgroup/system.slice/system-reaper\\x2dlock.slice/{sys.argv[1]}", int(sys.argv[2])

def pids():
    return [int(line) for line in open(f"{group}/cgroup.procs")]

def spent():
    return sum(int(open(f"/proc/{pid}/schedstat").read().split()[0]) for pid in pids()) / 1e6

def pss(pid):
    return int(re.search(r"^Pss:\s+(\d+)", open(f"/proc/{pid}/smaps_rollup").read(), re.MULTILINE)[1])

before = spent()
time.sleep(seconds)
print(json.dumps([(spent() - before) / seconds, [pss(pid) for pid in pids()]]))
"""


def main(host: Host) -> None:
    """Prints the figures; fails if one of many sessions was not locked."""
    host.add_user("lock", password=PASSWORD)
    took = [lock_one(host) for _ in range(ONE_BY_ONE)]
    print(f"from `reaperctl lock` to the prompt, {ONE_BY_ONE} sessions one by one, in seconds:")
    print(f"fastest {min(took):.2f}, median {statistics.median(took):.2f}, slowest {max(took):.2f}")
    hold_one(host)
    lock_many(host)
    host.remove_user("lock")


def log_in(host: Host) -> tuple[SshClient, str]:
    """Opens a session; returns its terminal and its name."""
    terminal = host.ssh("lock")
    terminal.prompt(60)
    name = terminal.command("echo $XDG_SESSION_ID")
    host.wait_journal(lambda _: True, 60, REAPER_EVENT="opened", REAPER_SESSION=name)
    return terminal, name


def lock_one(host: Host) -> float:
    """Returns the seconds from root's order until a session is locked."""
    terminal, name = log_in(host)
    with terminal:
        began = time.monotonic()
        host.run(["reaperctl", "lock", name])
        terminal.expect("assword: ", 60)
        return time.monotonic() - began


def hold_one(host: Host) -> None:
    """Prints what a lock costs while nobody unlocks it."""
    terminal, name = log_in(host)
    with terminal:
        host.run(["reaperctl", "lock", name])
        terminal.expect("assword: ", 60)
        words = ["python3", "-c", MEASURE, f"reaper-lock@{name}.service", str(HELD_SECONDS)]
        cpu_ms, memory = json.loads(host.output(words, timeout=HELD_SECONDS + 60))
        count = len(host.output(["sh", "-c", "ls -d /proc/[0-9]*"]).split())
    mebibytes = " and ".join(f"{each / 1024:.1f}" for each in sorted(memory))
    print(f"held, on a host with {count} processes: {cpu_ms:.1f} ms CPU a second; PSS {mebibytes} MiB")


def lock_many(host: Host) -> None:
    """Prints how long it takes to lock many sessions whose limit comes at one moment, as after a change of policy."""
    with contextlib.ExitStack() as stack:
        terminals = []
        for _ in range(TOGETHER):
            terminals.append(stack.enter_context(host.ssh("lock")))
            terminals[-1].prompt(60)
        host.write("/etc/reaper/reaper.d/bench.yaml", POLICY)
        cursor = host.cursor()
        host.run(["systemctl", "reload", "reaper.service"])
        for terminal in terminals:
            terminal.expect(LOCKED, IDLE + 300)
        locked = [int(each["__REALTIME_TIMESTAMP"]) / 1e6 for each in host.journal(after=cursor, REAPER_EVENT="locked")]
        host.run(["rm", "/etc/reaper/reaper.d/bench.yaml"])
        host.run(["systemctl", "reload", "reaper.service"])
    assert len(locked) == TOGETHER, f"{len(locked)} of {TOGETHER} were locked"
    print(f"{TOGETHER} sessions at one moment: the last is locked {max(locked) - min(locked):.1f} s after the first")
