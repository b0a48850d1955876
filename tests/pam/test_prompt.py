"""What a person sees and types at a locked terminal: the real process, on a real pty, with the real libpam."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host.lab.terminal import Line

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# The hash by crypt(3) of "right".
RIGHT = "$6$rounds=1000$reaper$tZa1lqe/I4YgKnkH.8YMDUxw2BAl1F0RTJn4u.63.xCWyi6RHXgbvAf0aTQdKX.EQu0S99d0OU6XJ7GNY.u9j0"
SHADOW = f"root:*:20000::::::\nalice:{RIGHT}:20000:0:99999:7:::\naged:{RIGHT}:0:0:99999:7:::\n"
SHADOW += f"expired:{RIGHT}:20000:0:99999:7::0:\n"
PASSWD = "root:x:0:0::/:/bin/sh\nalice:x:2000:100::/:/bin/sh\naged:x:2001:100::/:/bin/sh\n"
PASSWD += "expired:x:2002:100::/:/bin/sh\n"
UNIX = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"
BIND = """
mount --bind "$S/pam.d" /etc/pam.d; mount --bind "$S/passwd" /etc/passwd; mount --bind "$S/shadow" /etc/shadow
"""
ASK = {
    "user": "alice",
    "service": "reaper",
    "tty": "/dev/pts/7",
    "rhost": "192.0.2.7",
    "heading": "Nobody has typed for 15min.",
    "host": "ws1",
    "failures": 0,
    "most": 5,
    "kind": "pty",
}


class Locked:
    """A locked terminal: its person's end, and the process that keeps it locked."""

    def __init__(self, line: Line, slave: int, keeper: subprocess.Popen[str]) -> None:
        self.line, self.slave, self.keeper = line, slave, keeper

    def tell(self, word: str) -> Any:
        assert self.keeper.stdin is not None
        assert self.keeper.stdout is not None
        self.keeper.stdin.write(word + "\n")
        self.keeper.stdin.flush()
        answer = self.keeper.stdout.readline()
        assert answer, "the keeper has failed"
        return json.loads(answer)

    def start(self, failures: int = 0, last: str = "") -> None:
        assert self.tell(f"start {failures} {last}") is True

    def asks(self, prompt: str = r"Password: \Z") -> None:
        self.line.expect(prompt)

    def outcome(self) -> Any:
        """The process may still be drawing: the terminal is read meanwhile."""
        assert self.keeper.stdin is not None
        assert self.keeper.stdout is not None
        self.keeper.stdin.write("wait\n")
        self.keeper.stdin.flush()
        while self.keeper.stdout not in select.select([self.keeper.stdout, self.line.fileno()], [], [])[0]:
            self.line.read_available()
        return json.loads(self.keeper.stdout.readline())


@pytest.fixture
def locked(stack) -> Iterator[Any]:
    """Starts one; arguments override what is asked, except `before`, which is put before the keeper's command."""
    with contextlib.ExitStack() as everything:
        yield lambda service=UNIX, **more: everything.enter_context(lock(stack, service, more))


