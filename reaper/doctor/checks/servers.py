"""What else lets people in on this host, and which consoles log in by themselves. Pure: what systemd says goes in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from reaper.doctor.checks.daemon import parse_properties
from reaper.doctor.findings import Finding, error, warning

# Programs that open no PAM session. dropbear 2022.83 and 2025.88 ask PAM at most for the password
# (src/svr-authpam.c: pam_authenticate, pam_acct_mgmt), and Debian builds it without that; tinysshd links no libpam.
WITHOUT_SESSION = ("dropbear", "tinysshd")
# Programs whose logins go through a PAM service of another name than sshd and login.
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
    """A unit as it is loaded: its commands are words, as systemd has them after all drop-ins."""

    unit: str
    is_active: bool
    comes_back: bool  # when its process ends
    commands: tuple[tuple[str, ...], ...]


class Socket(NamedTuple):
    """A socket unit: the service that a connection starts, by name, or "" where each starts one of its own."""

    unit: str
    is_active: bool
    service: str

    @property
    def instance(self) -> str:
        """The service of one connection, by a name that no real one has."""
        return f"{self.unit.rpartition('.socket')[0]}@reaperctl-doctor.service"


@dataclass(frozen=True)
class Servers:
    """What lets people in: programs that open no PAM session, each with where it is started, and PAM services.

    `autologins` are units with the user that they log in.
    """

    without_session: tuple[tuple[str, str], ...] = ()
    pam_services: tuple[str, ...] = ()
    autologins: tuple[tuple[str, str], ...] = ()


def parse_services(text: str) -> tuple[LoadedUnit, ...]:
    """The units in what `systemctl show` prints of services."""
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
    """The units in what `systemctl show` prints of sockets."""
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
    """The words of `{ path=/sbin/agetty ; argv[]=/sbin/agetty -o ... ; ignore_errors=yes ; ...`."""
    words = value.partition(_ARGUMENTS)[2].partition(_AFTER_ARGUMENTS)[0]
    return tuple(words.split())


def parse_inetd(text: str) -> tuple[tuple[str, ...], ...]:
    """The commands in inetd.conf(5): what follows on service, type, protocol, wait and user."""
    lines = (line.split() for line in text.split("\n") if not line.lstrip().startswith("#"))
    return tuple(tuple(words[5:]) for words in lines if len(words) > 5)


def programs(command: Iterable[str]) -> Iterator[str]:
    """The names of the programs that a command can be about: its first word, and the paths among the others."""
    for index, word in enumerate(command):
        if index == 0 or word.startswith("/"):
            yield word.rpartition("/")[2]


def autologin(command: tuple[str, ...]) -> str:
    """Whom a command logs in on its terminal without asking anything; "" for nobody."""
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
    """What commands come to, each with where it is started; `consoles` are units that may log in by themselves."""
    without: dict[tuple[str, str], None] = {}
    services: dict[str, None] = {}
    for where, command in started:
        for program in programs(command):
            if program in WITHOUT_SESSION:
                without[program, where] = None
            elif program in PAM_SERVICES:
                services[PAM_SERVICES[program]] = None
    found = [(each.unit, autologin(command)) for each in consoles if each.comes_back for command in each.commands]
    return Servers(tuple(without), tuple(services), tuple((unit, user) for unit, user in found if user))


def check(servers: Servers) -> Iterator[Finding]:
    """Who is let in and never seen, and who comes back by itself."""
    for program, where in servers.without_session:
        yield error(
            "server-unseen",
            f"{program} lets people in ({where}) and opens no PAM session: its logins are recorded nowhere, and are"
            " never ended.",
            f"let them in by OpenSSH's sshd instead; then {_stop(where)}",
        )
    for unit, user in servers.autologins:
        yield warning(
            "console-autologin",
            f"{unit} logs {user} in by itself: a session that is ended there begins again at once, and asks for no"
            " password.",
            f"systemctl edit {unit}, with an ExecStart= that has no --autologin (-a), and systemctl restart {unit}; or"
            f" passwd {user}, and in reaper.yaml, first of the rules, {{name: autologin, match: {{user: {user}, origin:"
            " [console, serial]}, action: lock}",
        )


def _stop(where: str) -> str:
    if where.endswith((".service", ".socket")):
        return f"systemctl disable --now {where}"
    return f"end {where}" if where.startswith("process ") else f"take it out of {where}"
