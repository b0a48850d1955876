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

# How long a session that is hung up gets to end by itself, before what is in front of its terminals is killed.
END_MS = 3000
# How long a program gets between two sizes of its terminal, to see the first.
REDRAW_MS = 150


def give_back(taken: Collection[Taken], stopped: Stopped, save: Callable[[], None]) -> None:
    """Everything as it was: first the terminals, then who reads them, then what they show.

    `save` is called once the terminals are, so that nobody types again what was typed ahead, or over what follows.
    """
    for each in taken:
        each.stop_asking()
        with contextlib.suppress(ReaperError):
            each.restore()
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


def hang_up(session: Session, taken: Collection[Taken], stopped: Stopped, host: Host) -> None:
    """What is frozen wakes to a hangup, its leader closes the session, and what stays in front of it is killed."""
    for each in taken:
        each.stop_asking()
        each.tell("This session ends.")
    send(stopped.members(), signal.SIGHUP)
    send([ProcessId(*session.key)], signal.SIGTERM, signal.SIGCONT)
    attached = processes.attached([each.name for each in taken], host.everything(session))
    front = [each.process for each in attached if each.in_front]
    stopped.put_back()
    poll = select.poll()
    for _ in range(END_MS // 50):
        if not any(map(processes.is_alive, front)):
            break
        poll.poll(50)
    send(front, signal.SIGKILL)
