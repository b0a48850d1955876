"""A healthy host for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.doctor.probes.fake_host import FakeHost, healthy_host


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return healthy_host(tmp_path)
