"""The hosts under test: the fake and the real one for the contract that both keep, the real one alone for the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.sense.trees import Tree
from tests.unit.sense.worlds import FakeWorld, RealWorld


@pytest.fixture(params=["fake", "real"])
def world(request, tmp_path) -> Iterator:
    world = FakeWorld() if request.param == "fake" else RealWorld(str(tmp_path))
    yield world
    world.stop()


@pytest.fixture
def real(tmp_path) -> Iterator[RealWorld]:
    world = RealWorld(str(tmp_path))
    yield world
    world.stop()


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Tree:
    (tmp_path / "tree").mkdir()
    return Tree(tmp_path / "tree", monkeypatch)


@pytest.fixture
def scoped(real, tree) -> RealWorld:
    """The real world's login, in the scope of logind's session c7."""
    tree.show(real.session.key, tree.scope("c7"))
    return real
