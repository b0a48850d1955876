"""The guard over what a test leaves behind judges what its own processes can have left, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import APART
from .lab.debs import CHECKOUT

# What is mounted at the first path is another program's, in the namespace of our parent; at the others, a child's.
PROGRAM = """\
import os, subprocess, sys
from tests.conftest import mounts
own, *paths = sys.argv[1:]
before = mounts(own)
enter = ["nsenter", f"--mount=/proc/{os.getppid()}/ns/mnt"]
for path, words in zip(paths, (enter, [], [])):
    os.mkdir(path)
    subprocess.run([*words, "mount", "-t", "tmpfs", "x", path], check=True)
    assert path in open("/proc/self/mountinfo").read()
print(*sorted(path for _, path in mounts(own) - before))
"""
# Private first: shared with the machine's own, they would be mounted there too.
MACHINE = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", 'mount --make-rshared / && "$@"', "sh"]


@pytest.mark.parametrize("words", [APART, ()], ids=["apart", "among others"])
def test_mounts_of_other_programs_are_not_blamed(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Of those who are not apart, what is below a directory of their own counts."""
    own = tmp_path / "own"
    own.mkdir()
    paths = [tmp_path / "theirs", tmp_path / "elsewhere", own / "mine"]
    program = [*MACHINE, *words, sys.executable, "-c", PROGRAM, own, *paths]
    told = subprocess.run(program, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    blamed = paths[1:] if words else paths[2:]
    assert (told.returncode, told.stdout, told.stderr) == (0, " ".join(map(str, blamed)) + "\n", "")
