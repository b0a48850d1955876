"""Tunnels

ssh -N: no terminal, no command, only forwarded ports. Only the connections through them count.
"""

from __future__ import annotations

import os

from ..person import ECHO_PORT, Person, Window
from ..scenario import ENDED, GAP, KEPT, SHOWN, scenario

# On the person's machine: sends data through the tunnel from time to time, over SOCKS if asked to.
TALK = """\
import socket, struct, sys, time
port, socks, pause = int(sys.argv[1]), sys.argv[2] == "socks", float(sys.argv[3])
while True:
    try:
        line = socket.create_connection(("127.0.0.1", port))
        break
    except OSError:
        time.sleep(0.5)
if socks:
    line.sendall(b"\\5\\1\\0")
    line.recv(2)
    line.sendall(b"\\5\\1\\0\\1\\x7f\\0\\0\\1" + struct.pack("!H", int(sys.argv[4])))
    line.recv(10)
while True:
    line.sendall(b"x" * 16384)
    left = 16384
    while left:
        data = line.recv(left)
        if not data:
            sys.exit("the tunnel is gone")
        left -= len(data)
    print("answered", flush=True)
    time.sleep(pause)
"""


def tunnel(person: Person, *words: str) -> None:
    person.ssh("-N", "-o", "ExitOnForwardFailure=yes", *words, "there")


def talk(person: Person, port: int, how: str = "plain", pause: float = GAP) -> None:
    """Runs a program on the person's side that uses the tunnel."""
    path = os.path.join(person.directory, "talk.py")
    with open(path, "w", encoding="ascii") as stream:
        stream.write(TALK)
    window = person.run("python3", path, str(port), how, str(pause), str(ECHO_PORT))
    window.terminal.expect("answered", 60)


@scenario(KEPT, "ssh -N -L, used now and then")
def local_forward(person: Person) -> None:
    tunnel(person, "-L", f"9001:127.0.0.1:{ECHO_PORT}")
    talk(person, 9001)


@scenario(KEPT, "ssh -N -R, used now and then")
def remote_forward(person: Person) -> None:
    tunnel(person, "-R", f"9002:127.0.0.1:{ECHO_PORT}")
    talk(person, 9002)


@scenario(KEPT, "ssh -N -D, used now and then")
def dynamic_forward(person: Person) -> None:
    tunnel(person, "-D", "9003")
    talk(person, 9003, "socks")


@scenario(ENDED, "leaves ssh -N -L, with ServerAliveInterval=5")
def local_idle(person: Person) -> None:
    tunnel(person, "-o", "ServerAliveInterval=5", "-L", f"9004:127.0.0.1:{ECHO_PORT}")


@scenario(ENDED, "leaves ssh -N -R, with ServerAliveInterval=5")
def remote_idle(person: Person) -> None:
    tunnel(person, "-o", "ServerAliveInterval=5", "-R", "9005:127.0.0.1:22")


@scenario(ENDED, "leaves ssh -N -D with a connection open in it, on which nothing moves")
def quiet_connection(person: Person) -> None:
    tunnel(person, "-o", "ServerAliveInterval=5", "-D", "9006")
    talk(person, 9006, "socks", 100000)


@scenario(KEPT, "goes through the host by ssh -W, as ssh -J does, and types there now and then")
def hop_typist(person: Person) -> None:
    window = hop(person)
    person.types(window, "x\n", GAP)


@scenario(ENDED, "leaves what goes through the host by ssh -W, with ServerAliveInterval=5")
def hop_idle(person: Person) -> None:
    hop(person)


@scenario(SHOWN, "leaves what goes through the host by ssh -W, and the far end is asked for a sign of life every 5 s")
def hop_inner_keepalive(person: Person) -> None:
    """The data between the two ends of the tunnel are encrypted: a key looks the same. An administrator can set
    `network_floor`, or have the far end enforce the limit."""
    window = hop(person)
    person.every(5, lambda: window.terminal.send("alive\n"))


def hop(person: Person) -> Window:
    """Opens a connection through the host to the echo server."""
    window = person.ssh("-o", "ServerAliveInterval=5", "-W", f"127.0.0.1:{ECHO_PORT}", "there")
    person.type(window, "hello\n")
    window.terminal.expect("hello\r\nhello", 60)
    return window
