"""A daemon among fakes, with a clock that the test advances.

By default a session here idles for 60 s, is warned 20 s and 10 s before, and is polled every 5 s. A module whose
sessions are under another policy names it POLICY; one whose login the daemon has already found when a test begins says
LOGGED_IN_FOR_SEC.
"""

from __future__ import annotations

import pytest

from tests.unit.bench import Bench
from tests.unit.fakes import make_policy
from tests.unit.logins import FakeLogin


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Bench:
    """A daemon under the policy of the test's module."""
    return Bench(getattr(request.module, "POLICY", make_policy()))


@pytest.fixture
def login(bench: Bench, request: pytest.FixtureRequest) -> FakeLogin:
    """Alice's session on pts/1, over ssh."""
    login = bench.host.login(100, "pts/1")
    seconds = getattr(request.module, "LOGGED_IN_FOR_SEC", 0)
    if seconds:
        bench.run(seconds)
    return login
