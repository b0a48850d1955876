"""A throwaway virtual machine, with the kernel, the clocks and the consoles that a Host has not of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..container import unique_name
from ..errors import LabError
from ..guest import Guest, JournalEntry, fits, no_such_entry, read_text
from ..host import Host
from ..terminal import SshClient
from .image import KERNEL_WORDS, SNAPSHOT, machine_image, run
from .lines import Console, SerialLine
from .qemu import Qemu

STEP = "import sys, time; time.clock_settime(time.CLOCK_REALTIME, time.time() + float(sys.argv[1]))"
# Prints the first entry that comes and ends; journalctl alone would wait for the next one to notice.
NEXT_ENTRY = 'exec 3< <(exec "$@"); head --lines=1 <&3; kill $!'


class Machine(Guest):
    """A booted virtual machine of one suite, with that suite's kernel. Its wall clock is that of its image's making.

    `console` is its keyboard and the screen of tty1, `serial` the terminal on its ttyS0.
    """

    def __init__(self, suite: str) -> None:
        super().__init__(suite, unique_name(f"reaper-vm-{suite}"))
        image = machine_image(suite)
        Host.exit_on_sigterm()
        self._directory = tempfile.mkdtemp(prefix="reaper-lab-")
        self._qemu: Qemu | None = None
        atexit.register(self.power_off)
        try:
            self.key = os.path.join(self._directory, "user_key")
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "user_key", "-f", self.key])
            self._known_hosts = os.path.join(self._directory, "known_hosts")
            with open(self._known_hosts, "w", encoding="ascii") as stream:
                stream.write(f"lab {read_text(f'{image}/host_key.pub')}")
            shutil.copy(f"{image}/disk.qcow2", self._directory)
            os.symlink(f"{image}/disk.raw", f"{self._directory}/disk.raw")
            words = ["-kernel", f"{image}/kernel", "-initrd", f"{image}/initrd", "-append", KERNEL_WORDS]
            self._qemu = Qemu(self.name, self._directory, [*words, "-loadvm", SNAPSHOT])
            self.console = Console(self)
            self.serial = SerialLine(self._qemu.serial)
            self.run(["hostname", self.name])
        except BaseException:
            self.power_off()
            raise

    def power_off(self) -> None:
        """Cuts the power; on return no process or file of the machine is left. Does nothing the second time."""
        atexit.unregister(self.power_off)
        if self._qemu is not None:
            self._qemu.stop()
            self._qemu = None
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def qemu(self) -> Qemu:
        """What runs it."""
        if self._qemu is None:
            raise LabError(f"{self.name} is off")
        return self._qemu

    # As every guest

    def run(
        self,
        command: Sequence[str],
        *,
        check: bool = True,
        timeout: float = 60.0,
        input: str | None = None,  # noqa: A002 - subprocess.run's own name
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        status, stdout, stderr = self.qemu.run(command, timeout, input, environment)
        if status is None:
            raise subprocess.TimeoutExpired(list(command), timeout, stdout, stderr)
        return self._result(command, status, stdout, stderr, check)

    def ssh(self, user: str, **more: Any) -> SshClient:
        return SshClient(user, key=self.key, known_hosts=self._known_hosts, enter=self.qemu.network, **more)

    def wait_journal(
        self,
        predicate: Callable[[JournalEntry], bool],
        timeout: float = 20.0,
        *,
        after: str | None = None,
        **matches: str,
    ) -> JournalEntry:
        deadline = time.monotonic() + timeout
        seen: list[str] = []
        while True:
            for entry in self._entries(after, matches):
                after = entry["__CURSOR"]
                if not fits(entry, matches):
                    continue
                if predicate(entry):
                    return entry
                seen.append(str(entry.get("MESSAGE")))
            follow = [*self._journalctl(after, matches), "--follow", "--no-tail"]
            try:
                left = max(0.1, deadline - time.monotonic())
                self.run(["bash", "-c", NEXT_ENTRY, "bash", *follow], timeout=left)
            except subprocess.TimeoutExpired:
                raise no_such_entry(timeout, seen) from None

    # What only a machine of its own can do

    def step_clock(self, seconds: float) -> None:
        """Sets the guest's wall clock forward, or back."""
        self.run(["python3", "-c", STEP, repr(seconds)])

    def pause(self) -> None:
        """Stops the machine where it is: none of its clocks goes on, and it does not know."""
        self.qemu.monitor("stop")

    def resume(self) -> None:
        self.qemu.monitor("cont")

    def suspend(self) -> None:
        """Suspends the machine to memory, as closing its lid does; returns when it sleeps, and so do its processes."""
        self.qemu.monitor("query-status")  # what happened before does not count
        # Not as a command of the agent's: its answer would be under way when the port goes to sleep.
        self.run(["systemd-run", "--quiet", "--collect", "sh", "-c", "sleep 0.5; echo mem > /sys/power/state"])
        self.qemu.wait_event("SUSPEND")

    def wake(self) -> None:
        """Opens the lid. The guest's boot-time and wall clocks have gone on, and its monotonic clock has not."""
        self.qemu.monitor("system_wakeup")
        self.qemu.wait_event("WAKEUP")

    def save(self, name: str) -> None:
        """Remembers the whole machine, as it is, under a name. Let nothing be under way on its lines."""
        self.qemu.snapshot(f"savevm {name}")

    def restore(self, name: str) -> None:
        """Makes the machine what it was. Connections to it since then are dead; close them before."""
        self.qemu.snapshot(f"loadvm {name}")
        self.qemu.forget()
        self.serial.forget()
