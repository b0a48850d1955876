"""Runs pam_reaper.so in the real libpam: with its own PAM directory and /dev/log, and without touching the host's.

Each login is a process of its own in a mount namespace of its own, so a test can fill, freeze or replace any directory
and leaves nothing behind.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Union

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
HOOK = HERE.parent.parent / "pam_hook"
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]

Arg = Union[str, bytes, Path]

# libc opens /dev/log by that name: a private /dev has the test's own. $0 is the socket. libpam's own audit records look
# PAM_RHOST up, which must not ask the network.
PRIVATE = """
set -e
mount --bind "$N" /etc/nsswitch.conf
mount -t tmpfs -o mode=755 dev /dev
mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/zero c 1 5; mknod -m 666 /dev/urandom c 1 9
: >/dev/log; mount --bind "$0" /dev/log
"""


@dataclass(frozen=True)
class Build:
    """A module and the driver that can load it."""

    module: Path
    driver: Path
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    pid: int
    status: int
    output: list[str]
    stderr: str
    log: list[tuple[str, str]]

    def code(self, step: str) -> int:
        """Returns what libpam answered to the only step of that name."""
        (code,) = [int(line.split()[1]) for line in self.output if line.split()[0] == step]
        return code


class Login:
    """A running driver."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.pid = process.pid
        self.output: list[str] = []

    def until_paused(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line == b"pause\n":
                return
            self.output.append(line.decode().rstrip("\n"))
        raise AssertionError("ended before its pause")

    def resume(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def start_ticks(self) -> str:
        """Read as proc(5) says, independently of how the module does it."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[19]

    def name(self) -> str:
        return f"{self.pid}.{self.start_ticks()}"


class Stack:
    """A PAM service of one line, and logins through it."""

    def __init__(self, tmp_path: Path, build: Build) -> None:
        self.build = build
        self.directory = tmp_path / "run" / "reaper" / "sessions"
        self.marked = self.directory.parent / "elevated"
        self.directory.parent.parent.mkdir()
        self.services = tmp_path / "pam.d"
        self.services.mkdir()
        self.configure("other", "session required pam_deny.so\n")  # libpam logs its absence
        self.nsswitch = tmp_path / "nsswitch.conf"
        self.nsswitch.write_text("passwd: files\ngroup: files\nhosts: files\n")
        self.lab = tmp_path / "lab"  # what the name service of nss_lab.c reads
        self.lab.mkdir()
        self.socket_path = tmp_path / "log"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # Through /proc, since a socket's own path may have 108 bytes at most.
        descriptor = os.open(tmp_path, os.O_PATH)
        self.socket.bind(f"/proc/self/fd/{descriptor}/log")
        os.close(descriptor)
        self.socket_path.chmod(0o666)
        self.started: list[Login] = []

    def configure(self, service: str, text: str) -> None:
        (self.services / service).write_text(text)

    def session_line(self, options: str = "", directory: Arg | None = "") -> str:
        where = "" if directory is None else f"dir={directory or self.directory}"
        return f"session required {self.build.module} {where} {options}\n"

    def start(
        self,
        *steps: Arg,
        service: str = "login",
        user: Arg = "root",
        options: str = "",
        directory: Arg | None = "",
        setup: str = "",
    ) -> Login:
        """Starts a login that takes its first step after `setup`, a piece of shell that runs in its namespace."""
        if not (self.services / service).exists():
            self.configure(service, self.session_line(options, directory))
        command = [*self.isolated(setup), *self.build.prefix, self.build.driver, self.services, service, user, *steps]
        base = {"PATH": os.environ["PATH"], "LC_ALL": "C", "D": str(self.directory), "N": str(self.nsswitch)}
        base["NSS_LAB"] = str(self.lab)
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**base, **self.build.environment},
        )
        self.started.append(Login(process))
        return self.started[-1]

    def isolated(self, setup: str = "") -> list[Arg]:
        """Returns what to put before a command so that it runs in a namespace of its own after that piece of shell."""
        unshare: list[Arg] = ["unshare", "--mount", "--propagation", "private"]
        return [*unshare, "sh", "-c", f'{PRIVATE}\n{setup}\nexec "$@"', self.socket_path]

    def finish(self, login: Login) -> Result:
        """Lets a login run to its end."""
        out, err = login.process.communicate()
        lines = login.output + out.decode().splitlines()
        assert not [line for line in lines if line.startswith("conversation")], "the module spoke to the person"
        return Result(login.pid, login.process.returncode, lines, err.decode(errors="replace"), self.log())

    def run(self, *steps: Arg, **how: object) -> Result:
        result = self.finish(self.start(*steps, **how))  # type: ignore[arg-type]
        assert result.status == 0, result.stderr
        return result

    def log(self) -> list[tuple[str, str]]:
        """Returns the new lines sent to syslog, as (priority, text without the date and the program)."""
        names = {82: "crit", 83: "err", 84: "warning", 85: "notice", 86: "info", 87: "debug"}
        lines = []
        while True:
            try:
                raw = self.socket.recv(65536, socket.MSG_DONTWAIT).decode("ascii")
            except BlockingIOError:
                return lines
            match = re.fullmatch(r"<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d [^:]+: (.*)", raw.rstrip("\n\0"))
            assert match, raw
            lines.append((names[int(match[1])], match[2]))

    def records(self) -> dict[str, bytes]:
        return contents(self.directory)

    def marks(self) -> dict[str, bytes]:
        return contents(self.marked)

    def record(self) -> dict[str, str]:
        """Returns the only record there is, as its keys and still escaped values."""
        (raw,) = self.records().values()
        return parse(raw)

    def mark(self) -> dict[str, str]:
        """Returns the only mark of an elevation, likewise."""
        (raw,) = self.marks().values()
        return parse(raw)

    def close(self) -> None:
        self.socket.close()
        for login in self.started:
            if login.process.poll() is None:
                login.process.kill()
                login.process.communicate()


def contents(directory: Path) -> dict[str, bytes]:
    if not directory.exists():
        return {}
    return {entry.name: entry.read_bytes() for entry in directory.iterdir()}


def parse(raw: bytes) -> dict[str, str]:
    """Checks the form of a record, and parses it."""
    assert len(raw) < 8192
    assert raw.endswith(b"\n")
    pairs = [line.split("=", 1) for line in raw.decode("ascii").split("\n")[:-1]]
    assert all(re.fullmatch(r"[ -~]{0,256}", value) for _, value in pairs)
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def build(where: Path, sanitize: bool) -> Build:
    arguments = ["make", "-s", "-C", str(HOOK), f"BUILD={where}"]
    subprocess.run([*arguments, "sanitize"] if sanitize else arguments, check=True)
    driver = where / "driver"
    cc = os.environ.get("CC", "cc")
    flags = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", *(SANITIZE if sanitize else [])]
    subprocess.run([cc, *flags, "-o", str(driver), str(HERE / "driver.c"), "-lpam"], check=True)
    return Build(where / "sanitize" / "pam_reaper.so" if sanitize else where / "pam_reaper.so", driver)


def build_name_service(library: Path) -> None:
    """Builds the name service of nss_lab.c, which nsswitch.conf(5) calls `lab`."""
    flags = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    cc = os.environ.get("CC", "cc")
    subprocess.run([cc, *flags, "-fvisibility=hidden", "-o", str(library), str(HERE / "nss_lab.c")], check=True)


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("needs root on Linux")


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return build(tmp_path_factory.mktemp("release"), sanitize=False)


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Build:
    made = build(tmp_path_factory.mktemp("sanitized"), sanitize=True)
    options = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=98", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
    return Build(made.module, made.driver, options)


@pytest.fixture
def stack(tmp_path: Path, release: Build) -> Iterator[Stack]:
    made = Stack(tmp_path, release)
    yield made
    made.close()


@pytest.fixture(scope="session")
def name_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the name service `lab`."""
    directory = tmp_path_factory.mktemp("nss")
    build_name_service(directory / "libnss_lab.so.2")
    return directory


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module of prompts.c."""
    module = tmp_path_factory.mktemp("prompts") / "prompts.so"
    flags = ["-std=gnu17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    cc = os.environ.get("CC", "cc")
    subprocess.run([cc, *flags, "-o", str(module), str(HERE / "prompts.c"), "-lpam"], check=True)
    return module
