"""What the subcommands share that read the policy files as reaperd does: their arguments, and how mistakes are told."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from reaper.decide.policy.files.problems import PolicyError, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_BAD_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files, and how to print what comes of them."""
    parser.add_argument("--root", metavar="DIR", default="/", help="read the policy files below DIR")
    parser.add_argument("--json", action="store_true", help="print the policy, or the mistakes, as JSON")
    parser.add_argument("files", metavar="FILE", nargs="*", help="read these instead, merged in this order")


def read(options: argparse.Namespace) -> Sequence[Source]:
    """The files that are asked for. Raises PolicyError."""
    from reaper.sense.policy_files import read_files, read_sources

    return read_files(options.files) if options.files else read_sources(options.root)


def refuse(error: PolicyError, *, as_json: bool) -> int:
    """Tells every mistake on standard error, as JSON on standard output too, and returns the exit status."""
    print(error, file=sys.stderr)
    if as_json:
        print(json.dumps({"problems": [vars(problem) for problem in error.problems]}, indent=2))
    return EXIT_BAD_CONFIGURATION


def write(text: str) -> None:
    """Prints in UTF-8, whatever the locale: a policy file is."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.flush()
