"""Asks systemd and the daemon for the daemon's state, and reads who could change its directories."""

from __future__ import annotations

import os
from typing import Any

from reaper.doctor.checks.daemon import SERVICE, SETTINGS, DaemonFacts, Login, Properties, parse_properties
from reaper.doctor.checks.sessions import parse_sessions
from reaper.doctor.probes.reader import HostReader
from reaper.errors import ReaperError
from reaper.sense.policy_files import untrusted

_PROPERTIES = ("LoadState", "ActiveState", "UnitFileState", "FragmentPath", "DropInPaths", "NeedDaemonReload",
               "CapabilityBoundingSet", "DevicePolicy", "DeviceAllow", *SETTINGS)  # fmt: skip
DIRECTORIES = ("/run/reaper", "/run/reaper/sessions", "/run/reaper/elevated")


def probe(host: HostReader) -> DaemonFacts:
    """Returns the state of the daemon, as systemd and its own socket report it."""
    exposed = tuple((path, why) for path in DIRECTORIES for why in _exposed(host, path))
    unit = _unit(host)
    try:
        info: dict[str, Any] = host.ask("org.varlink.service.GetInfo")
        listed: dict[str, Any] = host.ask("io.reaper.List")
    except ReaperError:
        return DaemonFacts(unit, answers=False, exposed=exposed)
    brake, unknown = listed.get("brake_usec"), listed.get("unknown_groups")  # older versions lack them
    return DaemonFacts(
        unit,
        answers=True,
        version=str(info.get("version", "")),
        policy_id=str(listed.get("policy", "")),
        brake_usec=brake if isinstance(brake, int) else None,
        exposed=exposed,
        unknown_groups=tuple(map(str, unknown)) if isinstance(unknown, list) else (),
        logins=frozenset(Login(*(str(row[name]) for name in Login._fields)) for row in listed.get("sessions", ())),
        sessions=parse_sessions(listed.get("sessions")),
    )


def _unit(host: HostReader) -> Properties | None:
    result = host.run(["systemctl", "show", SERVICE, f"--property={','.join(_PROPERTIES)}"])
    return parse_properties(result.output) if result is not None and result.status == 0 else None


def _exposed(host: HostReader, path: str) -> list[str]:
    """Returns why users other than root could change a directory; empty if they cannot, or if it does not exist."""
    try:
        status = os.lstat(host.path(path))
    except OSError:
        return []
    distrust = untrusted(status, {0} if host.root == "/" else {0, os.geteuid()})
    return [distrust[0]] if distrust else []
