"""What one poll of 1,000 sessions costs, compared with w(1) and loginctl(1) on the same sessions; and its memory.

Inside a booted host there are real PAM sessions, registered with logind, each holding the master of its own terminal.
CPU time is the kernel's count: for the daemon over many polls (with all its other work meanwhile), for the others' own
process over a few runs. What `loginctl` makes logind and the bus do is not counted.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.lab import Host

SESSIONS = 1000
FEW = 10
POLLS = 20
RUNS = 3  # of the others
LIMIT_SECONDS = 20  # w(1) compares every session with every process, which can take minutes
SERVICE = "session optional pam_systemd.so class=user type=tty\nsession required pam_reaper.so\n"
POLICY = "poll: 1s\nenvironments: {standard: {idle: 1h}}\n"

# Runs in the host: CPU milliseconds of a command, and of the daemon for each poll of a second.
MEASURE = r"""
import json, os, resource, statistics, subprocess, sys, time
pid, polls, runs, limit = map(int, sys.argv[1:])

def daemon():
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e6

def command(words):
    def spent():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (usage.ru_utime + usage.ru_stime) * 1e3
    costs = []
    for _ in range(runs):
        before = spent()
        try:
            subprocess.run(words, stdout=subprocess.DEVNULL, check=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return f"over {spent() - before:.0f}"
        costs.append(spent() - before)
    return f"{statistics.median(costs):.1f}"

before = daemon()
time.sleep(polls)
poll = (daemon() - before) / polls
print(json.dumps({
    "poll": poll,
    "w": command(["w", "-h"]),
    "loginctl": command(["loginctl", "--no-pager", "--no-legend", "list-sessions"]),
}))
"""


def compile_crowd(directory: str) -> bytes:
    """Compiles the program that makes the sessions; the hosts have no compiler."""
    source = os.path.join(os.path.dirname(__file__), "crowd.c")
    target = os.path.join(directory, "crowd")
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", target, source, "-lpam"], check=True)
    with open(target, "rb") as stream:
        return stream.read()


@contextmanager
def running(host: Host, words: list[str]) -> Iterator[None]:
    """Runs a program that prints "ready" and exits at the end of its input."""
    # In a unit of its own: logind knows no unit for a process that nsenter has put outside systemd's tree.
    unit = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--property=TasksMax=infinity", "--", *words]
    process = subprocess.Popen(host.words(unit), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


SLEEPERS = "for i in $(seq {count}); do sleep infinity & done; echo ready; read -r _; kill $(jobs -p); wait"


def main(host: Host) -> None:
    """Prints both tables."""
    import json

    host.write("/etc/reaper/reaper.d/bench.yaml", POLICY)
    host.write("/etc/pam.d/crowd", SERVICE)
    with tempfile.TemporaryDirectory() as directory:
        host.write("/usr/local/bin/crowd", compile_crowd(directory), mode=0o755)
    host.add_user("crowd")
    host.run(["systemctl", "restart", "reaper.service"])
    pid = int(host.output(["systemctl", "show", "--value", "--property=MainPID", "reaper.service"]))
    empty = resident(host, pid)
    # A few sessions first: what the daemon allocates once, at its first session, does not count for each of them.
    with running(host, ["crowd", "crowd", "crowd", str(FEW)]):
        wait_for_all(host, FEW)
        few = resident(host, pid)
    print(f"{SESSIONS} sessions; CPU milliseconds: mean of {POLLS} polls, medians of {RUNS} runs of the others")
    print(f"{'other processes':>16} {'one poll':>9} {'w -h':>11} {'loginctl list-sessions':>23}")
    with running(host, ["crowd", "crowd", "crowd", str(SESSIONS)]):
        wait_for_all(host, SESSIONS + FEW)
        full = resident(host, pid)
        for others in (200, 5000):
            with running(host, ["bash", "-c", SLEEPERS.format(count=others)]):
                measured = json.loads(
                    host.output(
                        ["python3", "-c", MEASURE, str(pid), str(POLLS), str(RUNS), str(LIMIT_SECONDS)], timeout=600
                    )
                )
            print(f"{others:>16} {measured['poll']:>9.1f} {measured['w']:>11} {measured['loginctl']:>23}")
    print(f"resident memory: {empty / 1024:.1f} MiB idle, {full / 1024:.1f} MiB with {SESSIONS} sessions:", end=" ")
    print(f"{(full - few) / (SESSIONS - FEW):.2f} KiB a session")
    host.run(["rm", "/etc/reaper/reaper.d/bench.yaml", "/etc/pam.d/crowd"])
    host.run(["systemctl", "reload", "reaper.service"])


def wait_for_all(host: Host, sessions: int) -> None:
    """Waits until the daemon has found that many sessions."""
    for _ in range(60):
        if len(host.journal(REAPER_EVENT="opened")) >= sessions:
            return
        host.run(["sleep", "1"])
    raise AssertionError("the daemon does not know all sessions")


def resident(host: Host, pid: int) -> int:
    """Returns the resident KiB of the daemon: the median of 5 readings."""
    looks = [host.output(["grep", "VmRSS", f"/proc/{pid}/status"]) for _ in range(5)]
    return int(statistics.median(int(look.split()[1]) for look in looks))
