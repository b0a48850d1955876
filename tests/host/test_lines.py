"""Every kind of line: what a login is follows from what it has, and not from what its PAM service is called.

Logins that are none and own the name of a terminal alone are left alone; those that a root's program serves, an sshd
under another name lets in, or a display manager begins with a shell, are sessions as any other.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host, Terminal
from .limits import ENDED, FAREWELL, IDLE, WARNING, events, log_in, quick, rule, wait_event
from .locks import SECRET, lock, unlock

LAB = os.path.join(os.path.dirname(__file__), "lab")
PORT = 2022


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        for name in ("line.py", "serve.py"):
            with open(os.path.join(LAB, name), encoding="utf-8") as stream:
                host.write(f"/run/lab-{name}", stream.read())
        yield


def serve(host: Host, *words: str) -> Terminal:
    """The person's side of a terminal that a service of root's has."""
    return host.terminal(["python3", "/run/lab-serve.py", *words])


@contextlib.contextmanager
def service(host: Host, person: str, *words: str, **properties: str) -> Iterator[str]:
    """A unit of the person's with a PAM session; its name."""
    unit = f"line-{person}.service"
    told = {"User": person, **properties}
    options = [f"--property={name}={value}" for name, value in told.items()]
    host.run(["systemd-run", "--quiet", f"--unit={unit}", *options, *words])
    try:
        yield unit
    finally:
        host.run(["systemctl", "stop", unit], check=False)
        host.run(["systemctl", "reset-failed", unit], check=False)


def leader_of(host: Host, person: str) -> str:
    return str(wait_event(host, person, "opened")["REAPER_SESSION"])


def test_service_that_names_the_terminal_of_others(host: Host, person: str) -> None:
    """PAMName=login and TTYPath=: a getty waits there. Nothing is written to it, and the service runs on."""
    other = host.add_user(f"{person}o")
    words, claims = ["sleep", "infinity"], {"PAMName": "login", "TTYPath": "/dev/tty9", "StandardInput": "null"}
    with rule(host, person, max="30s"), host.terminal(["python3", "/run/lab-line.py", "tty9"]) as line:
        line.expect("login: ")
        with service(host, person, *words, **claims) as unit:
            session = leader_of(host, person)
            with log_in(host, other) as idle:  # under the same rule, and later
                assert idle.closed(ENDED + IDLE)
            assert host.output(["systemctl", "is-active", unit]) == "active"
            assert events(host, person) == ["opened"]
            assert "reaper:" not in line.text
            why = "Its terminal is not known: its login did not have tty9 when it began."
            assert why in host.output(["reaperctl", "explain", session])
        host.run(["pkill", "-f", "agetty .*tty9"])
        assert line.closed(20)  # the line is taken away again
    host.remove_user(other)


def test_text_shell_of_a_display_manager(host: Host, person: str) -> None:
    """greetd begins a shell on a console: it is that console's session, warned there and ended."""
    host.write("/etc/pam.d/greetd", "session required pam_reaper.so\n")
    here = {"PAMName": "greetd", "TTYPath": "/dev/tty10", "StandardInput": "tty", "StandardOutput": "tty"}
    with rule(host, person), serve(host, "console", "tty10") as screen:
        host.shell("timeout 20 sh -c 'until mountpoint -q /dev/tty10; do sleep 0.1; done'")
        with service(host, person, "bash", "--norc", StandardError="tty", **here):
            told = wait_event(host, person, "opened")
            assert (told["REAPER_ORIGIN"], told["REAPER_TERMINALS"]) == ("console", "tty10")
            screen.expect(WARNING, ENDED)
            screen.send("x")
            screen.expect("Thank you", 10)
            screen.expect(FAREWELL, ENDED + IDLE)
            wait_event(host, person, "terminated")
    host.run(["rm", "/etc/pam.d/greetd"])


def test_remote_desktop_is_graphical(host: Host, person: str) -> None:
    """xrdp-sesman has PAM say so; a rule for everybody leaves it alone."""
    host.write("/etc/pam.d/xrdp-sesman", "session required pam_systemd.so type=x11\nsession required pam_reaper.so\n")
    with rule(host, person), service(host, person, "sleep", "infinity", PAMName="xrdp-sesman"):
        assert wait_event(host, person, "opened")["REAPER_ORIGIN"] == "graphical"
    host.run(["rm", "/etc/pam.d/xrdp-sesman"])


