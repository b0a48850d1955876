"""`make demo`: two people log in to a disposable host, one types and one walks away, and you can watch.

Nothing is staged: the package is built and installed as a user would, ssh is the real client, the daemon is the
packaged one, and only the limits are of seconds. What each person sees and what the journal says is shown as it
happens; the summary at the end is checked against both, and the exit status is that of the check.
"""

from __future__ import annotations

import re
import select
import sys
import time
from typing import NamedTuple

from .lab import Host, LabError, SshClient, build_deb, require_tools
from .lab.guest import JournalEntry
from .lab.journal import JournalFollower

SUITE = "bookworm"
POLICY = """\
# The demo's limits: seconds, where a real host has minutes.
poll: 1s
environments:
  standard: {idle: 25s, warn: [15s], grace: 2s, message: "{left} left, {user} ({reason}). {stay}"}
"""
# Typing pauses shorter than the limit; the demo is over well before.
TYPING_PAUSE_SECONDS = 5.0
LONGEST_SECONDS = 90.0
COLOURS = {"host": "2", "ivy": "33", "theo": "36", "journal": "35"}
CONTROL = re.compile(rb"\x1b\][^\a]*\a|\x1b\[[0-9;?]*[a-zA-Z]|[\a\r]")


class Screen:
    """What appears where, line by line, with the time."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._colour = sys.stdout.isatty()

    def show(self, who: str, text: str) -> None:
        stamp = f"{time.monotonic() - self._began:6.1f}s"
        line = f"{stamp}  {who:<8}| {text}"
        print(f"\033[{COLOURS[who]}m{line}\033[0m" if self._colour else line, flush=True)


class Person:
    """Somebody logged in over ssh; what their terminal shows goes to the screen."""

    def __init__(self, name: str, terminal: SshClient, screen: Screen) -> None:
        self.name, self.terminal, self._screen = name, terminal, screen
        self.gone = False
        self._rest = b""
        self._shown = 0

    def look(self) -> None:
        """Shows what has appeared since."""
        if not self.terminal.read_available():
            self.gone = self.gone or self.terminal.closed()
        new = self._rest + self.terminal.transcript[self._shown :]
        self._shown = len(self.terminal.transcript)
        *lines, self._rest = new.split(b"\n")
        for line in lines:
            text = CONTROL.sub(b"", line).decode(errors="replace").strip()
            if text:
                self._screen.show(self.name, text)

    def saw(self, words: str) -> bool:
        return words in self.terminal.text


class Check(NamedTuple):
    """One line of the summary."""

    claim: str
    holds: bool


def main() -> int:
    screen = Screen()
    screen.show("host", f"building the package for {SUITE} (the first time: about two minutes, later: seconds)")
    require_tools()
    deb = build_deb(SUITE)
    screen.show("host", "booting a disposable Debian host: real systemd, logind, journald, sshd and PAM")
    with Host(SUITE) as host:
        screen.show("host", "apt-get install ./idle-reaper.deb")
        host.install(deb)
        host.write("/etc/reaper/reaper.d/demo.yaml", POLICY)
        host.run(["systemctl", "reload", "reaper.service"])
        for name in ("ivy", "theo"):
            host.add_user(name)
        return report(screen, *watch(host, screen))


def watch(host: Host, screen: Screen) -> tuple[dict[str, Person], list[JournalEntry]]:
    """Lets ivy walk away and theo type, until ivy's session is over."""
    events: list[JournalEntry] = []
    with (
        JournalFollower(host, SYSLOG_IDENTIFIER="reaperd") as journal,
        host.ssh("ivy") as first,
        host.ssh("theo") as second,
    ):
        people = {"ivy": Person("ivy", first, screen), "theo": Person("theo", second, screen)}
        screen.show("host", "ivy and theo log in over ssh; ivy walks away, theo types on")
        deadline = time.monotonic() + LONGEST_SECONDS
        next_key, number = time.monotonic() + TYPING_PAUSE_SECONDS, 0
        while time.monotonic() < deadline and not (is_over(events) and people["ivy"].gone):
            waiting = [journal, *(person.terminal for person in people.values() if not person.gone)]
            select.select(waiting, [], [], max(0.0, next_key - time.monotonic()))
            for entry in journal.read_available():
                events.append(entry)
                screen.show("journal", f"{entry.get('REAPER_EVENT', '-'):<13} {entry['MESSAGE']}")
            if time.monotonic() >= next_key:
                number += 1
                second.send(f"echo still here {number}\n")
                next_key += TYPING_PAUSE_SECONDS
            for person in people.values():
                person.look()
        return people, events


def is_over(events: list[JournalEntry]) -> bool:
    return any(entry.get("REAPER_EVENT") == "terminated" for entry in events)


def report(screen: Screen, people: dict[str, Person], events: list[JournalEntry]) -> int:
    """Checks what happened against what should have, and says both."""
    told = {name: [e["REAPER_EVENT"] for e in events if e.get("REAPER_USER") == name] for name in people}
    ivy, theo = people["ivy"], people["theo"]
    freed = [e for e in events if e.get("REAPER_EVENT") == "terminated" and e.get("REAPER_USER") == "ivy"]
    checks = [
        Check("ivy was warned on the terminal", ivy.saw("Press any key to stay")),
        Check("ivy was told why the session ended", ivy.saw("ends now: nobody has typed for 25s")),
        Check("ivy's connection is closed", ivy.gone),
        Check(
            "the journal tells opened, warned, ending, terminated of ivy",
            told["ivy"] == ["opened", "warned", "ending", "terminated"],
        ),
        Check("what ivy's session held is freed", any(int(e["REAPER_FREED_PROCESSES"]) > 0 for e in freed)),
        Check("theo was never disturbed", not theo.saw("reaper:") and not theo.gone),
        Check("the journal tells nothing of theo but opened", told["theo"] == ["opened"]),
    ]
    print()
    for check in checks:
        print(f"  {'ok    ' if check.holds else 'FAILED'}  {check.claim}")
    failed = sum(not check.holds for check in checks)
    print(f"\n{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        print("\ninterrupted; the host is gone", file=sys.stderr)
        sys.exit(130)
