"""Programs that ask the lab for something and are interrupted, and what they leave on this machine."""

from __future__ import annotations

import contextlib
import glob
import subprocess
import sys
from collections.abc import Iterator

from .lab.debs import CHECKOUT

# Tests that run in the background have SIGINT ignored (POSIX sh), and so would the caller.
INTERRUPTIBLE = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"


def start_caller(script: str, suite: str) -> subprocess.Popen[str]:
    """Starts a program with the suite as its argument; it says what it has made, and goes on until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE + script, suite],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def commands() -> Iterator[tuple[int, str]]:
    """What runs on this machine: pids, and command lines as the kernel has them."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        words = ""
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:  # it may just end
            words = stream.read()
        yield int(path.split("/")[2]), words
