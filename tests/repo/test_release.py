"""What is shipped agrees with itself: the version, the sample policy, what the Makefile installs."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

from reaper import __version__
from reaper.decide.policy import rules
from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.files import render
from reaper.decide.policy.files.parse import parse
from reaper.decide.policy.files.problems import Source

from .tree import files, read, run


def test_the_version_has_one_home():
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert "\nVERSION := $(shell sed -n 's/^__version__ = " in read("Makefile")
    assert 'version = { attr = "reaper.__version__" }' in read("pyproject.toml")


def test_what_must_repeat_the_version_repeats_it():
    assert re.match(r"idle-reaper \(([^)-]+)[^)]*\)", read("packaging/debian/changelog"))[1] == __version__
    spec = read("packaging/rpm/idle-reaper.spec")
    assert re.search(r"^Version:\s+(\S+)$", spec, re.MULTILINE)[1] == __version__
    assert re.search(r"^\* .* - (\S+?)-\d+$", spec, re.MULTILINE)[1] == __version__
    assert re.search(r"^## (?!Unreleased$)(\S+)", read("CHANGELOG.md"), re.MULTILINE)[1] == __version__


def test_programs_say_it():
    for module, name in (("reaper.daemon", "reaperd"), ("reaper.ctl", "reaperctl")):
        assert run(sys.executable, "-m", module, "--version").stdout == f"{name} {__version__}\n"


def test_the_sample_policy_is_the_built_in_one():
    """Who installs the package and changes nothing has what the manual calls the built-in policy."""
    name = "packaging/reaper.yaml"
    sample = parse([Source(name, read(name))])
    assert render.describe(sample) == render.describe(BUILT_IN)
    assert sample.id == BUILT_IN.id


def test_the_sample_shows_what_is_built_in():
    """Taken into use as it stands, it changes nothing but what it calls an example: the ceiling and the rules.

    A line of policy has its # before it and nothing else; prose has one space after its #.
    """
    name = "packaging/reaper.yaml"
    shown = parse([Source(name, re.sub(r"^#(?=\S|  )", "", read(name), flags=re.MULTILINE))])
    told = rules.document(replace(shown, rules=(), ceiling=BUILT_IN.ceiling))
    assert told == rules.document(BUILT_IN)
    assert shown.rules
    assert shown.ceiling != BUILT_IN.ceiling
    assert "as installed there is none" in read(name)


def test_make_installs_what_there_is():
    """Each kind of file has its line in the Makefile's installation."""
    makefile = read("Makefile")
    for directory in (
        "packaging/man",
        "packaging/completions/bash",
        "packaging/completions/zsh",
        "packaging/completions/fish",
    ):
        assert any(name.startswith(f"{directory}/") for name in files())
        assert f"{directory}/*" in makefile
    for section in {name.rpartition(".")[2] for name in files() if name.startswith("packaging/man/")}:
        assert re.search(rf"foreach section,[\d ]*\b{section}\b", makefile)
