"""PAM stacks put together from the files of a host."""

from __future__ import annotations

from reaper.doctor.checks.pam import Stack
from reaper.doctor.probes import pam_services
from reaper.pam_stack import MOST_LINES, PamLine
from tests.unit.doctor.facts import ELEVATIONS, REAPER, SYSTEMD
from tests.unit.doctor.probes.fake_host import FakeHost


def stacks(fake: FakeHost) -> list[Stack]:
    return list(pam_services.probe(fake.host(), ["sshd"]).logins)


def test_includes_and_substacks_are_expanded(fake: FakeHost) -> None:
    fake.write("/etc/pam.d/login", "session substack inner\nsession include inner\nauth include inner\n")
    fake.write("/etc/pam.d/inner", "session optional pam_reaper.so\nauth optional pam_reaper.so\n")
    permit = PamLine("session", "default=1", "pam_permit.so")
    assert stacks(fake) == [
        Stack("sshd", (permit, SYSTEMD, ELEVATIONS, REAPER)),
        Stack("login", (REAPER, REAPER)),
    ]


def test_file_in_etc_overrides_that_of_the_distribution(fake: FakeHost) -> None:
    fake.write("/usr/lib/pam.d/login", "session optional pam_reaper.so\n")
    assert len(stacks(fake)[1].lines) == 4
    (fake.directory / "etc/pam.d/login").unlink()
    assert stacks(fake)[1] == Stack("login", (REAPER,))


def test_sshd_without_a_file_gets_the_stack_of_other(fake: FakeHost) -> None:
    (fake.directory / "etc/pam.d/sshd").unlink()
    fake.write("/etc/pam.d/other", "session optional pam_reaper.so\n")
    assert stacks(fake)[0] == Stack("sshd", (REAPER,))


def test_files_that_include_each_other_are_bounded(fake: FakeHost) -> None:
    fake.write("/etc/pam.d/login", "session optional a.so\nsession include login\nsession include login\n")
    assert len(stacks(fake)[1].lines) <= MOST_LINES
