"""TMOUT found in the files that login shells read."""

from __future__ import annotations

import pytest

from reaper.doctor.checks.shell import parse_tmout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("TMOUT=600", [(600, False)]),
        ("export TMOUT=600", [(600, False)]),
        ("readonly TMOUT=600", [(600, True)]),
        ("declare -rx TMOUT=600", [(600, True)]),
        ("TMOUT=600; readonly TMOUT; export TMOUT", [(600, True)]),
        ("  [ -n x ] && TMOUT='300'", [(300, False)]),
        ('TMOUT="300"', [(300, False)]),
        ("TMOUT DEFAULT=300", [(300, False)]),
        ("TMOUT=0", []),
        ("# TMOUT=600", []),
        ("MYTMOUT=600", []),
        ("unset TMOUT", []),
    ],
)
def test_tmout_is_found(line: str, expected: list[tuple[int, bool]]) -> None:
    found = parse_tmout("p", f"\n{line}\n")
    assert [(each.seconds, each.is_readonly) for each in found] == expected
    assert all(each.line == 2 for each in found)
