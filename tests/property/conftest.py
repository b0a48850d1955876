"""The same examples in every run, so that a failure comes from a change and not from chance.

HYPOTHESIS_PROFILE=search looks for new ones, and for longer.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_CALM = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("ci", derandomize=True, database=None, max_examples=150, **_CALM)
settings.register_profile("search", max_examples=5000, **_CALM)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
