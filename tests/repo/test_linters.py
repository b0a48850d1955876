"""Every linter that has something to say here says nothing."""

from __future__ import annotations

import pytest

from .tree import files, listed, manual_pages, read, require, run, run_module, shell_scripts, told


def test_ruff_check():
    result = run_module("ruff", "check", "--no-cache", "--quiet", ".")
    assert result.returncode == 0, told(result)


def test_ruff_format():
    result = run_module("ruff", "format", "--no-cache", "--check", "--quiet", ".")
    assert result.returncode == 0, told(result)


def test_mypy_strict():
    result = run_module("mypy", "--strict", "--no-error-summary")
    assert result.returncode == 0, told(result)


def test_shellcheck():
    scripts = sorted(shell_scripts())
    assert ".ci/run" in scripts
    assert "packaging/debian/idle-reaper.postinst" in scripts
    result = run(require("shellcheck"), *scripts)
    assert result.returncode == 0, told(result)


def test_shellcheck_completion():
    result = run(require("shellcheck"), "--shell=bash", "packaging/completions/bash/reaperctl")
    assert result.returncode == 0, told(result)


def test_clang_format():
    sources = [name for name in files() if name.endswith((".c", ".h"))]
    assert any(name.startswith("pam_hook/") for name in sources)
    result = run(require("clang-format"), "--style=file:pam_hook/.clang-format", "--dry-run", "--Werror", *sources)
    wrong = {line.partition(": ")[0].rpartition(":")[0] for line in result.stdout.splitlines() if ": error: " in line}
    assert result.returncode == 0, listed(sorted(wrong))


@pytest.mark.parametrize("page", manual_pages())
def test_mandoc(page):
    result = run(require("mandoc"), "-Tlint", "-Wstyle", page)
    # Which other pages are on this machine, and in mandoc's index of them, is no property of ours.
    lines = [line for line in result.stdout.splitlines() if not line.startswith("mandoc: outdated mandoc.db")]
    lines = [line for line in lines if "STYLE: referenced manual not found" not in line]
    assert not lines, listed(lines)


@pytest.mark.parametrize("page", manual_pages())
def test_manual_lines_fit(page):
    """Eighty columns, but for a path or a macro line that cannot be broken."""
    long = [line for line in read(page).splitlines() if len(line) > 100]
    assert not long, listed(long)
