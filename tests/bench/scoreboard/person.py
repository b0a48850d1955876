"""The person of a scenario: their windows, what they do from time to time, and when they last did something."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.host.lab import Host, Terminal, Workstation
from tests.host.lab.host import EnteredTerminal

if TYPE_CHECKING:
    from .scenario import Scenario

ECHO_PORT = 7007  # port of guest.py's server, the target of forwarded ports
CONFIG = """\
Host *
  HostName 127.0.0.1
  User {user}
  IdentityFile {key}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {known_hosts}
  GlobalKnownHostsFile /dev/null
  HostKeyAlias lab
  ConnectTimeout 60
  LogLevel ERROR
  ServerAliveCountMax 1000
"""
# The warnings of all enforcers. Not bash's "timed out waiting for input: auto-logout": bash prints it at the end, also
# for an inner shell while the outer one continues.
WARNING = re.compile(rb"reaper: This session|been idle|be logged off|idle too long|idle and ends|inactiv", re.I)
WARNED_BEFORE = 3.0  # seconds: a message later than this before the end is no warning
ONE_WARNING = 5.0  # seconds: a message sooner than this after a warning belongs to it
PROMPT = r"[$#%] (\x1b\[\S*)?\Z"


@dataclass
class Window:
    """A program on the person's side, on a terminal."""

    terminal: Terminal
    needed: bool  # the person needs it to stay
    remote: bool  # it shows a terminal of the session
    warnings: list[float] = field(default_factory=list)  # when each appeared
    looked: int = 0
    answers: dict[bytes, bytes] = field(default_factory=dict)  # the terminal's own replies to queries

    def look(self) -> None:
        """Reads new output; notes warnings and replies to queries."""
        while self.terminal.read_available():
            pass
        if len(self.terminal.transcript) == self.looked:
            return
        now = time.monotonic()
        if WARNING.search(self.terminal.transcript[max(0, self.looked - 200) :]) and (
            not self.warnings or now - self.warnings[-1] > ONE_WARNING
        ):
            self.warnings.append(now)
        for question, answer in self.answers.items():
            if question in self.terminal.transcript[self.looked :]:
                self.terminal.send(answer)
        self.looked = len(self.terminal.transcript)


