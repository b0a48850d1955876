"""Whether reaperd runs, will run after the next boot, and has what it needs. Pure: what was read goes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from reaper.decide.text.duration import span
from reaper.doctor.checks.sessions import ListedSession
from reaper.doctor.findings import Finding, error, note, warning

SERVICE = "reaper.service"
STARTED_AT_BOOT = {"enabled", "enabled-runtime", "static", "linked", "alias", "generated", "indirect"}
CAPABILITIES = {
    "cap_kill": "it cannot signal the processes of others",
    "cap_sys_ptrace": "it cannot tell which terminals a session has",
    "cap_dac_override": "it cannot write to the terminals of others",
}
# Property of the unit: values with which the daemon works, and what it cannot do otherwise.
SETTINGS = {
    "User": ({"", "root", "0"}, "it must run as root"),
    "PrivateDevices": ({"", "no"}, "it sees no terminals"),
    "PrivateUsers": ({"", "no"}, "it cannot signal the processes of others"),
    "PrivatePIDs": ({"", "no"}, "it sees no other process"),
    "ProcSubset": ({"", "all"}, "it cannot tell one boot from another"),
    "ProtectControlGroups": ({"", "no"}, "it cannot end all of a session at once"),
}
Properties = Mapping[str, tuple[str, ...]]


class Login(NamedTuple):
    """Who has a session now, from where, and under which rule."""

    user: str
    origin: str
    rule: str


@dataclass(frozen=True)
class DaemonFacts:
    """The daemon as systemd and its own socket tell of it.

    `unit` holds the unit's properties, None where systemd was not there to ask. `answers`: the socket does; the fields
    after it are what it said, and empty otherwise; `logins` are of the sessions that it shows, and `unknown_groups` are
    those that rules name and no name service tells it. `exposed`: what of /run/reaper others than root could change,
    and why.
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
    """What `systemctl show` prints: KEY=value, a line for each entry of a list."""
    values: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            values[name] = (*values.get(name, ()), value)
    return values


def check(daemon: DaemonFacts, own_version: str) -> Iterator[Finding]:
    """What keeps the daemon from its work, now and after the next boot."""
    if daemon.unit is not None:
        yield from _at_boot(daemon.unit)
    if not daemon.answers:
        yield from _absent(daemon.unit or {})
    elif daemon.version != own_version:
        yield warning(
            "daemon-older",
            f"The reaperd that runs is version {daemon.version}, and {own_version} is installed.",
            f"systemctl restart {SERVICE}",
        )
    if daemon.brake_usec:
        yield warning(
            "brake-engaged",
            f"The brake holds sessions back that are due, for another {span(daemon.brake_usec)} at least:"
            " more have reached their limits than the policy lets end at once.",
            "journalctl -u reaper REAPER_EVENT=brake, and see brake in reaper.yaml(5)",
        )
    yield from _hindered(daemon.unit or {})
    for path, why in daemon.exposed:
        yield error(
            "runtime-exposed",
            f"{path} {why}: whoever that is can write records of logins, or take the daemon's place.",
            f"chown root:root {path} && chmod go-w {path}",
        )


def _one(unit: Properties, name: str) -> str:
    return unit.get(name, ("",))[0]


def _at_boot(unit: Properties) -> Iterator[Finding]:
    state = _one(unit, "UnitFileState")
    if _one(unit, "LoadState") == "not-found":
        yield error("daemon-not-installed", f"systemd knows no {SERVICE}.", "install the package idle-reaper anew")
    elif "masked" in (_one(unit, "LoadState"), state) or state == "masked-runtime":
        yield error(
            "daemon-masked",
            f"{SERVICE} is masked: it cannot be started, nor is it at boot.",
            f"systemctl unmask {SERVICE} && systemctl enable --now {SERVICE}",
        )
    elif state not in STARTED_AT_BOOT:
        yield error(
            "daemon-not-enabled",
            f"{SERVICE} is not enabled: after the next boot no session is ended.",
            f"systemctl enable {SERVICE}",
        )
    if _one(unit, "NeedDaemonReload") == "yes":
        yield note(
            "unit-changed",
            f"The files of {SERVICE} have changed since systemd read them.",
            f"systemctl daemon-reload && systemctl restart {SERVICE}",
        )


def _absent(unit: Properties) -> Iterator[Finding]:
    state = _one(unit, "ActiveState") or "its state is unknown"
    if state == "active":
        yield error(
            "daemon-silent",
            "reaperd runs and does not answer on /run/reaper/io.reaper.",
            f"systemctl restart {SERVICE}, and journalctl -u {SERVICE} for the reason",
        )
        return
    yield error(
        "daemon-not-running",
        f"reaperd does not run ({state}): no session is warned or ended.",
        f"systemctl start {SERVICE}, and journalctl -u {SERVICE} for the reason",
    )


def _hindered(unit: Properties) -> Iterator[Finding]:
    """Drop-ins of the unit that take from the daemon what it needs."""
    if _one(unit, "LoadState") != "loaded":
        return
    reasons = []
    if "CapabilityBoundingSet" in unit:
        kept = _one(unit, "CapabilityBoundingSet").lower().split()
        reasons += [f"without {name.upper()} {why}" for name, why in CAPABILITIES.items() if name not in kept]
    for name, (values, why) in SETTINGS.items():
        if _one(unit, name) not in values:
            reasons.append(f"with {name}={_one(unit, name)} {why}")
    if _one(unit, "DevicePolicy") in ("closed", "strict"):
        devices = [entry.partition(" ")[0] for entry in unit.get("DeviceAllow", ())]
        reasons += [f"without DeviceAllow={each} it sees no such terminal" for each in ("char-pts", "char-tty")
                    if not any(fnmatchcase(each, pattern) for pattern in devices)]  # fmt: skip
    if reasons:
        where = " ".join(unit.get("DropInPaths", ())) or _one(unit, "FragmentPath")
        yield error(
            "unit-hinders",
            f"The unit keeps reaperd from its work: {'; '.join(reasons)} ({where}).",
            f"systemctl revert {SERVICE}, or mend the drop-in; then systemctl restart {SERVICE}",
        )
