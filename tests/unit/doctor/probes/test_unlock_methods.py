"""Which users could not unlock a session, and what weakens a lock."""

from __future__ import annotations

import pytest

from reaper.doctor.checks.locking import Locking
from reaper.doctor.probes.surroundings import probe
from tests.unit.doctor.probes.fake_host import FakeHost, findings


@pytest.fixture
def locking(fake: FakeHost) -> FakeHost:
    """A host with a rule that locks, and four users, of whom only ann has a password; carl uses a desktop."""
    fake.write("/etc/reaper/reaper.yaml", "rules: [{name: desks, match: {user: [ann, bob, carl]}, action: lock}]\n")
    fake.write("/proc/sys/kernel/yama/ptrace_scope", "1\n")
    fake.write("/etc/pam.d/reaper", "auth required pam_unix.so\n")
    fake.write("/etc/shadow", "ann:$y$j9T$a$b:1:0:9:7:::\nbob:!:1::::::\ncarl:!:1::::::\ndave:!:1::::::\n")
    rows = [("ann", "ssh", "desks"), ("bob", "ssh", "desks"), ("bob", "console", "desks")]
    rows += [("carl", "graphical", "desks"), ("dave", "ssh", "environment:standard")]
    assert fake.daemon is not None
    fake.daemon["sessions"] = [dict(zip(("user", "origin", "rule"), row)) for row in rows]
    fake.daemon["policy"] = probe(fake.host(), "1").files.policy.id  # type: ignore[union-attr]
    return fake


def test_user_without_a_password_is_found(locking: FakeHost) -> None:
    assert findings(locking) == [("warning", "user-unlockable")]
    facts = probe(locking.host(), "1")
    assert [user for user, _ in facts.locking.unable] == ["bob"]


@pytest.mark.parametrize("scope", ["0\n", None])
def test_tracing_among_a_users_processes_is_noted(locking: FakeHost, scope: str | None) -> None:
    """Without Yama every process may trace the others of its user, as with ptrace_scope 0."""
    if scope is None:
        (locking.directory / "proc/sys/kernel/yama/ptrace_scope").unlink()
    else:
        locking.write("/proc/sys/kernel/yama/ptrace_scope", scope)
    assert ("note", "kernel-ptrace") in findings(locking)


@pytest.mark.parametrize(("switch", "is_noted"), [("0\n", True), ("1\n", False), ("2\n", False), (None, False)])
def test_io_uring_is_noted_if_it_could_be_forbidden(locking: FakeHost, switch: str | None, is_noted: bool) -> None:
    """Before Linux 6.6 there is no sysctl to forbid it, so that there is no remedy."""
    if switch is not None:
        locking.write("/proc/sys/kernel/io_uring_disabled", switch)
    assert (("note", "kernel-io-uring") in findings(locking)) is is_noted


def test_forbidden_tracing_is_a_warning(locking: FakeHost) -> None:
    locking.write("/proc/sys/kernel/yama/ptrace_scope", "3\n")
    assert ("warning", "kernel-no-ptrace") in findings(locking)
    assert ("note", "kernel-ptrace") not in findings(locking)


def test_nothing_is_read_if_no_rule_locks(locking: FakeHost) -> None:
    locking.write("/etc/reaper/reaper.yaml", "rules: [{name: desks, match: {user: [ann, bob, carl]}}]\n")
    (locking.directory / "etc/pam.d/reaper").unlink()
    assert probe(locking.host(), "1").locking == Locking()


def test_missing_pam_service_is_a_warning(locking: FakeHost) -> None:
    (locking.directory / "etc/pam.d/reaper").unlink()
    assert findings(locking) == [("warning", "lock-service-missing")]


def test_unlocking_is_unchecked_without_root(locking: FakeHost) -> None:
    locking.is_root = False
    assert probe(locking.host(), "1").locking == Locking()
    assert "which users could unlock a session" in probe(locking.host(), "1").unchecked
