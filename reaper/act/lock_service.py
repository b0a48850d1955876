"""Begins and ends locks: tells reaper-lock which terminals to take over, and asks a desktop to lock its screen.

Nothing here waits for a terminal or a person: systemd starts reaper-lock@NAME.service, and its files say what becomes
of the lock (decide/session/lock_protocol.py).
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess

from reaper import system_commands
from reaper.act.terminate import CGROUP
from reaper.decide.session import lock_protocol
from reaper.decide.session.lock_protocol import LockOrder
from reaper.errors import ReaperError

DIRECTORY = "/run/reaper/locks"


def lock_session(session_id: str) -> None:
    """Asks the desktop of a session to lock its screen. Raises ReaperError where logind refuses."""
    _ask(["loginctl", "--no-pager", "lock-session", session_id], "logind")


def lock_terminals(name: str, order: LockOrder, directory: str = DIRECTORY) -> None:
    """Orders the lock of a session's terminals. Raises ReaperError where that cannot begin; nothing is locked then.

    If systemd does not answer, it may start reaper-lock nevertheless. So the order is withdrawn: reaper-lock then puts
    everything back.
    """
    assert lock_protocol.is_name(name)
    try:
        forget_lock(name, directory)  # files of a session of the same name that ended long ago
        os.makedirs(f"{directory}/{name}", mode=0o700)
        path = f"{directory}/{name}/order"
        fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(lock_protocol.encode_order(order))
        os.rename(f"{path}.new", path)
    except OSError as error:
        raise ReaperError("lock-failed", f"the order to lock cannot be written: {error}") from error
    try:
        start_keeper(name)
    except ReaperError:
        _withdraw_order(name, directory)
        raise


def start_keeper(name: str) -> None:
    """Makes systemd start the reaper-lock of a lock; a running one goes on. Raises ReaperError if systemd does not."""
    _ask(["systemctl", "--no-ask-password", "--no-block", "start", unit(name)], "systemd")


def end_lock(name: str) -> None:
    """Ends a locked session: reaper-lock hangs up when stopped. Raises ReaperError if systemd does not stop it."""
    _ask(["systemctl", "--no-ask-password", "--no-block", "stop", unit(name)], "systemd")


def withdraw_lock(name: str, directory: str = DIRECTORY) -> None:
    """Withdraws a lock that is not in force yet: reaper-lock puts everything back when it stops or starts again.

    Raises ReaperError where systemd does not start it.
    """
    _withdraw_order(name, directory)
    _ask(["systemctl", "--no-ask-password", "--no-block", "restart", unit(name)], "systemd")


def _withdraw_order(name: str, directory: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.rename(f"{directory}/{name}/order", f"{directory}/{name}/withdrawn")


def thaw(scope: str, mount: str = CGROUP) -> None:
    """Unfreezes the processes that a lock has frozen in the scope of a session, where they are; none is no error.

    Raises ReaperError where the kernel refuses, and for anything that is no session's scope.
    """
    if not lock_protocol.is_scope(scope):
        raise ReaperError("cannot-thaw", f"{scope} is no session's scope")
    try:
        fd = os.open(f"{mount}{scope}/{lock_protocol.GROUP}/cgroup.freeze", os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.write(fd, b"0")
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise ReaperError("cannot-thaw", str(error)) from error


def forget_lock(name: str, directory: str = DIRECTORY) -> None:
    """Removes the files of a lock that is over."""
    for file in ("order", "order.new", "withdrawn", "state", "state.new", "failures"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{directory}/{name}/{file}")
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(f"{directory}/{name}")


def unit(name: str) -> str:
    """Returns the name of the service that holds the lock of a session."""
    return f"reaper-lock@{name}.service"


def _ask(command: list[str], whom: str) -> None:
    try:
        done = system_commands.run(command)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReaperError("lock-failed", f"{whom} cannot be asked: {error}") from error
    if done.returncode:
        raise ReaperError("lock-failed", f"{whom} refuses: {done.stderr.decode('utf-8', 'replace').strip()}")
