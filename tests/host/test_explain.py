"""What reaperctl says of the processes of a session, and the end of the session as the proof of it."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host, SshClient
from .limits import log_in, quick, rule, wait_event
from .locks import session_of

# Maps a file of a FUSE server, stops the server, and reads that memory by /proc/self/mem, which has the memory map
# locked for reading until the server answers (mmap_lock). A thread then waits to change the map, and whoever else wants
# to read it waits behind that. cmdline alone reads no file's memory, of a FUSE server's either (FOLL_ANON, Linux 4.17).
UNREADABLE = r"""
import ctypes, os, signal, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
def map(flags, file):
    return libc.mmap(None, 4096, 1, flags, file, 0)
own = os.open("/proc/self/mem", os.O_RDONLY)
mapped = map(2, os.open(sys.argv[2], os.O_RDONLY))
os.kill(int(sys.argv[1]), signal.SIGSTOP)
print("pid:", os.getpid(), flush=True)
threading.Thread(target=os.pread, args=(own, 1, mapped), daemon=True).start()
time.sleep(0.5)
threading.Thread(target=map, args=(0x22, -1), daemon=True).start()
time.sleep(1000)
"""
SHOWN = r"^(yes|no|hangup|\?) +(\d+) +\S+ +\S+ +(?:-|\S+ [MG]iB) (.*)$"


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    host.shell("test -e /dev/fuse || (umask 0; mknod /dev/fuse c 10 229)")
    host.shell("grep -q ^user_allow_other /etc/fuse.conf || echo user_allow_other >> /etc/fuse.conf")
    host.write("/usr/local/bin/unreadable.py", UNREADABLE)
    with quick(host):
        yield


def explain(host: Host, name: str, *, user: str = "root") -> dict[str, dict[str, Any]]:
    """The processes of a session as JSON has them, by command."""
    told = json.loads(host.output(["runuser", "-u", user, "--", "reaperctl", "explain", "--json", name]))
    return {each["command"]: each for each in told["processes"]}


def is_running(host: Host, pid: int) -> bool:
    return host.run(["test", "-e", f"/proc/{pid}/root"], check=False).returncode == 0


def wait_gone(host: Host, pid: int) -> None:
    host.shell(f"timeout 20 sh -c 'while test -e /proc/{pid}/root; do sleep 0.1; done'")


def start(host: Host, person: str, terminal: SshClient) -> None:
    """A job in the background, one that nohup guards, a daemon, and tmux; a program in the foreground."""
    terminal.command("sleep 4711 & nohup sleep 4712 >/dev/null 2>&1 & setsid -f sleep 4713 >/dev/null 2>&1")
    terminal.command("tmux -L lab new-session -d 'sleep 4714'")
    terminal.send("sleep 4710\n")
    for number in range(4710, 4715):
        host.wait_process("-u", person, "-fx", f"sleep {number}")


def test_what_ends_with_a_session_and_what_survives(host: Host, person: str) -> None:
    """For root and for the user alike, and so it is when the session ends."""
    with rule(host, person, idle="1h", warn="[1min]"), log_in(host, person) as terminal:
        name = session_of(host, person, terminal)
        start(host, person, terminal)
        found = explain(host, name)
        ends = {command: each["ends"] for command, each in found.items()}
        monitor = next(command for command in ends if command.startswith("sshd") and "[priv]" in command)
        assert ends[monitor] is True
        assert ends["-bash"] is ends["sleep 4710"] is True
        assert ends["sleep 4712"] is ends["sleep 4713"] is ends["sleep 4714"] is False
        assert ends["sleep 4711"] is None
        assert found["sleep 4711"]["hung_up"] is True
        own = explain(host, name, user=person)
        for command in ("-bash", "sleep 4710", "sleep 4711", "sleep 4712", "sleep 4713", "sleep 4714"):
            assert own[command]["ends"] is ends[command], command
            assert own[command]["memory_bytes"] > 0
            assert own[command]["since_usec"] < 600_000_000
        told = host.output(["reaperctl", "explain", name])
        rows = {command: word for word, _, command in re.findall(SHOWN, told, re.MULTILINE)}
        assert (rows["sleep 4710"], rows["sleep 4711"], rows["sleep 4713"]) == ("yes", "hangup", "no")
        assert "what the end of the session does to each (kill: terminal):" in told
        (line,) = re.findall(rf"^{name} .*$", host.output(["reaperctl", "list", "-l"]), re.MULTILINE)
        assert line.endswith(" sleep 4710")
        host.run(["reaperctl", "terminate", name, "--reason", "test"])
        assert terminal.closed(20)
        ended = wait_event(host, person, "terminated")
        assert "0s of CPU" not in ended["MESSAGE"]
        assert int(ended["REAPER_FREED_RSS"]) > 0
        for command, each in found.items():
            if command == "sleep 4711" or each["ends"]:
                wait_gone(host, each["pid"])
            elif command.startswith("sleep"):
                assert is_running(host, each["pid"]), command
    for number in (4712, 4713, 4714):
        host.run(["pkill", "-u", person, "-fx", f"sleep {number}"], check=False)


def test_all_of_a_session_ends_where_its_rule_says_so(host: Host, person: str) -> None:
    with rule(host, person, idle="1h", warn="[1min]", kill="session"), log_in(host, person) as terminal:
        name = session_of(host, person, terminal)
        start(host, person, terminal)
        found = explain(host, name)
        assert {each["ends"] for each in found.values()} == {True}
        assert {f"sleep {number}" for number in range(4710, 4715)} <= found.keys()
        host.run(["reaperctl", "terminate", name, "--reason", "test"])
        for each in found.values():
            wait_gone(host, each["pid"])
        assert terminal.closed(20)


def test_command_without_a_terminal(host: Host, person: str) -> None:
    """What sshd runs without a terminal ends with the session, and what has detached itself does not."""
    script = "setsid -f sleep 4716 >/dev/null 2>&1 <&1; echo it is $XDG_SESSION_ID.; exec sleep 4715"
    with rule(host, person, idle="1h", warn="[1min]"), host.ssh(person, command=[f"sh -c '{script}'"]) as running:
        name = running.expect(r"it is (\w+)\.")[1].decode()
        wait_event(host, person, "opened", REAPER_SESSION=name)
        host.wait_process("-u", person, "-fx", "sleep 4715")
        found = explain(host, name)
        assert (found["sleep 4715"]["ends"], found["sleep 4716"]["ends"]) == (True, False)
        assert explain(host, name, user=person)["sleep 4715"]["ends"] is not False
        host.run(["reaperctl", "terminate", name, "--reason", "test"])
        wait_gone(host, found["sleep 4715"]["pid"])
        assert is_running(host, found["sleep 4716"]["pid"])
    host.run(["pkill", "-u", person, "-fx", "sleep 4716"])


def test_names_that_a_terminal_would_obey(host: Host, person: str) -> None:
    """Are escaped, for a person and in JSON, and no other session's processes are shown to a user."""
    with log_in(host, person) as terminal:
        name = session_of(host, person, terminal)
        terminal.send("exec -a $'\\e]0;owned\\a\\r\\n\\u202eyes 1 1s 1s 1.0 MiB root' sleep 4717\n")
        host.wait_process("-u", person, "-f", "sleep|4717")
        told = host.output(["reaperctl", "explain", name])
        listed = host.output(["reaperctl", "list", "-l"])
        for text in (told, listed):
            assert text.replace("\n", "").isprintable()
            assert "\\x1b]0;owned\\x07\\r\\n" in text
        assert any(command.startswith("\\x1b]0;owned") for command in explain(host, name))
        assert len(told.splitlines()[-1]) < 300


