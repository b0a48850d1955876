"""The two ways a lock ends: everything is given back as it was, or the session is hung up on its terminals.

Neither is left half done: whatever a step raises is reported, and the remaining steps are taken (step()).
"""

from __future__ import annotations

import contextlib
import select
import signal
import traceback
from collections.abc import Collection, Iterator
from typing import Callable

from reaper import procfs
from reaper.act.terminate import send
from reaper.decide.session.model import ProcessId, Session
from reaper.errors import ReaperError
from reaper.lock.bounded import TimeLimit, within
from reaper.lock.freeze.apart import FrozenInThread
from reaper.lock.held_terminal import HeldTerminal
from reaper.sense import processes
from reaper.sense.host import Host

# How long the foreground processes have to end by themselves, before the leader closes the session and the connection.
END_MS = 3000
LOOK_MS = 50
# Time limit for finding the foreground processes, and for signalling them: either may block on one of them (see apart).
FRONT_SEC = 2.0
# How long a program has to notice the first of two window sizes before the second is set.
REDRAW_MS = 150
# How long a program on a busy machine has to receive the SIGWINCH for the first size.
DELIVERY_SEC = 2.0
_WINCH = 1 << (signal.SIGWINCH - 1)


@contextlib.contextmanager
def step(*expected: type[Exception]) -> Iterator[None]:
    """A barrier around one step of the end: an exception is printed to the journal, unless it is `expected`.

    A session must not stay frozen because one of its terminals cannot be given back.
    """
    try:
        yield
    except expected:
        pass
    except Exception:
        traceback.print_exc()


def give_back(
    session: Session, terminals: Collection[HeldTerminal], frozen: FrozenInThread, host: Host, save: Callable[[], None]
) -> list[str]:
    """Restores everything: first the terminals, then the processes that read them, then what they show.

    `save` is called once the terminals are restored, so that no later keeper types the typed-ahead input a second time
    or after newer input. Returns the names of terminals whose typed-ahead input could not be restored.
    """
    lost = []
    for each in terminals:
        with step():
            each.stop_asking()
        with step(ReaperError):  # it has hung up
            if not each.restore():
                lost.append(each.name)
    with step():
        save()
    with step():
        frozen.put_back()
    shrunk = []
    for each in terminals:
        with step(ReaperError):
            shrunk.append((each, each.line.shrink()))
    with step(ReaperError):
        front = within(lambda _: _in_front(session, terminals, host), FRONT_SEC)
        within(lambda deadline: _wait_winch_delivered(front, deadline), DELIVERY_SEC)
    select.select([], [], [], REDRAW_MS / 1000)
    for each, size in shrunk:
        if size is not None:
            with step(ReaperError):
                each.line.restore_size(size)
    for each in terminals:
        with step():
            each.close()
    return lost


def _in_front(session: Session, terminals: Collection[HeldTerminal], host: Host) -> list[ProcessId]:
    """Returns the processes in the foreground of the terminals."""
    attached = processes.attached([each.name for each in terminals], host.everything(session))
    return [each.process for each in attached if each.in_front]


def _wait_winch_delivered(front: Collection[ProcessId], deadline: TimeLimit) -> None:
    """Waits until every process that catches SIGWINCH has received it."""
    while any(map(_has_pending_winch, front)):
        deadline.check()
        select.select([], [], [], LOOK_MS / 1000)


def _has_pending_winch(process: ProcessId) -> bool:
    signals = procfs.read_signals(process.pid)
    return signals is not None and bool(signals.pending & signals.caught & ~signals.blocked & _WINCH)


def _wait_end(front: Collection[ProcessId]) -> None:
    for _ in range(END_MS // LOOK_MS):
        if not any(map(processes.is_alive, front)):
            break
        select.select([], [], [], LOOK_MS / 1000)


def hang_up(session: Session, terminals: Collection[HeldTerminal], frozen: FrozenInThread, host: Host) -> None:
    """Hangs up the terminals, as reaperd's termination steps and the kernel do it: the foreground processes wake to a
    hangup, and soon after the leader is told to close the session. A process that merely has a descriptor open goes on.
    """
    front: list[ProcessId] = []
    for each in terminals:
        with step():
            each.stop_asking()
            each.show_line("This session ends.")
    with step():
        front += within(lambda _: _in_front(session, terminals, host), FRONT_SEC)
    for each in terminals:
        with step(ReaperError):  # it has hung up already
            each.line.hang_up()
    with step():
        within(lambda _: send(front, signal.SIGHUP, signal.SIGCONT), FRONT_SEC)
    with step():
        frozen.put_back()
    with step():
        within(lambda _: _wait_end(front), END_MS / 1000)
    send([ProcessId(*session.key)], signal.SIGTERM, signal.SIGCONT)
