"""How a lock ends: everything is given back as it was, or the session is hung up on terminals that are not.

Neither is left half done: a step that raises is reported, whatever it raises, and all the others are taken (step()).
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

# How long what is in front gets to end by itself, before the leader closes the session and the connection.
END_MS = 3000
LOOK_MS = 50
# How long may be looked for it, and it be sent a signal, which both may wait for good for one of its processes (apart).
FRONT_SEC = 2.0
# How long a program gets between two sizes of its terminal, to see the first.
REDRAW_MS = 150
# How long it gets to be told of the first, on a busy machine.
TOLD_SEC = 2.0
_WINCH = 1 << (signal.SIGWINCH - 1)


@contextlib.contextmanager
def step(*expected: type[Exception]) -> Iterator[None]:
    """A barrier around a step of the end: what it raises is no further than the journal, where it is not `expected`.

    A session must not stay frozen because one of its terminals cannot be given back.
    """
    try:
        yield
    except expected:
        pass
    except Exception:
        traceback.print_exc()


def give_back(
    session: Session, taken: Collection[HeldTerminal], stopped: FrozenInThread, host: Host, save: Callable[[], None]
) -> list[str]:
    """Everything as it was: first the terminals, then who reads them, then what they show.

    `save` is called once the terminals are, so that nobody types again what was typed ahead, or over what follows.
    Returns the terminals where what was typed ahead could not be brought back.
    """
    lost = []
    for each in taken:
        with step():
            each.stop_asking()
        with step(ReaperError):  # it has hung up
            if not each.restore():
                lost.append(each.name)
    with step():
        save()
    with step():
        stopped.put_back()
    nudged = []
    for each in taken:
        with step(ReaperError):
            nudged.append((each, each.line.nudge()))
    with step(ReaperError):
        front = within(lambda _: _in_front(session, taken, host), FRONT_SEC)
        within(lambda deadline: _wait_told(front, deadline), TOLD_SEC)
    select.select([], [], [], REDRAW_MS / 1000)
    for each, size in nudged:
        if size is not None:
            with step(ReaperError):
                each.line.settle(size)
    for each in taken:
        with step():
            each.close()
    return lost


def _in_front(session: Session, taken: Collection[HeldTerminal], host: Host) -> list[ProcessId]:
    """The processes in the foreground of the terminals."""
    attached = processes.attached([each.name for each in taken], host.everything(session))
    return [each.process for each in attached if each.in_front]


def _wait_told(front: Collection[ProcessId], deadline: TimeLimit) -> None:
    """Until all have got the signal that their terminal has another size, if they catch it."""
    while any(map(_is_untold, front)):
        deadline.check()
        select.select([], [], [], LOOK_MS / 1000)


def _is_untold(process: ProcessId) -> bool:
    signals = procfs.read_signals(process.pid)
    return signals is not None and bool(signals.pending & signals.caught & ~signals.blocked & _WINCH)


def _wait_end(front: Collection[ProcessId]) -> None:
    for _ in range(END_MS // LOOK_MS):
        if not any(map(processes.is_alive, front)):
            break
        select.select([], [], [], LOOK_MS / 1000)


def hang_up(session: Session, taken: Collection[HeldTerminal], stopped: FrozenInThread, host: Host) -> None:
    """The lines are lost, as reaperd's ladder and the kernel have it: what is in front of them wakes to a hangup, and
    soon the leader is told to close the session. What has no more to do with it than an open descriptor goes on.
    """
    front: list[ProcessId] = []
    for each in taken:
        with step():
            each.stop_asking()
            each.tell("This session ends.")
    with step():
        front += within(lambda _: _in_front(session, taken, host), FRONT_SEC)
    for each in taken:
        with step(ReaperError):  # it is lost already
            each.line.hang_up()
    with step():
        within(lambda _: send(front, signal.SIGHUP, signal.SIGCONT), FRONT_SEC)
    with step():
        stopped.put_back()
    with step():
        within(lambda _: _wait_end(front), END_MS / 1000)
    send([ProcessId(*session.key)], signal.SIGTERM, signal.SIGCONT)
