"""Which processes are frozen on a booted host, what undoes that and what does not, and how systemd and logind react.

parts.py runs the parts of reaper.lock; the daemon is not involved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host
from .limits import log_in
from .lock_steps import parts_installed, step, tty_of, waits_on_terminal


@pytest.fixture(autouse=True, scope="module")
def parts(host: Host) -> Iterator[None]:
    with parts_installed(host):
        yield


def frozen(host: Host, state: dict[str, Any]) -> bool:
    path = f"/sys/fs/cgroup{state['scope']}/reaper-lock/cgroup.events"
    return "frozen 1" in host.read(path).splitlines()


def group_of(host: Host, pid: int) -> str:
    (line,) = [line for line in host.read(f"/proc/{pid}/cgroup").splitlines() if line.startswith("0::")]
    return line[len("0::") :]


def as_user(host: Host, person: str, script: str) -> Any:
    return host.run(["runuser", "-u", person, "--", "sh", "-c", script], check=False)


def test_user_cannot_undo_the_freeze(host: Host, person: str) -> None:
    """Only SIGKILL has an effect, no process can be moved out, and nobody else can open the terminal."""
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
            assert re.search("denied|not permitted|I/O error", refused.stderr), (script, refused.stderr)
        assert all(group_of(host, pid) == f"{state['scope']}/reaper-lock" for pid in state["members"])
        victim = state["members"][-1]
        assert as_user(host, person, f"kill -KILL {victim}").returncode == 0
        host.wait_end(victim)
        if victim != state["members"][0]:
            assert frozen(host, state)


def wait_inactive(host: Host, unit: str) -> None:
    """Waits until a unit is inactive, and not failed."""
    script = f"for n in $(seq 300); do [ $(systemctl is-active {unit}) = inactive ] && exit 0; sleep 0.1; done; exit 1"
    host.shell(script)


def test_fatal_signals_to_frozen_processes(host: Host, person: str) -> None:
    """A process without a handler for a fatal signal ends at once; one with a handler ends when it runs again."""
    with log_in(host, person) as terminal:
        tty_of(terminal)
        terminal.send("sh -c 'trap \"echo trapped-$((1+1))\" TERM; cat; echo after'\n")
        waits_on_terminal(host, person, "cat")
        state = step(host, "lock", person)
        (cat,) = map(int, host.output(["pgrep", "-u", person, "-x", "cat"]).split())
        (shell,) = map(int, host.output(["pgrep", "-u", person, "-x", "sh"]).split())
        assert {cat, shell} < {*state["members"]}
        assert as_user(host, person, f"kill -TERM {cat} {shell}").returncode == 0
        host.wait_end(cat)
        assert frozen(host, state)
        terminal.quiet("trapped-2", 0)
        step(host, "unlock", person)
        terminal.expect("trapped-2")
        terminal.expect("after")


@pytest.mark.parametrize("way", ["a broken connection", "loginctl terminate-session"])
def test_frozen_processes_end_with_the_session(host: Host, person: str, way: str) -> None:
    """Once thawed, the frozen processes end from the hangup, and the scope is left in good order."""
    with log_in(host, person) as terminal:
        tty_of(terminal)
        terminal.send("vim.tiny -u NONE -i NONE\n")
        waits_on_terminal(host, person, "vim.tiny")
        state = step(host, "lock", person)
        unit = state["scope"].rpartition("/")[2]
        if way == "a broken connection":
            terminal.hang_up()
        else:
            host.run(["loginctl", "terminate-session", state["id"]])
            assert terminal.closed(20)
        step(host, "release", person)
        path = f"/sys/fs/cgroup{state['scope']}"
        host.shell(f"for n in $(seq 300); do [ -d {path} ] || exit 0; sleep 0.1; done; ls {path}; exit 1")
        wait_inactive(host, unit)


def test_systemd_and_logind_see_nothing_unusual(host: Host, person: str) -> None:
    """The scope runs while it is locked, with the group below it, which is gone afterwards; logging out works."""
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
    wait_inactive(host, unit)


def test_short_lived_children_are_frozen(host: Host, person: str) -> None:
    """A loop of short-lived processes, several deep: in the end none on the terminal runs, and later they run again."""
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


def test_chain_of_short_lived_children_is_frozen(host: Host, person: str) -> None:
    """Each process forks and exits, so that every one found is gone at once. The user is frozen for the last search."""
    with log_in(host, person) as terminal, log_in(host, person) as other:
        tty = tty_of(terminal)
        host.write("/tmp/chain.py", CHAIN)
        terminal.command("python3 /tmp/chain.py &")
        state = step(host, "lock", person, tty)
        slice_ = f"/sys/fs/cgroup{state['scope'].rpartition('/')[0]}"
        assert host.read(f"{slice_}/cgroup.freeze") == "0\n"
        assert other.command("echo goes-on") == "goes-on"
        pids = host.output(["pgrep", "-u", person, "-f", "chain.py"]).split()
        assert pids
        assert {*map(int, pids)} <= {*state["members"]}
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
def test_detached_reader_is_frozen(host: Host, person: str, kind: str) -> None:
    """By the terminal's name, by /dev/tty, without the first thread, and in a thread with its own descriptors."""
    with log_in(host, person) as terminal:
        tty_of(terminal)
        host.write("/tmp/detached.py", DETACHED)
        terminal.command(f"python3 /tmp/detached.py {kind} {person}")
        host.shell(f"for n in $(seq 300); do [ -e /tmp/{person} ] && exit 0; sleep 0.1; done; exit 1")
        (pid,) = map(int, host.output(["pgrep", "-u", person, "-x", "python3"]).split())
        state = step(host, "lock", person)
        assert pid in state["members"]
        step(host, "unlock", person)
        host.run(["kill", "-KILL", str(pid)])


def test_process_without_the_terminal_runs_on(host: Host, person: str) -> None:
    """Also another login of the same user, with /dev/tty open in its shell."""
    with log_in(host, person) as terminal:
        tty_of(terminal)
        terminal.command("setsid sleep 1000 </dev/null >/dev/null 2>&1 &")
        script = f"for n in $(seq 300); do pgrep -u {person} -x sleep && exit 0; sleep 0.1; done; exit 1"
        detached = int(host.shell(script).stdout)
        state = step(host, "lock", person)
        assert detached not in state["members"]
        scope = state["scope"]
        outside = host.read(f"/sys/fs/cgroup{scope}/cgroup.procs").split()
        assert str(detached) in outside
        assert any("sshd" in host.output(["ps", "-o", "comm=", "-p", pid]) for pid in outside)
        step(host, "unlock", person)
