"""Locked sessions for a test, and what their user does at the prompt."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator

from .lab import Host, SshClient
from .lab.guest import JournalEntry
from .lab.terminal import Line
from .limits import log_in, wait_event

SECRET = "correct horse"
WRONG = "battery staple"
LOCKED = r"This session on \S+ is locked"
PROMPT = "assword: "
FAILED = "The last attempt failed"
LOCKS = "/run/reaper/locks"


def session_of(host: Host, person: str, terminal: SshClient) -> str:
    """Returns the name of the session on a terminal, once the daemon knows it."""
    name = terminal.command("echo $XDG_SESSION_ID")
    wait_event(host, person, "opened", REAPER_SESSION=name)
    return name


def scope_of(host: Host, person: str, session: str) -> str:
    """Returns the directory of a session's control group."""
    uid = host.output(["id", "-u", person])
    return f"/sys/fs/cgroup/user.slice/user-{uid}.slice/session-{session}.scope"


class Lock:
    """A locked session."""

    def __init__(self, host: Host, person: str, name: str, pts: str) -> None:
        self.host, self.person, self.name, self.pts = host, person, name, pts
        self.unit = f"reaper-lock@{name}.service"
        self.scope = scope_of(host, person, name)
        self.group = f"{self.scope}/reaper-lock"

    def keeper(self) -> int:
        """Returns the pid of reaper-lock; 0 if there is none."""
        return int(self.host.output(["systemctl", "show", "--property=MainPID", "--value", self.unit]))

    def wait(self, what: str, is_so: str, timeout: float = 60.0) -> None:
        """Waits until a command on the host succeeds."""
        words = ["timeout", str(timeout), "sh", "-c", f"until {is_so}; do sleep 0.1; done"]
        done = self.host.run(words, check=False, timeout=timeout + 20)
        assert done.returncode == 0, f"{what}: not so within {timeout:g} s\n{self.describe()}"

    def describe(self) -> str:
        """Returns what an engineer wants to see of a failed test."""
        return self.host.shell(
            f"systemctl status {self.unit}; cat {self.group}/cgroup.procs {self.group}/cgroup.events; "
            f"ls -l /dev/{self.pts}; head -c 2000 {LOCKS}/{self.name}/state; loginctl list-sessions; journalctl -n 30",
            check=False,
        ).stdout

    def wait_frozen(self) -> None:
        """Waits until all of its processes have stopped, and its terminal is root's."""
        is_root_only = f"test 600 = $(stat -c %a /dev/{self.pts})"
        self.wait("frozen", f"grep -q 'frozen 1' {self.group}/cgroup.events && {is_root_only}")

    def wait_gone(self) -> None:
        """Waits until nothing is left of the lock or the session."""
        self.wait("gone", f"! test -e {self.scope} && ! test -e {LOCKS}/{self.name}")


def asks(terminal: Line) -> None:
    """Waits until a terminal is locked, and asks for the password."""
    terminal.expect(LOCKED)
    terminal.expect(PROMPT)


def lock(host: Host, person: str, terminal: SshClient, name: str = "") -> Lock:
    """Has root lock a user's session at once, by its name if given, or else the session on the terminal."""
    name = name or session_of(host, person, terminal)
    host.run(["reaperctl", "lock", name])
    asks(terminal)
    wait_event(host, person, "locked")
    read = f"import json; print(json.load(open('{LOCKS}/{name}/state'))['lines'][0]['before']['name'])"
    return Lock(host, person, name, host.output(["python3", "-c", read]))


@contextlib.contextmanager
def locked(
    host: Host, person: str, before: Callable[[SshClient], object] | None = None
) -> Iterator[tuple[SshClient, Lock]]:
    """Yields a locked session of a user's, in which `before` ran before the lock."""
    with log_in(host, person) as terminal:
        name = session_of(host, person, terminal)
        if before is not None:
            before(terminal)
        yield terminal, lock(host, person, terminal, name)


def fail(host: Host, terminal: Line, person: str, secret: str = WRONG) -> JournalEntry:
    """Types a wrong password at the prompt, and waits for the next prompt; returns the journal entry."""
    cursor = host.cursor()
    terminal.send(f"{secret}\n")
    told = wait_event(host, person, "unlock-failed", after=cursor)
    terminal.expect(FAILED)
    terminal.expect(PROMPT)
    return told


def unlock(host: Host, terminal: SshClient, person: str, secret: str = SECRET) -> None:
    """Types the right password, and waits for the shell: what is typed until it is back is dropped."""
    cursor = host.cursor()
    terminal.send(f"{secret}\n")
    wait_event(host, person, "unlocked", after=cursor)
    terminal.expect(r"\x1b\[\?1049l")
    terminal.prompt()
    assert terminal.command("echo I am $((40 + 2))") == "I am 42"


def as_person(host: Host, person: str, script: str) -> str:
    """Runs a script in another login of the user's; returns its output."""
    with host.ssh(person, command=["sh", "-c", shlex.quote(script)]) as other:
        assert other.wait(60.0) == 0, other.text
        return other.text
