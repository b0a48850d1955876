"""A person's own machine of a suite: its programs (of ssh, say) run in that suite's tree and on a host's network.

It is not booted: a process in a mount namespace of its own holds the tree, and programs are put beside it. /tmp, /dev
and /proc are those of this machine, so that keys, sockets and terminals have the same names in and outside.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from types import TracebackType

from .errors import LabError
from .guest import PATH
from .trees import scratch_directory, tree_with

# The mounts go with the namespace, which goes with the last process in it; `cat` ends when the caller does.
HOLD = """\
set -e
layers=$1 scratch=$2 shared=$3
mount -t tmpfs -o mode=0755 tmpfs "$scratch"
mkdir "$scratch/root" "$scratch/upper" "$scratch/work"
mount -t overlay -o "lowerdir=$layers,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$scratch/root"
mkdir -p "$scratch/root$shared"
mount --bind "$shared" "$scratch/root$shared"
mount --rbind /dev "$scratch/root/dev"
mount --rbind /proc "$scratch/root/proc"
exec chroot "$scratch/root" sh -c 'echo ready; exec cat'
"""


class Workstation:
    """One such machine, with these Debian packages beyond those of every tree. A context manager, or use stop()."""

    def __init__(self, suite: str, *, packages: Sequence[str] = ()) -> None:
        self.suite = suite
        scratch = scratch_directory()
        os.makedirs(scratch, exist_ok=True)
        self._root = f"{scratch}/root"
        arguments = [":".join(tree_with(suite, packages)), scratch, tempfile.gettempdir()]
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "slave", "--", "sh", "-c", HOLD, "sh", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            self.stop()
            raise LabError(f"the {suite} workstation does not come up", f"its holder exited {self._holder.returncode}")

    def __enter__(self) -> Workstation:  # noqa: PYI034 - Python 3.9 has no Self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Takes it down; programs that still run there keep their files. Does nothing the second time."""
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.wait()
        self._holder.stdout.close()

    def enter(self, leader: int, home: str = "/root") -> list[str]:
        """The words to put before a command that is to run there, on the network of the process `leader`."""
        into = ["nsenter", f"--target={self._holder.pid}", "--mount", f"--net=/proc/{leader}/ns/net", "--"]
        return [*into, "chroot", self._root, "env", f"PATH={PATH}", f"HOME={home}"]
