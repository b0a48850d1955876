"""reaper-lock NAME: holds the lock of one session. systemd starts it as reaper-lock@NAME.service; see reaper(7).

reaper-lock --died NAME: what systemd runs after the keeper has ended for any reason (see aftermath).
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from reaper.decide.session import lock_protocol
from reaper.errors import ReaperError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until the lock is over; returns 0, 1 for a failure (systemd then starts another keeper), or 2 for usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    has_died = words[:1] == ["--died"]
    names = words[1:] if has_died else words
    if len(names) != 1 or not lock_protocol.is_name(names[0]):
        print("usage: reaper-lock [--died] NAME (systemd starts it when reaperd orders a lock)", file=sys.stderr)
        return 2
    try:
        return _follow(names[0]) if has_died else _keep(names[0])
    except ReaperError as error:
        print(f"reaper-lock: {error}", file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1


def _keep(name: str) -> int:
    from reaper.act.journal import Journal
    from reaper.lock.keeper import Keeper
    from reaper.lock.store import Store
    from reaper.sense.host import Host

    keeper = Keeper(Store(name), Host(), Journal())
    keeper.run()
    return 0


def _follow(name: str) -> int:
    from reaper.act.journal import Journal
    from reaper.lock import aftermath
    from reaper.lock.store import Store
    from reaper.sense.host import Host

    aftermath.follow(Store(name), Host(), Journal(), os.environ)
    return 0


if __name__ == "__main__":
    sys.exit(main())
