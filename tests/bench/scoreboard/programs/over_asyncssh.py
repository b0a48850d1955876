"""An ssh client with asyncssh; sends keepalives every 5 s. See the package's docstring."""

from __future__ import annotations

import asyncio
import os
import sys
import tty

import asyncssh


async def shell(connection: asyncssh.SSHClientConnection) -> None:
    """Runs a shell with a terminal; each key is sent as it is pressed."""
    process = await connection.create_process(term_type="xterm", term_size=(200, 24), encoding=None)
    tty.setraw(0)
    asyncio.get_running_loop().add_reader(0, lambda: process.stdin.write(os.read(0, 4096)))
    while data := await process.stdout.read(4096):
        os.write(1, data)


async def sftp(connection: asyncssh.SSHClientConnection) -> None:
    """Lists a directory over sftp, and again for each line that is typed."""
    client = await connection.start_sftp_client()
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    asyncio.get_running_loop().add_reader(0, lambda: lines.put_nowait(os.read(0, 4096)))
    while True:
        print(len(await client.readdir("/etc")), "files\nsftp>", end=" ", flush=True)
        waits = {asyncio.ensure_future(lines.get()), asyncio.ensure_future(connection.wait_closed())}
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if any(each.result() is None for each in done):
            return


async def main(mode: str, user: str, key: str, port: str) -> None:
    async with asyncssh.connect(
        "127.0.0.1", username=user, client_keys=[key], known_hosts=None, agent_path=None, keepalive_interval=5
    ) as connection:
        if mode == "shell":
            await shell(connection)
        elif mode == "sftp":
            await sftp(connection)
        else:
            await connection.forward_local_port("127.0.0.1", 0, "127.0.0.1", int(port))
            await connection.wait_closed()


asyncio.run(main(*sys.argv[1:]))
