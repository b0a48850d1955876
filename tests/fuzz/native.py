"""Runs libFuzzer on the C code of the PAM module: builds the targets with clang and its sanitizers."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from .engine import ROOT, Figures, Finding

HOOK = ROOT / "pam_hook"
HERE = Path(__file__).resolve().parent
# By target, the files of the module that it runs. In the target `module`, fuzz_module.c defines libpam's functions.
SOURCES = {
    "escape": ("text.c",),
    "auth": ("auth.c", "sha256.c"),
    "module": ("auth.c", "groups.c", "pam_reaper.c", "record.c", "services.c", "sha256.c", "text.c", "tty.c"),
}
# UBSan's default checks. They do not include overflow of unsigned integers, which is no fault in a hash.
FLAGS = ("-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g", "-fno-omit-frame-pointer", "-Wall", "-Wextra",
         "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")  # fmt: skip
MOST_SECONDS, MOST_MIB, LONGEST = 5, 1024, 8192


def build(name: str, where: Path) -> Path:
    """Compiles a target; returns the path of its program."""
    program = where / f"fuzz_{name}"
    where.mkdir(parents=True, exist_ok=True)
    files = [HERE / f"fuzz_{name}.c", *(HOOK / source for source in SOURCES[name])]
    subprocess.run(["clang", *FLAGS, f"-I{HOOK}", "-o", program, *files, "-lpam"], check=True)
    return program


def run(program: Path, name: str, found: Path, *arguments: str) -> Figures:
    """Runs a target with these arguments for libFuzzer. Raises Finding; its input is in the directory `found`."""
    found.mkdir(parents=True, exist_ok=True)
    options = [f"-artifact_prefix={found}/{name}-", "-print_final_stats=1", f"-timeout={MOST_SECONDS}",
               f"-rss_limit_mb={MOST_MIB}", f"-max_len={LONGEST}", "-use_value_profile=1"]  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        done = subprocess.run(
            [program, *options, *arguments],
            cwd=temporary,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    said = done.stdout.decode(errors="replace")
    if done.returncode:
        written = re.search(r"Test unit written to (\S+)", said)
        path = Path(written[1]) if written else None
        fault = re.search(r"^.*(?:ERROR: |runtime error: |not so: )", said, re.MULTILINE)
        raise Finding(name, path.read_bytes() if path else b"", said[fault.start() if fault else 0 :][:4000], path=path)
    return figures(said)


def figures(said: str) -> Figures:
    """Returns the figures that libFuzzer printed about a search."""

    def last(pattern: str) -> int:
        return int((re.findall(pattern, said) or ["0"])[-1])

    runs, edges = last(r"number_of_executed_units: ([0-9]+)"), last(r"\bcov: ([0-9]+)")
    all_edges, inputs = last(r"\(([0-9]+) inline 8-bit counters\)"), last(r"corp: ([0-9]+)/")
    return Figures(runs, last(r"\bin ([0-9]+) second"), inputs, edges, all_edges)
