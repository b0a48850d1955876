"""reaperctl check: validate the policy files and print the policy they make together."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from reaper.decide.policy import Policy
from reaper.decide.problems import PolicyError

HELP = "validate the policy files and print the merged policy"
EXIT_BAD_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    parser.add_argument("--root", metavar="DIR", default="/", help="read the policy files below DIR")
    parser.add_argument("--json", action="store_true", help="print the policy, or the mistakes, as JSON")
    parser.add_argument("files", metavar="FILE", nargs="*", help="check these instead, merged in this order")


def run(options: argparse.Namespace | Sequence[str]) -> int:
    """Prints the policy (0), or every mistake on standard error (78).  Takes parsed options or the words of a command.

    With --json the mistakes are on standard output too, for programs.
    """
    if not isinstance(options, argparse.Namespace):
        parser = argparse.ArgumentParser(prog="reaperctl check", description=HELP)
        add_arguments(parser)
        options = parser.parse_args(options)
    try:
        policy = _load(options)
    except PolicyError as error:
        print(error, file=sys.stderr)
        if options.json:
            print(json.dumps({"problems": [vars(problem) for problem in error.problems]}, indent=2))
        return EXIT_BAD_CONFIGURATION
    text = _as_json(policy) if options.json else _as_yaml(policy)
    sys.stdout.buffer.write(text.encode())  # a policy file is UTF-8, whatever the locale
    sys.stdout.flush()
    return 0


def _load(options: argparse.Namespace) -> Policy:
    from reaper.decide.config import parse
    from reaper.sense.policyfiles import read_files, read_sources

    return parse(read_files(options.files) if options.files else read_sources(options.root))


def _as_yaml(policy: Policy) -> str:
    from reaper.decide.config import describe

    read = "\n".join(f"#   {path}" for path in policy.sources) or "#   no file: this is the built-in policy"
    return f"# Policy {policy.id}, merged from\n{read}\n{describe(policy)}"


def _as_json(policy: Policy) -> str:
    from reaper.decide.policy import document

    told = {"id": policy.id, "sources": policy.sources, "policy": document(policy)}
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
