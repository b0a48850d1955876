"""The guard over what a test leaves behind judges what its own processes can have left, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .lab.debs import CHECKOUT

# Takes a namespace of its own, as the process of a test does. The first mount is made by another program in the
# namespace that was left, the second one by a child.
PROGRAM = """\
import os, subprocess, sys
from tests.conftest import mounts, unshare_mounts
machine = os.open("/proc/self/ns/mnt", os.O_RDONLY)
unshare_mounts()
before = mounts()
mount = ["mount", "-t", "tmpfs", "x"]
for path, words in zip(sys.argv[1:], (["nsenter", f"--mount=/proc/{os.getpid()}/fd/{machine}"], [])):
    os.mkdir(path)
    subprocess.run([*words, *mount, path], check=True)
    assert path in open("/proc/self/mountinfo").read()
print(*(path for _, path in mounts() - before))
"""


def test_mounts_of_other_programs_are_not_blamed(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    # Private first: shared with the machine's own, they would be mounted there too.
    apart = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", 'mount --make-rshared / && exec "$@"']
    words = [*apart, "sh", sys.executable, "-c", PROGRAM, theirs, ours]
    told = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout, told.stderr) == (0, f"{ours}\n", "")
