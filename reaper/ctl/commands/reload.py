"""reaperctl reload: make the daemon read the policy files again."""

from __future__ import annotations

import argparse
import json

from reaper.control.client import call

HELP = "make the daemon read the policy files again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints which policy is in force. Raises ReaperError if the daemon does not answer, or the files have mistakes."""
    answer = call("io.reaper.Reload", {})
    print(json.dumps(answer, indent=2) if options.json else f"policy {answer['policy']} is in force")
    return 0
