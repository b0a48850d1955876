"""Any hours that a policy can express."""

from __future__ import annotations

from hypothesis import strategies as st

from reaper.decide.text.hours import EVERY_DAY, MINUTES_PER_DAY, Hours


@st.composite
def _hours(draw: st.DrawFn) -> Hours:
    days = draw(st.frozensets(st.sampled_from(sorted(EVERY_DAY)), min_size=1))
    begin = draw(st.integers(0, MINUTES_PER_DAY - 1))
    length = draw(st.integers(1, MINUTES_PER_DAY - 1) | st.just(MINUTES_PER_DAY))
    return Hours(days, begin, begin + length) if length < MINUTES_PER_DAY else Hours(days, 0, MINUTES_PER_DAY)


week_hours = _hours()
