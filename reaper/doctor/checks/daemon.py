"""Checks that reaperd runs, starts at the next boot, and has what it needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from reaper.decide.text.duration import span
from reaper.doctor.checks.sessions import ListedSession
from reaper.doctor.findings import Finding, error, note, warning

SERVICE = "reaper.service"
REINSTALL = "apt-get install --reinstall idle-reaper (EL: dnf reinstall idle-reaper)"
STARTED_AT_BOOT = {"enabled", "enabled-runtime", "static", "linked", "alias", "generated", "indirect"}
CAPABILITIES = {
    "cap_kill": "it cannot signal the processes of users",
    "cap_sys_ptrace": "it cannot find the terminals of a session",
    "cap_dac_override": "it cannot write to the terminals of users",
}
# A property of the unit, the values with which the daemon works, and what it cannot do with any other value.
SETTINGS = {
    "User": ({"", "root", "0"}, "it must run as root"),
    "PrivateDevices": ({"", "no"}, "it sees no terminals"),
    "PrivateUsers": ({"", "no"}, "it cannot signal the processes of users"),
    "PrivatePIDs": ({"", "no"}, "it sees no other process"),
    "ProcSubset": ({"", "all"}, "it cannot read the ID of the boot"),
    "ProtectControlGroups": ({"", "no"}, "it cannot end all processes of a session at once"),
}
Properties = Mapping[str, tuple[str, ...]]


class Login(NamedTuple):
    """A user who has a session now, its origin, and the rule that applies to it."""

    user: str
    origin: str
    rule: str


@dataclass(frozen=True)
class DaemonFacts:
    """The state of the daemon, as systemd and the daemon's socket report it.

    `unit` holds the unit's properties, None if systemd could not be asked. `answers`: the daemon answers on its socket;
    otherwise the fields that come from its answer are empty. `unknown_groups` are groups that rules name and no name
    service knows. `logins` and `sessions` are the sessions that it lists. `exposed` is not from the daemon: it holds
    each directory of /run/reaper that users other than root can change, and why.
    """

    unit: Properties | None
    answers: bool
    version: str = ""
    policy_id: str = ""
    brake_usec: int | None = None
    exposed: tuple[tuple[str, str], ...] = ()
    unknown_groups: tuple[str, ...] = ()
    logins: frozenset[Login] = frozenset()
    sessions: tuple[ListedSession, ...] = ()


def parse_properties(text: str) -> Properties:
    """Parses what `systemctl show` prints: lines of KEY=value, where a list has one line for each entry."""
    values: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            values[name] = (*values.get(name, ()), value)
    return values


def check(daemon: DaemonFacts, own_version: str) -> Iterator[Finding]:
    """Yields what keeps the daemon from enforcing the limits, now and after the next boot."""
    if daemon.unit is not None:
        yield from _check_boot(daemon.unit)
    if not daemon.answers:
        yield from _check_absence(daemon.unit or {})
    elif daemon.version != own_version:
        yield warning(
            "daemon-older",
            f"The running reaperd is version {daemon.version}, but version {own_version} is installed.",
            f"systemctl restart {SERVICE}",
        )
    if daemon.brake_usec:
        yield warning(
            "brake-engaged",
            f"The brake delays the end of sessions for at least another {span(daemon.brake_usec)}:"
            " more sessions have reached their limits than the policy lets end at once.",
            "journalctl -u reaper REAPER_EVENT=brake, and see brake in reaper.yaml(5)",
        )
    yield from _check_properties(daemon.unit or {})
    for path, why in daemon.exposed:
        yield error(
            "runtime-exposed",
            f"{path} {why}: users other than root can forge records of logins or replace the daemon's socket.",
            f"chown root:root {path} && chmod go-w {path}",
        )


def _first(unit: Properties, name: str) -> str:
    return unit.get(name, ("",))[0]


def _check_boot(unit: Properties) -> Iterator[Finding]:
    state = _first(unit, "UnitFileState")
    if _first(unit, "LoadState") == "not-found":
        yield error("daemon-not-installed", f"systemd does not know {SERVICE}.", REINSTALL)
    elif "masked" in (_first(unit, "LoadState"), state) or state == "masked-runtime":
        yield error(
            "daemon-masked",
            f"{SERVICE} is masked: it cannot be started, and does not start at boot.",
            f"systemctl unmask {SERVICE} && systemctl enable --now {SERVICE}",
        )
    elif state not in STARTED_AT_BOOT:
        yield error(
            "daemon-not-enabled",
            f"{SERVICE} is not enabled: no session will be ended after the next boot.",
            f"systemctl enable {SERVICE}",
        )
    if _first(unit, "NeedDaemonReload") == "yes":
        yield note(
            "unit-changed",
            f"The files of {SERVICE} have changed since systemd read them.",
            f"systemctl daemon-reload && systemctl restart {SERVICE}",
        )


def _check_absence(unit: Properties) -> Iterator[Finding]:
    state = _first(unit, "ActiveState") or "its state is unknown"
    if state == "active":
        yield error(
            "daemon-silent",
            "reaperd runs, but does not answer on /run/reaper/io.reaper.",
            f"systemctl restart {SERVICE}, and journalctl -u {SERVICE} for the reason",
        )
        return
    yield error(
        "daemon-not-running",
        f"reaperd does not run ({state}): no session is warned or ended.",
        f"systemctl start {SERVICE}, and journalctl -u {SERVICE} for the reason",
    )


def _check_properties(unit: Properties) -> Iterator[Finding]:
    """Yields what the unit, usually because of a drop-in, denies the daemon."""
    if _first(unit, "LoadState") != "loaded":
        return
    reasons = []
    if "CapabilityBoundingSet" in unit:
        kept = _first(unit, "CapabilityBoundingSet").lower().split()
        reasons += [f"without {name.upper()} {why}" for name, why in CAPABILITIES.items() if name not in kept]
    for name, (values, why) in SETTINGS.items():
        if _first(unit, name) not in values:
            reasons.append(f"with {name}={_first(unit, name)} {why}")
    if _first(unit, "DevicePolicy") in ("closed", "strict"):
        devices = [entry.partition(" ")[0] for entry in unit.get("DeviceAllow", ())]
        reasons += [f"without DeviceAllow={each} it sees no such terminal" for each in ("char-pts", "char-tty")
                    if not any(fnmatchcase(each, pattern) for pattern in devices)]  # fmt: skip
    if reasons:
        where = " ".join(unit.get("DropInPaths", ())) or _first(unit, "FragmentPath")
        yield error(
            "unit-hinders",
            f"The unit denies reaperd what it needs: {'; '.join(reasons)} ({where}).",
            f"systemctl revert {SERVICE}, or fix the drop-in; then systemctl restart {SERVICE}",
        )
