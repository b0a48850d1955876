"""reaperctl doctor: find what keeps a limit from being enforced on this host, or interferes with it, with a remedy."""

from __future__ import annotations

import argparse
import json
import os

from reaper import __version__

HELP = "find what keeps a limit from being enforced, with a remedy"
EXIT_NOT_ENFORCED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    parser.add_argument(
        "--json", action="store_true", help="print the findings, and what ends each kind of session first, as JSON"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")


def run(options: argparse.Namespace) -> int:
    """Prints the findings and what ends each kind of session first; returns 1 if a limit is not enforced."""
    from reaper.doctor.diagnose import document, examine
    from reaper.doctor.findings_text import report
    from reaper.doctor.probes.reader import HostReader
    from reaper.doctor.probes.surroundings import probe

    diagnosis = examine(probe(HostReader(is_root=os.geteuid() == 0), __version__))
    if options.json:
        print(json.dumps(document(diagnosis), indent=2))
    else:
        print("".join(f"{line}\n" for line in report(diagnosis, only_errors=options.quiet)), end="")
    return 0 if diagnosis.is_enforced() else EXIT_NOT_ENFORCED
