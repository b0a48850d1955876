"""reaperctl check: check the policy files, and print the policy that they make together."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from reaper.ctl import policy_options
from reaper.decide.policy.files.problems import PolicyError
from reaper.decide.policy.rules import Policy

HELP = "check the policy files and print the merged policy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    policy_options.add_arguments(parser)


def run(options: argparse.Namespace | Sequence[str]) -> int:
    """Prints the policy (0), or every mistake on standard error (78), with --json also on standard output.

    It takes parsed options, or the words of a command line.
    """
    from reaper.decide.policy.files.parse import parse

    if not isinstance(options, argparse.Namespace):
        parser = argparse.ArgumentParser(prog="reaperctl check", description=HELP)
        add_arguments(parser)
        options = parser.parse_args(options)
    try:
        policy = parse(policy_options.read(options))
    except PolicyError as error:
        return policy_options.report_mistakes(error, as_json=options.json)
    policy_options.write(_as_json(policy) if options.json else _as_yaml(policy))
    return 0


def _as_yaml(policy: Policy) -> str:
    from reaper.decide.policy.files.render import describe

    read = "\n".join(f"#   {path}" for path in policy.sources) or "#   no file: this is the built-in policy"
    return f"# Policy {policy.id}, merged from\n{read}\n{describe(policy)}"


def _as_json(policy: Policy) -> str:
    from reaper.decide.policy.rules import document

    answer = {"id": policy.id, "sources": policy.sources, "policy": document(policy)}
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"