@contextlib.contextmanager
def lock(stack: Any, service: str, more: dict[str, Any]) -> Iterator[Locked]:
    stack.configure("reaper", service)
    where = stack.services.parent
    (where / "passwd").write_text(PASSWD)
    (where / "shadow").write_text(SHADOW)
    (where / "shadow").chmod(0o600)
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(slave, False)
    resize(slave, 24, 120)
    before, asked = more.get("before", []), {**ASK, **{name: each for name, each in more.items() if name != "before"}}
    words = [*stack.isolated(BIND), *before, sys.executable, str(HERE / "keeping.py"), str(slave), json.dumps(asked)]
    base = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    keeper = subprocess.Popen(
        words,
        env={**base, "N": str(stack.nsswitch), "S": str(where)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[slave],
    )
    line = Line(master)
    made = Locked(line, slave, keeper)
    try:
        yield made
    finally:
        keeper.kill()
        keeper.communicate()
        for descriptor in {slave, made.slave, line.fileno()} - {-1}:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def resize(slave: int, rows: int, columns: int) -> None:
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def test_wrong_answer_fails_and_right_one_unlocks(locked):
    at = locked()
    at.start()
    at.line.expect(r"This session on ws1 is locked\..*Nobody has typed for 15min\.")
    at.line.expect(r"session of alice, on /dev/pts/7, from 192\.0\.2\.7\..*authenticate as alice\. After 5 more")
    at.asks()
    at.line.send("wrong\r")
    at.line.expect("One moment")
    assert at.outcome() == {
        "ok": False,
        "code": 7,
        "why": "Authentication failure",
        "phase": "authentication",
        "is_answered": True,
        "is_expired": False,
    }
    at.start(4, "Authentication failure")
    at.line.expect("If the next attempt fails, the session ends")
    at.line.expect(r"The last attempt failed: Authentication failure\.")
    at.asks()
    at.line.send("wrogn\x15right\r")
    result = at.outcome()
    assert result["ok"]
    assert result["phase"] == "account"
    assert "right" not in at.line.text
    assert "wrong" not in at.line.text


def test_control_keys_and_terminal_replies_change_nothing(locked):
    at = locked()
    at.start()
    at.asks()
    at.line.send(b"\x03\x1a\x1c\x13\x11\x04\x1b[A\x1b[<0;1;1M\x1b[I\x1b[200~right\x1b[201~\x1b[?2004;1$y\r")
    assert at.outcome()["ok"]


def test_enter_alone_wakes_the_screen_and_is_no_attempt(locked):
    at = locked()
    at.start()
    for _ in range(3):
        at.asks()
        at.line.send("\r")
    at.asks()
    at.line.send("right\r")
    assert at.outcome()["ok"]


def test_text_typed_before_the_prompt_is_discarded(locked):
    at = locked()
    at.line.send("wro")
    at.start()
    at.asks()
    at.line.send("right\r")
    assert at.outcome()["ok"]


def test_pasted_mebibyte_is_at_most_one_attempt(locked):
    at = locked()
    at.start()
    at.asks()
    paste(at, b"x" * (1 << 20) + b"\r")
    at.line.expect("longer than any password, and was not sent")
    at.asks()
    at.line.send(b"wrong\r" * 600)  # as many as the kernel keeps: the rest is there at the next prompt
    result = at.outcome()
    assert (result["ok"], result["is_answered"]) == (False, True)
    at.start(1)
    at.asks()
    at.line.send("right\r")
    assert at.outcome()["ok"]


def paste(at: Locked, data: bytes) -> None:
    """Pastes as a terminal does: writes what the line accepts, and reads what it shows."""
    os.set_blocking(at.line.fileno(), False)
    while data:
        _, ready, _ = select.select([], [at.line.fileno()], [], 20)
        assert ready, "the line takes no more"
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(at.line.fileno(), data[:4096]) :]
        at.line.read_available()
    os.set_blocking(at.line.fileno(), True)


def test_prompts_and_messages_are_shown(locked, prompts):
    at = locked(f"auth required {prompts} two\naccount required pam_permit.so\n")
    at.start()
    at.line.expect(r"\\x1b\[2J\\x1b\]0;title\\x07\x1b\[\d+;1Hsecond \\x9b31m line")
    at.asks(r"First: \Z")
    at.line.send("one\r")
    at.line.expect("in between")
    at.asks(r"Second: \Z")
    at.line.send("t\x1b[Dvo")
    at.line.expect(r"tvo\Z")
    resize(at.slave, 10, 30)
    at.line.expect(r"Second: tvo\Z")
    at.line.send("\x7f\x7fw")
    at.line.expect(r"\x08 \x08\x08 \x08w")
    at.line.send("o\r")
    assert at.outcome()["ok"]
    assert "\x9b" not in at.line.text


def test_resize_redraws_the_screen(locked):
    at = locked()
    at.start()
    at.asks()
    at.line.send("rig")
    resize(at.slave, 10, 40)
    at.line.expect(r"authenticate\x1b\[7;1Has alice")
    at.asks()
    at.line.send("ht\r")
    assert at.outcome()["ok"]


