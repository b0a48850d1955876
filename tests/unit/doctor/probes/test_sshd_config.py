"""sshd's configuration, read from its files or from sshd -T."""

from __future__ import annotations

from reaper.doctor.checks.sshd import Sshd
from reaper.doctor.probes import sshd_config
from tests.unit.doctor.probes.fake_host import FakeHost


def configured(fake: FakeHost) -> Sshd:
    fake.is_root = False
    read, is_complete = sshd_config.probe(fake.host())
    assert read is not None
    assert is_complete
    return read


def test_users_get_the_settings_from_the_files(fake: FakeHost) -> None:
    assert configured(fake) == Sshd(True)
    fake.write("/etc/ssh/sshd_config.d/1.conf", "UnusedConnectionTimeout 1m\nUsePAM no\n")
    fake.write("/etc/ssh/sshd_config.d/2.conf", "UnusedConnectionTimeout 2m\n")
    assert configured(fake) == Sshd(False, unused_usec=60_000_000)


def test_match_block_ends_with_its_file(fake: FakeHost) -> None:
    fake.write("/etc/ssh/sshd_config.d/1.conf", "Match User ann\nChannelTimeout *=1m\n")
    assert configured(fake) == Sshd(True, matched=("channeltimeout",))


def test_include_in_a_match_block_belongs_to_it(fake: FakeHost) -> None:
    fake.write("/etc/ssh/sshd_config", "UsePAM yes\nMatch User ann\nInclude more\nClientAliveInterval 60\n")
    fake.write("/etc/ssh/more", "ChannelTimeout *=1m\n")
    assert configured(fake) == Sshd(True, matched=("channeltimeout", "clientaliveinterval"))


def test_file_that_includes_itself_is_incomplete(fake: FakeHost) -> None:
    fake.write("/etc/ssh/sshd_config", "UsePAM yes\nInclude sshd_config\nInclude sshd_config\n")
    fake.is_root = False
    assert sshd_config.probe(fake.host())[1] is False


def test_root_gets_the_settings_from_sshd_and_the_match_blocks_from_the_files(fake: FakeHost) -> None:
    fake.write("/etc/ssh/sshd_config.d/1.conf", "Match User ann\nChannelTimeout *=1m\n")
    assert sshd_config.probe(fake.host())[0] == Sshd(True, matched=("channeltimeout",), channels=(("none", 0),))
