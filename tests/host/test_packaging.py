"""The packaging says the same as the code, without a host to say it on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import reaper

from .lab.debs import CHECKOUT, KEPT, KEPT_SECONDS, forget_old

SPEC = f"{CHECKOUT}/packaging/rpm/idle-reaper.spec"


def test_debian_changelog_has_the_version_of_the_code() -> None:
    with open(f"{CHECKOUT}/packaging/debian/changelog", encoding="utf-8") as stream:
        assert stream.readline().startswith(f"idle-reaper ({reaper.__version__}) ")


def test_spec_parses_and_has_the_version_of_the_code() -> None:
    assert shutil.which("rpmspec"), "no rpmspec here: `make test` installs it"
    words = ["rpmspec", "--query", "--srpm", "--queryformat", "%{name} %{version} %{license}", SPEC]
    shown = subprocess.run(words, capture_output=True, text=True, check=True)
    assert shown.stdout == f"idle-reaper {reaper.__version__} Apache-2.0"
    assert shown.stderr == ""
    parsed = subprocess.run(["rpmspec", "-P", SPEC], capture_output=True, text=True, check=True)
    with open(SPEC, encoding="utf-8") as stream:
        changes = re.findall(r"^\* .* - (\S+)-\d+$", stream.read(), re.MULTILINE)
    assert changes[0] == reaper.__version__
    assert "make" in parsed.stdout


def test_cache_forgets_old_packages_and_none_that_a_run_may_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REAPER_TEST_CACHE", str(tmp_path))
    now, names = time.time(), [f"deb-bookworm-{number:012x}" for number in range(2 * KEPT)]
    for age, name in enumerate(names):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (now, now - age))
    forget_old("bookworm")
    assert sorted(os.listdir(tmp_path)) == names
    for name in names:
        os.utime(tmp_path / name, (now, os.stat(tmp_path / name).st_mtime - KEPT_SECONDS))
    forget_old("bookworm")
    assert sorted(os.listdir(tmp_path)) == names[:KEPT]
