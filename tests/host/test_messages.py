"""What the person reads on a booted host: how often, over what, and in whose words."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host, SshClient
from .limits import ENDED, FAREWELL, IDLE, WARNING, events, log_in, quick, reload, rule, wait_event

STAYS = r"Thank you, this session stays\."
KEY = "/run/lab/key"
DETACHED = r"What you have detached \(tmux, nohup\) is left running\."


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def times_read(terminal: SshClient, pattern: str) -> int:
    return len(re.findall(pattern, terminal.text))


def test_each_stage_is_told_once_on_each_terminal(host: Host, person: str, tmp_path: Any) -> None:
    """Two terminals of one connection, two stages, a key; and once more to the end. The journal has each once."""
    control = str(tmp_path / "control")
    with (
        rule(host, person, idle="24s", warn="[16s, 8s]"),
        log_in(host, person, control=control) as first,
        log_in(host, person, control=control) as second,
    ):
        for terminal in (first, second):
            terminal.expect(WARNING, ENDED)
            terminal.expect(WARNING, ENDED)
        second.send("x")
        wait_event(host, person, "cancelled")
        wait_event(host, person, "terminated", ENDED + IDLE)
        assert first.closed(ENDED)
        assert second.closed(ENDED)
    told = events(host, person)
    assert told.count("cancelled") == 1
    assert told.count("ending") == 1
    assert told.count("warned") >= 4  # two stages twice; more only where the host stood still for seconds
    for terminal in (first, second):
        assert times_read(terminal, WARNING) == told.count("warned")
        assert times_read(terminal, STAYS) == 1
        assert times_read(terminal, "ends now") == 1
        assert times_read(terminal, "reaper: ") == told.count("warned") + 2


def test_own_words(host: Host, person: str) -> None:
    """A text over two lines, all of its placeholders filled in; the line of the hold goes where there is none."""
    text = r"{user} on {host}, session {session}: {left}, {deadline}.\n{hold}\n{reason} of {limit}, {what}: {stay} {{}}"
    with rule(host, person, message=f'"{text}"'), log_in(host, person) as terminal:
        opened = wait_event(host, person, "opened")
        terminal.expect(
            rf"reaper: {person} on {host.output(['uname', '-n'])}, session {opened['REAPER_SESSION']}: \d+s,"
            rf" \d\d:\d\d\. \x1b\[K\r+\n"
            rf"reaper: idle for \d+s of {IDLE}s, ends: Press any key to stay\. {{}} \x1b\[K\r+\n",
            ENDED,
        )
        terminal.send("x")
        terminal.expect(STAYS, 15)


def test_deadline_is_that_of_the_hosts_zone(host: Host, person: str) -> None:
    """The zone may change while the daemon runs; what `date` says then is what people go by."""
    host.run(["timedatectl", "set-timezone", "Asia/Kathmandu"])
    try:
        with rule(host, person, message='"until {deadline}."'), log_in(host, person) as terminal:
            shown = terminal.expect(r"until (?:\w\w\w [0-9-]+ )?(\d\d):(\d\d)\.", ENDED)
            hour, minute = host.output(["date", "+%H %M"]).split()
            told = int(shown[1]) * 60 + int(shown[2])
            assert (told - int(hour) * 60 - int(minute) + 720) % 1440 in range(718, 723)
    finally:
        host.run(["timedatectl", "set-timezone", "Etc/UTC"])


def test_mistakes_in_a_text(host: Host) -> None:
    """All at once, each with its place and a remedy; and the policy stays as it was."""
    path = "/etc/reaper/reaper.d/60-text.yaml"
    host.write(path, "environments:\n  standard:\n    message: |\n      {lefft} and {host!r}\n      }\n")
    try:
        checked = host.run(["reaperctl", "check"], check=False)
        assert checked.returncode == 78
        for what in (
            "'{lefft}' is not a placeholder (did you mean {left}?)",
            "'{host!r}' is more than the name of a placeholder (write {host})",
            "a } without an opening {, in '}' (write }} for the brace itself)",
        ):
            assert f"{path}:3:14: {what}" in checked.stdout + checked.stderr
        assert reload(host)["REAPER_EVENT"] == "policy-rejected"
    finally:
        host.run(["rm", "-f", path])
        reload(host)


class Screen:
    """root's tmux on the host as a terminal emulator: somebody logs in there, and what they see can be read."""

    COLUMNS, ROWS = 60, 16

    def __init__(self, host: Host, person: str) -> None:
        self._host = host
        words = ["ssh", "-i", KEY, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        host.run(["mkdir", "-p", "/run/lab"])
        host.shell(f"[ -e {KEY} ] || ssh-keygen -q -t ed25519 -N '' -f {KEY}")
        host.shell(f"cat {KEY}.pub >> ~{person}/.ssh/authorized_keys")
        size = [f"-x{self.COLUMNS}", f"-y{self.ROWS}"]
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, *words, f"{person}@127.0.0.1")

    def _tmux(self, *words: str) -> str:
        return self._host.output(["env", "LC_ALL=C.UTF-8", "tmux", "-L", "lab", *words])

    def __enter__(self) -> Screen:  # noqa: PYI034 - Python 3.9 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self._host.run(["tmux", "-L", "lab", "kill-server"], check=False)
        self._host.run(["rm", "-rf", "/run/lab"])

    def send(self, *keys: str) -> None:
        """Keys by tmux's names of them."""
        self._tmux("send-keys", *keys)

    def rows(self) -> list[str]:
        return self._tmux("capture-pane", "-p").split("\n")

    def wait(self, pattern: str, timeout: float = ENDED) -> list[str]:
        """The rows, as soon as one of them fits."""
        deadline = time.monotonic() + timeout
        while True:
            rows = self.rows()
            if any(re.search(pattern, row) for row in rows):
                return rows
            assert time.monotonic() < deadline, rows
            time.sleep(0.3)


