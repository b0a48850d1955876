"""reaperctl, the tool for administrators and users: parses the command line and runs a subcommand. See reaperctl(1)."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence

from reaper import __version__
from reaper.control.client import DaemonAbsentError, DaemonRefusedError
from reaper.errors import ReaperError

SUBCOMMANDS = (
    "list",
    "watch",
    "explain",
    "warn",
    "hold",
    "release",
    "lock",
    "terminate",
    "check",
    "policy",
    "reload",
    "log",
    "doctor",
)
EXIT_FAILED, EXIT_ABSENT, EXIT_NOT_ALLOWED, EXIT_BAD_CONFIGURATION = 1, 3, 4, 78

_REFUSALS = {
    "io.reaper.NotAllowed": EXIT_NOT_ALLOWED,
    "org.varlink.service.PermissionDenied": EXIT_NOT_ALLOWED,
    "io.reaper.PolicyRejected": EXIT_BAD_CONFIGURATION,
}


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command line; tests compare the manual and the completions with it."""
    parser = argparse.ArgumentParser(
        prog="reaperctl", description="Inspect and control the login sessions that reaper manages."
    )
    parser.add_argument("--version", action="version", version=f"reaperctl {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in SUBCOMMANDS:
        module = importlib.import_module(f"reaper.ctl.commands.{name}")
        command = commands.add_parser(name, help=module.HELP, description=module.__doc__)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand. Exits 0 done, 1 failed, 2 usage, 3 no daemon, 4 not allowed, 78 bad configuration."""
    try:
        try:
            return _run(arguments)
        finally:  # here, for an error at exit is reported by Python, with a status of its own
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())  # or Python tries again at exit
        if error.errno == errno.ENOSPC:
            print(f"reaperctl: the output could not be written: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED


def _run(arguments: Sequence[str] | None) -> int:
    options = make_parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except DaemonAbsentError as error:
        return _fail(error, EXIT_ABSENT)
    except DaemonRefusedError as error:
        return _fail(error, _REFUSALS.get(error.name, EXIT_FAILED))
    except ReaperError as error:
        return _fail(error, EXIT_NOT_ALLOWED if error.problem == "not-allowed" else EXIT_FAILED)
    return status


def _fail(error: ReaperError, status: int) -> int:
    print(f"reaperctl: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
