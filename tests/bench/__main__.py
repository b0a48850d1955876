"""`make bench`: measures every figure in the README, side by side on booted hosts."""

from __future__ import annotations

import argparse
import os
import sys

from tests.bench import antiidle, clients, latency, locks, login, poll, soak
from tests.host.lab import DEFAULT_SUITES, Host, LabError, build_deb, require_tools

BENCHES = {"login": login, "poll": poll, "latency": latency, "clients": clients, "locks": locks}

ALONE = {"antiidle": antiidle}  # only if named: it takes 37 minutes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description=__doc__)
    parser.add_argument(
        "benches",
        nargs="*",
        metavar="BENCH",
        default=list(BENCHES),
        help=f"{', '.join([*BENCHES, *ALONE])}; or soak, which takes an hour",
    )
    parser.add_argument("--suite", action="append", help="suite of a host (default: bookworm and trixie)")
    parser.add_argument("--sessions", type=int, default=soak.SESSIONS, help="sessions of the soak (%(default)s)")
    parser.add_argument("--minutes", type=float, default=soak.MINUTES, help="minutes of the soak (%(default)g)")
    options = parser.parse_args()
    if unknown := {*options.benches} - {*BENCHES, *ALONE, "soak"}:
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    require_tools()
    for suite in options.suite or DEFAULT_SUITES:
        with Host(suite) as host:
            host.install(build_deb(suite))
            kernel = os.uname().release
            for name in options.benches:
                print(f"\n== {name}: Debian {suite}, Linux {kernel}")
                if name == "soak":
                    soak.main(host, options.sessions, options.minutes)
                else:
                    {**BENCHES, **ALONE}[name].main(host)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"bench: {error}")
