"""Sessions whose output a program reads: reaper writes nothing into it, ends them on time, and tells the journal."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import ENDED, GRACE, IDLE, WARN, drop_in, log_in, quick, wait_event

WHY = "nothing is written on its terminals (notify: none)"
RECORD = b'{"a": 1}'
COMPUTE = f"timeout {2 * IDLE + 8} sh -c 'while :; do :; done'"


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


@contextlib.contextmanager
def rules(host: Host, **limits: str) -> Iterator[None]:
    """A rule for each user, with what it has beside IDLE, WARN and GRACE."""
    common = f"idle: {IDLE}s, warn: [{WARN}s], grace: {GRACE}s"
    lines = [f"  - {{name: {user}, match: {{user: {user}}}, {common}, {more}}}\n" for user, more in limits.items()]
    with drop_in(host, "/etc/reaper/reaper.d/50-robots.yaml", f"rules:\n{''.join(lines)}"):
        yield


class Job:
    """`ssh -tt host job`, as another machine runs it: nobody types, and a program reads what comes back."""

    def __init__(self, host: Host, user: str, job: str) -> None:
        words = host.ssh_words(user, options=["-tt", "-o", "LogLevel=ERROR"], command=[job])
        self._client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._began = time.monotonic()

    def output(self, seconds: float) -> bytes:
        """All that came, when the client has ended, which it does in time; stdin stays open until then."""
        assert self._client.stdout is not None
        self._client.wait(self._began + seconds - time.monotonic())
        return self._client.stdout.read()

    def __enter__(self) -> Job:  # noqa: PYI034 - Python 3.9 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self._client.kill()
        self._client.wait()
        for stream in (self._client.stdin, self._client.stdout):
            assert stream is not None
            stream.close()


def test_output_that_a_program_reads(host: Host, person: str) -> None:
    """Not a byte of ours is in it. Without input a job is idle, unless its CPU time counts."""
    waits, computes, counts = (host.add_user(f"{person}{name}") for name in ("waits", "computes", "counts"))
    job = f"printf '%s\\n' '{RECORD.decode()}'; "
    quiet = {waits: "notify: none", computes: "notify: none", counts: "notify: none, activity: [input, cpu]"}
    with (
        rules(host, **quiet),
        Job(host, waits, f"{job} sleep 1000") as waiting,
        Job(host, computes, f"{job} {COMPUTE}; echo done") as computing,
        Job(host, counts, f"{job} {COMPUTE}; echo done") as counting,
    ):
        opened = wait_event(host, counts, "opened")
        explained = host.output(["reaperctl", "explain", opened["REAPER_SESSION"]])
        assert "Nothing is written on its terminals (notify: none)." in " ".join(explained.split())
        for verb in (["warn"], ["lock"]):
            refused = host.run(["reaperctl", *verb, opened["REAPER_SESSION"]], check=False)
            assert refused.returncode == 1
            assert WHY in " ".join(refused.stderr.split())
        for user, client in ((waits, waiting), (computes, computing)):
            assert client.output(ENDED) == RECORD + b"\r\n"
            warned, ended = (wait_event(host, user, event) for event in ("warned", "terminated"))
            assert "is not warned: it ends in " in warned["MESSAGE"]
            assert warned["REAPER_WHY"] == WHY
            assert warned["REAPER_NOTIFY"] == ended["REAPER_NOTIFY"] == "none"
            assert ended["REAPER_REASON"] == "idle"
        assert counting.output(2 * IDLE + 30) == RECORD + b"\r\ndone\r\n"
        told = [entry["REAPER_EVENT"] for entry in host.journal(REAPER_USER=counts)]
        assert "ending" not in told
    for user in quiet:
        host.remove_user(user)


def test_an_end_at_an_administrators_word_is_not_shown_either(host: Host, person: str) -> None:
    with rules(host, **{person: "notify: none"}), log_in(host, person) as terminal:
        session = wait_event(host, person, "opened")["REAPER_SESSION"]
        host.run(["reaperctl", "terminate", session, "--reason", "maintenance"])
        assert terminal.closed(ENDED)
        wait_event(host, person, "terminated")
        assert "reaper:" not in terminal.text
        assert "maintenance" not in terminal.text


def test_a_lock_that_is_asked_for_in_vain(host: Host) -> None:
    """Written together it is a mistake; where a rule inherits the lock, the policy tool says what becomes of it."""
    path = "/etc/reaper/reaper.d/60-vain.yaml"
    try:
        host.write(path, "rules:\n  - {name: vain, action: lock, notify: none}\n")
        checked = host.run(["reaperctl", "check"], check=False)
        assert checked.returncode == 78
        assert f"{path}:2:26: action: lock needs to write on the terminals" in checked.stdout + checked.stderr
        host.write(path, "environments: {standard: {action: lock}}\nrules:\n  - {name: ci, notify: none}\n")
        shown = host.output(["reaperctl", "policy", "--for", "root"])
        assert "notify: none cannot lock" in shown
    finally:
        host.run(["rm", "-f", path])
