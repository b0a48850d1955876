"""Each check: what it is given, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.checks import clock, daemon, journal, kernel, libraries, locking, logind, rules
from reaper.doctor.checks.clock import Clock
from reaper.doctor.checks.journal import JournalFacts
from reaper.doctor.checks.kernel import Kernel
from reaper.doctor.checks.locking import Locking, rules_that_lock
from reaper.doctor.checks.logind import LogindFacts
from reaper.doctor.checks.rules import Files

from . import facts
from .facts import ids, policy, unit

NOT_LOADED = {"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"unit": None}, []),
        ({"unit": unit(ActiveState="inactive"), "answers": False}, [("error", "daemon-not-running")]),
        ({"unit": unit(ActiveState="active"), "answers": False}, [("error", "daemon-silent")]),
        ({"unit": None, "answers": False}, [("error", "daemon-not-running")]),
        ({"unit": unit(UnitFileState="disabled")}, [("error", "daemon-not-enabled")]),
        ({"unit": unit(UnitFileState="enabled-runtime")}, []),
        ({"unit": unit(LoadState="masked", UnitFileState="masked")}, [("error", "daemon-masked")]),
        (
            {"unit": unit(**NOT_LOADED), "answers": False},
            [("error", "daemon-not-installed"), ("error", "daemon-not-running")],
        ),
        ({"unit": unit(NeedDaemonReload="yes")}, [("note", "unit-changed")]),
        ({"version": "0.9"}, [("warning", "daemon-older")]),
        ({"brake_usec": 30_000_000}, [("warning", "brake-engaged")]),
        ({"brake_usec": 0}, []),
        ({"unknown_groups": ("ops",)}, []),  # of a rule that the files do not have
        ({"exposed": (("/run/reaper", "belongs to uid 1000"),)}, [("error", "runtime-exposed")]),
        ({"unit": unit(CapabilityBoundingSet="cap_kill cap_dac_override")}, [("error", "unit-hinders")]),
        ({"unit": unit(CapabilityBoundingSet="cap_chown cap_kill cap_dac_override cap_sys_ptrace")}, []),
        ({"unit": unit(PrivateDevices="yes", PrivateUsers="yes")}, [("error", "unit-hinders")]),
        ({"unit": unit(User="nobody")}, [("error", "unit-hinders")]),
        ({"unit": unit(User="root")}, []),
        ({"unit": unit(DeviceAllow=("char-tty* rw",))}, [("error", "unit-hinders")]),
        ({"unit": unit(DeviceAllow=("char-ttyS rw", "char-pts rw"))}, [("error", "unit-hinders")]),
        ({"unit": unit(DeviceAllow=("char-tty rw", "char-pts rw"))}, []),
        ({"unit": unit(DevicePolicy="auto", DeviceAllow=())}, []),
    ],
)
def test_daemon(changed: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert ids(daemon.check(facts.daemon(**changed), "1")) == expected


def test_what_hinders_is_named_with_its_place() -> None:
    changed = unit(CapabilityBoundingSet="cap_kill cap_dac_override", DropInPaths="/etc/x.conf")
    (finding,) = daemon.check(facts.daemon(unit=changed), "1")
    assert "without CAP_SYS_PTRACE" in finding.message
    assert "/etc/x.conf" in finding.message


def test_properties_of_systemctl() -> None:
    read = daemon.parse_properties("User=\nDeviceAllow=char-pts rw\nDeviceAllow=char-tty rw\nExec=a=b\n")
    assert read == {"User": ("",), "DeviceAllow": ("char-pts rw", "char-tty rw"), "Exec": ("a=b",)}


OTHER = policy("poll: 7s")


@pytest.mark.parametrize(
    ("files", "changed", "expected"),
    [
        (Files(policy()), {}, []),
        (Files(), {}, []),  # they could not be read
        (Files(OTHER), {}, [("error", "policy-not-loaded")]),
        (Files(OTHER), {"answers": False, "policy_id": ""}, []),
        (Files(problem="a.yaml:1:1: bad"), {}, [("error", "policy-rejected")]),
        (Files(problem="bad"), {"policy_id": ""}, [("error", "policy-rejected"), ("error", "no-policy")]),
        (Files(problem="bad"), {"answers": False, "policy_id": ""}, [("error", "policy-rejected")]),
    ],
)
def test_rules(files: Files, changed: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert ids(rules.check(files, facts.daemon(**changed))) == expected


def test_groups_that_no_name_service_knows() -> None:
    named = policy("rules: [{name: a, match: {group: [ops, dev]}}, {name: b, match: {group: ops}}, {name: c}]")
    about = facts.daemon(policy_id=named.id, unknown_groups=("gone", "ops"))
    (found,) = rules.check(Files(named), about)
    assert ids([found]) == [("warning", "group-unknown")]
    assert "the group ops of the rule a, b:" in found.message
    assert found.remedy.startswith("getent group ops: ")


def test_who_is_only_observed() -> None:
    watched = policy("environments: {standard: {action: observe}}\nrules: [{name: a, action: terminate}, {name: b}]")
    found = list(rules.check(Files(watched), facts.daemon(policy_id=watched.id)))
    assert ids(found) == [("note", "rule-observes")] * 2
    assert "rule b " in found[0].message
    assert "environment standard" in found[1].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules: [{name: a, match: {user: x}, idle: never}]", ["rule-unlimited"]),
        ("rules: [{name: a, match: {user: x}, idle: never, max: 8h}]", []),
        ("rules: [{name: a, match: {user: x}, idle: never, action: observe}]", ["rule-observes"]),
        ("ceiling: {idle: 1h}\nrules: [{name: a, match: {user: x}, idle: never}]", []),
        ("ceiling: {idle: 1h, except: [a]}\nrules: [{name: a, match: {user: x}, idle: never}]", ["rule-unlimited"]),
    ],
)
def test_rules_whose_sessions_no_limit_reaches(text: str, expected: list[str]) -> None:
    made = policy(text)
    assert ids(rules.check(Files(made), facts.daemon(policy_id=made.id))) == [("note", name) for name in expected]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (LogindFacts(True), []),
        (LogindFacts(None), []),
        (LogindFacts(False), [("warning", "no-logind")]),
        (LogindFacts(True, kills_user_processes=True), [("warning", "logind-kills")]),
    ],
)
def test_logind(read: LogindFacts, expected: list[tuple[str, str]]) -> None:
    assert ids(logind.check(read)) == expected


@pytest.mark.parametrize(
    ("printed", "value", "usec"),
    [
        ("t 300000000\n", "300000000", 300_000_000),
        ("t 18446744073709551615\n", "18446744073709551615", None),
        ("t 0\n", "0", None),
        ("b true\n", "true", None),
        ("", "", None),
    ],
)
def test_logind_properties(printed: str, value: str, usec: int | None) -> None:
    assert logind.parse_property(printed) == value
    assert logind.parse_span(value) == usec


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (Kernel("6.12.1+deb13-amd64", "v2"), []),
        (Kernel("6.5.0", "v2"), []),
        (Kernel("6.1.0-13-amd64", "v2"), [("note", "kernel-dev-tty")]),
        (Kernel("5.10.0", "v2"), [("note", "kernel-dev-tty")]),
        (Kernel("5.4.0", "v2"), [("error", "kernel-too-old")]),
        (Kernel("6.12", "hybrid"), [("error", "cgroup-not-v2")]),
        (Kernel("6.12", "v1"), [("error", "cgroup-not-v2")]),
        (Kernel("6.12", "v2", "2"), [("note", "proc-hidepid")]),
        (Kernel("6.12", "v2", allows_tiocsti=True), [("note", "kernel-tiocsti")]),
    ],
)
def test_kernel(read: Kernel, expected: list[tuple[str, str]]) -> None:
    assert ids(kernel.check(read)) == expected


CGROUP2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
PROC = "22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw"


@pytest.mark.parametrize(
    ("mounts", "cgroup", "hidepid"),
    [
        (f"{PROC}\n{CGROUP2}", "v2", ""),
        (f"{PROC},hidepid=invisible\n{CGROUP2}", "v2", "invisible"),
        (f"{PROC},hidepid=off\n{CGROUP2}", "v2", ""),
        (
            "1 2 0:1 / /sys/fs/cgroup ro - tmpfs t rw\n3 1 0:2 / /sys/fs/cgroup/unified rw - cgroup2 c rw\n",
            "hybrid",
            "",
        ),
        ("1 2 0:1 / /sys/fs/cgroup ro - tmpfs t rw\n3 1 0:2 / /sys/fs/cgroup/cpu rw - cgroup c rw,cpu\n", "v1", ""),
        ("", "v1", ""),
        ("nonsense\n - \n", "v1", ""),
    ],
)
def test_mounts(mounts: str, cgroup: str, hidepid: str) -> None:
    assert kernel.parse_mounts("6.1", mounts) == Kernel("6.1", cgroup, hidepid)


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (JournalFacts("auto", True), []),
        (JournalFacts("persistent", False), []),
        (JournalFacts("auto", False), [("warning", "journal-volatile")]),
        (JournalFacts("volatile", True), [("warning", "journal-volatile")]),
        (JournalFacts("none", True), [("warning", "journal-off")]),
        (JournalFacts("auto", True, burst=20), [("warning", "journal-rate")]),
        (JournalFacts("auto", True, burst=0), []),  # no limit
        (JournalFacts("auto", True, has_catalog=False), [("note", "catalog-missing")]),
    ],
)
def test_journal(read: JournalFacts, expected: list[tuple[str, str]]) -> None:
    assert ids(journal.check(read)) == expected


def test_journal_settings() -> None:
    text = (
        "# /etc/a\n[Journal]\n#Storage=none\nStorage=Volatile\nRateLimitBurst=5\n# b\n[Journal]\nRateLimitBurst = 10\n"
    )
    assert journal.parse_settings(text) == ("volatile", 10)
    assert journal.parse_settings("") == ("auto", None)


@pytest.mark.parametrize("number", ["²", "٣", "9" * 5000, "-1", ""])
def test_numbers_that_are_none_are_no_settings(number):
    assert journal.parse_settings(f"RateLimitBurst={number}") == ("auto", None)
    assert logind.parse_span(number) is None
    assert kernel.parse_release(f"{number}.1") == (0, 0)


AT_NIGHT = policy("rules: [{name: night, match: {hours: '22:00-06:00'}}]")


@pytest.mark.parametrize(
    ("read", "in_force", "expected"),
    [
        (Clock(True, True), None, []),
        (Clock(True), AT_NIGHT, []),
        (Clock(True, False), AT_NIGHT, [("note", "clock-alone")]),
        (Clock(False, False), None, [("warning", "clock-not-set")]),
        (Clock(False), AT_NIGHT, [("error", "clock-not-set")]),
    ],
)
def test_clock(read: Clock, in_force: Any, expected: list[tuple[str, str]]) -> None:
    assert ids(clock.check(read, in_force)) == expected


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ((), []),
        (("pam", "six"), [("note", "python-pam-missing")]),
        (("six",), [("note", "python-pam-missing")]),
        (("psutil",), [("note", "python-psutil-missing")]),
        (("yaml", "systemd"), [("error", "python-missing")] * 2),
    ],
)
def test_libraries(missing: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    assert ids(libraries.check(missing, policy())) == expected


LOCKS = policy("rules: [{name: desks, match: {user: ann}, action: lock}]")


@pytest.mark.parametrize(
    ("found", "locks", "expected"),
    [
        (Locking(), True, []),
        (Locking(has_service=False), True, ["lock-service-missing"]),
        (Locking(has_service=False, unable=(("ann", "x"),)), False, []),
        (Locking(unable=(("ann", "x"), ("bob", "y"), ("eve", "x"))), True, ["user-unlockable", "user-unlockable"]),
    ],
)
def test_locking(found: Locking, locks: bool, expected: list[str]) -> None:
    findings = list(locking.check(found, LOCKS if locks else policy()))
    assert ids(findings) == [("warning", name) for name in expected]


def test_who_cannot_be_locked_is_named_once_a_reason() -> None:
    found = Locking(unable=(("ann", "no password"), ("bob", "expired"), ("eve", "no password")))
    first, second = locking.check(found, LOCKS)
    assert first.message == "Sessions of ann, eve cannot be locked, and are ended instead: no password."
    assert "bob" in second.message


def test_rules_that_lock() -> None:
    environment = "environments: {standard: {action: lock}}\nrules: [{name: a, action: terminate}, {name: b}]"
    assert rules_that_lock(policy(environment)) == {"b", "environment:standard"}
    assert rules_that_lock(LOCKS) == {"desks"}
    assert rules_that_lock(None) == rules_that_lock(policy()) == frozenset()


def test_python_without_pam_is_a_warning_where_a_rule_locks() -> None:
    assert ids(libraries.check(("pam",), LOCKS)) == [("warning", "python-pam-missing")]
