"""The ssh clients of the matrix (scenarios/clients.py): on which machine each runs, and its command lines.

The tree of every suite can be a person's machine (tests.host.lab.Workstation), so OpenSSH 9.2 and 10.0 come from Debian
12 and 13 on either host. The others are of the host's own suite: PuTTY 0.78 and 0.83, dropbear 2022.83 and 2025.89,
paramiko 2.12 and 3.5, asyncssh 2.10 and 2.20.
"""

from __future__ import annotations

import abc
import base64
import hashlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .person import ECHO_PORT

if TYPE_CHECKING:
    from .person import Person

PACKAGES = ("dropbear-bin", "putty-tools", "python3-asyncssh", "python3-paramiko")
PROGRAMS = os.path.join(os.path.dirname(__file__), "programs")
ALIVE = 5  # seconds between two keepalives


@dataclass(frozen=True)
class Client(abc.ABC):
    """One ssh client; each method returns the command line for one use of it."""

    name: str  # begins the names of its scenarios
    title: str
    suite: str  # suite of the machine on which it runs; "": the host's own

    @abc.abstractmethod
    def shell(self, person: Person, *, away: bool) -> list[str]:
        """Logs in on a terminal; with keepalives if the person will be away."""

    @abc.abstractmethod
    def forward(self, person: Person) -> list[str]:
        """Forwards a port, without a shell."""

    @abc.abstractmethod
    def sftp(self, person: Person) -> list[str]:
        """Starts sftp, at its prompt."""


@dataclass(frozen=True)
class OpenSSH(Client):
    """ssh(1) and sftp(1) with these options."""

    options: tuple[str, ...] = ()
    polled: bool = False  # the server sends the keepalives, as guest.py configures it for users of this name

    def _words(self, program: str, person: Person, away: bool) -> list[str]:
        alive = ["-o", f"ServerAliveInterval={ALIVE}"] if away and not self.polled else []
        return [program, "-F", person.config, *alive, *self.options]

    def shell(self, person: Person, *, away: bool) -> list[str]:
        return [*self._words("ssh", person, away), "there"]

    def forward(self, person: Person) -> list[str]:
        return [*self._words("ssh", person, True), "-N", "-L", f"{person.port}:127.0.0.1:{ECHO_PORT}", "there"]

    def sftp(self, person: Person) -> list[str]:
        return [*self._words("sftp", person, True), "there"]


@dataclass(frozen=True)
class Putty(Client):
    """plink and psftp of PuTTY, which sends its pings as SSH_MSG_IGNORE."""

    options: tuple[str, ...] = ()

    def _words(self, program: str, person: Person) -> list[str]:
        settings = os.path.join(person.directory, ".putty", "sessions")
        os.makedirs(settings)
        with open(os.path.join(settings, "Default%20Settings"), "w", encoding="ascii") as stream:
            stream.write(f"PingInterval=0\nPingIntervalSecs={ALIVE}\n")
        key = os.path.join(person.directory, "key.ppk")
        person.prepare(["puttygen", person.host.key, "-O", "private", "-o", key], on=self.suite)
        with open(person.host.known_hosts, encoding="ascii") as stream:
            host_key = base64.b64decode(stream.read().split()[2])
        fingerprint = base64.b64encode(hashlib.sha256(host_key).digest()).decode().rstrip("=")
        asks_nothing = ["-batch", "-i", key, "-hostkey", f"SHA256:{fingerprint}"]
        return [program, *asks_nothing, *self.options, "-l", person.name]

    def shell(self, person: Person, *, away: bool) -> list[str]:
        return [*self._words("plink", person), "-no-antispoof", "-t", "127.0.0.1"]

    def forward(self, person: Person) -> list[str]:
        return [*self._words("plink", person), "-N", "-L", f"{person.port}:127.0.0.1:{ECHO_PORT}", "127.0.0.1"]

    def sftp(self, person: Person) -> list[str]:
        return [*self._words("psftp", person), "127.0.0.1"]


@dataclass(frozen=True)
class Dropbear(Client):
    """dbclient, which compresses unless the server will not."""

    def _words(self, person: Person) -> list[str]:
        key = os.path.join(person.directory, "key.dropbear")
        person.prepare(["dropbearconvert", "openssh", "dropbear", person.host.key, key], on=self.suite)
        return ["dbclient", "-y", "-y", "-K", str(ALIVE), "-i", key, "-l", person.name]

    def shell(self, person: Person, *, away: bool) -> list[str]:
        return [*self._words(person), "-t", "127.0.0.1"]

    def forward(self, person: Person) -> list[str]:
        return [*self._words(person), "-N", "-L", f"{person.port}:127.0.0.1:{ECHO_PORT}", "127.0.0.1"]

    def sftp(self, person: Person) -> list[str]:
        # OpenSSH's sftp over dbclient, without the options that sftp gives to an OpenSSH client. With the terminal as
        # its stderr, dbclient would make the terminal non-blocking, and sftp, which reads it, would exit.
        script = os.path.join(person.directory, "over-dropbear")
        with open(script, "w", encoding="ascii") as stream:
            os.fchmod(stream.fileno(), 0o755)
            stream.write(f"#!/bin/sh\nexec {' '.join(self._words(person))} -s 127.0.0.1 sftp 2> /dev/null\n")
        return ["sftp", "-F", person.config, "-S", script, "there"]


@dataclass(frozen=True)
class Library(Client):
    """Our program (programs/) that uses a library."""

    program: str = ""

    def _words(self, mode: str, person: Person) -> list[str]:
        path = shutil.copy(os.path.join(PROGRAMS, self.program), person.directory)
        return ["python3", path, mode, person.name, person.host.key, str(ECHO_PORT)]

    def shell(self, person: Person, *, away: bool) -> list[str]:
        return self._words("shell", person)

    def forward(self, person: Person) -> list[str]:
        return self._words("forward", person)

    def sftp(self, person: Person) -> list[str]:
        return self._words("sftp", person)


ALIVE_OPTION = ("-o", f"ServerAliveInterval={ALIVE}")
REKEY = ("-o", "RekeyLimit=1G 20s", *ALIVE_OPTION)


def both(suffix: str, title: str, *options: str, polled: bool = False) -> list[Client]:
    """Returns OpenSSH 9.2 and 10.0 with the same options."""
    versions = (("ssh9", "OpenSSH 9.2", "bookworm"), ("ssh10", "OpenSSH 10.0", "trixie"))
    return [OpenSSH(name + suffix, short + title, suite, options, polled) for name, short, suite in versions]


CLIENTS: tuple[Client, ...] = (
    *both("", ""),
    *both("-c", " -C", "-C", *ALIVE_OPTION),
    *both("-rekey", ", new keys every 20 s", *REKEY),
    *both("-gcm", ", aes128-gcm", "-c", "aes128-gcm@openssh.com"),
    *both("-ctr", ", aes256-ctr with hmac-sha1", "-c", "aes256-ctr", "-o", "MACs=hmac-sha1"),
    *both("-polled", ", ClientAliveInterval on the server", polled=True),
    Putty("putty", "PuTTY", ""),
    Putty("putty-c", "PuTTY -C", "", ("-C",)),
    Dropbear("dropbear", "dropbear", ""),
    Library("paramiko", "paramiko", "", "over_paramiko.py"),
    Library("asyncssh", "asyncssh", "", "over_asyncssh.py"),
)
