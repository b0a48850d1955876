"""A server with its socket, new for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.control.stand import Stand


@pytest.fixture
def stand(tmp_path) -> Iterator[Stand]:
    stand = Stand(str(tmp_path / "run" / "io.reaper"))
    yield stand
    stand.stop()
