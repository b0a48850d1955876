"""A running QEMU and the lines to it: its monitor (QMP), the guest's serial line, the port of the agent in the guest.

They are socket pairs that QEMU inherits, so there is nothing of them in the file system or on the network.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from ..container import end_guard
from ..errors import LabError
from ..guest import surroundings

GUARD = os.path.join(os.path.dirname(__file__), "guard.py")
MONITOR_SECONDS = 120.0  # savevm writes the guest's memory

# What the guest is made of. No KVM: where this runs may be a guest itself. What a snapshot is to restore must be able
# to migrate, which rules out nvme. Without cx16, and with rdrand, TCG runs Debian's kernels at a tolerable speed.
HARDWARE = shlex.split(
    "-accel tcg,thread=multi,tb-size=256 -cpu qemu64,-cx16,+rdrand -machine pc -smp 2 -m 512 -nodefaults"
    " -no-user-config -vga std -display none"
    " -drive if=none,id=disk,file=disk.qcow2,format=qcow2,cache=unsafe -device virtio-blk-pci,drive=disk"
    " -netdev user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:22-10.0.2.15:22"
    " -device virtio-net-pci,netdev=net,romfile= -device virtio-rng-pci"
    " -chardev file,id=console,path=console -device virtio-serial-pci"
    " -device virtserialport,chardev=agent,name=reaper.lab"
    " -serial chardev:serial -serial chardev:console -mon chardev=monitor,mode=control"
)
LINES = ("agent", "serial", "monitor")


class JsonLine:
    """JSON objects, one a line, over a socket."""

    def __init__(self, line: socket.socket, what: str) -> None:
        self._line = line
        self._what = what
        self._rest = b""

    def send(self, message: object) -> None:
        self._line.settimeout(MONITOR_SECONDS)
        self._line.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next object. Raises TimeoutError at the deadline, and LabError at the end of the line."""
        while b"\n" not in self._rest:
            if not select.select([self._line], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            data = self._line.recv(1 << 16)
            if not data:
                raise LabError(f"{self._what}: QEMU has ended")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def forget(self) -> None:
        """Drops what has come and was not asked for."""
        self._rest = b""
        while select.select([self._line], [], [], 0)[0] and self._line.recv(1 << 16):
            pass


class Qemu:
    """One virtual machine, from its start to its end. `directory` has its disk and goes with it."""

    def __init__(self, name: str, directory: str, words: Sequence[str]) -> None:
        self.name = name
        self.pid = 0
        self._directory = directory
        self._last_id = 0
        self._events: list[str] = []
        pairs = {line: socket.socketpair() for line in LINES}
        self._ends = {line: pair[0] for line, pair in pairs.items()}
        theirs = {line: pair[1].fileno() for line, pair in pairs.items()}
        command = ["qemu-system-x86_64", "-name", name]
        for line, descriptor in theirs.items():
            command += ["-chardev", f"socket,id={line},fd={descriptor}"]
        spec = {"words": [*command, *HARDWARE, *words], "descriptors": list(theirs.values()), "remove": directory}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._guard = subprocess.Popen(
            ["unshare", "--net", "--", sys.executable, "-I", GUARD, json.dumps(spec)],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pass_fds=list(theirs.values()),
            start_new_session=True,
        )
        for _, their_end in pairs.values():
            their_end.close()
        self._monitor = JsonLine(self._ends["monitor"], name)
        self._agent = JsonLine(self._ends["agent"], name)
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise

    def _begin(self) -> None:
        assert self._guard.stdout is not None
        word, _, pid = self._guard.stdout.readline().decode().partition(" ")
        try:
            if word != "qemu":
                raise LabError(f"{self.name} did not start")
            self.pid = int(pid)
            self._monitor.receive(time.monotonic() + MONITOR_SECONDS)  # the greeting
            self.monitor("qmp_capabilities")
        except (LabError, OSError):
            raise LabError(f"{self.name} did not start", self.errors()) from None

    @property
    def serial(self) -> socket.socket:
        """Our end of the guest's ttyS0."""
        return self._ends["serial"]

    @property
    def network(self) -> list[str]:
        """The words that bring a command into the network in which the guest's sshd is 127.0.0.1."""
        return ["nsenter", f"--target={self._guard.pid}", "--net", "--"]

    def errors(self) -> str:
        """What QEMU complained of, and the end of what the guest's kernel and systemd have said."""
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace")
        with (
            contextlib.suppress(OSError),
            open(f"{self._directory}/console", encoding="utf-8", errors="replace") as stream,
        ):
            said += stream.read()
        return said[-4000:]

    def monitor(self, command: str, **arguments: object) -> Any:
        """Has the monitor carry out a command of QMP; returns what it answers."""
        self._monitor.send({"execute": command, "arguments": arguments})
        deadline = time.monotonic() + MONITOR_SECONDS
        self._events.clear()
        while True:
            answer = self._monitor.receive(deadline)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise LabError(f"{self.name}: {command}", answer["error"]["desc"])
            self._events.append(answer["event"])

    def wait_event(self, event: str) -> None:
        """Waits for an event of QMP, unless it has come since the monitor was last given a command."""
        deadline = time.monotonic() + MONITOR_SECONDS
        try:
            while event not in self._events:
                self._events.append(self._monitor.receive(deadline).get("event", ""))
        except TimeoutError:
            raise LabError(f"{self.name}: no {event}", self.errors()) from None

    def snapshot(self, command: str) -> None:
        """savevm NAME or loadvm NAME."""
        answer = self.monitor("human-monitor-command", **{"command-line": command})
        if answer:
            raise LabError(f"{self.name}: {command}", answer)

    def run(
        self,
        command: Sequence[str],
        timeout: float,
        text: str | None = None,
        environment: dict[str, str] | None = None,
        patience: float = 30.0,
    ) -> tuple[int | None, str, str]:
        """Runs a command as root in the guest: its status (None: not within the timeout), stdout and stderr.

        The guest may be that much slower to answer than it was told to be.
        """
        self._last_id += 1
        request = {"id": self._last_id, "command": list(command), "environment": surroundings(environment)}
        self._agent.send({**request, "input": text, "timeout": timeout})
        deadline = time.monotonic() + timeout + patience
        while True:
            try:
                answer = self._agent.receive(deadline)
            except TimeoutError:
                raise LabError(f"{self.name} does not answer to {shlex.join(command)}", self.errors()) from None
            if answer["id"] == self._last_id:
                return answer["status"], answer["stdout"], answer["stderr"]

    def forget(self) -> None:
        """After a restored snapshot: what the guest had to say before has not been said."""
        self._agent.forget()

    def stop(self) -> None:
        """Ends QEMU as by a power cut; on return nothing of it is left. Does nothing the second time."""
        try:
            end_guard(self._guard)
        finally:
            self._errors.close()
            for end in self._ends.values():
                end.close()