def test_over_a_full_screen_program(host: Host, person: str) -> None:
    """vim's text is not mixed into the rows of a message, and Ctrl-L brings it back."""
    text = "~" * (Screen.COLUMNS - 2) + "$"
    host.write("/run/lab/text", f"{text}\n" * 40, mode=0o644)
    with rule(host, person), Screen(host, person) as screen:
        screen.wait(r"[$#] *$")
        screen.send("vim.tiny -u NONE +5 /run/lab/text", "Enter")
        screen.wait(re.escape(text))
        rows = screen.wait("^reaper: ")
        first = next(number for number, row in enumerate(rows) if row.startswith("reaper: "))
        message = " ".join("".join(rows[first : first + 2]).split())
        assert re.fullmatch(rf"reaper: This session on \S+ is {WARNING}", message), rows
        assert rows[first + 2] == text
        assert rows[0] == text
        screen.send("C-l")
        screen.wait(STAYS, 20)
        screen.send("C-l")
        screen.wait(re.escape(text))


def test_what_the_last_message_says(host: Host, person: str) -> None:
    """What was detached goes on under `kill: terminal`; the message says so, and it is true."""
    with rule(host, person), log_in(host, person) as terminal:
        terminal.command("tmux new-session -d sleep 1011; nohup sleep 1012 >/dev/null 2>&1 & disown")
        terminal.expect(rf"{FAREWELL}\. Log in again to go on\. {DETACHED}", ENDED)
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")
    left = host.run(["pgrep", "-u", person, "-a"], check=False).stdout
    assert "sleep 1011" in left
    assert "sleep 1012" in left


def test_the_last_message_promises_nothing_that_ends(host: Host, person: str) -> None:
    with rule(host, person, kill="session"), log_in(host, person) as terminal:
        terminal.expect(rf"{FAREWELL}\. Log in again to go on\. \x1b\[K\r+\n", ENDED)
        assert terminal.closed(ENDED)
        assert "detached" not in terminal.text
