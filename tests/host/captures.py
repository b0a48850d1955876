"""`make captures`: the screens of reaperctl in the README, taken from a real terminal on a disposable host.

Nobody writes them by hand, so that they show what the tool prints: the package is built and installed as a user would,
six people log in with the real ssh client and each does one thing that reaper tells apart, and a tmux window of 80
columns is copied. Made again, they differ in times and ids alone. A screen that lacks what it is there to show fails,
and the README stays as it was.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .lab import Host, LabError, build_deb, require_tools
from .lab.trees import say
from .limits import log_in, reload, wait_event
from .window import last, window

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- captures: made by make captures -->\n", "<!-- end of captures -->\n"
SUITE = "bookworm"
NAME, ADDRESS = "db1", "10.1.0.10"
PROMPT = f"root@{NAME}:~# "
COLUMNS = 80
JUST_NOW_USEC = 30_000_000  # less than a minute, more than a poll and a step of the terminal's times
LONGEST_SECONDS = 180.0  # a minute, on a machine that has other things to do
KEYS = "q quit"  # the last line of `reaperctl watch`

# Limits of minutes for some, where otherwise nobody would be warned within the patience of who makes the captures.
POLICY = """\
environment: standard
environments:
  standard: {idle: 15m, warn: [5m, 1m], hold_max: 4h}
rules:
  - {name: root-shells, match: {elevated: true}, idle: 10m}
  - {name: vendors, match: {from: 10.9.0.0/16}, idle: 3m, warn: [2m]}
  - {name: trial, match: {group: dba}, idle: 1m, warn: [30s], action: observe}
  - {name: transfers, match: {terminal: none}, idle: 1h}
"""
REMOTES = {
    "ivy": "10.1.2.3",
    "theo": "10.1.2.4",
    "mara": "10.1.2.5",
    "noor": "10.1.2.6",
    "rosa": "10.1.2.7",
    "sam": "10.9.0.17",
}

TERMINALS = ("theo", "mara", "sam", "noor")

# The whole of the network is the loopback's own then, as 127.0.0.0/8 is: netdevice(7). Hosts have no ip(8).
ADD_ADDRESS = """\
import fcntl, socket, struct, sys
SIOCSIFADDR = 0x8916
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    address = socket.inet_aton(sys.argv[1])
    fcntl.ioctl(any_socket, SIOCSIFADDR, struct.pack("16sHH4s8x", b"lo:0", socket.AF_INET, 0, address))
"""


class Capture(NamedTuple):
    """One screen: the command, the sentence above it, the window's lines, and what it is there to show."""

    command: str
    caption: str
    lines: int
    shows: tuple[str, ...]


def captures_of(session: str) -> tuple[Capture, ...]:
    """The screens of the README; `session` is the one that is explained."""
    return (
        Capture(
            "reaperctl list",
            "The sessions, and what happens to each next (`#`: noor acts as root; `+1`: ivy has another terminal; "
            "mara's rule only observes):",
            24,
            ("pts/0+1", "noor#", " more", "observed", "warned"),
        ),
        Capture(
            "reaperctl watch",
            "The same, live, with a bar of the time left; the session that ends first is on top:",
            10,
            (KEYS,),
        ),
        Capture(f"reaperctl explain {session}", "Why one of them is warned:", 24, ("is warned.", "rule vendors.")),
        Capture(
            f"reaperctl policy --for sam --from {REMOTES['sam']} | grep -v built-in",
            "Which rule applies to sam, and the line that sets each limit (built-in limits are left out here):",
            30,
            ("rule: vendors ", "hold_max: 4h "),
        ),
    )


def main() -> int:
    readme = README.read_text(encoding="utf-8")
    replaced(readme, "")
    require_tools()
    deb = build_deb(SUITE)
    say("booting a disposable host, and waiting there until people have been idle long enough: about two minutes")
    with Host(SUITE) as host, contextlib.ExitStack() as people:
        furnish(host)
        host.install(deb)
        host.write("/etc/reaper/reaper.yaml", POLICY)
        reload(host)
        session = live(host, people)
        shown = [(each.caption, taken(host, each)) for each in captures_of(session)]
    README.write_text(replaced(readme, section(shown)), encoding="utf-8")
    say(f"the captures are in {README.name}")
    return 0


