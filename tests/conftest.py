"""What every test is held to: it leaves no process, no open file and no mount behind. And the options of the run.

Only what the process that runs the tests, or a child of it, can have left counts: other programs use the same machine.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

# Runs a program in a mount namespace of its own, which still sees what the machine mounts. The program is executed
# there: one that enters keeps its own file on a mount of elsewhere, and is no longer what reaper/sense takes it for.
APART = ("unshare", "--mount", "--propagation", "slave", "--")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--suite", action="append", metavar="SUITE", help="boot hosts of this Debian suite (repeatable)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "host: boots Debian hosts; needs root, and minutes the first time")
    config.addinivalue_line("markers", "vm: boots virtual machines: slow, and only `make test-vm` runs them")


def pytest_cmdline_main(config: pytest.Config) -> None:
    """Has every process of pytest-xdist run apart, where it may; who may not cannot mount anything either."""
    specs = config.getoption("tx", None)
    if specs and subprocess.run([*APART, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        python = shlex.join([*APART, sys.executable])
        config.option.tx = [f"popen//python={python}" if spec == "popen" else spec for spec in specs]


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


def is_apart() -> bool:
    """Whether nobody but this process and its children mounts anything here."""
    with contextlib.suppress(OSError):  # the parent may be somebody else's
        return os.readlink("/proc/self/ns/mnt") != os.readlink(f"/proc/{os.getppid()}/ns/mnt")
    return False


def mounts(own: str) -> set[tuple[str, str]]:
    """The mounts that this process or a child may have made, by id and path: all that were made here if it is apart.

    What came from elsewhere has `master:` among its optional fields (mount_namespaces(7)). If it is not apart, those
    below a directory of its own.
    """
    found = set()
    apart = is_apart()
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        for line in stream:
            fields = line.split()
            came = any(field.startswith("master:") for field in fields[6 : fields.index("-")])
            if not came if apart else fields[4].startswith(own + "/"):
                found.add((fields[0], fields[4]))
    return found


@pytest.fixture(autouse=True)
def leaves_nothing_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fails a test that leaves something; what fixtures of a wider scope hold is theirs to end."""
    own = str(tmp_path_factory.getbasetemp())
    before = children(), descriptors(), mounts(own)
    yield
    if descriptors() - before[1]:
        gc.collect()  # what only waits for the collector is a ResourceWarning's matter
    left = [describe_process(pid) for pid in sorted(children() - before[0])]
    left += [f"descriptor {number}: {target}" for number, target in sorted(descriptors() - before[1])]
    left += [f"mount {path}" for _, path in sorted(mounts(own) - before[2])]
    assert not left, "left behind:\n" + "\n".join(left)