class Person:
    """The person of a scenario, with everything that a scenario can use."""

    PASSWORD = "open-sesame"

    def __init__(self, scenario: Scenario, host: Host, uid: int, machines: Mapping[str, Workstation]) -> None:
        self.name, self.host, self.uid, self._machines = scenario.name, host, uid, machines
        self.port = 10000 + uid  # each person has their own, as all forward ports on the host's one network
        self.windows: list[Window] = []
        self.habits: list[tuple[float, Callable[[], None]]] = []
        self.holder = ""  # the name of a process that holds the session, if neither sshd nor login does
        self.sign_at = time.monotonic()
        self._stack = contextlib.ExitStack()
        self.directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sb-"))
        self.config = os.path.join(self.directory, "config")
        with open(self.config, "w", encoding="ascii") as stream:
            stream.write(CONFIG.format(user=self.name, key=host.key, known_hosts=host.known_hosts))

    def leave(self) -> None:
        """Closes everything that is still open."""
        self._stack.close()

    # Windows

    def run(self, *words: str, needed: bool = True, remote: bool = False, on: str | None = None) -> Window:
        """Runs a program on the person's own machine, which reaches the host's network.

        The machine is this one, or one of the suite `on` ("": the host's own suite).
        """
        return self._open(Terminal([*self._enter(on), *words]), needed, remote)

    def _enter(self, on: str | None) -> list[str]:
        if on is None:
            return ["nsenter", f"--target={self.host.leader}", "--net", "--"]
        return self._machines[on or self.host.suite].enter(self.host.leader, home=self.directory)

    def prepare(self, words: Sequence[str], on: str) -> None:
        """Runs a program on the machine `on` and waits for its end."""
        subprocess.run(
            [*self._enter(on), *words], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
        )

    def shell(self, script: str, needed: bool = True) -> Window:
        """Runs a shell script on this machine; $SSH is ssh with its options, and `there` the name of the host."""
        return self.run("sh", "-c", f"SSH='ssh -F {self.config}'; {script}", needed=needed)

    def ssh(self, *words: str, needed: bool = True) -> Window:
        """Runs ssh without asking for a terminal."""
        return self.run("ssh", "-F", self.config, *words, needed=needed)

    def login(self, *words: str, needed: bool = True, wait: str = PROMPT) -> Window:
        """Runs ssh with a terminal; waits for the shell's prompt, or for `wait`."""
        return self.at_prompt(["ssh", "-F", self.config, *(words or ("there",))], needed=needed, wait=wait)

    def at_prompt(
        self, words: Sequence[str], *, on: str | None = None, needed: bool = True, wait: str = PROMPT
    ) -> Window:
        """Logs in with any client on a terminal; waits for the shell's prompt, or for `wait`."""
        window = self.run(*words, needed=needed, remote=True, on=on)
        window.terminal.expect(wait, 60)
        self.sign_at = time.monotonic()
        return window

    def console(self, line: str) -> Window:
        """Logs in on a console of the host."""
        return self.pass_login(self.inside("line.py", line))

    def pass_login(self, window: Window) -> Window:
        """Answers login(1), and waits for the shell's prompt."""
        self.set_password()
        window.terminal.expect("login: ", 60)
        window.terminal.send(f"{self.name}\n")
        window.terminal.expect("Password: ", 60)
        window.terminal.send(f"{self.PASSWORD}\n")
        window.terminal.prompt(60)
        self.sign_at = time.monotonic()
        return window

    def set_password(self) -> None:
        """Gives the person a password; at first they have none."""
        self.root(f"echo {self.name}:{self.PASSWORD} | chpasswd")

    def inside(self, source: str, *words: str) -> Window:
        """Runs a program of the lab in the host that serves a terminal; returns the person's side of it."""
        path = os.path.join(os.path.dirname(__file__), "..", "..", "host", "lab", source)
        with open(path, encoding="utf-8") as stream:
            self.host.write(f"/run/lab-{self.name}.py", stream.read())
        return self._open(self.host.terminal(["python3", f"/run/lab-{self.name}.py", *words]), True, True)

    def _open(self, terminal: Terminal, needed: bool, remote: bool) -> Window:
        self._stack.callback(terminal.hang_up, *([2.0] if isinstance(terminal, EnteredTerminal) else []))
        self.windows.append(Window(terminal, needed, remote))
        self.sign_at = time.monotonic()
        return self.windows[-1]

    # What people do

    def type(self, window: Window, keys: str | bytes) -> None:
        """Presses keys, which counts as the person's last sign of life."""
        self.sign_at = time.monotonic()
        with contextlib.suppress(OSError):  # the window may just have closed
            window.terminal.send(keys)

    def start(self, window: Window, line: str, wait: str = "") -> None:
        """Types a command at the prompt, and waits until `wait` appears."""
        window.terminal.read_available(0.3)
        self.type(window, line + "\n")
        if wait:
            window.terminal.expect(re.escape(line[-20:]) + r"[^\n]*\n", 60)
            window.terminal.expect(wait, 60)

    def every(self, seconds: float, habit: Callable[[], None]) -> None:
        """Calls `habit` every `seconds` once the scenario is set up."""
        self.habits.append((seconds, habit))

    def types(self, window: Window, keys: str, seconds: float) -> None:
        """Presses these keys every `seconds`."""
        self.every(seconds, lambda: self.type(window, keys))

    def answers_warnings(self, window: Window, keys: str, seconds: float) -> None:
        """Presses these keys `seconds` after each warning, and no others."""
        answered = 0

        def answer() -> None:
            nonlocal answered
            if len(window.warnings) > answered and time.monotonic() >= window.warnings[answered] + seconds:
                answered += 1
                self.type(window, keys)

        self.every(0.5, answer)

    def root(self, script: str) -> str:
        """Runs a script on the host as root; returns its output."""
        return self.host.shell(script, timeout=120).stdout

    def put(self, name: str, text: str) -> str:
        """Writes a program into the person's home directory; returns the command that runs it."""
        path = f"/home/{self.name}/{name}"
        self.host.write(path, text, mode=0o755)
        return f"python3 {shlex.quote(path)}" if name.endswith(".py") else path

    def process(self, name: str) -> None:
        """Sets the name of the process that holds the session."""
        self.holder = name

    # What the judge asks

    def look(self, seconds: float) -> None:
        """Reads new output in all windows, and then waits."""
        for window in self.windows:
            window.look()
        time.sleep(seconds)

    def has_lost_window(self) -> bool:
        """Whether a window that the person needs is closed."""
        return any(window.needed and window.terminal.closed() for window in self.windows)

    def has_terminal(self) -> bool:
        return any(window.remote for window in self.windows)

    def warned(self, end: float) -> bool:
        """Whether a terminal showed a warning at least WARNED_BEFORE seconds before the end."""
        times = [at for window in self.windows if window.remote for at in window.warnings]
        return any(at <= end - WARNED_BEFORE for at in times)
