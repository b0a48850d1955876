"""Fixtures of the host tests: a booted host per suite with the package installed, and a new person for every test."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator

import pytest

from .lab import DEFAULT_SUITES, SUITES, Host, build_deb, require_tools
from .locks import SECRET

VM_SUITES = ("bullseye", "bookworm")  # those with kernels older than the one that this machine is likely to run


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "host" in metafunc.fixturenames or "suite" in metafunc.fixturenames:
        is_vm = ".host.vm." in metafunc.module.__name__
        suites = metafunc.config.getoption("suite") or (VM_SUITES if is_vm else DEFAULT_SUITES)
        metafunc.parametrize("suite", suites, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = __name__.rpartition(".")[0]
    for item in items:
        if isinstance(item, pytest.Function) and item.module.__name__.startswith(here):
            item.add_marker(pytest.mark.host)


@pytest.fixture(scope="session")
def deb(suite: str) -> str:
    """The package, built for the suite from this checkout."""
    assert suite in SUITES
    require_tools()
    return build_deb(suite)


@pytest.fixture(scope="session")
def hosts() -> Iterator[dict[str, Host]]:
    """The hosts that this process has booted, by their suites."""
    booted: dict[str, Host] = {}
    yield booted
    for host in booted.values():
        host.power_off()


@pytest.fixture(scope="session")
def host(suite: str, deb: str, hosts: dict[str, Host]) -> Host:
    """A host of the suite with the package installed; booted once, shared by the tests, so leave it as it was found."""
    if suite not in hosts:
        with contextlib.ExitStack() as undo:
            booted = undo.enter_context(Host(suite, packages=("bindfs", "dropbear-bin", "libpam-oath", "mosh", "nano")))
            booted.install(deb)
            undo.pop_all()  # it stays
        hosts[suite] = booted
    return hosts[suite]


NUMBERS = itertools.count(1)  # no two people of a run share a name: the journal keeps what the first one did


@pytest.fixture
def person(host: Host, request: pytest.FixtureRequest) -> Iterator[str]:
    """A user of the test's own, who can log in over ssh and is removed afterwards with all they run."""
    stem = re.sub(r"[^a-z0-9]", "", request.node.name.partition("[")[0].replace("test_", "", 1))[:20]
    name = host.add_user(f"p{next(NUMBERS)}{stem}")
    yield name
    host.remove_user(name)


@pytest.fixture
def someone(host: Host, person: str) -> str:
    """A person who has a password, by which to unlock."""
    host.run(["chpasswd"], input=f"{person}:{SECRET}\n")
    return person
