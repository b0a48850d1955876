"""The engine itself: it finds planted faults and reduces their inputs, which can be run again."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import sys

import pytest

from reaper.decide.text.duration import DurationError, parse_duration

from . import engine
from .engine import Finding, Target, replay, search
from .mutator import Mutator

SEED = b"name: 5 words, and 7 more\n"


def searched(run, runs=3000, longest=4096):
    return search(Target("planted", run, longest, (SEED,)), seed="1", runs=runs)


def text(data):
    return data.decode("utf-8", "replace")


def digits(data):
    return [int(word) for word in text(data).split() if word.isdigit()]


def repeated(data):
    assert data.count(b"o") < 300


def backtracking(data):
    return re.match(rb"(\w|\w\w)+:$", data)


def hungry(data):
    return bytearray(len(data) << 22) if len(data) > 300 else b""


def deep(data):
    return deep(data[1:]) if data[:1].isalnum() else data


FAULTS = {digits: "ValueError", backtracking: "TooSlow", hungry: "MemoryError", repeated: "AssertionError",
          deep: "RecursionError"}  # fmt: skip


@pytest.mark.parametrize("run", FAULTS)
def test_fault_is_found_and_reduced(run, monkeypatch):
    monkeypatch.setattr(engine, "MOST_SECONDS", 0.1)
    monkeypatch.setattr(engine, "_REDUCING_SECONDS", 1.0)
    with pytest.raises(Finding) as caught:
        searched(run)
    finding = caught.value
    assert finding.kind[0] == FAULTS[run]
    assert "planted" in str(finding)
    with pytest.raises(Finding):
        replay(Target("planted", run, 4096), finding.data)
    if run is digits:
        assert len(finding.data) <= 4


def test_target_without_a_fault_is_run_as_often_as_asked():
    limits = resource.getrlimit(resource.RLIMIT_AS)
    figures = searched(text, runs=500)
    assert figures.runs == 500
    assert resource.getrlimit(resource.RLIMIT_AS) == limits
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    assert sys.gettrace() is None


def test_same_seed_makes_the_same_inputs():
    first, second = [], []
    searched(first.append, runs=200)
    searched(second.append, runs=200)
    assert first == second
    assert len(set(first)) > 150


def test_no_input_is_longer_than_allowed():
    mutator = Mutator("1", [SEED], 100)
    assert max(len(mutator.mutate([SEED])) for _ in range(2000)) <= 100


def test_inputs_that_reach_new_lines_are_kept(tmp_path):
    def run(data):
        with contextlib.suppress(DurationError):
            parse_duration(text(data))

    wanted = Target("planted", run, 100, (b"1h 5min",))
    figures = search(wanted, seed="1", runs=2000, kept=tmp_path)
    assert 0 < figures.reached <= figures.entered
    assert figures.inputs == 2 + len(list(tmp_path.iterdir())) > 3