def furnish(host: Host) -> None:
    """Gives the host its name and network, and the people."""
    host.run(["hostname", NAME])
    host.write("/etc/hosts", f"127.0.0.1 localhost\n{ADDRESS} {NAME}\n")
    host.run(["python3", "-c", ADD_ADDRESS, ADDRESS])
    host.run(["groupadd", "dba"])
    host.write("/etc/sudoers.d/noor", "noor ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    for name in REMOTES:
        host.add_user(name, groups=["dba"] if name == "mara" else [])


def live(host: Host, people: contextlib.ExitStack) -> str:
    """Logs the six in until `people` is left, and has them do what they do until it can be seen.

    They come one after the other, so that each has the same terminal every time. Returns the session that is warned.
    """
    control = f"{people.enter_context(tempfile.TemporaryDirectory())}/control"
    ivy, _ = (people.enter_context(log_in(host, "ivy", control=control, **client("ivy"))) for _ in range(2))
    theo, _, _, noor = (people.enter_context(log_in(host, each, **client(each))) for each in TERMINALS)
    theo.command("reaperctl hold self 2h --reason 'restoring the backup'")
    noor.send("sudo -i\n")
    noor.prompt()
    wait_event(host, "mara", "observed", LONGEST_SECONDS)
    warned = wait_event(host, "sam", "warned", LONGEST_SECONDS)
    people.enter_context(host.ssh("rosa", command=["sftp"], **client("rosa", "-T", "-s")))
    for typist in (ivy, noor):
        typist.command("uptime")
    wait_event(host, "rosa", "opened")
    wait_seen(host, ("ivy", "noor"))
    return str(warned["REAPER_SESSION"])


def wait_seen(host: Host, names: Sequence[str]) -> None:
    """Waits until the daemon has seen these people type; no event tells of that in the first minute."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        sessions = json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]
        if all(each["idle_usec"] < JUST_NOW_USEC for each in sessions if each["user"] in names):
            return
        if time.monotonic() > deadline:
            raise LabError(f"nothing typed by {' and '.join(names)} was seen", json.dumps(sessions))
        time.sleep(0.3)


def client(name: str, *options: str) -> dict[str, Any]:
    """What makes the ssh client of a person one on another host, and further options of it."""
    return {"address": ADDRESS, "options": ["-b", REMOTES[name], *options]}


def taken(host: Host, capture: Capture) -> list[str]:
    """The lines that a person sees who enters the command, which they see too; of a full screen without what is blank.

    Raises LabError where the screen lacks what it is there to show.
    """
    with window(host, COLUMNS, capture.lines, PROMPT) as seen:
        seen.run(capture.command)
        shown = seen.wait(lambda text: is_done(text, capture.command))
    missing = [word for word in capture.shows if word not in shown]
    if missing:
        raise LabError(f"{capture.command} does not show {', '.join(missing)}", shown)
    lines = shown.rstrip("\n").split("\n")
    return lines if KEYS in last(shown) else lines[:-1]


def is_done(shown: str, command: str) -> bool:
    """Whether a screen is as it stays: the prompt is back, or the full screen is there to its last line."""
    lines = shown.rstrip().split("\n")
    return KEYS in lines[-1] or (lines[-1] == PROMPT.rstrip() and lines[0] == f"{PROMPT}{command}")


def section(captures: Sequence[tuple[str, Sequence[str]]]) -> str:
    """What stands between the marks: captions, each with its screen."""
    return "".join(f"\n{caption}\n\n{''.join(indented(line) for line in lines)}" for caption, lines in captures) + "\n"


def indented(line: str) -> str:
    """A line of a text block of Markdown; a blank one stays blank."""
    return f"    {line.rstrip()}".rstrip() + "\n"


def replaced(readme: str, made: str) -> str:
    """The README with this between the marks; raises LabError where it does not have them, each once and in order."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in after or END in after:
        raise LabError("the README does not have the marks of the captures", f"{BEGIN}{END}")
    return f"{before}{BEGIN}{made}{END}{after}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"captures: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