def test_login_on_a_pty_that_root_serves(host: Host, someone: str) -> None:
    """A web terminal, telnetd: login(1) on a pty, and its master is held by what began it. It can be locked, too."""
    with rule(host, someone), serve(host, "getty") as line:
        line.expect("login: ")
        line.send(f"{someone}\n")
        line.expect("Password: ")
        line.send(f"{SECRET}\n")
        line.prompt()
        lock(host, someone, line, leader_of(host, someone))
        unlock(host, line, someone)
        line.expect(WARNING, ENDED)
        line.send("x")
        line.expect("Thank you", 10)
        line.expect(FAREWELL, ENDED + IDLE)
        told = wait_event(host, someone, "terminated")
        assert told["REAPER_ORIGIN"] == "other"
        assert told["REAPER_TERMINALS"].startswith("pts/")
        assert line.closed(20)


def test_login_through_a_gateway(host: Host, person: str) -> None:
    """PAM is opened as sshd's by a child of what holds the master; the pty stays root's."""
    with rule(host, person, idle="1h", max="30s"), serve(host, "gateway", person) as line:
        line.expect(r"\$ ")
        line.send("sleep 1000\n")
        line.expect(r"ends in \d+s", ENDED)
        told = wait_event(host, person, "terminated")
        assert (told["REAPER_ORIGIN"], told["REAPER_REASON"]) == ("ssh", "max")
        assert line.closed(20)


@contextlib.contextmanager
def another_sshd(host: Host, suite: str) -> Iterator[None]:
    """An sshd whose PAM service is sshd-admin: up to OpenSSH 9.7 by the name of its program, then by configuration."""
    host.run(["cp", "/etc/pam.d/sshd", "/etc/pam.d/sshd-admin"])
    program, option = "/usr/sbin/sshd-admin", []
    if suite == "bookworm":
        host.run(["cp", "/usr/sbin/sshd", program])
    else:
        program, option = "/usr/sbin/sshd", ["-o", "PAMServiceName=sshd-admin"]
    words = [program, "-D", "-p", str(PORT), "-o", "PidFile=none", *option]
    host.run(["systemd-run", "--quiet", "--unit=sshd-admin", "--property=Type=notify", *words])
    try:
        yield
    finally:
        host.run(["systemctl", "stop", "sshd-admin"], check=False)
        host.run(["rm", "-f", "/usr/sbin/sshd-admin", "/etc/pam.d/sshd-admin"])


def test_sshd_of_another_service(host: Host, suite: str, person: str, tmp_path: Any) -> None:
    """Its sessions are ssh's: one that does nothing is ended, and one whose terminal idles is kept by a transfer."""
    busy = host.add_user(f"{person}b")
    control: dict[str, Any] = {"port": PORT, "control": str(tmp_path / "control")}
    copy = "while sleep 0.2; do head -c 8192 /dev/zero; done"
    with another_sshd(host, suite), rule(host, person), log_in(host, busy, **control) as shell:
        words = host.ssh_words(busy, **control, options=["-T"], command=[copy])
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as transfer:
            with host.ssh(person, port=PORT, options=["-T"], command=["sleep", "100000"]) as idle:
                assert idle.closed(ENDED + IDLE)
            told = wait_event(host, person, "terminated")
            assert (told["REAPER_ORIGIN"], told["REAPER_SERVICE"]) == ("ssh", "sshd-admin")
            assert "reaper:" not in shell.text
            assert shell.command("echo here") == "here"
            transfer.terminate()
        assert shell.closed(ENDED + IDLE)
    host.remove_user(busy)


def test_monitor_of_another_service_is_killed(host: Host, suite: str, person: str) -> None:
    """What it leaves carries the connection on, and is known for what it is."""
    with another_sshd(host, suite), rule(host, person), log_in(host, person, port=PORT) as terminal:
        host.run(["kill", "-KILL", wait_event(host, person, "opened")["REAPER_LEADER"]])
        terminal.expect(WARNING, ENDED)
        assert terminal.closed(ENDED)
        wait_event(host, person, "terminated")
