"""Reads PAM's configuration: the session lines of the services that matter, as libpam would put them together."""

from __future__ import annotations

import os
from collections.abc import Iterable
from glob import escape, glob

from reaper import pam_stack
from reaper.doctor.checks.pam import ELEVATORS, MODULE, Pam, Stack
from reaper.doctor.probes.reader import HostReader

OTHER = "other"
LOGIN = "login"
MODULES = ("lib/security", "lib/*/security", "lib64/security", "usr/lib/security", "usr/lib/*/security",
           "usr/lib64/security")  # fmt: skip


def look(host: HostReader, services: Iterable[str]) -> Pam:
    """The stacks of these services, of login, and of what makes root. Raises PermissionError."""
    logins = [_stack(host, service, is_there=True) for service in dict.fromkeys(services)]
    logins.append(_stack(host, LOGIN))
    elevators = [_stack(host, service) for service in ELEVATORS]
    return Pam(
        logins=tuple(stack for stack in logins if stack),
        elevators=tuple(stack for stack in elevators if stack),
        has_module=_has_module(host),
        has_updater=host.exists("/usr/sbin/pam-auth-update"),
    )


def _stack(host: HostReader, service: str, *, is_there: bool = False) -> Stack | None:
    """The session lines of a service; None where there is no such service. One that `is_there` falls back to other."""
    text = pam_stack.find(service, host.read)
    if text is None and is_there:
        text = pam_stack.find(OTHER, host.read) or ""
    if text is None:
        return None
    return Stack(service, pam_stack.collect(text, "session", host.read))


def _has_module(host: HostReader) -> bool:
    return any(glob(os.path.join(escape(host.root), directory, MODULE)) for directory in MODULES)
