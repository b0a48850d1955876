"""How a lock ends: everything is given back as it was, or the session is hung up on terminals that are not."""

from __future__ import annotations

import contextlib
import select
import signal
from collections.abc import Collection
from typing import Callable

from reaper.act.terminate import send
from reaper.decide.model import ProcessId, Session
from reaper.errors import ReaperError
from reaper.lock.stopped import Stopped
from reaper.lock.taken import Taken
from reaper.sense import processes
from reaper.sense.host import Host

# How long what is in front gets to end by itself, before the leader closes the session and the connection.
END_MS = 3000
LOOK_MS = 50
# How long a program gets between two sizes of its terminal, to see the first.
REDRAW_MS = 150


def give_back(taken: Collection[Taken], stopped: Stopped, save: Callable[[], None]) -> list[str]:
    """Everything as it was: first the terminals, then who reads them, then what they show.

    `save` is called once the terminals are, so that nobody types again what was typed ahead, or over what follows.
    Returns the terminals where what was typed ahead could not be brought back.
    """
    lost = []
    for each in taken:
        each.stop_asking()
        with contextlib.suppress(ReaperError):
            if not each.restore():
                lost.append(each.name)
    save()
    stopped.put_back()
    nudged = []
    for each in taken:
        with contextlib.suppress(ReaperError):
            nudged.append((each, each.line.nudge()))
    select.select([], [], [], REDRAW_MS / 1000)
    for each, size in nudged:
        if size is not None:
            with contextlib.suppress(ReaperError):
                each.line.settle(size)
    for each in taken:
        each.close()
    return lost


def hang_up(session: Session, taken: Collection[Taken], stopped: Stopped, host: Host) -> None:
    """The lines are lost, as reaperd's ladder and the kernel have it: what is in front of them wakes to a hangup, and
    soon the leader is told to close the session. What has no more to do with it than an open descriptor goes on.
    """
    for each in taken:
        each.stop_asking()
        each.tell("This session ends.")
    attached = processes.attached([each.name for each in taken], host.everything(session))
    front = [each.process for each in attached if each.in_front]
    for each in taken:
        with contextlib.suppress(ReaperError):  # it is lost already
            each.line.hang_up()
    send(front, signal.SIGHUP, signal.SIGCONT)
    stopped.put_back()
    for _ in range(END_MS // LOOK_MS):
        if not any(map(processes.is_alive, front)):
            break
        select.select([], [], [], LOOK_MS / 1000)
    send([ProcessId(*session.key)], signal.SIGTERM, signal.SIGCONT)
