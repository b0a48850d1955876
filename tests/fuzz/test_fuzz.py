"""Runs every target briefly with one seed: its corpus, and then the same mutations in every run."""

from __future__ import annotations

import shutil

import pytest

from . import __main__ as program
from . import native
from .engine import CORPUS, TARGETS, Finding, cache, save, search, seeds

RUNS, NATIVE_RUNS = 300, 10_000


@pytest.mark.parametrize("name", TARGETS)
def test_python_target_finds_nothing(name):
    try:
        search(TARGETS[name], seed="1", runs=RUNS)
    except Finding as finding:
        finding.path = save(cache() / "found" / name, finding.data)
        pytest.fail(str(finding))


@pytest.mark.parametrize("name", native.SOURCES)
def test_native_target_finds_nothing(name, tmp_path):
    assert shutil.which("clang"), "`make test` installs clang"
    (tmp_path / "corpus").mkdir()
    options = [f"-runs={NATIVE_RUNS}", "-seed=1", str(tmp_path / "corpus"), str(CORPUS / name)]
    try:
        figures = native.run(native.build(name, tmp_path), name, cache() / "found", *options)
    except Finding as finding:
        pytest.fail(str(finding))
    assert figures.runs >= NATIVE_RUNS
    assert figures.reached > 10


def test_every_target_has_a_corpus_and_every_corpus_a_target():
    assert {path.name for path in CORPUS.iterdir()} <= set(program.names())
    assert [name for name in native.SOURCES if not any((CORPUS / name).iterdir())] == []
    assert [name for name in TARGETS if not seeds(TARGETS[name])] == []
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 64 * 1024
