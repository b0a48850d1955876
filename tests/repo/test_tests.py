"""The shape of the tests: each unit test file belongs to a module, and no test module imports another."""

from __future__ import annotations

import ast
import os
from collections import defaultdict

from .tree import listed, parsed, python_files

# Files that do not keep these laws yet. No file is added here; one that keeps them is removed.
NOT_YET: set[str] = set()


def is_test(name: str) -> bool:
    return os.path.basename(name).startswith("test_")


def imports_of_tests(name: str) -> list[str]:
    """Returns which test modules a file imports, with the line."""
    tests = {path[: -len(".py")].rpartition("/")[2] for path in python_files("tests") if is_test(path)}
    wrong = set()
    for node in ast.walk(parsed(name)):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module or ''}.{alias.name}" for alias in node.names]
        found = {part for module in modules for part in module.split(".") if part in tests}
        wrong.update(f"{name}:{node.lineno}: {part}" for part in found)  # type: ignore[attr-defined]
    return sorted(wrong)


def test_no_module_imports_a_test_module():
    """What tests share stands in a conftest.py or in a module that holds no tests."""
    wrong = [each for name in python_files("tests") if name not in NOT_YET for each in imports_of_tests(name)]
    assert not wrong, listed(wrong)


def module_of(name: str) -> str | None:
    """Returns the module of reaper that a test file is named after: test_M.py, test_M_TOPIC.py; None for none."""
    directory, _, file = name.rpartition("/")
    words = file[len("test_") : -len(".py")].split("_")
    modules = set(python_files("reaper"))
    words = ["__main__"] if words == ["main"] else words
    for count in range(len(words), 0, -1):
        module = f"{directory.replace('tests/unit', 'reaper', 1)}/{'_'.join(words[:count])}.py"
        if module in modules:
            return module
    return None


def test_unit_tests_mirror_the_package():
    files = [name for name in python_files("tests/unit") if is_test(name)]
    wrong = [name for name in files if name not in NOT_YET and module_of(name) is None]
    assert not wrong, listed([f"{name}: there is no module of reaper that it is named after" for name in wrong])


# Modules without logic of their own: constants, and what other tests take the place of.
UNTESTED = {
    "reaper/daemon/__main__.py": "builds the daemon's parts and runs them; tests/host starts it",
    "reaper/daemon/intervals.py": "constants",
    "reaper/decide/policy/defaults.py": "constants",
}


def test_every_module_that_decides_has_a_test_file():
    tested = {module_of(name) for name in python_files("tests/unit") if is_test(name)}
    modules = [name for name in python_files("reaper/decide", "reaper/daemon") if not name.endswith("/__init__.py")]
    assert [name for name in modules if name not in tested and name not in UNTESTED] == []
    assert [name for name in UNTESTED if name in tested or name not in modules] == []


def test_exceptions_are_still_needed():
    wrong = [name for name in NOT_YET if not imports_of_tests(name) and (not is_test(name) or module_of(name))]
    assert not wrong, listed([f"{name}: remove it from NOT_YET" for name in wrong])


# A subcommand's module and a check's are named after what they are about, which is often the name of another module.
BY_SUBJECT = ("reaper/ctl/commands/", "reaper/doctor/checks/")


def test_names_of_modules_are_unique():
    found = defaultdict(list)
    for name in python_files("reaper"):
        if not name.endswith(("/__init__.py", "/__main__.py")) and not name.startswith(BY_SUBJECT):
            found[os.path.basename(name)].append(name)
    assert {name: where for name, where in found.items() if len(where) > 1} == {}


def test_names_of_classes_are_unique():
    found = defaultdict(list)
    for name in python_files("reaper"):
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(name)
    assert {name: where for name, where in found.items() if len(where) > 1} == {}
