"""What a lock sets aside comes back as it was: screens, what was typed, jobs, terminals, and who runs where."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .desk import Desk, Picture, desk
from .lab import Host
from .lab.terminal import Line
from .limits import log_in, quick, rule, wait_event
from .window import last

SECRET = "correct horse"
PROMPT = "assword: "
FAILED = "The last attempt failed"

# Adds to a file again and again, as a job does.
TICK = "import sys, time\nwhile True:\n    open(sys.argv[1], 'a').write('x')\n    time.sleep(0.1)\n"

CLOCK = r'"[^"]*" *\d\d:\d\d \S+$'  # in the status line of tmux

# What there is to say of a session: its terminals, and what runs in it or as its person, wherever.
LOOK = r"""
import json, os, subprocess, sys
session, user, names = sys.argv[1], sys.argv[2], sys.argv[3:]
lines = {}
for name in names:
    words = ["stat", "-c", "%U %G %a %t:%T", "/dev/" + name], ["stty", "-a", "-F", "/dev/" + name]
    lines[name] = [subprocess.check_output(each, text=True) for each in words]
uid = int(subprocess.check_output(["id", "-u", user], text=True))
found = {}
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        group = open(f"/proc/{pid}/cgroup").read().split("0::")[1].strip()
        comm, _, rest = open(f"/proc/{pid}/stat").read().partition("(")[2].rpartition(")")
        owner = os.stat(f"/proc/{pid}").st_uid
    except (FileNotFoundError, ProcessLookupError):
        continue
    state, parent, group_id, sid, tty, front = rest.split()[:6]
    if owner == uid or f"/session-{session}.scope" in group:
        found[f"{pid} {comm}"] = [group, "stopped" if state == "T" else "runs", group_id, sid, tty, front]
print(json.dumps({"lines": lines, "processes": found}))
"""


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Looks at sessions every second."""
    host.write("/opt/tick", TICK)
    with quick(host):
        yield
    host.run(["rm", "-f", "/opt/tick"])


@pytest.fixture
def keeper(host: Host, person: str) -> Iterator[str]:
    """A person who has a password, and whose sessions nothing but a test locks."""
    host.run(["chpasswd"], input=f"{person}:{SECRET}\n")
    with rule(host, person, idle="1h", action="lock"):
        yield person


@pytest.fixture(params=[True, False], ids=["modes told", "modes unknown"])
def sitting(request: pytest.FixtureRequest, host: Host, keeper: str, tmp_path: Path) -> Iterator[Desk]:
    """The person at their desk, whose terminal tells its modes, or does not."""
    with desk(host, keeper, tmp_path, tells_modes=request.param) as found:
        yield found


class Stay:
    """A person's only session, and how it was before it was locked."""

    def __init__(self, host: Host, person: str, terminals: int = 1) -> None:
        self.host, self.person = host, person
        self.name = wait_event(host, person, "opened")["REAPER_SESSION"]
        deadline = time.monotonic() + 20
        while len(self.terminals()) != terminals:  # no event tells of a terminal
            assert time.monotonic() < deadline, self.terminals()
            time.sleep(0.1)
        self.before = self.look()

    def look(self) -> dict[str, Any]:
        """How its terminals are, and its processes."""
        words = ["python3", "-c", LOOK, self.name, self.person, *self.terminals()]
        return dict(json.loads(self.host.output(words)))

    def terminals(self) -> list[str]:
        """Which terminals the daemon has seen last."""
        sessions = json.loads(self.host.output(["reaperctl", "list", "--json"]))["sessions"]
        (told,) = [each for each in sessions if each["session"] == self.name]
        return sorted(told["terminals"])

    @property
    def scope(self) -> str:
        uid = self.host.output(["id", "-u", self.person])
        return f"/sys/fs/cgroup/user.slice/user-{uid}.slice/session-{self.name}.scope"

    def is_healthy(self) -> None:
        """systemd and logind find nothing amiss."""
        told = self.host.output(["systemctl", "status", "--no-pager", f"session-{self.name}.scope"])
        assert "Active: active (running)" in told or "Active: active (abandoned)" in told, told
        told = self.host.output(["loginctl", "session-status", "--no-pager", self.name])
        assert re.search(r"State: (active|online)", told), told
        assert re.search(r"Leader: \d+ \(sshd", told), told

    def lock(self) -> str:
        """Has it locked; returns the journal's cursor before."""
        cursor = self.host.cursor()
        self.host.run(["reaperctl", "lock", self.name])
        wait_event(self.host, self.person, "locked", after=cursor)
        self.is_healthy()
        assert "1" in self.host.read(f"{self.scope}/reaper-lock/cgroup.freeze")
        return cursor

    def is_back(self, cursor: str) -> None:
        """Waits until all has been put back, and looks whether it has."""
        wait_event(self.host, self.person, "unlocked", after=cursor)
        self.host.shell(f"until ! systemctl is-active --quiet reaper-lock@{self.name}.service; do sleep 0.1; done")
        assert not self.host.exists(f"{self.scope}/reaper-lock")
        assert self.look() == self.before
        self.is_healthy()


