"""An ssh client with paramiko; sends keepalives every 5 s. See the package's docstring."""

from __future__ import annotations

import os
import select
import sys
import tty

import paramiko


def shell(client: paramiko.SSHClient) -> None:
    """Runs a shell with a terminal; each key is sent as it is pressed."""
    channel = client.invoke_shell(term="xterm", width=200, height=24)
    tty.setraw(0)
    while True:
        ready = select.select([0, channel], [], [])[0]
        if 0 in ready:
            channel.sendall(os.read(0, 4096))
        if channel in ready:
            data = channel.recv(4096)
            if not data:
                return
            os.write(1, data)


def sftp(client: paramiko.SSHClient) -> None:
    """Lists a directory over sftp, and again for each line that is typed."""
    files = client.open_sftp()
    channel = files.get_channel()
    while True:
        print(len(files.listdir("/etc")), "files\nsftp>", end=" ", flush=True)
        if channel in select.select([0, channel], [], [])[0]:
            return
        os.read(0, 4096)


def forward(client: paramiko.SSHClient, port: int) -> None:
    """Keeps one connection through the host open, on which nothing is sent."""
    channel = client.get_transport().open_channel("direct-tcpip", ("127.0.0.1", port), ("127.0.0.1", 0))
    channel.recv(1)


def main(mode: str, user: str, key: str, port: str) -> None:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", username=user, key_filename=key, allow_agent=False, look_for_keys=False, timeout=60)
    client.get_transport().set_keepalive(5)
    if mode == "shell":
        shell(client)
    elif mode == "sftp":
        sftp(client)
    else:
        forward(client, int(port))


main(*sys.argv[1:])
