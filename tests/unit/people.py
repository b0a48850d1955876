"""A login made by the test itself: real processes on real ptys, with no sshd.

The leader is a child of the test that holds the masters of its ptys, as sshd's monitor does. On each pty sits a shell
(it leads the terminal's session, and reads what is typed) with a job in the background. All end with the leader.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import sys
import termios
import traceback
from collections.abc import Iterator
from typing import Callable, NamedTuple, NoReturn

from reaper import procfs
from reaper.decide.session.model import ProcessId, Session, SessionKey
from tests.unit.fakes import make_session


class Line(NamedTuple):
    """One pty, with the processes on it."""

    name: str
    shell: ProcessId
    job: ProcessId


def identify(pid: int) -> ProcessId:
    stat = procfs.read_stat(pid)
    assert stat is not None
    return ProcessId(pid, stat.starttime)


def fork(work: Callable[[], object]) -> int:
    """Runs some work in a child, which always exits: it must not go on as a second test run."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


class RealLogin:
    """A leader that follows commands from a pipe, and answers when it has carried one out."""

    def __init__(self) -> None:
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()

        def work() -> None:
            os.close(self._orders)
            os.close(self._answers)
            _lead(orders, answers)

        self.pid = fork(work)
        os.close(orders)
        os.close(answers)
        self._is_reaped = False
        self.lines: dict[str, Line] = {}
        self.session: Session = make_session(
            self.pid,
            key=SessionKey(*identify(self.pid)),
            uid=0,
            user="root",
            scope="",
            opened_usec=0,
        )

    def _order(self, text: str) -> str:
        os.write(self._orders, text.encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            more = os.read(self._answers, 1000)
            assert more, "the leader is gone"
            answer += more
        return answer.decode().strip()

    def open(self) -> str:
        """Opens a pty; returns its name."""
        name, shell, job = self._order("open").split()
        self.lines[name] = Line(name, identify(int(shell)), identify(int(job)))
        return name

    def close(self, name: str) -> None:
        self._order(f"close {name}")
        del self.lines[name]

    def type(self, name: str) -> None:
        """Types a line, and returns when the shell has read it."""
        self._order(f"type {name}")

    def read_shown(self, name: str) -> str:
        """Returns what the terminal has shown since the last call."""
        return bytes.fromhex(self._order(f"shown {name}").partition(":")[2]).decode()

    def stop(self) -> None:
        """Kills the leader, and with it everything that it has made."""
        if not self._is_reaped:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._is_reaped = True
            os.close(self._orders)
            os.close(self._answers)


def _lead(orders: int, answers: int) -> None:
    masters: dict[str, tuple[int, int]] = {}
    with os.fdopen(orders, "r") as stream:
        for order in stream:
            verb, _, name = order.strip().partition(" ")
            if verb == "open":
                answer = _open_line(masters)
            elif verb == "close":
                for fd in masters.pop(name):
                    os.close(fd)
                answer = "done"
            elif verb == "type":
                master, seen = masters[name]
                os.write(master, b"x\n")
                os.read(seen, 1)
                answer = "done"
            else:
                answer = f"shown:{_drain(masters[name][0]).hex()}"
            os.write(answers, answer.encode() + b"\n")


def _drain(master: int) -> bytes:
    shown = b""
    os.set_blocking(master, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            shown += os.read(master, 65536)
    os.set_blocking(master, True)
    return shown


def _open_line(masters: dict[str, tuple[int, int]]) -> str:
    master, slave = os.openpty()
    seen, is_read = os.pipe()
    ready, is_ready = os.pipe()
    name = os.ttyname(slave)[len("/dev/") :]
    shell = os.fork()
    if not shell:
        try:
            _be_shell(slave, is_read, is_ready)
        finally:
            os._exit(0)
    for fd in (slave, is_read, is_ready):
        os.close(fd)
    (job,) = struct.unpack("i", os.read(ready, 4))
    os.close(ready)
    masters[name] = master, seen
    return f"{name} {shell} {job}"


def _be_shell(slave: int, is_read: int, is_ready: int) -> NoReturn:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    alive, alive_writer = os.pipe()
    job = os.fork()
    if not job:
        os.setpgid(0, 0)
        os.closerange(3, alive)
        os.closerange(alive + 1, 256)
        os.read(alive, 1)  # until the shell is gone
        os._exit(0)
    with contextlib.suppress(PermissionError):  # the job was there first
        os.setpgid(job, job)
    keep = {0, 1, 2, is_read, is_ready, alive_writer}
    for fd in range(3, 256):
        if fd not in keep:
            with contextlib.suppress(OSError):
                os.close(fd)
    os.write(is_ready, struct.pack("i", job))
    os.close(is_ready)
    while os.read(0, 4096):
        os.write(is_read, b"x")
    os._exit(0)


class Witness:
    """A child that reports each signal that reaches it, until one kills it."""

    SIGNALS = (signal.SIGHUP, signal.SIGCONT, signal.SIGTERM)

    def __init__(self) -> None:
        self._reports, reports = os.pipe()

        def work() -> None:
            os.close(self._reports)
            signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)
            os.write(reports, b"\0")
            while True:
                os.write(reports, bytes([signal.sigwait(self.SIGNALS)]))

        self.pid = fork(work)
        os.close(reports)
        assert os.read(self._reports, 1) == b"\0"
        self.id = identify(self.pid)
        self._is_reaped = False

    def signals(self) -> set[signal.Signals]:
        """Returns every signal that reached it, and ends it: pending signals are delivered before SIGUSR1 kills it."""
        taken = set()
        self._report_rest()
        while True:
            data = os.read(self._reports, 100)
            if not data:
                break
            taken |= {signal.Signals(number) for number in data}
        if self._status_signal() == signal.SIGKILL:
            taken.add(signal.SIGKILL)
        return taken

    def _report_rest(self) -> None:
        """Waits until no signal is pending, then ends it."""
        while True:
            try:
                with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
                    values = dict(line.split(":", 1) for line in file)
            except FileNotFoundError:
                return
            if values["State"].strip()[0] == "Z":
                return
            if int(values["ShdPnd"], 16) == 0 and values["State"].strip()[0] == "S":
                os.kill(self.pid, signal.SIGUSR1)
                return

    def _status_signal(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self._is_reaped = True
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0

    def end(self) -> None:
        if not self._is_reaped:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._is_reaped = True

    def stop(self) -> None:
        self.end()
        os.close(self._reports)


@contextlib.contextmanager
def real_login(terminals: int = 0) -> Iterator[RealLogin]:
    login = RealLogin()
    try:
        for _ in range(terminals):
            login.open()
        yield login
    finally:
        login.stop()
