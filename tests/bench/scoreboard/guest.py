"""Prepares a freshly booted host: users, files to copy, a server to reach through tunnels, a second sshd."""

from __future__ import annotations

from collections.abc import Sequence

from tests.host.lab import Host

from .clients import ALIVE
from .person import ECHO_PORT

# For the scenarios in which the server sends the keepalives instead of the client.
POLLED = f"Match User *-polled-*\n    ClientAliveInterval {ALIVE}\n    ClientAliveCountMax 1000\n"
ADMIN_PORT = 2022  # port of the second sshd
PACKAGES = ("autolog", "cockpit-bridge", "cockpit-ws", "expect", "mosh", "rsync", "screen", "zsh")
SHELLS = {"zsh-idle": "/usr/bin/zsh", "zsh-typist": "/usr/bin/zsh", "dash-idle": "/bin/dash"}
SERVER = f"""\
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
Server(("127.0.0.1", {ECHO_PORT}), Echo).serve_forever()
"""


def furnish(host: Host) -> None:
    """Sets up what every pass has, whatever its enforcer."""
    # Debian starts it when it is installed; only its own pass needs it.
    host.shell("systemctl disable --now autolog.service")
    # Newer versions of sshd penalize an address from which a hundred users log in.
    host.shell(
        "if sshd -T | grep -q '^persourcepenalties '; then "
        "echo 'PerSourcePenalties no' > /etc/ssh/sshd_config.d/penalties.conf; systemctl reload ssh.service; fi"
    )
    host.write("/etc/ssh/sshd_config.d/polled.conf", POLLED)
    host.run(["systemctl", "reload", "ssh.service"])
    host.write("/etc/sudoers.d/people", "%people ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
    host.run(["groupadd", "people"])
    # .zshrc: without one, zsh asks a new user what should be in it.
    host.shell("touch /etc/skel/.hushlogin /etc/skel/.zshrc; truncate -s 16M /srv/large")
    begin_second_sshd(host)
    host.write("/etc/pam.d/greetd", "@include common-session\n")
    host.write("/usr/local/bin/echo-server", SERVER)
    host.shell("systemd-run --quiet --unit=echo-server python3 /usr/local/bin/echo-server")


def admit(host: Host, names: Sequence[str]) -> dict[str, int]:
    """Makes the users; returns their uids."""
    for name in names:
        host.add_user(name, groups=["people"], shell=SHELLS.get(name, "/bin/bash"))
    wanted = set(names)
    lines = [line.split(":") for line in host.read("/etc/passwd").splitlines()]
    return {fields[0]: int(fields[2]) for fields in lines if fields[0] in wanted}


def begin_second_sshd(host: Host) -> None:
    """Starts an sshd whose PAM service is sshd-admin: up to OpenSSH 9.7 by its program's name, later by an option."""
    host.run(["cp", "/etc/pam.d/sshd", "/etc/pam.d/sshd-admin"])
    program, option = "/usr/sbin/sshd", "-o PAMServiceName=sshd-admin"
    if host.suite == "bookworm":
        host.run(["cp", program, "/usr/sbin/sshd-admin"])
        program, option = "/usr/sbin/sshd-admin", ""
    unit = "systemd-run --quiet --unit=sshd-admin --property=Type=notify"
    host.shell(f"{unit} {program} -D -p {ADMIN_PORT} -o PidFile=none {option}")
