"""Terminals taken and given back on a booted host, with what runs there stopped meanwhile.

The parts of reaper.lock are joined by parts.py; no daemon has a hand in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host
from .limits import log_in
from .lock_steps import WAIT_RAW, look, parts_installed, step, tty_of, waits_on_terminal

PROMPT = r"\$ (\x1b\[\S*)?\Z"


@pytest.fixture(autouse=True, scope="module")
def parts(host: Host) -> Iterator[None]:
    with parts_installed(host):
        yield


@pytest.mark.parametrize(
    ("program", "runs", "typed", "rest", "shown"),
    [
        ("bash", "", "echo half-", "typed\n", r"half-typed\r\n"),
        ("cat", "cat\n", "one\ntwo and ", "a half\n", r"^two and a half\r\n"),
        ("vim", "vim.tiny -u NONE -i NONE +star\n", "unsaved text", "\x1b:w! /tmp/{}.txt\n:q!\n", PROMPT),
        ("less", "seq 1000 | less\n", "", "100g", r"100\r?\n"),
        ("top", "top\n", "", "q", PROMPT),
    ],
    ids=lambda value: value if value.isalpha() else "",
)
def test_a_program_comes_back(
    host: Host, person: str, program: str, runs: str, typed: str, rest: str, shown: str
) -> None:
    """With the terminal's attributes, owner and mode to the last bit, and with what was being typed."""
    with log_in(host, person) as terminal:
        tty = tty_of(terminal)
        terminal.send(runs)
        waits_on_terminal(host, person, "vim.tiny" if program == "vim" else program)
        if program != "cat":
            host.run(["python3", "-c", WAIT_RAW, tty])
        if typed:
            terminal.send(typed)
            terminal.expect(typed.replace("\n", r"\s+"))
        before = look(host, tty)
        state = step(host, "lock", person)
        assert len(state["lines"]) == 1
        locked = look(host, tty)
        assert (locked[1], locked[3]) == (0, "0o20600")
        assert locked[0] != before[0]
        step(host, "unlock", person)
        assert look(host, tty) == before
        terminal.send(rest.format(person))
        terminal.expect(shown)
        if program == "vim":
            assert host.read(f"/tmp/{person}.txt") == "unsaved text\n"


TYPED_AHEAD = "one\ntwo\x16\x03\x16\x04three\n\x04half a \x16\x15line"
READ_AHEAD = r"""python3 -uc '
import os, sys, time
print("busy")
sys.stdin.fileno()
while not os.path.exists("/tmp/{0}"): time.sleep(0.05)
while True: print(os.read(0, 4096))
'
"""


def test_what_was_typed_ahead_for_a_job(host: Host, person: str) -> None:
    """Complete lines, an end of file, literal characters, and half a line, none of them a part of the password."""
    with log_in(host, person) as terminal:
        tty_of(terminal)
        terminal.send(READ_AHEAD.format(person))
        terminal.expect(r"\rbusy")
        terminal.send(TYPED_AHEAD)
        terminal.expect("half a")
        step(host, "lock", person)
        terminal.send("hunter2\rhunter")
        step(host, "unlock", person)
        host.run(["touch", f"/tmp/{person}"])
        for each in (r"b'one\\n'", r"b'two\\x03\\x04three\\n'", "b''"):
            terminal.expect(each)
        terminal.send(" and the rest\n")
        terminal.expect(r"b'half a \\x15line and the rest\\n'")
        terminal.send("\x1c")
        terminal.prompt()


def test_a_terminal_that_was_stopped(host: Host, person: str) -> None:
    """It takes the prompt, and after the lock it shows what it held back."""
    with log_in(host, person) as terminal:
        tty = tty_of(terminal)
        terminal.send("\x13")
        terminal.send("echo done-$((1+1))\n")
        before = look(host, tty)
        step(host, "lock", person)
        host.shell(f"echo the-prompt > /dev/{tty}")
        terminal.expect("the-prompt")
        step(host, "unlock", person)
        assert look(host, tty) == before
        terminal.expect(r"\rdone-2")


