"""What a lock stands on, on a booted host: frozen processes, terminals taken and given back, what systemd makes of it.

The parts of reaper.lock are joined by parts.py; no daemon has a hand in it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host, SshClient
from .limits import log_in

PARTS = "/run/lock-parts.py"
LOOK = """\
import fcntl, json, os, sys
fd = os.open(f"/dev/{sys.argv[1]}", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
status = os.fstat(fd)
attributes = fcntl.ioctl(fd, 0x802C542A, bytes(44))
print(json.dumps([attributes.hex(), status.st_uid, status.st_gid, oct(status.st_mode)]))
"""


@pytest.fixture(autouse=True, scope="module")
def parts(host: Host) -> Iterator[None]:
    here = os.path.join(os.path.dirname(__file__), "parts.py")
    with open(here, encoding="utf-8") as file:
        host.write(PARTS, file.read())
    host.run(["systemctl", "stop", "reaper.service"])
    yield
    host.run(["systemctl", "start", "reaper.service"])


def step(host: Host, what: str, person: str, *tty: str) -> dict[str, Any]:
    """`tty` tells which of the person's logins is meant, where there are several."""
    told = host.output(["python3", PARTS, what, person, *tty])
    return json.loads(told) if told else {}


def look(host: Host, tty: str) -> list[Any]:
    """The terminal's whole struct termios2 (TCGETS2), owner and mode."""
    return list(json.loads(host.output(["python3", "-c", LOOK, tty])))


def tty_of(terminal: SshClient) -> str:
    return terminal.command("tty")[len("/dev/") :]


def waits_on_terminal(host: Host, person: str, program: str) -> None:
    """Until a person's program sleeps in a read of its terminal, or waits for something to be there."""
    script = 'for n in $(seq 300); do pid=$(pgrep -nu "$1" -x "$2") && [ "$(ps -o stat= -p $pid | cut -c1)" = S ] && '
    script += '[ "$(ps -o tpgid= -p $pid)" -eq "$(ps -o pgid= -p $pid)" ] && exit 0; sleep 0.1; done; exit 1'
    host.run(["sh", "-c", script, "sh", person, program])


@pytest.mark.parametrize(
    ("program", "runs", "typed", "rest", "shown"),
    [
        ("bash", "", "echo half-", "typed\n", r"^half-typed"),
        ("cat", "cat\n", "one\ntwo and ", "a half\n", r"^two and a half\r\n"),
        ("vim", "vim.tiny -u NONE -i NONE +star\n", "unsaved text", "\x1b:w! /tmp/{}.txt\n:q!\necho left\n", r"^left"),
        ("less", "seq 1000 | less\n", "", "100g", r"^100\r?\n"),
        ("top", "top\n", "", "qecho left\n", r"left\r\n"),
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
        terminal.expect("^busy")
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
        terminal.expect("^done-2")


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
        terminal.expect(r"^cat\r\n")
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
        assert terminal.command("stty size") == "24 200"


# Freezing.


def frozen(host: Host, state: dict[str, Any]) -> bool:
    path = f"/sys/fs/cgroup{state['scope']}/reaper-lock/cgroup.events"
    return "frozen 1" in host.read(path).splitlines()


def as_user(host: Host, person: str, script: str) -> Any:
    return host.run(["runuser", "-u", person, "--", "sh", "-c", script], check=False)


def test_what_the_user_cannot_undo(host: Host, person: str) -> None:
    """No signal of theirs but SIGKILL is acted upon, none of them can be moved out, and nobody opens the terminal."""
    with log_in(host, person) as terminal:
        tty = tty_of(terminal)
        terminal.send("while :; do :; done\n")
        state = step(host, "lock", person)
        pids = " ".join(map(str, state["members"]))
        assert pids
        ticks = f"cut -d' ' -f14,15 /proc/{state['members'][0]}/stat"
        burnt = host.output(["sh", "-c", ticks])
        signals = f"for n in $(seq 200); do kill -CONT {pids}; kill -INT {pids}; kill -HUP {pids}; done"
        assert as_user(host, person, signals).returncode == 0
        assert frozen(host, state)
        assert host.output(["sh", "-c", ticks]) == burnt
        scope = f"/sys/fs/cgroup{state['scope']}"
        uid = host.output(["id", "-u", person])
        own = f"/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service"
        for script in (
            f"echo 0 > {scope}/reaper-lock/cgroup.freeze",
            f"echo {pids} > {scope}/cgroup.procs",
            f"mkdir {own}/x && echo {pids} > {own}/x/cgroup.procs",
            f"rmdir {scope}/reaper-lock",
            f"cat < /dev/{tty}",
            f": > /dev/{tty}",
        ):
            refused = as_user(host, person, script)
            assert refused.returncode != 0, script
            assert re.search("denied|not permitted", refused.stderr), (script, refused.stderr)
        victim = state["members"][-1]
        assert as_user(host, person, f"kill -KILL {victim}").returncode == 0
        host.wait_end(victim)
        if victim != state["members"][0]:
            assert frozen(host, state)


def test_systemd_and_logind_see_nothing_unusual(host: Host, person: str) -> None:
    """The scope runs while it is locked, with the group below it, which is gone after; logging out works."""
    with log_in(host, person) as terminal:
        tty_of(terminal)
        state = step(host, "lock", person)
        unit = state["scope"].rpartition("/")[2]
        status = host.output(["systemctl", "status", "--no-pager", unit])
        assert "reaper-lock" in status
        properties = ["--property=ActiveState", "--property=SubState", "--property=FreezerState"]
        shown = host.output(["systemctl", "show", *properties, unit]).splitlines()
        assert sorted(shown) == ["ActiveState=active", "FreezerState=running", "SubState=running"]
        host.run(["systemctl", "daemon-reload"])
        assert frozen(host, state)
        assert "State=" in host.output(["loginctl", "show-session", state["id"]])
        step(host, "unlock", person)
        assert not host.exists(f"/sys/fs/cgroup{state['scope']}/reaper-lock")
        assert "reaper-lock" not in host.output(["systemctl", "status", "--no-pager", unit])
        terminal.send("exit\n")
        assert terminal.wait() == 0
    script = f"for n in $(seq 300); do systemctl is-active -q {unit} || exit 0; sleep 0.1; done; exit 1"
    host.shell(script)


def test_children_that_come_and_go(host: Host, person: str) -> None:
    """A loop of short-lived ones, several deep: at the end nothing on the terminal runs, and later it goes on."""
    with log_in(host, person) as terminal:
        tty = tty_of(terminal)
        loop = "while :; do (true; (true & true)) & true; done"
        terminal.send(f"for n in 1 2 3; do ({loop}) & done 2>/dev/null; echo loops-$((1+1))\n")
        terminal.expect("loops-2")
        state = step(host, "lock", person)
        assert frozen(host, state)
        attached = host.output(["ps", "-t", tty, "-o", "pid=,stat="]).splitlines()
        running = [line for line in attached if line.split()[1][0] != "Z"]
        assert {int(line.split()[0]) for line in running} <= set(state["members"])
        step(host, "unlock", person)
        terminal.send("kill $(jobs -p); wait 2>/dev/null; echo all-$((1+1))\n")
        terminal.expect("all-2")


CHAIN = "import os\nwhile True:\n    if os.fork(): os._exit(0)\n"


def test_a_chain_of_children(host: Host, person: str) -> None:
    """Each has one and ends: whichever is found is gone at once. For the last look nothing of the user's runs."""
    with log_in(host, person) as terminal, log_in(host, person) as other:
        tty = tty_of(terminal)
        host.write("/tmp/chain.py", CHAIN)
        terminal.command("python3 /tmp/chain.py &")
        state = step(host, "lock", person, tty)
        slice_ = f"/sys/fs/cgroup{state['scope'].rpartition('/')[0]}"
        assert host.read(f"{slice_}/cgroup.freeze") == "0\n"
        assert other.command("echo goes-on") == "goes-on"
        pids = host.output(["pgrep", "-u", person, "-f", "chain.py"]).split()
        assert len(pids) == 1
        assert int(pids[0]) in state["members"]
        host.run(["kill", "-KILL", *pids])
        step(host, "unlock", person)


DETACHED = r"""
import ctypes, fcntl, os, sys, termios, threading
kind = sys.argv[1]
fd = os.open("/dev/tty" if kind == "tty" else os.ttyname(0), os.O_RDWR | os.O_NOCTTY)
if os.fork():
    os._exit(0)
os.setsid()
null = os.open("/dev/null", os.O_RDWR)
for each in range(3):
    os.dup2(null, each)
libc = ctypes.CDLL(None)
def steal():
    if kind == "own":
        libc.unshare(0x400)
        open(f"/tmp/{sys.argv[2]}", "w").close()
    ready.set()
    os.read(fd, 100)
ready = threading.Event()
if kind in ("own", "first"):
    threading.Thread(target=steal).start()
    ready.wait()
    if kind == "own":
        os.close(fd)
        threading.Event().wait()
    open(f"/tmp/{sys.argv[2]}", "w").close()
    libc.pthread_exit(None)
open(f"/tmp/{sys.argv[2]}", "w").close()
os.read(fd, 100)
"""


@pytest.mark.parametrize("kind", ["name", "tty", "first", "own"])
def test_who_has_detached_itself_and_reads_on(host: Host, person: str, kind: str) -> None:
    """By its name, by /dev/tty, with the first thread gone, and from a thread with descriptors of its own."""
    with log_in(host, person) as terminal:
        tty_of(terminal)
        host.write("/tmp/detached.py", DETACHED)
        terminal.command(f"python3 /tmp/detached.py {kind} {person}")
        host.shell(f"for n in $(seq 300); do [ -e /tmp/{person} ] && exit 0; sleep 0.1; done; exit 1")
        (pid,) = map(int, host.output(["pgrep", "-u", person, "-f", "detached.py"]).split())
        state = step(host, "lock", person)
        assert pid in state["members"]
        step(host, "unlock", person)
        host.run(["kill", "-KILL", str(pid)])


def test_what_has_let_go_of_the_terminal_goes_on(host: Host, person: str) -> None:
    """And the other login of the same user, with /dev/tty open in its shell."""
    with log_in(host, person) as terminal:
        tty_of(terminal)
        terminal.command("setsid sleep 1000 </dev/null >/dev/null 2>&1 &")
        (detached,) = map(int, host.output(["pgrep", "-u", person, "-x", "sleep"]).split())
        state = step(host, "lock", person)
        assert detached not in state["members"]
        scope = state["scope"]
        outside = host.read(f"/sys/fs/cgroup{scope}/cgroup.procs").split()
        assert str(detached) in outside
        assert any("sshd" in host.output(["ps", "-o", "comm=", "-p", pid]) for pid in outside)
        step(host, "unlock", person)


def test_back_in_its_own_group(host: Host, person: str) -> None:
    """What the user's own manager had put elsewhere."""
    with log_in(host, person) as terminal:
        tty_of(terminal)
        terminal.send("systemd-run --user --scope -q cat\n")
        waits_on_terminal(host, person, "cat")
        (pid,) = map(int, host.output(["pgrep", "-u", person, "-x", "cat"]).split())
        was = host.read(f"/proc/{pid}/cgroup")
        assert "/user@" in was
        state = step(host, "lock", person)
        assert pid in state["members"]
        assert host.read(f"/proc/{pid}/cgroup") == f"0::{state['scope']}/reaper-lock\n"
        step(host, "unlock", person)
        assert host.read(f"/proc/{pid}/cgroup") == was
        terminal.send("still here\n")
        terminal.expect(r"^still here\r\nstill here")
