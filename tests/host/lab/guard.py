"""Runs one systemd-nspawn container over read-only layers, and ends it when the other end of stdin goes away.

Started by container.py in a mount namespace of its own: `unshare --mount python3 -I guard.py SPEC`, SPEC being JSON:

    name     the machine's name, unique on this machine
    lower    the trees of the overlay, topmost first
    upper    a directory that keeps what is written; without it, a tmpfs that goes with the namespace
    scratch  an empty directory to mount things on
    remove   a directory that goes with the container
    files    [path, mode, text] to write before the start
    command  the words to run; none: boot
    options  further options of systemd-nspawn

Speaks lines on stdout: `leader PID`, `ready` (the host has booted), `exit STATUS`. It runs as a script, so it imports
nothing of ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import Any

POWER_OFF = signal.SIGRTMIN + 4  # systemd(1), SIGNALS: poweroff.target
POWER_OFF_SECONDS = 10.0  # a throwaway host has nothing to lose: what has not stopped by then is killed


def say(*words: object) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(*words, flush=True)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, stdin=subprocess.DEVNULL)


def lay_out(spec: dict[str, Any]) -> str:
    """Mounts the layers and returns the root of the result."""
    scratch = spec["scratch"]
    mount("-t", "tmpfs", "-o", "mode=0755,size=75%", "tmpfs", scratch)
    root = f"{scratch}/{spec['name']}"
    upper = spec["upper"] or f"{scratch}/upper"
    work = f"{spec['upper']}.work" if spec["upper"] else f"{scratch}/work"
    for directory in (root, upper, work):
        os.makedirs(directory, exist_ok=True)
    layers = f"lowerdir={':'.join(spec['lower'])},upperdir={upper},workdir={work}"
    mount("-t", "overlay", "-o", layers, "overlay", root)
    for path, mode, text in spec["files"]:
        target = root + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
    return root


def own_cgroups(name: str) -> list[str]:
    """Moves this process to cgroups of its own and returns them; none where systemd is in charge of the hierarchy.

    With --keep-unit, nspawn puts what it runs in `payload` below the cgroup it was started in: two hosts started from
    one cgroup would share it, and their two systemds with it.
    """
    if os.path.isdir("/run/systemd/system"):
        return []
    made = []
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        mounts = [line.split() for line in stream]
    for fields in mounts:
        kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
            path = f"{fields[4]}/{name}"
            os.makedirs(path, exist_ok=True)
            made.append(path)
            with open(f"{path}/cgroup.procs", "w", encoding="ascii") as stream:
                stream.write(str(os.getpid()))
    return made


def remove_cgroups(paths: list[str]) -> None:
    for path in paths:
        with (
            contextlib.suppress(OSError),
            open(f"{os.path.dirname(path)}/cgroup.procs", "w", encoding="ascii") as stream,
        ):
            stream.write(str(os.getpid()))
        for directory, _, _ in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def nspawn(spec: dict[str, Any], root: str, notify: str) -> subprocess.Popen[bytes]:
    words = [
        "systemd-nspawn",
        "--quiet",
        f"--directory={root}",
        f"--machine={spec['name']}",
        "--register=no",
        "--console=pipe",
    ]
    if not os.path.isdir("/run/systemd/system"):
        words.append("--keep-unit")
    words += spec["options"]
    words += ["--as-pid2", "--", *spec["command"]] if spec["command"] else ["--notify-ready=yes", "--boot"]
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "UNIFIED_CGROUP_HIERARCHY": "1",
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        "NOTIFY_SOCKET": notify,
    }
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=environment)


class Watch:
    """The running container, as its notifications tell of it: READY=1 of sd_notify(3), nspawn's X_NSPAWN_LEADER_PID."""

    def __init__(self, process: subprocess.Popen[bytes], inbox: socket.socket) -> None:
        self.process = process
        self.inbox = inbox
        self.ended = os.pidfd_open(process.pid)
        self.leader: int | None = None
        self.leader_ended: int | None = None

    def until(self, stopped: bool, deadline: float | None) -> bool:
        """Waits for the end of the container: True.

        False: the deadline passed, or the caller went (unless `stopped` already).
        """
        poll = select.poll()
        poll.register(self.ended, select.POLLIN)
        poll.register(self.inbox, select.POLLIN)
        if not stopped:
            poll.register(0, select.POLLIN | select.POLLHUP)
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            ready = [descriptor for descriptor, _ in poll.poll(left)]
            if self.inbox.fileno() in ready:
                self.hear(self.inbox.recv(4096).decode(errors="replace"))
            if self.ended in ready:
                self.process.wait()
                return True
            if not ready or 0 in ready:
                return False

    def hear(self, message: str) -> None:
        for line in message.splitlines():
            key, _, value = line.partition("=")
            if key == "X_NSPAWN_LEADER_PID" and self.leader is None:
                self.leader = int(value)
                self.leader_ended = os.pidfd_open(self.leader)
                say("leader", value)
            elif line == "READY=1":
                say("ready")

    def stop(self, orderly: bool) -> None:
        if orderly and self.leader_ended is not None:
            self.signal_leader(POWER_OFF)
            if self.until(True, time.monotonic() + POWER_OFF_SECONDS):
                return
        self.process.kill()
        self.process.wait()
        self.signal_leader(signal.SIGKILL)  # and with init goes its pid namespace
        if self.leader_ended is not None:
            select.select([self.leader_ended], [], [], POWER_OFF_SECONDS)

    def signal_leader(self, number: int) -> None:
        if self.leader_ended is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.leader_ended, number)


def main() -> int:
    spec = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    root = lay_out(spec)
    cgroups = own_cgroups(spec["name"])
    inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    inbox.bind(f"{spec['scratch']}/notify")
    watch = Watch(nspawn(spec, root, f"{spec['scratch']}/notify"), inbox)
    try:
        watch.until(False, None)
    finally:
        if watch.process.poll() is None:
            watch.stop(orderly=not spec["command"])
        remove_cgroups(cgroups)
        with contextlib.suppress(OSError):
            os.rmdir(f"/run/systemd/nspawn/propagate/{spec['name']}")  # nspawn leaves it where /run is no tmpfs
        if spec["remove"]:
            shutil.rmtree(spec["remove"], ignore_errors=True)
        say("exit", watch.process.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main())
