"""A lock restores everything that it sets aside: what a user sees at their desk, down to the cursor."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .desk import Desk, Picture, desk
from .lab import Host
from .locks import FAILED, PROMPT, SECRET, WRONG
from .stays import Stay, grows, looking, resized
from .window import last

# Counts as fast as it can until there is a file; then waits for Enter.
FLOW = """\
import os, sys
n = 0
while n % 100 or not os.path.exists(sys.argv[1]):
    n += 1
    print(n)
input("over")
"""

CLOCK = r'"[^"]*" *\d\d:\d\d \S+$'  # in the status line of tmux


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    with looking(host):
        yield


@pytest.fixture(params=[True, False], ids=["modes told", "modes unknown"])
def sitting(request: pytest.FixtureRequest, host: Host, someone: str, tmp_path: Path) -> Iterator[Desk]:
    """The user at their desk, whose terminal reports its modes, or does not."""
    with desk(host, someone, tmp_path, tells_modes=request.param) as found:
        yield found


@contextlib.contextmanager
def left(seen: Desk, person: str) -> Iterator[Stay]:
    """Locks the session of a user at their desk; the body runs while it is locked."""
    stay = Stay(seen.host, person)
    cursor = stay.lock()
    seen.wait(lambda shown: "is locked" in shown and last(shown).endswith(PROMPT.rstrip()))
    yield stay
    seen.run(WRONG)
    seen.wait(lambda shown: FAILED in shown and last(shown).endswith(PROMPT.rstrip()))
    seen.run(SECRET)
    stay.is_back(cursor)


@contextlib.contextmanager
def unchanged(seen: Desk, person: str) -> Iterator[Stay]:
    """Asserts that the whole picture is as it was, once the session is unlocked."""
    before = seen.picture()
    with left(seen, person) as stay:
        assert seen.picture().lines != before.lines
        yield stay
    seen.wait_picture(before)


# On a person's desk.


def test_half_a_line_at_the_prompt(sitting: Desk, someone: str) -> None:
    sitting.run("seq 30")
    sitting.wait(lambda shown: last(shown).rstrip().endswith("$"))  # earlier typing would be echoed twice
    sitting.keys("-l", "echo one tw")
    sitting.keys("C-b", "C-b")
    sitting.wait(lambda shown: last(shown).endswith("$ echo one tw"))
    with unchanged(sitting, someone):
        pass
    sitting.run("X")
    sitting.wait(lambda shown: "\none Xtw\n" in shown)


def test_vim(sitting: Desk, someone: str) -> None:
    """Text that is only in vim, in the middle of an insert; and the screen from before vim."""
    sitting.run("seq 30; vim.tiny -u NONE -N new")
    sitting.wait(lambda shown: "[New]" in shown)
    sitting.keys("-l", "iunsaved text, äöü")
    sitting.keys("Enter")
    sitting.keys("-l", "second line")
    sitting.wait(lambda shown: "second line" in shown)
    with unchanged(sitting, someone):
        pass
    sitting.keys("-l", " goes on")
    sitting.keys("Escape", ":wq", "Enter")
    sitting.wait(lambda shown: last(shown).endswith("$") and "\n30\n" in shown and "unsaved" not in shown)
    home = sitting.host.output(["sh", "-c", f"echo ~{someone}"])
    assert sitting.host.read(f"{home}/new") == "unsaved text, äöü\nsecond line goes on\n"


def test_less(sitting: Desk, someone: str) -> None:
    sitting.run("seq 30; seq 2000 | less --mouse")
    sitting.wait(lambda shown: last(shown) == ":")
    sitting.keys("1000g")
    sitting.wait(lambda shown: shown.startswith("1000\n"))
    with unchanged(sitting, someone):
        pass
    sitting.keys("Space")
    sitting.wait(lambda shown: shown.startswith("1023\n"))
    sitting.keys("q")
    sitting.wait(lambda shown: last(shown).endswith("$") and "\n30\n" in shown)


def test_nano(sitting: Desk, someone: str) -> None:
    sitting.run("seq 30; nano new")
    sitting.wait(lambda shown: "New File" in shown)
    sitting.keys("-l", "unsaved text")
    sitting.wait(lambda shown: "unsaved text" in shown)
    sitting.keys("C-x")
    sitting.wait(lambda shown: "Save modified buffer" in shown)
    with unchanged(sitting, someone):
        pass
    sitting.keys("n")
    sitting.wait(lambda shown: last(shown).endswith("$") and "\n30\n" in shown)


def test_top(sitting: Desk, someone: str) -> None:
    """Its numbers change; the rest does not."""

    def is_top(shown: str) -> bool:
        lines = shown.split("\n")
        return lines[0].startswith("top - ") and lines[6].split()[:2] == ["PID", "USER"] and " root " in lines[7]

    sitting.run("seq 30; top -d 1 -u root")
    sitting.wait(is_top)
    before = sitting.picture()
    with left(sitting, someone):
        pass
    sitting.wait(is_top)
    sitting.wait(lambda _: sitting.picture().flags == before.flags)
    sitting.keys("q")
    sitting.wait(lambda shown: last(shown).endswith("$"))


def test_tmux(sitting: Desk, someone: str) -> None:
    """Its server holds the terminal, and is frozen with it; a program in another window runs on."""
    ticks = f"/tmp/{someone}.ticks"
    sitting.run(f"tmux new-session -s one \\; new-window -n ticks 'python3 /opt/tick {ticks}'")
    sitting.wait(lambda shown: "1:ticks*" in shown)
    sitting.keys("C-b", "0")
    sitting.wait(lambda shown: "0:bash*" in shown)
    sitting.keys("-l", "echo half of i")
    sitting.wait(lambda shown: "echo half of i" in shown)
    before = stable(sitting)
    with left(sitting, someone):
        grows(sitting.host, ticks)
    sitting.wait_picture(before, but=CLOCK)
    sitting.run("t")
    sitting.wait(lambda shown: "\nhalf of it\n" in shown)


def stable(seen: Desk) -> Picture:
    """Returns the picture once it has not changed for a moment."""
    picture = seen.picture()
    while True:
        time.sleep(0.5)
        picture, was = seen.picture(), picture
        if picture == was:
            return picture


def test_root_shell(sitting: Desk, someone: str) -> None:
    """sudo is what freezes; on Debian 13 the shell has a terminal of its own, which sudo reads for it."""
    host = sitting.host
    host.write(f"/etc/sudoers.d/{someone}", f"{someone} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    try:
        sitting.run("sudo -i")
        sitting.wait(lambda shown: last(shown).endswith("#"))
        sitting.keys("-l", "id -u; echo half of i")
        sitting.wait(lambda shown: "half of i" in shown)
        with unchanged(sitting, someone) as stay:
            assert "sudo" in [host.output(["ps", "-o", "comm=", "-p", pid]) for pid in stay.frozen()]
        sitting.run("t")
        sitting.wait(lambda shown: "\n0\nhalf of it\n" in shown)
    finally:
        host.run(["rm", "-f", f"/etc/sudoers.d/{someone}"])


def test_output_in_full_flow(sitting: Desk, someone: str) -> None:
    """A program that writes without a pause is stopped anywhere, and continues there: no line is lost or broken."""
    sitting.host.write("/opt/flow", FLOW)
    stop = f"/tmp/{someone}.stop"
    sitting.run(f"python3 /opt/flow {stop}")
    sitting.wait(lambda shown: last(shown).isdigit())
    with left(sitting, someone):
        sitting.host.write(stop, "")
    sitting.wait(lambda shown: last(shown) == "over")
    numbers = [int(line) for line in sitting.picture().lines[-500:-1]]
    broken = [at for at in range(1, len(numbers)) if numbers[at] != numbers[at - 1] + 1]
    assert not broken, numbers
    sitting.host.run(["rm", "-f", "/opt/flow", stop])


@pytest.mark.parametrize("columns", [60, 100])
def test_another_size(sitting: Desk, someone: str, columns: int) -> None:
    """The window is resized while it is locked: the lock screen fits it, and so does what is restored."""
    sitting.run("vim.tiny -u NONE -N new")
    sitting.wait(lambda shown: "[New]" in shown)
    sitting.keys("-l", "i" + "0123456789" * 12)
    sitting.wait(lambda shown: shown.startswith("0123456789" * 8 + "\n0123456789"))
    stay = Stay(sitting.host, someone)
    cursor = stay.lock()
    sitting.wait(lambda shown: last(shown).endswith(PROMPT.rstrip()))
    sitting.resize(20, columns)
    sitting.wait(lambda shown: "is locked" in shown and last(shown).endswith(PROMPT.rstrip()))
    sitting.run(SECRET)
    stay.before = resized(stay.before, 20, columns)
    stay.is_back(cursor)
    typed = "0123456789" * 12
    folded = "\n".join(typed[at : at + columns] for at in range(0, len(typed), columns))
    sitting.wait(lambda shown: shown.startswith(f"{folded}\n~\n") and len(shown.split("\n")) == 21)
