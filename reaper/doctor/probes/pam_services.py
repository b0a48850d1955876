"""Reads PAM's configuration: the session lines of the services that matter, with includes as libpam expands them."""

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


def probe(host: HostReader, services: Iterable[str]) -> Pam:
    """Returns the stacks of these services, of login, and of su and sudo. Raises PermissionError."""
    logins = [_stack(host, service, is_used=True) for service in dict.fromkeys(services)]
    logins.append(_stack(host, LOGIN))
    elevators = [_stack(host, service) for service in ELEVATORS]
    return Pam(
        logins=tuple(stack for stack in logins if stack),
        elevators=tuple(stack for stack in elevators if stack),
        has_module=_has_module(host),
        has_updater=host.exists("/usr/sbin/pam-auth-update"),
    )


def _stack(host: HostReader, service: str, *, is_used: bool = False) -> Stack | None:
    """Returns the session lines of a service, or None if it has no file. One that `is_used` then gets those of other.

    That is what libpam does for a program whose service has no file.
    """
    text = pam_stack.find(service, host.read)
    if text is None and is_used:
        text = pam_stack.find(OTHER, host.read) or ""
    if text is None:
        return None
    return Stack(service, pam_stack.collect(text, "session", host.read))


def _has_module(host: HostReader) -> bool:
    return any(glob(os.path.join(escape(host.root), directory, MODULE)) for directory in MODULES)
