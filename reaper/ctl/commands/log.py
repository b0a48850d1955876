"""reaperctl log: show from the journal what reaper did with a session, with a user's sessions, or on a day."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reaper.audit import log_lines, times
from reaper.audit.journal_records import JournalRecord, as_document
from reaper.audit.query import EventQuery, matches, session_matches
from reaper.audit.timeline import Timeline, timelines_of
from reaper.decide.output.events import EventKind
from reaper.decide.text.number import parse_whole
from reaper.errors import ReaperError

if TYPE_CHECKING:
    from reaper.audit.journal_reader import JournalReader

HELP = "show from the journal what happened to sessions"
# As tail(1) and journalctl(1) do.
FOLLOW_FROM = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    # "-1h" is a time, not an option. argparse makes this exception only for negative numbers.
    parser._negative_number_matcher = times.SPAN_BEFORE  # noqa: SLF001
    parser.add_argument(
        "session", metavar="SESSION", nargs="?", help="the newest session of this name, as list prints it"
    )
    parser.add_argument("--all", action="store_true", help="with SESSION: show every session of that name")
    parser.add_argument("--user", metavar="USER", help="only events of this user's sessions, by name or number")
    parser.add_argument("--day", metavar="DAY", type=_day, help="only events of this day: today, yesterday, 2026-11-23")
    parser.add_argument(
        "--since", metavar="TIME", type=_moment, help="only events from this time on: today, '-1h', '2026-11-23 14:00'"
    )
    parser.add_argument("--until", metavar="TIME", type=_moment, help="only events up to this time")
    parser.add_argument(
        "--event", metavar="EVENT[,EVENT]", type=_events, default=frozenset(), help="only events of these kinds"
    )
    parser.add_argument("-n", metavar="N", dest="most", type=_count, help="only the last N events")
    parser.add_argument("-b", "--boot", action="store_true", help="only events of this boot")
    parser.add_argument(
        "-f", "--follow", action="store_true", help="print the last events of this boot, then new ones as they come"
    )
    parser.add_argument("--json", action="store_true", help="print the events as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints what the journal has. Raises NotAllowedError, or ReaperError if there is no such session."""
    from reaper.audit import journal_reader as journal  # loads libsystemd, which no other subcommand needs

    journal.check_readable()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # for names outside the locale
    boot = journal.this_boot()
    selection = _selection(options, boot)
    with journal.JournalReader() as reader:
        if options.follow:
            return _follow(reader, selection, options)
        if options.session:
            return _print_sessions(reader, selection, options, boot)
        return _print_events(reader, selection, options)


def _selection(options: argparse.Namespace, boot: str) -> EventQuery:
    since = [usec for usec in (options.since, options.day and options.day[0]) if usec is not None]
    until = [usec for usec in (options.until, options.day and options.day[1]) if usec is not None]
    is_open = not (options.session or options.user or since or until)
    return EventQuery(
        session=options.session or "",
        user=options.user or "",
        events=options.event,
        since_usec=max(since, default=None),
        until_usec=min(until, default=None),
        boot=boot if options.boot or options.follow or is_open else "",
    )


def _print_events(reader: JournalReader, selection: EventQuery, options: argparse.Namespace) -> int:
    if options.most is None:
        records = list(reader.read(matches(selection), selection))
    else:
        records = reader.read_last(matches(selection), selection, options.most)
    if options.json:
        _print_document(records)
    elif records:
        _print_lines(log_lines.listing(records, _width()))
    else:
        print("reaperctl: the journal has no such events", file=sys.stderr)
    return 0


def _print_sessions(reader: JournalReader, selection: EventQuery, options: argparse.Namespace, boot: str) -> int:
    records = reader.read(session_matches(selection), EventQuery())
    timelines = [each for each in timelines_of(records) if any(map(selection.has, each.records))]
    if not timelines:
        narrowed = replace(selection, session="", user="") != EventQuery()
        raise ReaperError(
            "no-such-session",
            f"the journal has no {'such events of a ' if narrowed else ''}session {selection.session!r}",
            "reaperctl log --event opened shows the sessions that began since the last boot",
        )
    chosen = timelines if options.all else timelines[-1:]
    if options.json:
        _print_document([record for each in chosen for record in _chosen(each, selection, options.most)])
        return 0
    for number, timeline in enumerate(chosen):
        records_of_one = _chosen(timeline, selection, options.most)
        _print_lines([*([""] if number else []), *log_lines.session_page(timeline, records_of_one, boot, _width())])
    if len(chosen) < len(timelines):
        print(log_lines.older_line(selection.session, len(timelines) - len(chosen)))
    return 0


def _chosen(timeline: Timeline, selection: EventQuery, most: int | None) -> list[JournalRecord]:
    records = [record for record in timeline.lines if selection.has(record)]
    return records if most is None else records[max(0, len(records) - most) :]


def _follow(reader: JournalReader, selection: EventQuery, options: argparse.Namespace) -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    lines = log_lines.LogLines(_width(), subjects=True)
    most = FOLLOW_FROM if options.most is None else options.most
    for records in reader.follow(matches(selection), selection, most):
        new = [record for record in records if selection.has(record)]
        _print_lines((json.dumps(as_document(record)) for record in new) if options.json else lines.of(new))
        sys.stdout.flush()
    return 0


def _print_document(records: Sequence[JournalRecord]) -> None:
    print(json.dumps({"events": [as_document(record) for record in records]}, indent=2))


def _print_lines(lines: Iterator[str] | Sequence[str]) -> None:
    for line in lines:
        print(line)


def _width() -> int | None:
    """Returns the width of the terminal; None for a file or a pipe, so that grep(1) gets whole lines."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


# Types of the options. argparse needs an error type of its own.


def _moment(text: str) -> int:
    try:
        return times.parse_moment(text, _now_usec())
    except times.MomentError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _day(text: str) -> tuple[int, int]:
    try:
        return times.parse_day(text, _now_usec())
    except times.MomentError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _now_usec() -> int:
    return time.time_ns() // 1000


def _events(text: str) -> frozenset[str]:
    words = [kind.word for kind in EventKind]
    found = frozenset(filter(None, text.split(",")))
    unknown = sorted(found - set(words))
    if unknown or not found:
        raise argparse.ArgumentTypeError(f"no event {', '.join(unknown) or text!r}; the events are {', '.join(words)}")
    return found


def _count(text: str) -> int:
    count = parse_whole(text)
    if count is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of events")
    return count
