"""A browser on Cockpit's Terminal page, as far as the host can tell: stdin and stdout are the person's side.

Runs inside the host, by its own python3: argv is the user, and the password is the first line of stdin. It logs in to
the real cockpit-ws (HTTP on the loopback interface, which needs no TLS) and speaks its protocol over a websocket (RFC
6455; /usr/share/doc/cockpit/protocol.md): one channel, a shell on a pty. It ends when cockpit-ws ends the session.
"""

import base64
import json
import os
import socket
import struct
import sys
import threading
import tty

ADDRESS = ("127.0.0.1", 9090)
HOST = "Host: 127.0.0.1:9090"
CHANNEL = b"1"


def head(reader):
    """The lines of a reply's head."""
    lines = []
    while (line := reader.readline().rstrip(b"\r\n")) != b"":
        lines.append(line.decode())
    return lines


def log_in(user, password):
    """The cookie of a new session."""
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = ["GET /cockpit/login HTTP/1.1", HOST, f"Authorization: Basic {credentials}", "Connection: close"]
    with socket.create_connection(ADDRESS, 60) as connection:
        connection.sendall("\r\n".join([*request, "", ""]).encode())
        lines = head(connection.makefile("rb"))
    cookies = [line.partition(":")[2] for line in lines if line.lower().startswith("set-cookie:")]
    assert cookies, lines
    return cookies[0].strip().partition(";")[0]


class Page:
    """The websocket of a page."""

    def __init__(self, cookie):
        self.connection = socket.create_connection(ADDRESS, 60)
        self.reader = self.connection.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        request = ["GET /cockpit/socket HTTP/1.1", HOST, "Origin: http://127.0.0.1:9090", "Upgrade: websocket"]
        request += ["Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        request += ["Sec-WebSocket-Protocol: cockpit1", f"Cookie: {cookie}"]
        self.connection.sendall("\r\n".join([*request, "", ""]).encode())
        lines = head(self.reader)
        assert " 101 " in lines[0], lines
        self.connection.settimeout(None)

    def send(self, channel, data):
        """One message, masked as a client's must be."""
        payload = channel + b"\n" + data
        mask, size = os.urandom(4), len(payload)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self.connection.sendall(b"\x81" + length + mask + masked)

    def order(self, **message):
        self.send(b"", json.dumps(message).encode())

    def receive(self):
        """The next message: its channel and what is in it; None at the end."""
        start = self.reader.read(2)
        if len(start) < 2 or start[0] & 15 == 8:
            return None
        size = start[1] & 127
        if size > 125:
            size = int.from_bytes(self.reader.read(2 if size == 126 else 8), "big")
        channel, _, data = self.reader.read(size).partition(b"\n")
        return channel, data


def type_on(page):
    """Passes on what the person types."""
    while keys := os.read(0, 4096):
        page.send(CHANNEL, keys)


def main():
    tty.setraw(0)  # keys go through as they are pressed, and the password is not echoed
    password = bytearray()
    os.write(1, b"password:")
    while (key := os.read(0, 1)) != b"\n":
        password += key
    page = Page(log_in(sys.argv[1], password.decode()))
    page.order(command="init", version=1)
    shell = {"spawn": ["/bin/bash", "-i"], "environ": ["TERM=xterm", "PATH=/usr/bin:/bin"], "pty": True}
    page.order(command="open", channel=CHANNEL.decode(), payload="stream", host="localhost", **shell)
    threading.Thread(target=type_on, args=(page,), daemon=True).start()
    while (message := page.receive()) is not None:
        channel, data = message
        if channel == CHANNEL:
            os.write(1, data)
        elif not channel and json.loads(data)["command"] == "ping":
            page.send(b"", data.replace(b'"ping"', b'"pong"'))


main()
