"""sudo's configuration, read with the files that it includes."""

from __future__ import annotations

import pytest

from reaper.doctor.checks.sudo import Sudo
from reaper.doctor.probes import sudo_files
from tests.unit.doctor.probes.fake_host import FakeHost, findings


@pytest.fixture
def with_sudo(fake: FakeHost) -> FakeHost:
    fake.write(sudo_files.PROGRAM)
    fake.write(sudo_files.CONFIGURATION, "Defaults env_reset\n@includedir sudoers.d\n")
    return fake


def unmarked(fake: FakeHost) -> list[str]:
    return [place for place, _ in sudo_files.probe(fake.host())[0].unmarked]


def test_directory_is_read_as_sudo_reads_it(with_sudo: FakeHost) -> None:
    for name in ("b", "c.bak", "d~"):
        with_sudo.write(f"/etc/sudoers.d/{name}", "Defaults:x !pam_session\n@include more\n")
    with_sudo.write("/etc/sudoers.d/more", "Defaults:y !pam_session\n")
    assert unmarked(with_sudo) == ["/etc/sudoers.d/b:1", "/etc/sudoers.d/more:1"]
    assert findings(with_sudo) == [("note", "sudo-unmarked")]


def test_file_that_includes_itself_is_read_once(with_sudo: FakeHost) -> None:
    with_sudo.write(sudo_files.CONFIGURATION, "@include sudoers\n@includedir /etc\nDefaults !pam_session\n")
    assert unmarked(with_sudo) == ["/etc/sudoers:3"]


def test_configuration_is_ignored_without_sudo(fake: FakeHost) -> None:
    fake.write(sudo_files.CONFIGURATION, "Defaults !pam_session\n")
    assert sudo_files.probe(fake.host()) == (Sudo(), True)


def test_configuration_is_unchecked_without_root(with_sudo: FakeHost) -> None:
    with_sudo.forbidden = (sudo_files.CONFIGURATION,)
    assert findings(with_sudo) == [("note", "unchecked")]
