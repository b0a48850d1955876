"""A process that cannot be read: within execve(2) it waits for a FUSE server that its user has stopped.

No ps(1), pgrep(1) or the like here while it waits: they would wait, too. It is let go of in any case.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import ENDED, FAREWELL, IDLE, WARNING, events, log_in, quick, rule, wait_event
from .programs import SET_UP, phases

# Opens a file with O_CLOEXEC (Python does), stops the server, and executes a program.
HANG = """\
import os, signal, sys
file = os.open(sys.argv[2], os.O_RDONLY)
os.kill(int(sys.argv[1]), signal.SIGSTOP)
print("pid:", os.getpid(), flush=True)
os.execv("/bin/sleep", ["sleep", "1000"])
"""
# The daemon waits for 11 s, starts again, and then everybody is warned again.
RESTARTED = 20


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    host.shell(SET_UP)
    host.write("/usr/local/bin/hang.py", HANG)
    with quick(host):
        yield


@pytest.fixture
def neighbour(host: Host) -> Iterator[str]:
    name = host.add_user("neighbour")
    yield name
    host.remove_user(name)


@contextlib.contextmanager
def served_by(host: Host, person: str) -> Iterator[str]:
    """A FUSE file system of a user's, not served within a session of theirs; yields the pid of its server."""
    script = f"cd /home/{person}; mkdir files mnt; touch files/file; bindfs files mnt; pgrep --newest --exact bindfs"
    server = host.output(["runuser", "-u", person, "--", "sh", "-c", script]).strip()
    try:
        yield server
    finally:
        host.run(["kill", "-KILL", server])  # that ends all waiting for it
        host.run(["umount", "--lazy", f"/home/{person}/mnt"])


def restarts(host: Host) -> int:
    return int(host.output(["systemctl", "show", "--property=NRestarts", "--value", "reaper.service"]))


def test_process_that_cannot_be_read_holds_up_no_other_session(host: Host, person: str, neighbour: str) -> None:
    """The daemon waits for it once, starts again, and ends that session and the neighbour's.

    The neighbour's is due while the daemon waits.
    """
    before, cursor = restarts(host), host.cursor()
    with rule(host, person), rule(host, neighbour, idle=f"{IDLE + 8}s"), served_by(host, person) as server:
        with log_in(host, neighbour) as idle, log_in(host, person) as hostile:
            hostile.send(f"python3 /usr/local/bin/hang.py {server} mnt/file\n")
            pid = hostile.expect(r"pid: (\d+)", 10)[1].decode()
            if host.run(["timeout", "2", "cat", f"/proc/{pid}/stat"], check=False).returncode == 0:
                pytest.skip("this kernel reads a process that waits within execve(2)")
            for terminal in (hostile, idle):
                terminal.expect(WARNING, ENDED + RESTARTED)
                terminal.expect("ends now", ENDED)
                assert terminal.closed(ENDED)
        wait_event(host, neighbour, "terminated")
        wait_event(host, person, "terminated")
        host.wait_journal(lambda e: f"process {pid} of uid" in e["MESSAGE"], after=cursor)
        assert phases(host) == {}
        with log_in(host, person) as hostile:  # and again, without a further restart
            hostile.expect(FAREWELL, ENDED)
            assert hostile.closed(ENDED)
        assert restarts(host) == before + 1
        host.run(["kill", "-CONT", server])
        host.wait_journal(lambda e: "can be read again" in e["MESSAGE"], 40, after=cursor)
    assert events(host, neighbour).count("terminated") == 1
    assert restarts(host) == before + 1
