"""Findings about reaperd and its unit."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.checks import daemon
from tests.unit.doctor import facts
from tests.unit.doctor.facts import ids, unit

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
        ({"unknown_groups": ("ops",)}, []),  # no rule of the files names it
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
def test_daemon_findings(changed: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert ids(daemon.check(facts.daemon(**changed), "1")) == expected


def test_denied_capability_is_named_with_the_drop_in() -> None:
    changed = unit(CapabilityBoundingSet="cap_kill cap_dac_override", DropInPaths="/etc/x.conf")
    (finding,) = daemon.check(facts.daemon(unit=changed), "1")
    assert "without CAP_SYS_PTRACE" in finding.message
    assert "/etc/x.conf" in finding.message


def test_properties_of_systemctl_show_are_parsed() -> None:
    read = daemon.parse_properties("User=\nDeviceAllow=char-pts rw\nDeviceAllow=char-tty rw\nExec=a=b\n")
    assert read == {"User": ("",), "DeviceAllow": ("char-pts rw", "char-tty rw"), "Exec": ("a=b",)}