def test_jobs_are_as_they_were(host: Host, person: str) -> None:
    """One is stopped, one runs behind; and the shell still rules over them."""
    with log_in(host, person) as terminal:
        tty_of(terminal)
        terminal.send("cat\n")
        waits_on_terminal(host, person, "cat")
        terminal.send("\x1a")
        terminal.prompt()
        terminal.command("sleep 1000 &")
        was = terminal.command("jobs -l")
        step(host, "lock", person)
        step(host, "unlock", person)
        assert terminal.command("jobs -l") == was
        terminal.send("fg %1\n")
        terminal.expect(r"\rcat\r\n")
        terminal.send("back\n")
        terminal.expect(r"^back\r\nback\r\n")
        terminal.send("\x03")
        terminal.prompt()
        assert "sleep" in terminal.command("kill %2; wait %2 2>/dev/null; jobs; echo sleep")


@pytest.mark.parametrize("program", ["vim.tiny", "less", "top", "tmux"])
def test_a_nudge_has_it_drawn_anew(host: Host, person: str, program: str) -> None:
    """Both halves of it, so that what stands there in the end has the right size."""
    start, page = {
        "vim.tiny": ("vim.tiny -u NONE -i NONE /etc/passwd\n", "root:x:0"),
        "less": ("less /etc/passwd\n", "root:x:0"),
        "top": ("top -d 1000\n", "PID USER"),
        "tmux": ("tmux -f /dev/null new 'echo in-tmux; exec cat'\n", "in-tmux"),
    }[program]
    with log_in(host, person) as terminal:
        tty_of(terminal)
        terminal.send(start)
        terminal.expect(page)
        waits_on_terminal(host, person, "tmux: client" if program == "tmux" else program)
        step(host, "lock", person)
        step(host, "unlock", person)
        step(host, "nudge", person)
        terminal.expect(page)
        step(host, "settle", person)
        terminal.expect(page)
        terminal.send({"vim.tiny": ":q!\n", "less": "q", "top": "q", "tmux": "\x03"}[program])
        terminal.prompt()
        assert terminal.command("stty size") == "24 200"


def test_a_root_shell(host: Host, person: str) -> None:
    """sudo is what stops; on Debian 13 the shell has a terminal of its own, which sudo reads for it."""
    host.write(f"/etc/sudoers.d/{person}", f"{person} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    with log_in(host, person) as terminal:
        tty = tty_of(terminal)
        terminal.send("sudo -i\n")
        terminal.expect("root@.*# ")
        terminal.send("echo half-")
        terminal.expect("half-")
        before = look(host, tty)
        state = step(host, "lock", person)
        names = {host.output(["ps", "-o", "comm=", "-p", str(pid)]) for pid in state["members"]}
        assert "sudo" in names
        step(host, "unlock", person)
        assert look(host, tty) == before
        terminal.send("typed-$UID\n")
        terminal.expect(r"half-typed-0\r\n")
    host.run(["rm", f"/etc/sudoers.d/{person}"])


def test_two_terminals_of_one_connection(host: Host, person: str, tmp_path: Any) -> None:
    control = str(tmp_path / "control")
    with log_in(host, person, control=control) as first, log_in(host, person, control=control) as second:
        ttys = {tty_of(first), tty_of(second)}
        for terminal in (first, second):
            terminal.send("echo half-")
            terminal.expect("half-")
        before = [look(host, tty) for tty in sorted(ttys)]
        state = step(host, "lock", person)
        assert state["lines"].keys() == ttys
        assert len(state["members"]) == 2
        step(host, "unlock", person)
        assert [look(host, tty) for tty in sorted(ttys)] == before
        for terminal in (first, second):
            terminal.send("typed\n")
            terminal.expect(r"half-typed\r\n")


def test_a_serial_line(host: Host, person: str) -> None:
    """login(1), which waits for its shell, is none of those that stop. (On a console of a container, logind makes no
    session: "Seat has no VTs".)"""
    host.shell(f"echo {person}:walked-away | chpasswd")
    with open(os.path.join(os.path.dirname(__file__), "lab", "line.py"), encoding="utf-8") as stream:
        host.write("/run/lab-line.py", stream.read())
    with host.terminal(["python3", "/run/lab-line.py", "ttyS5"]) as line:
        line.expect("login: ")
        line.send(f"{person}\n")
        line.expect("Password: ")
        line.send("walked-away\n")
        line.prompt()
        line.send("echo half-")
        line.expect("half-")
        before = look(host, "ttyS5")
        state = step(host, "lock", person)
        names = [host.output(["ps", "-o", "comm=", "-p", str(pid)]) for pid in state["members"]]
        assert names == ["bash"]
        assert look(host, "ttyS5")[1] == 0
        step(host, "unlock", person)
        assert look(host, "ttyS5") == before
        line.send("typed\n")
        line.expect(r"half-typed\r\n")
