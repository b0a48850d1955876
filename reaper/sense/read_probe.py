"""Tries to read the processes that are not read otherwise, as a program of its own because the read may never return.

The argument names them, in the format of stuck.encode(). Exits with 0 if all of them can be read. SIGALRM ends the
program if one cannot: with its default action it also interrupts a wait for exec_update_lock.
"""

from __future__ import annotations

import os
import signal
import sys

# Reading costs 60 us per process (Linux 6.18), and a user can have 20,000 processes.
MOST_SEC = 10


def main() -> int:
    """Reads each process once. Returns the exit status."""
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
