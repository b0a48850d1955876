"""The order of the tests: those of one file and suite stay together, and the longest come first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .lab.debs import CHECKOUT
from .schedule import LONGEST_SECONDS, SECONDS, next_unit, seconds_of, unit_of

FILE = """\
import os
import pytest

@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
@pytest.mark.parametrize("number", range(6))
def test(suite, number):
    with open("ran", "a") as file:
        print(__name__, suite, os.environ["PYTEST_XDIST_WORKER"], file=file)
"""


def test_files_with_a_time_exist() -> None:
    here = os.listdir(os.path.dirname(__file__))
    assert [name for name in SECONDS if name not in here] == []


def test_unit_is_the_file_and_the_suite() -> None:
    assert unit_of("tests/host/test_x.py::test_story[trixie]") == "tests/host/test_x.py trixie 0"
    assert unit_of("tests/host/test_x.py::test_trixie[a-bookworm-60]") == "tests/host/test_x.py bookworm 0"
    assert unit_of("tests/unit/test_trixie.py::test_it[5]") == "tests/unit/test_trixie.py"


def test_long_file_is_several_units_and_one_test_is_not() -> None:
    longest = max(SECONDS, key=lambda name: SECONDS[name])
    tests = [f"tests/host/{longest}::test_{number}" for number in range(30)]
    assert len({unit_of(f"{test}[bookworm]") for test in tests}) == -(-SECONDS[longest] // LONGEST_SECONDS) > 1
    assert all(unit_of(f"{test}[bookworm-a]") == unit_of(f"{test}[bookworm-b]") for test in tests)
    assert all(seconds_of(unit_of(f"{test}[bookworm]")) <= LONGEST_SECONDS for test in tests)


def test_longest_unit_comes_first_and_a_process_stays_with_its_suite() -> None:
    by_time = sorted((name for name in SECONDS if SECONDS[name] < LONGEST_SECONDS), key=lambda name: SECONDS[name])
    shorter, longer = f"tests/host/{by_time[0]}", f"tests/host/{by_time[-1]}"
    left = ["tests/unit/test_a.py", f"{shorter} bookworm 0", f"{shorter} trixie 0", f"{longer} trixie 0"]
    assert next_unit(left, "any") == f"{longer} trixie 0"
    assert next_unit(left, "bookworm") == f"{shorter} bookworm 0"
    assert next_unit(left, "") == "tests/unit/test_a.py"


def test_tests_of_a_unit_run_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_xdist_make_scheduler\n")
    for name in "ab":
        (tmp_path / f"test_{name}.py").write_text(FILE)
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup", "--rootdir", tmp_path]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, *words, tmp_path],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": CHECKOUT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = (tmp_path / "ran").read_text().splitlines()
    assert len(ran) == 24
    assert len(set(ran)) == 4  # one process for each file and suite
