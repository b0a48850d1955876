"""Finds the programs by which users log in: units, sockets, and processes that no unit starts."""

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
"""The most sockets with an instance for each connection that are looked at; a host has about ten."""

DROP_INS = "/etc/systemd/system"
MOST_NAMES = 1000
_GETTY_TEMPLATES = ("autovt", "container-getty", "getty", "serial-getty")

Started = tuple[str, tuple[str, ...]]


def probe(host: HostReader) -> tuple[Servers, tuple[LoadedUnit, ...], bool]:
    """Returns the servers, the units that run or that a connection starts, and whether systemd answered."""
    consoles = _changed_gettys(host)
    services, sockets = _services(host, ["*.service", *consoles]), _sockets(host)
    if services is None or sockets is None:
        return Servers(), (), False
    listening = [each for each in sockets if each.is_active]
    triggered = {each.service: each.unit for each in listening if each.service}
    accepting = [each for each in listening if not each.service][:MOST_SOCKETS]
    instances = _services(host, [each.instance for each in accepting]) if accepting else ()
    units = {each.instance: each.unit for each in accepting}
    running = [each for each in services if each.is_active or each.unit in triggered]
    started: list[Started] = []
    for service in (*running, *(instances or ())):
        where = triggered.get(service.unit) or units.get(service.unit) or service.unit
        started += [(where, command) for command in service.commands]
    known = {program for _, command in started for program in programs(command)}
    others = [(f"process {pid}", (name,)) for pid, name in host.processes() if name not in known]
    if any(name in INETD for name in (*known, *(command[0] for _, command in others))):
        started += [(INETD_CONFIGURATION, command) for command in parse_inetd(_text(host))]
    may_log_in = {each.unit: each for each in services if each in running or each.unit in consoles}
    return interpret([*started, *others], may_log_in.values()), tuple(running), True


def _changed_gettys(host: HostReader) -> list[str]:
    """Returns the consoles with a drop-in: logind starts one when a user switches to it (autovt@.service)."""
    names = host.names(DROP_INS)[:MOST_NAMES]
    found = (name.rpartition(".d")[0] for name in names if name.endswith(".service.d"))
    return [name for name in found if name.partition("@")[0] in _GETTY_TEMPLATES and not name.endswith("@.service")]


def _text(host: HostReader) -> str:
    try:
        return host.read(INETD_CONFIGURATION) or ""
    except PermissionError:
        return ""


def _services(host: HostReader, units: Sequence[str]) -> tuple[LoadedUnit, ...] | None:
    result = host.run(["systemctl", "--no-pager", "show", _PROPERTIES, "--", *units])
    return parse_services(result.output) if result is not None and result.status == 0 else None


def _sockets(host: HostReader) -> tuple[Socket, ...] | None:
    result = host.run(["systemctl", "--no-pager", "show", _SOCKET_PROPERTIES, "--", "*.socket"])
    return parse_sockets(result.output) if result is not None and result.status == 0 else None


def sshd_options(services: Sequence[LoadedUnit], program: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields the units that start sshd with a configuration of their own, with the options that set it."""
    for service in services:
        for command in service.commands:
            options = _configuration(command[1:]) if command[0] == program else ()
            if options:
                yield service.unit, options


def _configuration(words: Sequence[str]) -> tuple[str, ...]:
    """Returns the options -f and -o among the words of sshd's command line, each with its value."""
    found: list[str] = []
    for word, following in zip(words, [*words[1:], ""]):
        if word in ("-f", "-o"):
            found += [word, following]
        elif word[:2] in ("-f", "-o"):
            found += [word[:2], word[2:]]
    return tuple(found)
