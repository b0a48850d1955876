"""The files of the checkout, and how to run a linter on them."""

from __future__ import annotations

import ast
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def files() -> tuple[str, ...]:
    """Every file that is, or could be, committed: tracked ones, and new ones that are not ignored."""
    words = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others"]
    listed = subprocess.run([*words, "--exclude-standard"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return tuple(sorted({name for name in listed.split("\0") if name and (ROOT / name).is_file()}))


def read(name: str) -> str:
    """The text of a file of the checkout. One that is missing fails the test with its name."""
    path = ROOT / name
    assert path.is_file(), f"{name} is missing"
    return path.read_text(encoding="utf-8")


def python_files(*directories: str) -> tuple[str, ...]:
    """The Python modules below these directories, or all."""
    below = tuple(f"{directory}/" for directory in directories)
    return tuple(name for name in files() if name.endswith(".py") and name.startswith(below or ""))


@functools.cache
def parsed(name: str) -> ast.Module:
    """A module's syntax, read as Python 3.9 would."""
    return ast.parse(read(name), name, feature_version=(3, 9))


def shell_scripts() -> Iterator[str]:
    """Whatever a shell runs: by its first line, and the maintainer scripts."""
    for name in files():
        with open(ROOT / name, "rb") as file:
            first = file.readline(80)
        if first.startswith(b"#!") and first.rstrip().endswith((b"/sh", b"/bash", b" sh", b" bash")):
            yield name


def manual_pages() -> tuple[str, ...]:
    """The manual, as far as it is written."""
    return tuple(name for name in files() if name.startswith("packaging/man/"))


def require(tool: str) -> str:
    """The path of a tool that `make test` installs; without it the test fails, for a linter not run finds nothing."""
    path = shutil.which(tool, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    assert path, f"{tool} is not installed: `make test` and `make lint` install what they need"
    return path


def run(*command: str, input_text: str = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command in the checkout; its output is for the assertion's message."""
    return subprocess.run(
        command,
        cwd=ROOT,
        input=input_text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
        timeout=60,
        check=False,
    )


def run_module(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m`, with the interpreter of the tests: the linters' pinned versions are its own."""
    return run(sys.executable, "-m", module, *arguments)


def told(result: subprocess.CompletedProcess[str]) -> str:
    """What a failed command said, for people."""
    return f"{' '.join(result.args[:4])} … exited {result.returncode}:\n{result.stdout}"


def listed(problems: Sequence[str]) -> str:
    """Problems one a line, for the message of an assertion."""
    return "\n" + "\n".join(problems)
