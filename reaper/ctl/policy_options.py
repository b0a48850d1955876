"""Arguments and error output that check and policy share: both read the policy files as reaperd does."""

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
    """Adds the options that choose the files and the output."""
    parser.add_argument(
        "--root", metavar="DIR", default="/", help="read the files that are installed below DIR instead of /"
    )
    parser.add_argument("--json", action="store_true", help="print the policy, or the mistakes, as JSON")
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="read these files, merged in this order, instead of the installed ones"
    )


def read(options: argparse.Namespace) -> Sequence[Source]:
    """Reads the chosen files. Raises PolicyError."""
    from reaper.sense.policy_files import read_files, read_sources

    return read_files(options.files) if options.files else read_sources(options.root)


def report_mistakes(error: PolicyError, *, as_json: bool) -> int:
    """Prints every mistake on standard error, with `as_json` also on standard output, and returns the exit status."""
    print(error, file=sys.stderr)
    if as_json:
        print(json.dumps({"problems": [vars(problem) for problem in error.problems]}, indent=2))
    return EXIT_BAD_CONFIGURATION


def write(text: str) -> None:
    """Prints in UTF-8, whatever the locale, because a policy file is UTF-8."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.flush()
