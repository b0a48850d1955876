"""What reaperctl's argument parsers take."""

from __future__ import annotations

import argparse
from collections.abc import Iterator


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    choices = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    assert len(choices) == 1
    return dict(choices[0])
