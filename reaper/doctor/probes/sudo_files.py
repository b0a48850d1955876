"""Reads sudo's configuration and the files that it includes."""

from __future__ import annotations

import os

from reaper.doctor.checks.sudo import Default, Include, Sudo, interpret, parse_sudoers
from reaper.doctor.probes.reader import HostReader

PROGRAM = "/usr/bin/sudo"
CONFIGURATION = "/etc/sudoers"
MOST_FILES = 200
"""The most files that are read, each once: sudo refuses files that include each other (128 levels)."""


def probe(host: HostReader) -> tuple[Sudo, bool]:
    """Returns the settings by which elevations are not marked, and whether all files could be read: only root may."""
    if not host.exists(PROGRAM):
        return Sudo(), True
    defaults: list[Default] = []
    is_complete = _read(host, CONFIGURATION, defaults, set())
    return interpret(defaults), is_complete


def _read(host: HostReader, path: str, defaults: list[Default], seen: set[str]) -> bool:
    if path in seen or len(seen) >= MOST_FILES:
        return True
    seen.add(path)
    try:
        text = host.read(path)
    except PermissionError:
        return False
    is_complete = True
    for entry in parse_sudoers(path, text or ""):
        if not isinstance(entry, Include):
            defaults.append(entry)
            continue
        for included in _included(host, path, entry):
            is_complete &= _read(host, included, defaults, seen)
    return is_complete


def _included(host: HostReader, path: str, entry: Include) -> list[str]:
    """Returns the files that an entry includes: relative to the file that it is in, with %h for the host's name."""
    name = entry.path.replace("%h", os.uname().nodename.partition(".")[0])
    full = os.path.normpath(os.path.join(os.path.dirname(path), name))
    if not entry.is_directory:
        return [full]
    return [f"{full}/{each}" for each in host.names(full) if "." not in each and not each.endswith("~")]
