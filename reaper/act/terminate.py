"""Ends a session in steps, with signals that reach only the processes that are meant.

Which processes get which signal at which step is in decide/session/recipients.py.

A process is named by pid and start time; it is opened as a pidfd, checked, and signalled through that same pidfd, so
that a pid which was reused in between is never hit.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

from reaper import procfs
from reaper.decide.policy.limits import Kill
from reaper.decide.session import lock_protocol
from reaper.decide.session.model import ProcessId, Targets
from reaper.decide.session.recipients import recipients_of
from reaper.decide.session.state import TerminationStep

CGROUP = "/sys/fs/cgroup"


def escalate(targets: Targets, step: TerminationStep, kill: Kill, scope: str) -> bool:
    """Takes one step of a termination.

    Returns False if the step was to kill all of a scope and only the processes in `targets` could be signalled.
    """
    is_all = True
    recipients = recipients_of(targets, step, kill)
    send(recipients.terminated, signal.SIGTERM, signal.SIGCONT)
    send(recipients.hung_up, signal.SIGHUP, signal.SIGCONT)
    if recipients.is_scope_killed:
        is_all = kill_scope(scope)
        if not is_all:
            send(targets.everything, signal.SIGKILL)
    send(recipients.killed, signal.SIGKILL)
    return is_all


def send(processes: Iterable[ProcessId], *signals: signal.Signals) -> int:
    """Sends the signals in order to each process that is still the same; returns how many were reached.

    Never to pid 1 or to the daemon itself, whatever the caller asks.
    """
    reached = 0
    for process in processes:
        if process.pid in (0, 1, os.getpid()):
            continue
        try:
            fd = procfs.open_process(process.pid, process.start_ticks)
        except OSError:  # no descriptor left, or refused: the others are still signalled
            continue
        if fd is None:
            continue
        try:
            for each in signals:
                signal.pidfd_send_signal(fd, each)
            reached += 1
        except OSError:  # ended, or refused by a security module
            continue
        finally:
            os.close(fd)
    return reached


def kill_scope(scope: str) -> bool:
    """Kills every process of a session's scope at once (cgroup.kill, Linux 5.14).

    Returns False where that fails (an older kernel, a removed scope, a read-only mount, a security module): the caller
    then sends SIGKILL to each process. Writes only to a `session-ID.scope`: any other cgroup may hold other people's
    sessions.
    """
    if not lock_protocol.is_scope(scope):
        return False
    try:
        fd = os.open(f"{CGROUP}{scope}/cgroup.kill", os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        os.write(fd, b"1")
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