@contextlib.contextmanager
def served_by(host: Host, person: str) -> Iterator[str]:
    """A FUSE file system of a user's, not served within a session of theirs; yields the pid of its server."""
    script = f"cd /home/{person}; mkdir files mnt; head -c 9000 /dev/zero > files/file; bindfs files mnt"
    find = "pgrep --newest --exact bindfs"
    server = host.output(["runuser", "-u", person, "--", "sh", "-c", f"{script}; {find}"]).strip()
    try:
        yield server
    finally:
        host.run(["kill", "-KILL", server])  # that ends all waiting for it
        host.run(["umount", "--lazy", f"/home/{person}/mnt"])


def is_readable(host: Host, path: str) -> bool:
    return host.run(["timeout", "-s", "KILL", "1", "cat", path], check=False).returncode == 0


def wait_unreadable(host: Host, path: str) -> None:
    deadline = time.monotonic() + 10
    while is_readable(host, path):
        assert time.monotonic() < deadline, f"{path} can be read"


def test_process_whose_words_cannot_be_read(host: Host, person: str) -> None:
    """reaperctl says so in time, and the daemon goes on, by what does not take mmap_lock."""
    before = host.output(["systemctl", "show", "--property=NRestarts,MainPID", "reaper.service"])
    with contextlib.ExitStack() as undo:
        undo.enter_context(rule(host, person, idle="1h", warn="[1min]"))
        server = undo.enter_context(served_by(host, person))
        with log_in(host, person) as terminal:
            name = session_of(host, person, terminal)
            terminal.send(f"python3 /usr/local/bin/unreadable.py {server} mnt/file\n")
            pid = int(terminal.expect(r"pid: (\d+)", 10)[1])
            wait_unreadable(host, f"/proc/{pid}/cmdline")
            began = time.monotonic()
            told = host.output(["reaperctl", "explain", name])
            assert time.monotonic() - began < 15
            assert re.search(rf"^yes +{pid} +\S+ +\S+ +\S+ MiB -$", told, re.MULTILINE), told
            assert "-: could not be read, or not in time." in told
            assert " -bash\n" in told
            (line,) = re.findall(rf"^{name} .*$", host.output(["reaperctl", "list", "-l"]), re.MULTILINE)
            assert line.endswith(" ?")
            assert not is_readable(host, f"/proc/{pid}/smaps_rollup")
            assert all(is_readable(host, f"/proc/{pid}/{file}") for file in ("stat", "statm", "status"))
            began = time.monotonic()
            host.run(["reaperctl", "terminate", name, "--reason", "test"])
            wait_event(host, person, "ending")
            host.run(["reaperctl", "list"])
            assert time.monotonic() - began < 10
            assert terminal.closed(20)
            assert host.exists(f"/proc/{pid}"), "the kernel lets it end when the server answers"
            host.run(["kill", "-CONT", server])
            ended = wait_event(host, person, "terminated")
            assert int(ended["REAPER_FREED_RSS"]) > 0
    assert host.output(["systemctl", "show", "--property=NRestarts,MainPID", "reaper.service"]) == before