@pytest.mark.parametrize("typed", ["", "righ"])
def test_hangup_during_the_prompt_ends_the_attempt(locked, typed):
    at = locked()
    at.start()
    at.asks()
    at.line.send(typed)
    os.close(at.line.fileno())
    at.line._master = -1
    assert at.keeper.stdin is not None
    assert at.tell("wait")["phase"] == "gone"
    at.start()
    assert at.tell("wait")["phase"] == "gone"


def test_refusal_without_a_question_waits_for_the_person(locked):
    """pam_faillock as requisite, an address that pam_access rejects: no guess, and no loop of failures."""
    at = locked("auth requisite pam_deny.so\n")
    at.start()
    at.line.expect(r"not possible now: Authentication failure\. Press Enter to try again\.")
    at.line.send("\r")
    result = at.outcome()
    assert (result["ok"], result["is_answered"]) == (False, False)


def test_expired_password_is_shown(locked):
    at = locked(user="aged")
    at.start()
    at.asks()
    at.line.send("right\r")
    at.line.expect(r"has to be changed: passwd\(1\) does that\. Press Enter to go on\.")
    at.line.send("\r")
    result = at.outcome()
    assert (result["ok"], result["is_expired"]) == (True, True)


def test_expired_account_is_shown(locked):
    at = locked(user="expired")
    at.start()
    at.asks()
    at.line.send("right\r")
    at.line.expect("Your account has expired")
    at.line.expect(r"may not be used now: User account has expired\. Press Enter to try again\.")
    at.line.send("\r")
    result = at.outcome()
    assert (result["ok"], result["phase"]) == (False, "account")


def test_hostile_names_are_escaped(locked):
    at = locked(user="alice", host="h\x1b[2J", rhost="\x1b]0;x\x07", heading="\x9b5m")
    at.start()
    at.asks()
    at.line.send("right\r")
    assert at.outcome()["ok"]
    for part in ("h\\x1b[2J", "\\x1b]0;x\\x07", "\\x9b5m"):
        assert part in at.line.text
    assert "\x1b]" not in at.line.text


def test_serial_line_gets_no_escape_sequence(locked):
    at = locked(kind="serial", tty="ttyS0", rhost="")
    at.start()
    at.line.expect("This session on ws1 is locked")
    at.asks()
    at.line.send("wrong\x7f\r")
    assert not at.outcome()["ok"]
    at.start(1, "Authentication failure")
    at.asks()
    at.line.send("right\r")
    assert at.outcome()["ok"]
    assert "\x1b" not in at.line.text


def test_process_is_confined(locked):
    at = locked()
    at.start()
    at.asks()
    seen = at.tell("look")
    assert seen["core"] == ["0", "0"]
    assert seen["fds"] == 5
    # SIGPIPE, as in every Python program; and libc may ignore its two signals, 32 and 33, in what it starts.
    assert seen["ignored"] & ~(3 << 31) == 1 << 12
    assert seen["blocked"] == 0
    assert seen["locked"] > 0


def test_memory_cannot_be_dumped(locked):
    """Not even a program that receives core dumps through a pipe, regardless of limits, gets one.

    A process that is not dumpable belongs to root in /proc, whoever runs it.
    """
    at = locked(before=["setpriv", "--reuid=65534", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"])
    at.start()
    at.asks()
    assert os.stat(f"/proc/{at.keeper.pid}/status").st_uid == 65534
    assert os.stat(f"/proc/{at.tell('pid')}/status").st_uid == 0


def test_process_ends_on_request(locked):
    at = locked()
    at.start()
    at.asks()
    pid = at.tell("pid")
    assert at.tell("stop") is True
    assert not os.path.exists(f"/proc/{pid}")


def test_killed_process_is_a_failure(locked):
    at = locked()
    at.start()
    at.asks()
    at.tell("kill")
    result = at.outcome()
    assert (result["ok"], result["phase"]) == (False, "died")


def test_process_dies_with_its_parent(locked):
    at = locked()
    at.start()
    at.asks()
    with contextlib.closing(Descriptor(os.pidfd_open(at.tell("pid")))) as process:
        at.keeper.stdin.write("leave\n")
        at.keeper.stdin.flush()
        assert select.select([process], [], [], 20)[0]


class Descriptor:
    def __init__(self, number: int) -> None:
        self.fileno = lambda: number
        self.close = lambda: os.close(number)
