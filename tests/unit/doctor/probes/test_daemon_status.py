"""What is read of the daemon, its sessions and its directories."""

from __future__ import annotations

from tests.unit.doctor.probes.fake_host import FakeHost, findings


def test_daemon_that_does_not_answer(fake: FakeHost) -> None:
    fake.daemon = None
    assert findings(fake) == [("error", "daemon-silent")]


def test_brake_is_read_from_the_daemon(fake: FakeHost) -> None:
    assert fake.daemon is not None
    fake.daemon["brake_usec"] = 5_000_000
    assert findings(fake) == [("warning", "brake-engaged")]
    fake.daemon["brake_usec"] = None
    assert findings(fake) == []


def test_directory_that_other_users_can_write(fake: FakeHost) -> None:
    records = fake.directory / "run/reaper/sessions"
    records.mkdir(parents=True)
    assert findings(fake) == []
    records.chmod(0o777)
    assert findings(fake) == [("error", "runtime-exposed")]


def test_session_without_a_limit_is_found(fake: FakeHost) -> None:
    assert fake.daemon is not None
    row = {"session": "7", "user": "ivy", "origin": "other", "service": "vnc", "rule": "environment:standard"}
    fake.daemon["sessions"] = [{**row, "phase": "active", "next": "nothing", "terminals": []}]
    assert findings(fake) == [("warning", "session-unseen")]
