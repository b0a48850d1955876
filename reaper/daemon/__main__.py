"""reaperd: the daemon's command line. See reaperd(8)."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

from reaper import __version__
from reaper.errors import ReaperError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the daemon, or only checks the policy. Returns the exit status: 0, 1 failure, 2 usage, 78 bad policy."""
    parser = argparse.ArgumentParser(
        prog="reaperd", description="End or lock login sessions that people have walked away from."
    )
    parser.add_argument(
        "--check", action="store_true", help="check the policy files, print the merged policy, and exit"
    )
    parser.add_argument("--version", action="version", version=f"reaperd {__version__}")
    options = parser.parse_args(arguments)
    if options.check:
        from reaper.ctl.commands import check

        return check.run([])
    try:
        return _serve()
    except ReaperError as error:
        print(f"reaperd: {error}", file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1


def _serve() -> int:
    import os

    from reaper.act.actor import Actor
    from reaper.act.journal import Journal
    from reaper.daemon.core import Daemon
    from reaper.daemon.loop import DaemonLoop
    from reaper.decide.policy.files import parse
    from reaper.sense.host import Host
    from reaper.sense.policy_files import read_sources

    if os.geteuid() != 0:
        raise ReaperError("not-root", "reaperd must run as root", "systemctl start reaper.service")
    host, journal = Host(), Journal()
    daemon = Daemon(host, Actor(), journal, os.uname().nodename, host.boot_id())
    DaemonLoop(host, daemon, journal, lambda: parse.parse(read_sources())).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
