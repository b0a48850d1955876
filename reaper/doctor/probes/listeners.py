"""Asks systemd what it runs and listens for, and looks at what runs beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reaper.doctor.checks.servers import (
    INETD,
    LoadedUnit,
    Servers,
    Socket,
    interpret,
    parse_inetd,
    parse_services,
    parse_sockets,
    programs,
)
from reaper.doctor.probes.reader import HostReader

_PROPERTIES = "--property=Id,ActiveState,Restart,ExecStart"
_SOCKET_PROPERTIES = "--property=Id,ActiveState,Accept,Triggers"
INETD_CONFIGURATION = "/etc/inetd.conf"
MOST_SOCKETS = 100
"""A host has some ten that each connection starts a service of its own for."""

DROP_INS = "/etc/systemd/system"
MOST_NAMES = 1000
_GETTY_TEMPLATES = ("autovt", "container-getty", "getty", "serial-getty")

Started = tuple[str, tuple[str, ...]]


def look(host: HostReader) -> tuple[Servers, tuple[LoadedUnit, ...], bool]:
    """What lets people in, the units that run or that a connection starts, and whether systemd told of them."""
    consoles = _changed_gettys(host)
    services, sockets = _services(host, ["*.service", *consoles]), _sockets(host)
    if services is None or sockets is None:
        return Servers(), (), False
    listening = [each for each in sockets if each.is_active]
    triggered = {each.service: each.unit for each in listening if each.service}
    apart = [each for each in listening if not each.service][:MOST_SOCKETS]
    instances = _services(host, [each.instance for each in apart]) if apart else ()
    units = {each.instance: each.unit for each in apart}
    running = [each for each in services if each.is_active or each.unit in triggered]
    started: list[Started] = []
    for service in (*running, *(instances or ())):
        where = triggered.get(service.unit) or units.get(service.unit) or service.unit
        started += [(where, command) for command in service.commands]
    known = {program for _, command in started for program in programs(command)}
    beside = [(f"process {pid}", (name,)) for pid, name in host.processes() if name not in known]
    if any(name in INETD for name in (*known, *(command[0] for _, command in beside))):
        started += [(INETD_CONFIGURATION, command) for command in parse_inetd(_text(host))]
    shown = {each.unit: each for each in services if each in running or each.unit in consoles}
    return interpret([*started, *beside], shown.values()), tuple(running), True


def _changed_gettys(host: HostReader) -> list[str]:
    """The consoles with drop-ins of their own: logind starts one when somebody switches to it (autovt@.service)."""
    names = host.names(DROP_INS)[:MOST_NAMES]
    found = (name.rpartition(".d")[0] for name in names if name.endswith(".service.d"))
    return [name for name in found if name.partition("@")[0] in _GETTY_TEMPLATES and not name.endswith("@.service")]


def _text(host: HostReader) -> str:
    try:
        return host.read(INETD_CONFIGURATION) or ""
    except PermissionError:
        return ""


def _services(host: HostReader, units: Sequence[str]) -> tuple[LoadedUnit, ...] | None:
    said = host.run(["systemctl", "--no-pager", "show", _PROPERTIES, "--", *units])
    return parse_services(said.output) if said is not None and said.status == 0 else None


def _sockets(host: HostReader) -> tuple[Socket, ...] | None:
    said = host.run(["systemctl", "--no-pager", "show", _SOCKET_PROPERTIES, "--", "*.socket"])
    return parse_sockets(said.output) if said is not None and said.status == 0 else None


def sshd_options(services: Sequence[LoadedUnit], program: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The units that start sshd by a configuration of their own, with the options that say which."""
    for service in services:
        for command in service.commands:
            options = _chosen(command[1:]) if command[0] == program else ()
            if options:
                yield service.unit, options


def _chosen(words: Sequence[str]) -> tuple[str, ...]:
    """The options -f and -o among the words of sshd's command line, each with its value."""
    found: list[str] = []
    for word, following in zip(words, [*words[1:], ""]):
        if word in ("-f", "-o"):
            found += [word, following]
        elif word[:2] in ("-f", "-o"):
            found += [word[:2], word[2:]]
    return tuple(found)
