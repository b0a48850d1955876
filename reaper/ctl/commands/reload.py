"""reaperctl reload: have the daemon read the policy files anew."""

from __future__ import annotations

import argparse
import json

from reaper.control.client import call

HELP = "have the daemon read the policy files anew"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints which policy is in force. Raises ReaperError where none answers, or the files do not parse."""
    answer = call("io.reaper.Reload", {})
    print(json.dumps(answer, indent=2) if options.json else f"policy {answer['policy']} is in force")
    return 0
