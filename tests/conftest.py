"""What every test is held to: it leaves no process, no open file and no mount behind. And the options of the run.

Only what the process that runs the tests, or a child of it, can have left counts: other programs use the same machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest

CLONE_NEWNS = 0x20000
MS_REC, MS_SLAVE = 1 << 14, 1 << 19


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--suite", action="append", metavar="SUITE", help="boot hosts of this Debian suite (repeatable)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "host: boots Debian hosts; needs root, and minutes the first time")
    config.addinivalue_line("markers", "vm: boots virtual machines: slow, and only `make test-vm` runs them")
    unshare_mounts()


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is not installed, nobody asks for it
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getoption("dist") != "loadgroup":
        return None
    from .host.schedule import Scheduler

    return Scheduler(config, log)


def children() -> set[int]:
    found: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        path = f"/proc/self/task/{task}/children"
        with contextlib.suppress(FileNotFoundError), open(path, encoding="ascii") as stream:  # it may end
            found.update(int(pid) for pid in stream.read().split())
    return found


def describe_process(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            words = stream.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        words = "gone by now"
    return f"process {pid}: {words[:200] or 'a zombie'}"


def descriptors() -> set[tuple[int, str]]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the descriptor of this very listing
            found.add((int(name), os.readlink(f"/proc/self/fd/{name}")))
    return found


def unshare_mounts() -> None:
    """Gives this process and its children a mount namespace of their own, which still sees what the machine mounts.

    A user who may not have one cannot mount anything either. In a chroot, whose root is no mount, all are judged.
    """
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNS) == 0:
        libc.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None)


def mounts() -> set[tuple[str, str]]:
    """The mounts made in this namespace, by id and path.

    What was mounted elsewhere meanwhile has `master:` among its optional fields (mount_namespaces(7)).
    """
    found = set()
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        for line in stream:
            fields = line.split()
            if not any(field.startswith("master:") for field in fields[6 : fields.index("-")]):
                found.add((fields[0], fields[4]))
    return found


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    """Fails a test that leaves something; what fixtures of a wider scope hold is theirs to end."""
    before = children(), descriptors(), mounts()
    yield
    if descriptors() - before[1]:
        gc.collect()  # what only waits for the collector is a ResourceWarning's matter
    left = [describe_process(pid) for pid in sorted(children() - before[0])]
    left += [f"descriptor {number}: {target}" for number, target in sorted(descriptors() - before[1])]
    left += [f"mount {path}" for _, path in sorted(mounts() - before[2])]
    assert not left, "left behind:\n" + "\n".join(left)
