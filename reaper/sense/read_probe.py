"""Tries to read the processes that are not read otherwise: a program of its own, for it may wait for good.

The argument says which, as stuck.encode() does. Ends with 0 where all of them can be read. SIGALRM ends it where one
can not: at its default disposition that ends a wait for exec_update_lock, too.
"""

from __future__ import annotations

import os
import signal
import sys

# Reading costs 60 us a process (Linux 6.18), and a user can have 20,000 of them.
MOST_SEC = 10


def main() -> int:
    """Reads each once. Returns the exit status."""
    signal.alarm(MOST_SEC)
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from reaper import procfs
    from reaper.decide.session import stuck
    from reaper.sense.distrust import Distrust

    distrust = Distrust(stuck.decode(sys.argv[1]))
    for pid in procfs.list_pids():
        if distrust.hides(pid):
            procfs.read_stat(pid)
            procfs.read_program(pid)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    sys.exit(main())