def expect_lock(terminal: Line) -> None:
    terminal.expect(r"This session on \S+ is locked")


def prove(terminal: Line) -> None:
    """The wrong password, then the right one."""
    terminal.expect(PROMPT)
    terminal.send("wrong\r")
    terminal.expect(FAILED)
    terminal.expect(PROMPT)
    terminal.send(f"{SECRET}\r")


@contextlib.contextmanager
def locked(host: Host, person: str, terminal: Line) -> Iterator[Stay]:
    """Locks a person's only session and unlocks it: all that there is to be told of it is as it was."""
    stay = Stay(host, person)
    cursor = stay.lock()
    expect_lock(terminal)
    yield stay
    prove(terminal)
    stay.is_back(cursor)


@contextlib.contextmanager
def left(seen: Desk, person: str) -> Iterator[Stay]:
    """The same for a person at their desk; the body runs while it is locked."""
    stay = Stay(seen.host, person)
    cursor = stay.lock()
    seen.wait(lambda shown: "is locked" in shown and last(shown).endswith(PROMPT.rstrip()))
    yield stay
    seen.run("wrong")
    seen.wait(lambda shown: FAILED in shown and last(shown).endswith(PROMPT.rstrip()))
    seen.run(SECRET)
    stay.is_back(cursor)


@contextlib.contextmanager
def unchanged(seen: Desk, person: str) -> Iterator[Picture]:
    """The whole picture is as it was when the session is unlocked."""
    before = seen.picture()
    with left(seen, person):
        assert seen.picture().lines != before.lines
        yield before
    seen.wait_picture(before)


# On a person's desk.


def test_half_a_line_at_the_prompt(sitting: Desk, keeper: str) -> None:
    sitting.run("seq 30")
    sitting.keys("-l", "echo one tw")
    sitting.keys("C-b", "C-b")
    sitting.wait(lambda shown: last(shown).endswith("echo one tw"))
    with unchanged(sitting, keeper):
        pass
    sitting.run("X")
    sitting.wait(lambda shown: "\none Xtw\n" in shown)


def test_vim(sitting: Desk, keeper: str) -> None:
    """Text that is nowhere but in vim, in the middle of inserting; and the screen that was there before vim."""
    sitting.run("seq 30; vim.tiny -u NONE -N new")
    sitting.wait(lambda shown: "[New]" in shown)
    sitting.keys("-l", "iunsaved text, äöü")
    sitting.keys("Enter")
    sitting.keys("-l", "second line")
    sitting.wait(lambda shown: "second line" in shown)
    with unchanged(sitting, keeper):
        pass
    sitting.keys("-l", " goes on")
    sitting.keys("Escape", ":wq", "Enter")
    sitting.wait(lambda shown: last(shown).endswith("$") and "\n30\n" in shown and "unsaved" not in shown)
    home = sitting.host.output(["sh", "-c", f"echo ~{keeper}"])
    assert sitting.host.read(f"{home}/new") == "unsaved text, äöü\nsecond line goes on\n"


def test_less(sitting: Desk, keeper: str) -> None:
    sitting.run("seq 30; seq 2000 | less")
    sitting.wait(lambda shown: last(shown) == ":")
    sitting.keys("1000g")
    sitting.wait(lambda shown: shown.startswith("1000\n"))
    with unchanged(sitting, keeper):
        pass
    sitting.keys("Space")
    sitting.wait(lambda shown: shown.startswith("1023\n"))
    sitting.keys("q")
    sitting.wait(lambda shown: last(shown).endswith("$") and "\n30\n" in shown)


def test_nano(sitting: Desk, keeper: str) -> None:
    sitting.run("seq 30; nano new")
    sitting.wait(lambda shown: "New File" in shown)
    sitting.keys("-l", "unsaved text")
    sitting.wait(lambda shown: "unsaved text" in shown)
    sitting.keys("C-x")
    sitting.wait(lambda shown: "Save modified buffer" in shown)
    with unchanged(sitting, keeper):
        pass
    sitting.keys("n")
    sitting.wait(lambda shown: last(shown).endswith("$") and "\n30\n" in shown)


