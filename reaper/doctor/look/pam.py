"""Reads PAM's configuration: the session lines of the services that matter, as libpam would put them together."""

from __future__ import annotations

import os
from glob import escape, glob

from reaper.doctor.look.host import Host
from reaper.doctor.pam import ELEVATORS, INCLUDES, MODULE, Line, Pam, Stack, parse_lines

# libpam's order (_pam_init_handlers): the administrator's files, then the distribution's.
DIRECTORIES = ("/etc/pam.d", "/usr/lib/pam.d")
OTHER = "other"
LOGIN = "login"
DEEPEST = 16
"""libpam's own limit for a file that includes a file (PAM_SUBSTACK_MAX_LEVEL)."""
MOST_LINES = 1000
"""Of one stack: sixteen levels of files that each include two others would be no end."""
MODULES = ("lib/security", "lib/*/security", "lib64/security", "usr/lib/security", "usr/lib/*/security",
           "usr/lib64/security")  # fmt: skip


def look(host: Host, sshd_service: str | None) -> Pam:
    """The stacks of sshd (None: there is no sshd), login, and what makes root. Raises PermissionError."""
    logins = [_stack(host, sshd_service, is_there=True)] if sshd_service else []
    logins.append(_stack(host, LOGIN))
    elevators = [_stack(host, service) for service in ELEVATORS]
    return Pam(
        logins=tuple(stack for stack in logins if stack),
        elevators=tuple(stack for stack in elevators if stack),
        has_module=_has_module(host),
        has_updater=host.exists("/usr/sbin/pam-auth-update"),
    )


def _file(host: Host, name: str) -> str | None:
    places = [name] if name.startswith("/") else [f"{directory}/{name}" for directory in DIRECTORIES]
    return next((text for text in map(host.read, places) if text is not None), None)


def _stack(host: Host, service: str, *, is_there: bool = False) -> Stack | None:
    """The session lines of a service; None where there is no such service. One that `is_there` falls back to other."""
    text = _file(host, service)
    if text is None and is_there:
        text = _file(host, OTHER) or ""
    if text is None:
        return None
    lines: list[Line] = []
    _collect(host, text, lines, 0)
    return Stack(service, tuple(lines))


def _collect(host: Host, text: str, lines: list[Line], depth: int) -> None:
    for line in parse_lines(text):
        if line.kind not in ("*", "session") or len(lines) >= MOST_LINES:
            continue
        if line.control not in INCLUDES:
            lines.append(line)
        elif depth < DEEPEST:
            _collect(host, _file(host, line.module) or "", lines, depth + 1)


def _has_module(host: Host) -> bool:
    return any(glob(os.path.join(escape(host.root), directory, MODULE)) for directory in MODULES)
