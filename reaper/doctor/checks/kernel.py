"""Checks that the kernel and its mounts provide what reaper needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reaper.doctor.findings import Finding, error, note, warning

OLDEST = (5, 10)
DATES_DEV_TTY = (6, 5)  # since then, a read through /dev/tty updates the atime of the terminal itself


@dataclass(frozen=True)
class Kernel:
    """The kernel's release, mounts and tunables.

    `release` is as uname -r prints it; `cgroup` is "v2", "hybrid" or "v1"; `hidepid` is the option of /proc, "" if it
    is off. `allows_tiocsti`: the sysctl dev.tty.legacy_tiocsti exists and is 1. `uncounted` is why the bytes typed into
    a connection cannot be counted, "" if they can.
    """

    release: str
    cgroup: str
    hidepid: str = ""
    allows_tiocsti: bool = False
    uncounted: str = ""


def parse_release(release: str) -> tuple[int, int]:
    """Returns the two numbers that a kernel's release begins with; (0, 0) if it does not."""
    numbers = re.match(r"([0-9]{1,9})\.([0-9]{1,9})", release)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def parse_mounts(release: str, mountinfo: str, *, allows_tiocsti: bool = False, uncounted: str = "") -> Kernel:
    """Reads the cgroup version and hidepid from proc_pid_mountinfo(5): the last mount on a directory is the top one."""
    types: dict[str, str] = {}
    hidepid = ""
    for line in mountinfo.split("\n"):
        mount, _, filesystem = line.partition(" - ")
        place, kind = mount.split()[4:5], filesystem.split()
        if place and kind:
            types[place[0]] = kind[0]
            if place[0] == "/proc":
                found = re.search(r"\bhidepid=(\w+)", filesystem)
                hidepid = found[1] if found and found[1] not in ("0", "off") else ""
    is_unified = types.get("/sys/fs/cgroup") == "cgroup2"
    is_hybrid = types.get("/sys/fs/cgroup/unified") == "cgroup2"
    return Kernel(release, "v2" if is_unified else "hybrid" if is_hybrid else "v1", hidepid, allows_tiocsti, uncounted)


def check(kernel: Kernel) -> Iterator[Finding]:
    """Yields what is too old, missing or in the way."""
    version = parse_release(kernel.release)
    if version < OLDEST:
        yield error(
            "kernel-too-old",
            f"Linux {kernel.release} is too old: reaper needs 5.10 or newer.",
            "boot a kernel of 5.10 or newer (EL 9 and Debian 11 have one)",
        )
    elif version < DATES_DEV_TTY:
        yield note(
            "kernel-dev-tty",
            f"Linux {kernel.release} is older than 6.5: it has one common time for what all programs read through"
            " /dev/tty, not one for each terminal; see CAVEATS in reaper(7).",
        )
    if kernel.uncounted:
        yield warning(
            "connections-uncounted",
            f"reaperd cannot count what is typed into an ssh connection ({kernel.uncounted}). While nothing is printed,"
            " it takes any traffic for typing, so that a client's keepalives keep the session. While a program prints,"
            " it does not see a single key until Enter is pressed.",
            "if kernel.yama.ptrace_scope is 3, set it to 2 in /etc/sysctl.d/99-reaper.conf and reboot; else allow"
            " pidfd_getfd(2) in the system call filter of this container",
        )
    if kernel.cgroup != "v2":
        yield error(
            "cgroup-not-v2",
            f"Control groups are {kernel.cgroup}, not v2: reaperd cannot find all processes of a session. Sessions"
            " without a terminal may never be ended, others may be ended only in part, and none can be locked.",
            "systemd.unified_cgroup_hierarchy=1 on the kernel command line, then reboot",
        )
    if kernel.allows_tiocsti:
        yield note(
            "kernel-tiocsti",
            "A program can put input into its user's own terminal (TIOCSTI), which looks like typing.",
            "dev.tty.legacy_tiocsti=0 in /etc/sysctl.d/99-reaper.conf, then sysctl --system",
        )
    if kernel.hidepid:
        yield note(
            "proc-hidepid",
            f"/proc hides the processes of other users (hidepid={kernel.hidepid}); reaperd sees them all the same.",
        )
