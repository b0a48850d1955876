"""How late the daemon's ticks are while hostile clients load its socket: first without any, then one storm at a time.

A hold ends at a time that its reply gives, and the tick at that time sends `released` to the journal, which the kernel
stamps with the time of sending (_SOURCE_REALTIME_TIMESTAMP). So holds serve as alarm clocks: a hundred sessions are
held until times spread over a storm, and the difference between each time and its stamp shows how late the tick was, by
clocks that are not the daemon's. This includes the delay of the host's scheduler and the work of the tick itself, hence
the first row, without a storm. The time that an honest client of root waits for a List is printed, too. Other clients'
turns come before it, so it does not show the delay of ticks.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import tempfile
from typing import TYPE_CHECKING, NamedTuple

from reaper.decide.text.duration import USEC_PER_SEC
from tests.bench.poll import SERVICE, compile_crowd, running, wait_for_all

if TYPE_CHECKING:
    from tests.host.lab import Host

HERE = os.path.dirname(__file__)
SESSIONS = 200
ALARMS = 100  # the others are for the storm to hold
LEAD, SECONDS = 4, 8  # seconds until the first alarm, while the storm builds up, and from there to the last
LATEST_MS = 100  # the promised bound
POLICY = """\
poll: 1s
environments: {standard: {idle: 4h, hold_max: 3h}}
"""
KINDS = (
    "silent",
    "partial",
    "huge",
    "nested",
    "pipelined",
    "oneway",
    "unknown",
    "calls",
    "holds",
    "watchers",
    "churn",
)

# Runs in the host, as root: sets the alarms, prints "ready", and calls like an honest client until all have gone off.
ALARM_CLOCKS = r"""
import contextlib, json, socket, sys, time

def call(verb, **parameters):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("/run/reaper/io.reaper")
        connection.sendall(json.dumps({"method": "io.reaper." + verb, "parameters": parameters}).encode() + b"\0")
        reply = b""
        while not reply.endswith(b"\0"):
            data = connection.recv(1 << 20)
            if not data:
                raise OSError("the daemon closed the connection")
            reply += data
        assert "error" not in json.loads(reply[:-1]), reply

first, spread, *names = sys.argv[1:]
due = {}
began = time.time() + float(first)
for number, name in enumerate(names):
    rings = began + number * float(spread) / len(names)
    # By the daemon's clock the hold ends no earlier: the time of the call makes a tick seem later, never earlier.
    call("Hold", session=name, duration_usec=max(1, int((rings - time.time()) * 1e6)), why="an alarm clock")
    due[name] = int(rings * 1e6)
print("ready", flush=True)
waited, refused = [], 0
while time.time() * 1e6 < max(due.values()):
    began = time.monotonic()
    try:
        call("List")
    except OSError:
        refused += 1
    waited.append(time.monotonic() - began)
    time.sleep(0.05)
print(json.dumps({"due": due, "waited": waited, "refused": refused}))
"""


def main(host: Host) -> None:
    """Prints how late ticks were, and fails if one was later than promised."""
    host.write("/etc/reaper/reaper.d/bench.yaml", POLICY)
    host.write("/etc/pam.d/crowd", SERVICE)
    with tempfile.TemporaryDirectory() as directory:
        host.write("/usr/local/bin/crowd", compile_crowd(directory), mode=0o755)
    with open(os.path.join(HERE, "storms.py"), encoding="utf-8") as file:
        host.write("/opt/storms.py", file.read(), mode=0o755)
    host.add_user("crowd")
    host.run(["systemctl", "restart", "reaper.service"])
    late = []
    with running(host, ["crowd", "crowd", "crowd", str(SESSIONS)]):
        wait_for_all(host, SESSIONS)
        listed = json.loads(host.output(["reaperctl", "list", "--json"]))
        names = [each["session"] for each in listed["sessions"] if each["user"] == "crowd"]
        print(f"{len(names)} sessions of one user; milliseconds, of {ALARMS} moments in {SECONDS} s each")
        print(
            f"{'storm':<20} {'late: median':>12} {'99 %':>8} {'latest':>8} {'List of root: median':>22} {'longest':>8}"
        )
        print(row("none", measure(host, names, [])), flush=True)
        for user in ("crowd", "root"):
            for kind in KINDS:
                words = ["python3", "/opt/storms.py", kind, *names[ALARMS:]]
                become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
                measured = measure(host, names, [*become, *words])
                late.append(max(measured.late_ms))
                print(row(f"{kind}, {user}", measured), flush=True)
    host.remove_user("crowd")
    host.run(["rm", "/etc/reaper/reaper.d/bench.yaml", "/etc/pam.d/crowd", "/opt/storms.py"])
    host.run(["systemctl", "reload", "reaper.service"])
    print(f"promised: no tick later than {LATEST_MS} ms")
    assert max(late) <= LATEST_MS


class Measured(NamedTuple):
    """The delays during one storm, in milliseconds."""

    late_ms: list[float]
    waited_ms: list[float]
    refused: int  # of root's calls


def measure(host: Host, names: list[str], storm: list[str]) -> Measured:
    """Sets the alarms, runs the storm until the last one has gone off, and returns how late each was."""
    words = ["python3", "-c", ALARM_CLOCKS, str(LEAD), str(SECONDS), *names[:ALARMS]]
    with subprocess.Popen(host.words(words), stdout=subprocess.PIPE, text=True) as clocks:
        assert clocks.stdout is not None
        assert clocks.stdout.readline() == "ready\n"
        with running(host, storm) if storm else contextlib.nullcontext():
            told = json.loads(clocks.stdout.read())
    began = min(told["due"].values()) - LEAD * USEC_PER_SEC
    rang: dict[str, int] = {}
    while len(rang) < ALARMS:
        entries = host.journal(REAPER_EVENT="released", REAPER_WHY="its time is over")
        stamps = {each["REAPER_SESSION"]: int(each["_SOURCE_REALTIME_TIMESTAMP"]) for each in entries}
        rang = {name: stamp for name, stamp in stamps.items() if name in told["due"] and stamp > began}
    late = [(rang[name] - due) / 1000 for name, due in told["due"].items()]
    return Measured(late, [each * 1000 for each in told["waited"]], told["refused"])


def row(name: str, measured: Measured) -> str:
    """Returns a row of the table."""
    late, waited = sorted(measured.late_ms), measured.waited_ms
    refused = f"  ({measured.refused} refused)" if measured.refused else ""
    figures = f"{statistics.median(late):>12.1f} {late[int(len(late) * 0.99) - 1]:>8.1f} {late[-1]:>8.1f}"
    return f"{name:<20} {figures} {statistics.median(waited):>22.1f} {max(waited):>8.1f}{refused}"
