"""Finds servers that open no PAM session, and consoles that log a user in automatically. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from reaper.doctor.checks.daemon import parse_properties
from reaper.doctor.findings import Finding, error, warning

# Programs that open no PAM session. dropbear 2022.83 and 2025.88 ask PAM only for the password, if at all
# (src/svr-authpam.c: pam_authenticate, pam_acct_mgmt; Debian builds it without); tinysshd does not link libpam.
WITHOUT_SESSION = ("dropbear", "tinysshd")
# Programs whose logins go through a PAM service other than sshd and login.
PAM_SERVICES = {
    "cockpit-tls": "cockpit",
    "cockpit-ws": "cockpit",
    "gdm": "gdm-password",
    "gdm3": "gdm-password",
    "greetd": "greetd",
    "lightdm": "lightdm",
    "sddm": "sddm",
    "xrdp-sesman": "xrdp-sesman",
}
INETD = ("inetd", "inetutils-inetd")
_GETTYS = ("agetty", "getty", "mingetty")
_ARGUMENTS, _AFTER_ARGUMENTS = "argv[]=", " ; ignore_errors="


class LoadedUnit(NamedTuple):
    """A unit as systemd has loaded it, with all drop-ins; each command is its words."""

    unit: str
    is_active: bool
    restarts: bool  # when its process ends
    commands: tuple[tuple[str, ...], ...]


class Socket(NamedTuple):
    """A socket unit. `service` is the service that a connection starts, "" if each connection starts an instance."""

    unit: str
    is_active: bool
    service: str

    @property
    def instance(self) -> str:
        """The name of an instance that is no real connection's."""
        return f"{self.unit.rpartition('.socket')[0]}@reaperctl-doctor.service"


@dataclass(frozen=True)
class Servers:
    """The programs by which users log in.

    `without_session` holds the programs that open no PAM session, each with what starts it. `pam_services` are the PAM
    services of the others. `autologins` holds units with the user that they log in.
    """

    without_session: tuple[tuple[str, str], ...] = ()
    pam_services: tuple[str, ...] = ()
    autologins: tuple[tuple[str, str], ...] = ()


def parse_services(text: str) -> tuple[LoadedUnit, ...]:
    """Parses the services that `systemctl show` prints."""
    blocks = [parse_properties(block) for block in text.split("\n\n")]
    return tuple(
        LoadedUnit(
            block["Id"][0],
            block.get("ActiveState", ("",))[0] in ("active", "activating", "reloading"),
            block.get("Restart", ("no",))[0] != "no",
            tuple(command for command in map(_parse_command, block.get("ExecStart", ())) if command),
        )
        for block in blocks
        if "Id" in block
    )


def parse_sockets(text: str) -> tuple[Socket, ...]:
    """Parses the sockets that `systemctl show` prints."""
    blocks = [parse_properties(block) for block in text.split("\n\n")]
    return tuple(
        Socket(
            block["Id"][0],
            block.get("ActiveState", ("",))[0] == "active",
            "" if block.get("Accept", ("no",))[0] == "yes" else block.get("Triggers", ("",))[0],
        )
        for block in blocks
        if "Id" in block
    )


def _parse_command(value: str) -> tuple[str, ...]:
    """Returns the words of `{ path=/sbin/agetty ; argv[]=/sbin/agetty -o ... ; ignore_errors=yes ; ...`."""
    words = value.partition(_ARGUMENTS)[2].partition(_AFTER_ARGUMENTS)[0]
    return tuple(words.split())


def parse_inetd(text: str) -> tuple[tuple[str, ...], ...]:
    """Returns the commands in inetd.conf(5): what follows service, type, protocol, wait and user."""
    lines = (line.split() for line in text.split("\n") if not line.lstrip().startswith("#"))
    return tuple(tuple(words[5:]) for words in lines if len(words) > 5)


def programs(command: Iterable[str]) -> Iterator[str]:
    """Yields the names of the programs that a command may run: its first word, and every path among the others."""
    for index, word in enumerate(command):
        if index == 0 or word.startswith("/"):
            yield word.rpartition("/")[2]


def autologin(command: tuple[str, ...]) -> str:
    """Returns the user that a command logs in on its terminal without asking for a password, or ""."""
    program = command[0].rpartition("/")[2] if command else ""
    if program == "login" and "-f" in command:
        return command[-1]
    if program not in _GETTYS:
        return ""
    for word, following in zip(command[1:], [*command[2:], ""]):
        if word in ("--autologin", "-a"):
            return following
        for start in ("--autologin=", "-a"):
            if word.startswith(start) and not word.startswith("--autologin-"):
                return word[len(start) :]
    return ""


def interpret(started: Iterable[tuple[str, tuple[str, ...]]], consoles: Iterable[LoadedUnit]) -> Servers:
    """Sorts commands, each with what starts it, into servers; `consoles` are units that may log a user in."""
    without: dict[tuple[str, str], None] = {}
    services: dict[str, None] = {}
    for where, command in started:
        for program in programs(command):
            if program in WITHOUT_SESSION:
                without[program, where] = None
            elif program in PAM_SERVICES:
                services[PAM_SERVICES[program]] = None
    found = [(each.unit, autologin(command)) for each in consoles if each.restarts for command in each.commands]
    return Servers(tuple(without), tuple(services), tuple((unit, user) for unit, user in found if user))


def check(servers: Servers) -> Iterator[Finding]:
    """Yields the servers whose logins are not recorded, and the consoles that log a user in."""
    for program, where in servers.without_session:
        yield error(
            "server-unseen",
            f"{program} lets users in ({where}) but opens no PAM session: its logins are not recorded and never ended.",
            f"use OpenSSH's sshd instead; then {_stop(where, program)}",
        )
    for unit, user in servers.autologins:
        yield warning(
            "console-autologin",
            f"{unit} logs {user} in by itself: a session that is ended there begins again at once, without a password.",
            f"systemctl edit {unit}, with an ExecStart= that has no --autologin (-a), then systemctl restart {unit}; or"
            f" passwd {user}, and as the first of the rules in /etc/reaper/reaper.yaml {{name: autologin, match:"
            f" {{user: {user}, origin: [console, serial]}}, action: lock}}",
        )


def _stop(where: str, program: str) -> str:
    if where.endswith((".service", ".socket")):
        return f"systemctl disable --now {where}"
    kind, _, pid = where.partition(" ")
    return (
        f"stop {program} (process {pid}) from another connection"
        if kind == "process"
        else f"remove {program} from {where}"
    )
