"""Many real ssh sessions for a long time, by default 1,000 for an hour, while the daemon is restarted and reloaded.

A third of the users type to the end, two thirds leave at different times (soak_people.py). No user who types may be
warned or lose the session; the session of a user who has left must end at the limit or soon after it. The daemon's
memory and descriptors are the kernel's counts: before the first login, with all sessions, at the end, and after the
last session has ended.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.host.lab import Workstation

if TYPE_CHECKING:
    from tests.host.lab import Host

SESSIONS, MINUTES = 1000, 60.0
USERS = 10
LIMIT_OF_RUN = 1 / 6  # the limit, as a share of the run's time
POLL, GRACE, STEP = 15, 10, 8  # the defaults; and the step of the kernel's times of a terminal
LATEST = STEP + POLL + 2 * GRACE + 2  # the promised bound: seconds from the limit to the end of a session
RESTARTS = (1 / 6, 1 / 3)  # as shares of the run's time; the rest of it shows how the last daemon grows
RELOADS = 20
POLICY = """\
poll: {poll}s
brake: {{sessions: unlimited}}
environments: {{standard: {{idle: {limit}s, warn: [{lead}s], grace: {grace}s}}}}
"""
# Runs in the host: resident KiB and descriptors of a process.
MEASURE = """\
import os, re, sys
status = open(f"/proc/{sys.argv[1]}/status").read()
print(re.search(r"VmRSS:\\s+(\\d+)", status)[1], len(os.listdir(f"/proc/{sys.argv[1]}/fd")))
"""


class Size(NamedTuple):
    """The daemon's resident memory and open descriptors."""

    kib: int
    descriptors: int


def main(host: Host, sessions: int = SESSIONS, minutes: float = MINUTES) -> None:
    """Prints the figures; fails if a user who types was warned, or the session of one who left did not end in time."""
    seconds = 60 * minutes
    limit = int(seconds * LIMIT_OF_RUN)
    host.write("/etc/reaper/reaper.d/bench.yaml", POLICY.format(poll=POLL, limit=limit, lead=limit // 3, grace=GRACE))
    host.run(["systemctl", "restart", "reaper.service"])
    users = [host.add_user(f"soak{number}") for number in range(USERS)]
    plan = {
        "users": users,
        "key": host.key,
        "sessions": sessions,
        "limit": limit,
        "leaving": seconds - limit - LATEST,
    }
    sizes = {"before": size(host)}
    with Workstation("trixie", packages=["python3-asyncssh"]) as machine, people(host, machine, plan) as process:
        assert process.stdout is not None
        began = time.monotonic()
        assert process.stdout.readline() == "in\n"
        came = time.monotonic() - began
        print(
            f"{sessions} ssh sessions, {minutes:g} minutes after they came in {came:.0f} s; limit {limit} s", end="; "
        )
        print(f"the daemon restarted {len(RESTARTS)} and reloaded {RELOADS} times", flush=True)
        sizes["all in"] = size(host)
        sizes.update(disturb(host, seconds))
        sizes["end"] = size(host)
        found = [json.loads(line) for line in process.communicate("", timeout=300)[0].splitlines()]
    wait_for_none(host)
    time.sleep(2 * POLL)  # the daemon closes their descriptors at a poll
    sizes["all gone"] = size(host)
    for user in users:
        host.remove_user(user)
    host.run(["rm", "/etc/reaper/reaper.d/bench.yaml"])
    host.run(["systemctl", "reload", "reaper.service"])
    report(found, limit, sizes)
    print(f"(`python3 -m tests.bench soak --sessions {sessions} --minutes {minutes:g}`)")


def people(host: Host, machine: Workstation, plan: dict[str, Any]) -> subprocess.Popen[str]:
    """Starts the clients (soak_people.py) on their machine."""
    with open(os.path.join(os.path.dirname(__file__), "soak_people.py"), encoding="utf-8") as stream:
        words = [*machine.enter(host.leader), "python3", "-c", stream.read(), json.dumps(plan)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def disturb(host: Host, seconds: float) -> dict[str, Size]:
    """Reloads and restarts the daemon while the users are logged in; returns its size after the last restart."""
    began = time.monotonic()
    acts = [(seconds * each, "restart") for each in RESTARTS]
    acts += [(seconds * (number + 0.5) / RELOADS, "reload") for number in range(RELOADS)]
    for at, verb in sorted(acts):
        time.sleep(max(0.0, began + at - time.monotonic()))
        host.run(["systemctl", verb, "reaper.service"])
        if (at, verb) == (seconds * RESTARTS[-1], "restart"):
            time.sleep(2 * POLL)  # until it has observed all sessions
            sizes = {"last restart": size(host)}
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    return sizes


def size(host: Host) -> Size:
    """Returns the daemon's current size."""
    pid = host.output(["systemctl", "show", "--value", "--property=MainPID", "reaper.service"])
    return Size(*map(int, host.output(["python3", "-c", MEASURE, pid]).split()))


def wait_for_none(host: Host) -> None:
    """Waits until the daemon knows no session."""
    deadline = time.monotonic() + 60
    while json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]:
        assert time.monotonic() < deadline, "sessions are left"
        time.sleep(1)


def report(found: list[dict[str, Any]], limit: float, sizes: dict[str, Size]) -> None:
    """Prints the results, and fails if they are not as promised."""
    failed = [each["error"] for each in found if each["error"]]
    assert not failed, f"{len(failed)} could not log in: {failed[0]}"
    stayed, left = ([each for each in found if each["types"] is types] for types in (True, False))
    over = [each for each in left if each["closed_at"]]
    warned = [each for each in over if each["warned_at"] and each["warned_at"][-1] > each["key_at"]]
    late = sorted(each["closed_at"] - each["key_at"] - limit for each in over)
    wrongly_warned = [each for each in found if each["warned_at"] and (each["types"] or not after_keys(each))]
    wrongly_over = [each for each in stayed if each["closed_at"]]
    print(f"| typing, of {len(stayed)} to the end and {len(left)} until they left: warned / ended", end=" ")
    print(f"| {len(wrongly_warned)} / {len(wrongly_over)} |")
    print(f"| left: ended after a warning | {len(warned)} of {len(left)} |")
    if late:
        median = statistics.median(late)
        print("| from the limit to the end: earliest / median / latest", end=" ")
        print(f"| {late[0]:.1f} / {median:.1f} / {late[-1]:.1f} s |")
    print(f"| reaperd, {', '.join(sizes)}: resident MiB", end=" ")
    print(f"| {' / '.join(f'{each.kib / 1024:.1f}' for each in sizes.values())} |")
    print(f"| descriptors | {' / '.join(str(each.descriptors) for each in sizes.values())} |")
    assert not wrongly_warned, wrongly_warned[:3]
    assert not wrongly_over, wrongly_over[:3]
    assert len(warned) == len(left), [each for each in left if each not in warned][:3]
    assert late[0] >= 0, late[0]
    assert late[-1] <= LATEST, f"promised: within {LATEST} s of the limit"
    assert sizes["all gone"].descriptors == sizes["before"].descriptors, "descriptors were left open"


def after_keys(person: dict[str, Any]) -> bool:
    """Returns whether all warnings came after the last key."""
    return all(at > person["key_at"] for at in person["warned_at"])
