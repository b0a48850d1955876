"""A diagnosis as lines for a terminal."""

from __future__ import annotations

from reaper.doctor.checks.logind import LogindFacts
from reaper.doctor.checks.rules import Files
from reaper.doctor.checks.shell import Tmout
from reaper.doctor.checks.sshd import Sshd
from reaper.doctor.diagnose import examine
from reaper.doctor.findings_text import report
from tests.unit.doctor.facts import facts

HOSTILE = "/etc/profile.d/\x1b]0;owned\x07.sh"


def test_text_from_the_host_is_escaped() -> None:
    found = examine(facts(tmouts=(Tmout(HOSTILE, 1, 60, True),), files=Files(problem="\x1b[2J")))
    assert all(line.isprintable() for line in report(found))


def test_all_lines_but_remedies_fit_80_columns() -> None:
    found = examine(facts(sshd=Sshd(False), logind=LogindFacts(False), tmouts=(Tmout("/etc/profile", 1, 60, True),)))
    assert all(len(line) <= 80 or line.lstrip().startswith(">") for line in report(found))
