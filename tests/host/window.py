"""A tmux window on a host: what a person who uses a full-screen program there sees."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from .lab import Host


class Window:
    """A tmux window of the host's, with a shell in it, and what a person sees there."""

    def __init__(self, host: Host, columns: int = 80, lines: int = 24, prompt: str = "ready> ") -> None:
        self.host = host
        self.prompt = prompt
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(lines), f"env PS1='{prompt}' sh")
        self.wait(lambda shown: prompt.rstrip() in shown)

    def tmux(self, *words: str) -> str:
        environment = {"TERM": "xterm", "LANG": "C.UTF-8"}
        return self.host.run(["tmux", "-L", "watch", *words], environment=environment).stdout

    def shown(self) -> str:
        return self.tmux("capture-pane", "-p")

    def wait(self, is_it: Callable[[str], bool], timeout: float = 60.0) -> str:
        """What is shown as soon as it is as it should be; tmux tells nobody when something changes, so it is asked."""
        deadline = time.monotonic() + timeout
        while True:
            shown = self.shown()
            if is_it(shown):
                return shown
            assert time.monotonic() < deadline, f"not so within {timeout:g} s:\n{shown}"
            time.sleep(0.05)

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def run(self, line: str) -> None:
        self.tmux("send-keys", "-l", line)
        self.keys("Enter")


@contextlib.contextmanager
def window(host: Host, columns: int = 80, lines: int = 24, prompt: str = "ready> ") -> Iterator[Window]:
    """A window for a while."""
    found = Window(host, columns, lines, prompt)
    try:
        yield found
    finally:
        found.tmux("kill-server")


def last(shown: str) -> str:
    """The last line that is not empty."""
    return shown.rstrip().rpartition("\n")[2]
