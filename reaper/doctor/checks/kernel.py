"""What the kernel and its mounts have of what reaper needs. Pure: what was read goes in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reaper.doctor.findings import Finding, error, note, warning

OLDEST = (5, 10)
DATES_DEV_TTY = (6, 5)  # from here on, a read through /dev/tty moves the time of the terminal itself


@dataclass(frozen=True)
class Kernel:
    """`release` as uname -r has it; `cgroup` is "v2", "hybrid" or "v1"; `hidepid` as /proc is mounted, "" for not.

    `allows_tiocsti`: the sysctl dev.tty.legacy_tiocsti is there and on. `uncounted`: why what crosses a
    connection cannot be counted, "" where it can.
    """

    release: str
    cgroup: str
    hidepid: str = ""
    allows_tiocsti: bool = False
    uncounted: str = ""


def parse_release(release: str) -> tuple[int, int]:
    """The two numbers that a kernel's release begins with; (0, 0) for what has none."""
    numbers = re.match(r"([0-9]{1,9})\.([0-9]{1,9})", release)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def parse_mounts(release: str, mountinfo: str, *, allows_tiocsti: bool = False, uncounted: str = "") -> Kernel:
    """The kernel with what proc_pid_mountinfo(5) tells: the last mount on a place is the one that is seen."""
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
    """What is too old, and what hides things."""
    version = parse_release(kernel.release)
    if version < OLDEST:
        yield error(
            "kernel-too-old",
            f"Linux {kernel.release} is older than 5.10: reaper is not made for it.",
            "boot a newer kernel",
        )
    elif version < DATES_DEV_TTY:
        yield note(
            "kernel-dev-tty",
            f"On Linux {kernel.release}, before 6.5, what programs read through /dev/tty is dated for all terminals"
            " together; see CAVEATS in reaper(7).",
        )
    if kernel.uncounted:
        yield warning(
            "connections-uncounted",
            f"What is typed into an ssh connection cannot be counted ({kernel.uncounted}): any traffic counts as typed"
            " while nothing is printed, so keepalives of a client keep its session, and a single key under a program"
            " that prints is not seen: Enter is.",
            "allow the system call pidfd_getfd(2): kernel.yama.ptrace_scope below 3, and in the filter of a container",
        )
    if kernel.cgroup != "v2":
        yield error(
            "cgroup-not-v2",
            f"Control groups are {kernel.cgroup}, not v2: what a session holds cannot be told. Sessions without a"
            " terminal may be left alone, others be ended in part, and none can be locked.",
            "boot with systemd.unified_cgroup_hierarchy=1",
        )
    if kernel.allows_tiocsti:
        yield note(
            "kernel-tiocsti",
            "Programs may put input into their user's own terminal (TIOCSTI), which looks like typing.",
            "dev.tty.legacy_tiocsti=0 in a file of /etc/sysctl.d, then sysctl --system",
        )
    if kernel.hidepid:
        yield note(
            "proc-hidepid",
            f"/proc hides other people's processes (hidepid={kernel.hidepid}); that does not hinder reaperd.",
        )
