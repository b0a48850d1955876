"""Findings about the kernel and its mounts."""

from __future__ import annotations

import pytest

from reaper.doctor.checks import kernel
from reaper.doctor.checks.kernel import Kernel
from tests.unit.doctor.facts import ids


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (Kernel("6.12.1+deb13-amd64", "v2"), []),
        (Kernel("6.5.0", "v2"), []),
        (Kernel("6.1.0-13-amd64", "v2"), [("note", "kernel-dev-tty")]),
        (Kernel("5.10.0", "v2"), [("note", "kernel-dev-tty")]),
        (Kernel("5.4.0", "v2"), [("error", "kernel-too-old")]),
        (Kernel("6.12", "hybrid"), [("error", "cgroup-not-v2")]),
        (Kernel("6.12", "v1"), [("error", "cgroup-not-v2")]),
        (Kernel("6.12", "v2", "2"), [("note", "proc-hidepid")]),
        (Kernel("6.12", "v2", allows_tiocsti=True), [("note", "kernel-tiocsti")]),
    ],
)
def test_kernel_findings(read: Kernel, expected: list[tuple[str, str]]) -> None:
    assert ids(kernel.check(read)) == expected


CGROUP2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"

PROC = "22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw"


@pytest.mark.parametrize(
    ("mounts", "cgroup", "hidepid"),
    [
        (f"{PROC}\n{CGROUP2}", "v2", ""),
        (f"{PROC},hidepid=invisible\n{CGROUP2}", "v2", "invisible"),
        (f"{PROC},hidepid=off\n{CGROUP2}", "v2", ""),
        (
            "1 2 0:1 / /sys/fs/cgroup ro - tmpfs t rw\n3 1 0:2 / /sys/fs/cgroup/unified rw - cgroup2 c rw\n",
            "hybrid",
            "",
        ),
        ("1 2 0:1 / /sys/fs/cgroup ro - tmpfs t rw\n3 1 0:2 / /sys/fs/cgroup/cpu rw - cgroup c rw,cpu\n", "v1", ""),
        ("", "v1", ""),
        ("nonsense\n - \n", "v1", ""),
    ],
)
def test_mounts_are_parsed(mounts: str, cgroup: str, hidepid: str) -> None:
    assert kernel.parse_mounts("6.1", mounts) == Kernel("6.1", cgroup, hidepid)


@pytest.mark.parametrize("number", ["²", "٣", "9" * 5000, "-1", ""])
def test_release_without_numbers_has_no_version(number: str) -> None:
    assert kernel.parse_release(f"{number}.1") == (0, 0)
