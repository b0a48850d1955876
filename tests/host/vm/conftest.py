"""Fixtures of the virtual machines' tests: one a suite with the package installed, made anew for every test."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ..lab import require_tools
from ..lab.tools import VM_TOOLS
from ..lab.vm import Machine
from ..limits import quick_policy
from .people import PASSWORD


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = __name__.rpartition(".")[0]
    for item in items:
        if isinstance(item, pytest.Function) and item.module.__name__.startswith(here):
            item.add_marker(pytest.mark.vm)


@pytest.fixture(scope="session")
def installed(suite: str, deb: str) -> Iterator[Machine]:
    """A machine of the suite with the package installed and quick polls, remembered as "installed"."""
    require_tools(VM_TOOLS)
    with Machine(suite) as booted:
        booted.install(deb)
        quick_policy(booted)
        booted.save("installed")
        yield booted


@pytest.fixture
def machine(installed: Machine) -> Machine:
    """The machine as it was after the installation, whatever a test before has done to it."""
    installed.restore("installed")
    return installed


@pytest.fixture
def person(machine: Machine, request: pytest.FixtureRequest) -> str:
    """A user, who can log in with PASSWORD, and over ssh."""
    stem = re.sub(r"[^a-z0-9]", "", request.node.name.partition("[")[0].replace("test_", "", 1))
    return machine.add_user(f"p{stem[:20]}", password=PASSWORD)
