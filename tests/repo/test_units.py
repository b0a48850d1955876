"""The units: valid, closed off as far as was measured, and every line of that with its reason."""

from __future__ import annotations

import re

import pytest

from .tree import ROOT, files, listed, read, require, run, told

UNITS = tuple(
    name for name in files() if name.startswith("systemd/") and name.endswith((".service", ".socket", ".target"))
)
SERVICES = tuple(name for name in UNITS if name.endswith(".service"))

# `systemd-analyze security --offline=true` (systemd 252) gives 2.0; what may not get worse unnoticed. For the measure:
# systemd-logind.service, which has much the same to do, is at 2.8 to 3.0 on the same hosts.
# PAM's modules make the latter more than that, and 0.2 of it are for one call of @debug, pidfd_getfd(2).
WORST_EXPOSURE = {"systemd/reaper.service": 2.1, "systemd/reaper-lock@.service": 4.2}
OFFLINE_SINCE = 250

HARDENING = re.compile(
    r"AmbientCapabilities|CapabilityBoundingSet|Device|IPAddress|InaccessiblePaths|Keyring|LockPersonality|MemoryDeny|"
    r"NoNewPrivileges|Private|ProcSubset|Protect|ReadOnlyPaths|ReadWritePaths|RemoveIPC|Restrict(?!art)|Secure|"
    r"SystemCall|UMask"
)
# One reason may stand for what belongs together, and for no more than an eye takes in at once.
MOST_LINES_A_REASON = 8


@pytest.fixture(scope="session")
def analyze():
    return require("systemd-analyze")


@pytest.mark.parametrize("unit", UNITS)
def test_verify(analyze, unit, tmp_path):
    """As it is, but for the programs, which are not installed where this runs."""
    copy = tmp_path / unit.rpartition("/")[2]
    copy.write_text(re.sub(r"^(Exec\w+=[-@:+!]*)/\S+", r"\1/bin/true", read(unit), flags=re.MULTILINE))
    result = run(analyze, "verify", "--man=no", str(copy))
    assert result.returncode == 0, told(result)
    ours = [line for line in result.stdout.splitlines() if copy.name in line]
    assert not ours, listed(ours)


def exposure(analyze: str, unit: str) -> float:
    result = run(analyze, "security", "--offline=true", "--no-pager", unit)
    overall = re.search(r"Overall exposure level for \S+: ([0-9.]+)", result.stdout)
    assert overall, told(result)
    return float(overall[1])


@pytest.fixture(scope="session")
def offline(analyze):
    version = int(re.search(r"systemd (\d+)", run(analyze, "--version").stdout)[1])
    if version < OFFLINE_SINCE:
        pytest.skip(f"systemd {version} rates only units that are loaded; {OFFLINE_SINCE} can do it offline")
    return analyze


@pytest.mark.parametrize("unit", SERVICES)
def test_exposure(offline, unit):
    assert exposure(offline, str(ROOT / unit)) <= WORST_EXPOSURE[unit]


def test_exposure_is_no_higher_than_that_of_logind(offline):
    logind = "/usr/lib/systemd/system/systemd-logind.service"
    result = run("test", "-e", logind)
    if result.returncode:
        logind = logind.replace("/usr", "", 1)
    assert exposure(offline, str(ROOT / "systemd/reaper.service")) <= exposure(offline, logind)


@pytest.mark.parametrize("unit", SERVICES)
def test_every_hardening_line_has_a_reason(unit):
    wrong = []
    reason, lines = "", 0
    for number, line in enumerate(read(unit).splitlines(), 1):
        if line.startswith("#"):
            reason, lines = line.strip("# "), 0
        elif not line.strip():
            reason = ""
        elif HARDENING.match(line):
            lines += 1
            if not reason:
                wrong.append(f"{unit}:{number}: {line} has no reason above it")
            elif lines > MOST_LINES_A_REASON:
                wrong.append(f"{unit}:{number}: {line} is too far below its reason")
    assert not wrong, listed(wrong)


def test_every_unit_names_its_manual():
    for unit in UNITS:
        pages = re.findall(r"man:([\w.@-]+)\((\d)\)", read(unit))
        assert pages, unit
        for name, section in pages:
            assert f"packaging/man/{name}.{section}" in files(), f"{unit}: {name}({section})"