def test_top(sitting: Desk, keeper: str) -> None:
    """Its numbers change; the rest does not."""

    def is_top(shown: str) -> bool:
        lines = shown.split("\n")
        return lines[0].startswith("top - ") and lines[6].split()[:2] == ["PID", "USER"] and " root " in lines[7]

    sitting.run("seq 30; top -d 1 -u root")
    sitting.wait(is_top)
    before = sitting.picture()
    with left(sitting, keeper):
        pass
    sitting.wait(is_top)
    sitting.wait(lambda _: sitting.picture().flags == before.flags)
    sitting.keys("q")
    sitting.wait(lambda shown: last(shown).endswith("$"))


def test_tmux(sitting: Desk, keeper: str) -> None:
    """Its server is not attached: what runs in another window goes on."""
    ticks = f"/tmp/{keeper}.ticks"
    sitting.run(f"tmux new-session -s one \\; new-window 'python3 /opt/tick {ticks}'")
    sitting.wait(lambda shown: "1:python3*" in shown)
    sitting.keys("C-b", "0")
    sitting.wait(lambda shown: "0:bash*" in shown)
    sitting.keys("-l", "echo half of i")
    sitting.wait(lambda shown: "echo half of i" in shown)
    before = stable(sitting)
    with left(sitting, keeper):
        grows(sitting.host, ticks)
    sitting.wait_picture(before, but=CLOCK)
    sitting.run("t")
    sitting.wait(lambda shown: "\nhalf of it\n" in shown)


def stable(seen: Desk) -> Picture:
    """The picture when it has not changed for a moment."""
    picture = seen.picture()
    while True:
        time.sleep(0.5)
        picture, was = seen.picture(), picture
        if picture == was:
            return picture


def grows(host: Host, path: str) -> None:
    """Waits until something has been added to a file."""
    host.shell(f'was=$(stat -c %s {path}); until [ "$(stat -c %s {path})" -gt "$was" ]; do sleep 0.1; done')


