"""Options of list and watch that choose and sort the sessions. Pure."""

from __future__ import annotations

import argparse
import re
from fnmatch import fnmatchcase
from typing import Any, Callable, NamedTuple

from reaper.decide.policy.match import Origin, is_from, parse_network
from reaper.decide.session.state import Phase

ORIGINS = tuple(origin.value for origin in Origin)
PHASES = tuple(dict.fromkeys([phase.value for phase in Phase if phase is not Phase.GONE] + ["held"]))
_NEVER = 1 << 63


class SessionSelection(NamedTuple):
    """The chosen values of each option. An empty tuple matches every session."""

    user: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    phase: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    remote: tuple[str, ...] = ()
    sort: tuple[str, ...] = ("opened",)
    is_reversed: bool = False


def _numbered(text: str) -> tuple[Any, ...]:
    """Returns a sort key that compares numbers in a text as numbers: 9 before 12, pts/9 before pts/12."""
    return tuple((0, int(each), "") if each.isdigit() else (1, 0, each) for each in re.findall(r"[0-9]+|[^0-9]+", text))


def _address(session: dict[str, Any]) -> tuple[Any, ...]:
    """Returns a sort key: addresses by number, then host names, then local sessions."""
    remote = session["remote"]
    try:
        network = parse_network(remote) if "/" not in remote else None
    except ValueError:
        network = None
    if network is not None:
        return (0, network.version, int(network.network_address), "")
    return (1, 0, 0, remote) if remote else (2, 0, 0, session["origin"])


_KEYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "opened": lambda session: -session["opened_usec"],
    "session": lambda session: _numbered(session["session"]),
    "user": lambda session: session["user"],
    "from": _address,
    "terminal": lambda session: [_numbered(each) for each in session["terminals"]],
    "idle": lambda session: session["idle_usec"],
    "phase": lambda session: PHASES.index(session["phase"]) if session["phase"] in PHASES else len(PHASES),
    "next": lambda session: _NEVER if session["left_usec"] is None else session["left_usec"],
    "rule": lambda session: session["rule"],
}
SORT_KEYS = tuple(_KEYS)


def add_arguments(parser: argparse.ArgumentParser, sort: str) -> None:
    """Adds the options; `sort` is the default order."""
    several = "; may be given several times"
    parser.add_argument(
        "--user", metavar="USER", action="append", default=[], help=f"only sessions of this user{several}"
    )
    parser.add_argument(
        "--origin",
        metavar="ORIGIN",
        action="append",
        default=[],
        choices=ORIGINS,
        help=f"only sessions on this kind of line: {', '.join(ORIGINS)}",
    )
    parser.add_argument(
        "--phase",
        metavar="PHASE",
        action="append",
        default=[],
        choices=PHASES,
        help=f"only sessions in this phase: {', '.join(PHASES)}",
    )
    parser.add_argument(
        "--rule", metavar="RULE", action="append", default=[], help=f"only sessions under this rule{several}"
    )
    parser.add_argument(
        "--from",
        metavar="HOST",
        dest="remote",
        action="append",
        default=[],
        type=_remote,
        help="only sessions from this address, network or pattern of host names",
    )
    parser.add_argument(
        "--sort",
        metavar="KEY[,KEY]",
        type=_sort,
        default=(sort,),
        help=f"sort by {', '.join(SORT_KEYS)} (default: {sort})",
    )
    parser.add_argument("-r", "--reverse", action="store_true", help="reverse the order")


def _remote(text: str) -> str:
    try:
        parse_network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _sort(text: str) -> tuple[str, ...]:
    keys = tuple(text.split(","))
    for key in keys:
        if key not in _KEYS:
            raise argparse.ArgumentTypeError(f"{key!r} is not one of {', '.join(SORT_KEYS)}")
    return keys


def selection_of(options: argparse.Namespace) -> SessionSelection:
    """Returns the selection that the options make."""
    return SessionSelection(
        tuple(options.user),
        tuple(options.origin),
        tuple(options.phase),
        tuple(options.rule),
        tuple(options.remote),
        options.sort,
        options.reverse,
    )


def select(sessions: list[dict[str, Any]], wanted: SessionSelection) -> list[dict[str, Any]]:
    """Returns the chosen sessions, sorted. Sessions with equal keys stay in the daemon's order."""
    found = [each for each in sessions if _is_wanted(each, wanted)]
    return sorted(found, key=lambda each: [_KEYS[key](each) for key in wanted.sort], reverse=wanted.is_reversed)


def _is_wanted(session: dict[str, Any], wanted: SessionSelection) -> bool:
    return (
        _matches(session["user"], wanted.user)
        and (not wanted.origin or session["origin"] in wanted.origin)
        and (not wanted.phase or session["phase"] in wanted.phase)
        and _matches(session["rule"], wanted.rule)
        and (not wanted.remote or is_from(wanted.remote, session["remote"]))
    )


def _matches(text: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)
