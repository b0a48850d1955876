"""The bytes counted on a connection: a real process with real sockets takes the place of sshd's child."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from reaper import procfs
from reaper.sense import ssh_counters
from reaper.sense.ssh_counters import read_traffic
from tests.unit.people import fork
from tests.unit.sense.worlds import wait_until


class Carrier(NamedTuple):
    """Passes bytes on as commanded: from the client to a pipe, and from there to the client, with others in between."""

    pid: int
    client: socket.socket
    program: socket.socket
    forward: socket.socket

    def typed(self, content: bytes, packet: bytes) -> None:
        self.client.sendall(packet)
        assert self.client.recv(1) == b"."  # it has read and passed on; this is a packet without data
        assert self.program.recv(len(content)) == content


def carry(connection: socket.socket, program: socket.socket, forward: socket.socket) -> None:
    while True:
        packet = os.read(connection.fileno(), 65536)
        if not packet:
            return
        target, length = packet[:1], packet[1]
        if target == b"s":
            forward.shutdown(socket.SHUT_WR)
        else:
            os.write({b"p": program, b"f": forward}[target].fileno(), packet[2 : 2 + length])
        os.write(connection.fileno(), b".")


@contextlib.contextmanager
def tcp() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
        far, _ = server.accept()
        with far:
            yield near, far


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    with tcp() as (client, connection), tcp() as (far, forward):
        program, ours = socket.socketpair()
        with program, ours:

            def work() -> None:
                for each in (client, far, ours):
                    each.close()
                carry(connection, program, forward)

            pid = fork(work)
            connection.close()
            try:
                carrier = Carrier(pid, client, ours, far)
                carrier.typed(b"", b"p\0")  # by now it has closed the ends that it does not use
                yield carrier
            finally:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def test_typed_bytes_are_counted_exactly(carrier):
    before = read_traffic([carrier.pid], None, lambda: 60_000_000)
    assert before.socket
    assert before.is_settled
    carrier.typed(b"x", b"p\1x" + b"padding" * 9)
    carrier.typed(b"", b"p\0" + b"a keepalive")
    after = read_traffic([carrier.pid], None, lambda: 60_000_000)
    assert (after.carrier, after.socket) == (before.carrier, before.socket)
    assert after.typed - before.typed == 1
    assert after.printed == before.printed
    assert 50_000_000 < after.heard_usec <= 60_000_000


def test_forwarded_bytes_are_reported(carrier):
    before = read_traffic([carrier.pid], None, lambda: 0)
    carrier.client.sendall(b"f\3abc")
    assert carrier.client.recv(1) == b"."
    assert carrier.forward.recv(3) == b"abc"
    after = read_traffic([carrier.pid], None, lambda: 0)
    assert after.typed - before.typed == 3
    assert sum(each.sent for each in after.forwards) - sum(each.sent for each in before.forwards) == 3


def test_fin_of_a_closed_forward_is_not_counted(carrier):
    """The kernel counts the FIN of a forwarded connection that is shut down on this side; it must not hide a key."""
    carrier.forward.sendall(b"x")
    before = read_traffic([carrier.pid], None, lambda: 0)
    carrier.client.sendall(b"s\0")
    assert carrier.client.recv(1) == b"."
    assert carrier.forward.recv(1) == b""
    after = read_traffic([carrier.pid], None, lambda: 0)
    assert [each.sent for each in after.forwards] == [each.sent for each in before.forwards]


def test_syn_is_not_counted_whoever_connected():
    """The kernel counts the SYN of the end that connects; for X11 and `-R` that is the other end."""
    with tcp() as (main, far), socket.create_server(("127.0.0.1", 0)) as server:
        assert min(main.fileno(), far.fileno()) < server.fileno()
        with socket.create_connection(server.getsockname()) as near:
            accepted, _ = server.accept()
            with accepted:
                near.sendall(b"12345")
                accepted.sendall(b"123")
                assert (accepted.recv(5), near.recv(3)) == (b"12345", b"123")
                by_inode = {each.inode: each.sent for each in read_traffic([os.getpid()], None, lambda: 0).forwards}
                sent = [by_inode[os.fstat(each.fileno()).st_ino] for each in (near, accepted)]
    assert sent == [5, 3]


def test_unread_and_unsent_bytes_are_not_counted(carrier):
    before = read_traffic([carrier.pid], None, lambda: 0)
    os.kill(carrier.pid, signal.SIGSTOP)
    os.waitpid(carrier.pid, os.WUNTRACED)
    carrier.client.sendall(b"p\1x")
    after = read_traffic([carrier.pid], None, lambda: 0)
    assert (after.typed, after.printed) == (before.typed, before.printed)
    os.kill(carrier.pid, signal.SIGCONT)


def test_connection_is_not_kept_open(carrier):
    read_traffic([carrier.pid], None, lambda: 0)
    os.kill(carrier.pid, signal.SIGKILL)
    assert carrier.client.recv(1) == b""


def test_socket_that_the_kernel_refuses_is_uncounted(carrier, monkeypatch):
    def refuse(*_: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(procfs, "take_descriptor", refuse)
    before = read_traffic([carrier.pid], None, lambda: 7)
    assert (before.socket, before.hindrance, before.heard_usec) == (0, "Operation not permitted", 7)
    carrier.typed(b"x", b"p\1x")
    after = read_traffic([carrier.pid], None, lambda: 7)
    assert after.typed - before.typed == 3
    assert after.printed - before.printed == 2


def test_connection_without_tcp_is_uncounted():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        traffic = read_traffic([os.getpid()], None, lambda: 0)
    assert traffic.socket == 0
    assert traffic.hindrance


def test_clients_connection_is_one_that_the_monitor_has(carrier):
    """A monitor has the client's socket too; forwarded connections are in its child alone."""

    def idle() -> None:
        os.closerange(3, 1024)
        signal.pause()

    monitor = fork(idle)
    try:
        wait_until(lambda: read_traffic([carrier.pid], monitor, lambda: 0).socket == 0)
    finally:
        os.kill(monitor, signal.SIGKILL)
        os.waitpid(monitor, 0)


def test_ended_carrier_raises():
    pid = fork(lambda: None)
    os.waitpid(pid, 0)
    with pytest.raises(OSError, match="ended"):
        read_traffic([pid], None, lambda: 0)


def test_number_of_sockets_read_is_bounded(carrier, monkeypatch):
    monkeypatch.setattr(ssh_counters, "_MOST_SOCKETS", 1)
    assert read_traffic([carrier.pid], None, lambda: 0).forwards == ()
