"""A daemon among fakes, with a clock that is turned by hand.

A session here idles for 60 s, is warned 20 s and 10 s before, and is polled every 5 s.
"""

from __future__ import annotations

import pytest

from tests.unit.bench import Bench
from tests.unit.fakes import make_policy


@pytest.fixture
def bench() -> Bench:
    return Bench(make_policy())
