"""One user's crowd of processes does not hold up the others: they are warned once, and their sessions end on time.

What a process waits for a processor (the second number of its schedstat, in nanoseconds) is the machine's doing, and no
delay of ours: however busy it is with something else, the test is as strict.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from .lab import Host, SshClient
from .lab.trees import only_one
from .limits import ENDED, IDLE, events, log_in, quick, rule, wait_event

CROWD = 7000
# Nothing but SIGKILL ends them, so that every step of the end finds all of them there.
FORK = (
    "perl -e '$SIG{HUP} = $SIG{TERM} = q(IGNORE); for (2..%d) { fork or (sleep 9999, exit) }"
    " print qq(all there\\n); sleep 9999'"
)
# From the limit: the 8 seconds that the kernel's clock may lag, the poll, and what a step of two crowds may take.
LATE = 8 + 1 + 4
ANSWERED = 5  # seconds: a step of the end of each crowd, and what reaperctl does itself
ASK = """\
import runpy, sys, time
began = time.monotonic()
try:
    runpy.run_path("/usr/bin/reaperctl", run_name="__main__")
except SystemExit as error:
    assert not error.code, error
print(time.monotonic() - began - int(open("/proc/self/schedstat").read().split()[1]) / 1e9, file=sys.stderr)
"""


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def gather(host: Host, person: str) -> SshClient:
    """Logs in, and fills the foreground of the terminal with a crowd."""
    terminal = log_in(host, person)
    terminal.send(f"ulimit -u unlimited; {FORK % CROWD}\n")
    terminal.expect("all there\r", 120)
    return terminal


def waited(host: Host, daemon: str) -> float:
    """How many seconds the daemon has waited for a processor so far."""
    return int(host.read(f"/proc/{daemon}/schedstat").split()[1]) / 1e9


def test_crowds_do_not_delay_the_end_of_other_sessions(host: Host, person: str) -> None:
    """Two crowds that resist every step, one with `kill: session`; a neighbour who is idle beside them."""
    all_of, front_of = (host.add_user(f"{kind}{person}") for kind in "ab")
    for user in (all_of, front_of):
        uid = host.output(["id", "-u", user])
        host.run(["systemctl", "set-property", "--runtime", f"user-{uid}.slice", "TasksMax=infinity"], check=False)
    daemon = host.output(["systemctl", "show", "--property=MainPID", "--value", "reaper.service"])
    with (
        only_one("crowd"),  # two would be nearly as many processes as a machine may have
        gather(host, all_of),
        gather(host, front_of),
        log_in(host, person) as neighbour,
        rule(host, all_of, kill="session"),
        rule(host, front_of),
        rule(host, person),
    ):
        slowest, began, before = 0.0, time.monotonic(), waited(host, daemon)
        while not neighbour.closed(0.5):
            asked = waited(host, daemon)
            took = float(host.run(["python3", "-c", ASK, "list"]).stderr)
            slowest = max(slowest, took - (waited(host, daemon) - asked))
            assert time.monotonic() - began < 3 * ENDED
        late = LATE + waited(host, daemon) - before
        for user in (all_of, front_of):
            wait_event(host, user, "terminated", ENDED + 60)
    assert slowest < ANSWERED
    for user in (person, all_of, front_of):
        assert events(host, user) == ["opened", "warned", "ending", "terminated"]
        ending = wait_event(host, user, "ending")
        assert int(ending["REAPER_IDLE_USEC"]) < (IDLE + late) * 1_000_000
    for user in (all_of, front_of):
        freed = wait_event(host, user, "terminated")
        assert int(freed["REAPER_FREED_PROCESSES"]) >= CROWD
        assert not host.run(["pgrep", "-u", user, "perl"], check=False).stdout
        host.remove_user(user)
