"""Virtual machines, for what a container cannot have: consoles, serial lines, clocks of its own, an old kernel.

    with Machine("bullseye") as machine:
        machine.install(build_deb("bullseye"))
        machine.add_user("alice", password="secret")
        machine.console.log_in("alice", "secret")
        machine.console.send("echo hello\\n")
        machine.step_clock(3600)
        machine.wait_journal(lambda entry: entry.get("REAPER_EVENT") == "warned", timeout=60)

Theory of operation. A machine is a QEMU without KVM over a copy of the suite's image (image.py), which begins where
the image's only boot has ended. An agent in it (agent.py) runs commands, told over a port of its own, so that no login
is needed and the tests have no part in what is tested. A guard process (guard.py) holds the read end of a pipe from
whoever asked for the machine and kills QEMU at end of file; if the guard is killed, the kernel does it. The guest's
network ends in a network namespace that only ssh enters.
"""

from __future__ import annotations

from .lines import Console, SerialLine
from .machine import Machine

__all__ = ["Console", "Machine", "SerialLine"]
