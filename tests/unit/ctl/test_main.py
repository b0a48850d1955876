"""The program as a whole: what becomes of output that nobody reads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from reaper.ctl.__main__ import EXIT_FAILED

COMMAND = [sys.executable, "-m", "reaper.ctl"]


@pytest.mark.parametrize(("words", "status"), [(["check", os.devnull], EXIT_FAILED), (["--help"], 0)])
def test_output_that_nobody_reads_is_no_noise(words, status):
    """(argparse itself passes over errors of its help.)"""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([*COMMAND, *words], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (status, "")


def test_output_to_a_full_disk_says_so():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "check", os.devnull], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == EXIT_FAILED
    assert done.stderr == "reaperctl: the output could not be written: No space left on device\n"


def test_without_a_standard_output_help_is_no_traceback():
    script = '"$0" -m reaper.ctl --help >&-'
    done = subprocess.run(["sh", "-c", script, sys.executable], stderr=subprocess.PIPE, text=True, check=False)
    assert "Traceback" not in done.stderr
