"""Each folder's map: the docstring of its `__init__.py` names every module and folder in it, and nothing else."""

from __future__ import annotations

import ast
import re

import pytest

from .tree import files, listed, parsed, python_files, read

FOLDERS = sorted({name.rpartition("/")[0] for name in python_files("reaper")})
BY_SUBJECT = ("reaper/ctl/commands",)  # a module each of the subcommands that reaperctl --help lists


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder not in BY_SUBJECT])
def test_map_names_what_is_in_the_folder(folder):
    text = ast.get_docstring(parsed(f"{folder}/__init__.py")) or ""
    inside = {name[len(folder) + 1 :].partition("/")[0] for name in python_files(folder)} - {"__init__.py"}
    missing = {name for name in inside if not re.search(rf"\b{re.escape(name)}" + r"(?!\w)", text)}
    assert not missing, f"{folder}/__init__.py says nothing of {', '.join(sorted(missing))}"
    named = set(re.findall(r"^\s*(\w+\.py)\b", text, re.MULTILINE))
    assert named <= inside | {"__main__.py"}, f"{folder}/__init__.py names what is not there"


def test_modules_that_are_mentioned_exist():
    """A comment that sends the reader to a module which was renamed costs more than none."""
    existing = {name.rpartition("/")[2] for name in files() if name.endswith(".py")} | {"setup.py"}
    wrong = []
    for name in [*python_files("reaper"), *python_files("tests/unit"), *python_files("tests/repo")]:
        for number, line in enumerate(read(name).split("\n"), 1):
            words = re.findall(r"\b[a-z][a-z_0-9]*\.py\b", line)
            wrong += [f"{name}:{number}: {word}" for word in words if word not in existing]
    assert not wrong, listed(wrong)