def test_root_shell(sitting: Desk, keeper: str) -> None:
    host = sitting.host
    host.write(f"/etc/sudoers.d/{keeper}", f"{keeper} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    try:
        sitting.run("sudo -i")
        sitting.wait(lambda shown: last(shown).endswith("#"))
        sitting.keys("-l", "id -u; echo half of i")
        sitting.wait(lambda shown: "half of i" in shown)
        with unchanged(sitting, keeper):
            pass
        sitting.run("t")
        sitting.wait(lambda shown: "\n0\nhalf of it\n" in shown)
    finally:
        host.run(["rm", "-f", f"/etc/sudoers.d/{keeper}"])


@pytest.mark.parametrize("columns", [60, 100])
def test_another_size(sitting: Desk, keeper: str, columns: int) -> None:
    """The window gets another size while it is locked: what is locked fits it, and so does what comes back."""
    sitting.run("vim.tiny -u NONE -N new")
    sitting.wait(lambda shown: "[New]" in shown)
    sitting.keys("-l", "i" + "0123456789" * 12)
    sitting.wait(lambda shown: shown.startswith("0123456789" * 8 + "\n0123456789"))
    stay = Stay(sitting.host, keeper)
    cursor = stay.lock()
    sitting.wait(lambda shown: last(shown).endswith(PROMPT.rstrip()))
    sitting.resize(columns, 20)
    sitting.wait(lambda shown: "is locked" in shown and last(shown).endswith(PROMPT.rstrip()))
    sitting.run(SECRET)
    stay.before = resized(stay.before, 20, columns)
    stay.is_back(cursor)
    typed = "0123456789" * 12
    folded = "\n".join(typed[at : at + columns] for at in range(0, len(typed), columns))
    sitting.wait(lambda shown: shown.startswith(f"{folded}\n~\n") and len(shown.split("\n")) == 21)


def resized(look: dict[str, Any], rows: int, columns: int) -> dict[str, Any]:
    """What a look would tell of a terminal of another size."""
    sized = re.sub(r"rows \d+; columns \d+", f"rows {rows}; columns {columns}", json.dumps(look))
    return dict(json.loads(sized))


# On a terminal that answers nothing.


def run(terminal: Line, host: Host, person: str, line: str) -> None:
    """Enters a command, and waits until it is in the foreground, and the terminal no longer bash's."""
    terminal.send(f"{line}\n")
    name = line.split()[0]
    host.shell(f"until ps -u {person} -o stat=,comm= | grep -q '^S.*+ *{name}$'; do sleep 0.1; done")


def test_what_was_typed_ahead(host: Host, keeper: str) -> None:
    """Lines, and half of one, behind what runs in the foreground: nothing is lost, and nothing is taken as a
    password."""
    with log_in(host, keeper) as terminal:
        terminal.command("mkfifo go")
        run(terminal, host, keeper, "cat go")
        terminal.send("echo ahead $((40 + 2))\necho half")
        terminal.expect("echo half")
        with locked(host, keeper, terminal):
            pass
        host.shell(f"echo over > ~{keeper}/go")
        terminal.expect(r"over\r\n")
        terminal.expect(r"ahead 42\r\n")
        terminal.expect("echo half")
        terminal.send("way\n")
        terminal.expect(r"\nhalfway\r\n|\rhalfway\r\n")
        terminal.prompt()
        history = [line.strip() for line in terminal.command("history 3 | cut -c 8-").split("\n")]
        assert history[:2] == ["echo ahead $((40 + 2))", "echo halfway"]


def test_half_a_line_for_cat(host: Host, keeper: str) -> None:
    """In canonical mode, where it can still be edited."""
    with log_in(host, keeper) as terminal:
        run(terminal, host, keeper, "cat")
        terminal.send("first\n")
        terminal.expect("first\r\nfirst\r\n")
        terminal.send("help")
        terminal.expect("help")
        with locked(host, keeper, terminal):
            pass
        terminal.send(b"\x7flo\n")
        terminal.expect(r"\nhello\r\n")
        terminal.send(b"\x04")
        terminal.prompt()


def test_jobs(host: Host, keeper: str) -> None:
    """A stopped one, one in the background, and one that has left the terminal, which alone runs on meanwhile."""
    attached, apart = f"/tmp/{keeper}.attached", f"/tmp/{keeper}.apart"
    with log_in(host, keeper) as terminal:
        terminal.command(f"touch {attached} {apart}")
        run(terminal, host, keeper, "sleep 1000")
        terminal.send(b"\x1a")
        terminal.expect(r"Stopped +sleep 1000")
        terminal.prompt()
        terminal.command(f"python3 /opt/tick {attached} &")
        terminal.command(f"setsid -f nohup python3 /opt/tick {apart} > /dev/null 2>&1 < /dev/null")
        for path in (attached, apart):
            grows(host, path)
        jobs = terminal.command("jobs")
        with locked(host, keeper, terminal):
            size = host.output(["stat", "-c", "%s", attached])
            grows(host, apart)
            assert host.output(["stat", "-c", "%s", attached]) == size
        grows(host, attached)
        terminal.prompt()
        assert terminal.command("jobs") == jobs
        terminal.send("fg %1\n")
        terminal.expect(r"sleep 1000\r\n")
        host.shell(f"until ps -u {keeper} -o stat=,comm= | grep -q '^S.*+ *sleep$'; do sleep 0.1; done")
        terminal.send(b"\x1a")
        terminal.expect(r"Stopped +sleep 1000")
        terminal.prompt()
        assert "sleep 1000 &" in terminal.command("bg %1")
        assert re.search(r"Running +sleep 1000 &", terminal.command("jobs %1"))
        terminal.command("kill %1 %2")


def test_two_terminals_of_one_connection(host: Host, keeper: str, tmp_path: Path) -> None:
    """Unlocked on one, unlocked on both; one that is opened while they are locked is locked, too."""
    control = str(tmp_path / "control")
    with log_in(host, keeper, control=control) as first, log_in(host, keeper, control=control) as second:
        first.command("here=first")
        run(second, host, keeper, "cat")
        second.send("half")
        second.expect("half")
        stay = Stay(host, keeper, terminals=2)
        cursor = stay.lock()
        expect_lock(first)
        expect_lock(second)
        with host.ssh(keeper, control=control) as third:
            expect_lock(third)
            third.expect(PROMPT)
            third.send("echo no\r")
            third.expect(FAILED)
        prove(first)
        stay.is_back(cursor)
        second.send("way\n")
        second.expect(r"\nhalfway\r\n")
        first.send("\n")
        first.prompt()
        assert first.command("echo $here") == "first"


def test_third_terminal_stays_usable(host: Host, keeper: str, tmp_path: Path) -> None:
    """A terminal that was opened while the session was locked is its person's as any other."""
    control = str(tmp_path / "control")
    with log_in(host, keeper, control=control) as first:
        stay = Stay(host, keeper)
        cursor = stay.lock()
        with host.ssh(keeper, control=control) as late:
            expect_lock(late)
            late.expect(PROMPT)
            late.send(f"{SECRET}\r")
            wait_event(host, keeper, "unlocked", after=cursor)
            late.send("\n")
            late.prompt()
            assert late.command("echo $SSH_TTY; stat -c '%U %G %a' $SSH_TTY").split("\n")[1] == f"{keeper} tty 620"
        first.send("\n")
        first.prompt()
        assert first.command("id -un") == keeper
