"""The shape of the code: how long things are, what they say of themselves, and which Python it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from .tree import files, listed, parsed, python_files, read

MOST_LINES = 400
WANTED_LINES = 300
LONG_FILES = {
    "reaper/sense/host.py": "one short method for each question of the daemon's",
    "reaper/daemon/core.py": "one class that joins everything; apart, its parts would only pass its state around",
}
MOST_FUNCTION_LINES = 60


def is_code(name: str) -> bool:
    return name.endswith((".py", ".c", ".h", ".sh", "Makefile")) or name == ".ci/run"


def test_files_can_be_read_in_one_sitting():
    wrong = []
    for name in filter(is_code, files()):
        lines = read(name).count("\n")
        if lines > MOST_LINES:
            wrong.append(f"{name}: {lines} lines, {MOST_LINES} at most")
        elif lines > WANTED_LINES and name.startswith(("reaper/", "pam_hook/")) and name not in LONG_FILES:
            wrong.append(f"{name}: {lines} lines; {WANTED_LINES} wanted, or a reason in LONG_FILES")
    assert not wrong, listed(wrong)


def test_exceptions_are_still_needed():
    assert [name for name in LONG_FILES if read(name).count("\n") <= WANTED_LINES] == []


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(name)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_functions_fit_on_a_screen():
    wrong = []
    for name in python_files():
        for function in functions(name):
            lines = (function.end_lineno or 0) - function.lineno + 1
            if lines > MOST_FUNCTION_LINES:
                wrong.append(f"{name}:{function.lineno}: {function.name} has {lines} lines")
    assert not wrong, listed(wrong)


def test_every_module_says_what_it_is_for():
    names = [name for name in python_files() if read(name).strip()]
    assert [name for name in names if not ast.get_docstring(parsed(name))] == []


def public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield f"{prefix}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{prefix}{node.name}.")


def test_everything_public_says_what_it_does():
    wrong = []
    for name in python_files("reaper"):
        for title, node in public(parsed(name).body):
            if not ast.get_docstring(node):  # type: ignore[arg-type]
                wrong.append(f"{name}:{node.lineno}: {title}")  # type: ignore[attr-defined]
    assert not wrong, listed(wrong)


LATER_NAMES = {
    "ExceptionGroup",
    "Self",
    "StrEnum",
    "TypeAlias",
    "aiter",
    "anext",
    "assert_never",
    "pairwise",
    "tomllib",
}


@pytest.mark.parametrize("directory", ["reaper", "tests"])
def test_python_3_9(directory):
    """parsed() has refused later syntax; here is what looks the same and is not."""
    wrong = []
    for name in python_files(directory):
        tree = parsed(name)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                keywords = {keyword.arg for keyword in node.keywords}
                if called.endswith("dataclass") and keywords & {"slots", "kw_only", "match_args"}:
                    wrong.append(f"{name}:{node.lineno}: a dataclass with {keywords}")
                if called == "zip" and "strict" in keywords:
                    wrong.append(f"{name}:{node.lineno}: zip(strict=)")
            elif isinstance(node, ast.alias) and node.name in LATER_NAMES:
                wrong.append(f"{name}: {node.name}")
        wrong += [f"{name}:{line}: a union of types that is evaluated" for line in evaluated_unions(tree)]
    assert not wrong, listed(wrong)


def evaluated_unions(tree: ast.Module) -> Iterator[int]:
    """`X | None` where no annotation is: an alias, an argument of isinstance()."""
    annotations = {
        id(part)
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if annotation is not None
        for part in ast.walk(annotation)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and id(node) not in annotations:
            sides = [ast.unparse(side) for side in (node.left, node.right)]
            if any(side in ("None", "int", "str", "bytes", "float", "bool", "list", "dict") for side in sides):
                yield node.lineno


def test_annotations_are_not_evaluated():
    """`X | None` in an annotation is fine on 3.9 only where annotations stay text."""
    modules = [name for name in python_files("reaper") if not name.endswith("__init__.py")]
    assert [name for name in modules if "from __future__ import annotations\n" not in read(name)] == []
