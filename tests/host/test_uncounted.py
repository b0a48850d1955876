"""Where the kernel refuses what typed bytes are counted by: no session is ended by a guess, and the reason is told."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import ENDED, log_in, quick, rule, wait_event

# As the filter of a container does, and kernel.yama.ptrace_scope 3.
FILTER = "[Service]\nSystemCallFilter=~pidfd_getfd\n"
KEPT = "traffic of its connection, which cannot be counted and may have been a key"
WARNED = r"idle and ends in \d+s\. Press Enter to stay\."
REFUSED = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "-p", "SystemCallFilter=~pidfd_getfd"]


@pytest.fixture(autouse=True, scope="module")
def filtered(host: Host) -> Iterator[None]:
    """The daemon may not have descriptors of others, for a while."""
    path = "/etc/systemd/system/reaper.service.d/filter.conf"
    host.write(path, FILTER)
    restart = "systemctl daemon-reload && systemctl restart reaper.service"
    host.shell(restart)
    with quick(host):
        yield
    host.run(["rm", "-r", "/etc/systemd/system/reaper.service.d"])
    host.shell(restart)


def test_traffic_keeps_a_session_and_silence_ends_it(host: Host, person: str) -> None:
    """Any packet may be a key under a program that does not read; who is promised a key is told which is seen."""
    with rule(host, person, idle="40s"), log_in(host, person) as terminal:
        session = wait_event(host, person, "opened")["REAPER_SESSION"]
        terminal.send("stty -echo; tail -f /dev/null\n")
        time.sleep(17)  # what was printed last is dated by then, and is no longer thought to be what is on its way
        terminal.send("x")  # no terminal tells of it before its line is complete
        told = f"reaperctl explain {session} | tr -s ' \\n' ' ' | grep '{KEPT}'"
        host.shell(f"until {told}; do sleep 0.2; done", timeout=20)
        terminal.quiet(WARNED, 0)
        terminal.expect(WARNED, 40 + ENDED)
        cursor = host.cursor()
        terminal.send("\n")
        wait_event(host, person, "cancelled", after=cursor)
        assert terminal.closed(40 + ENDED)
        assert wait_event(host, person, "terminated")["REAPER_REASON"] == "idle"


def test_an_administrator_is_told(host: Host, person: str) -> None:
    """Once in the journal, by the daemon; and by doctor, where it may not do so either."""
    with rule(host, person), log_in(host, person):
        why = "cannot be counted: Operation not permitted"
        host.shell(f"until journalctl -u reaper.service -p warning | grep '{why}'; do sleep 0.2; done", timeout=ENDED)
    told = host.run([*REFUSED, "-p", "SystemCallErrorNumber=EPERM", "reaperctl", "doctor"], check=False).stdout
    assert "connections-uncounted" in told
    assert "pidfd_getfd: Operation not permitted" in " ".join(told.split())
