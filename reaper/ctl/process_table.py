"""The processes of a session as lines for a person, and as a document for programs. Pure."""

from __future__ import annotations

from typing import Any

from reaper.ctl.session_processes import ShownProcess, ShownProcesses
from reaper.ctl.style import Glyphs, cut, pad, tell
from reaper.ctl.table import short
from reaper.decide.text.size import KIB
from reaper.sense.survivors import ProcessOutcome

_ENDS = {
    ProcessOutcome.ENDS: "yes",
    ProcessOutcome.SURVIVES: "no",
    ProcessOutcome.HUNG_UP: "hangup",
    ProcessOutcome.UNKNOWN: "?",
}
_TITLES = ("ENDS", "PID", "STARTED", "CPU", "MEMORY", "COMMAND")
_IS_RIGHT = (False, True, True, True, True, False)
_LEAST_COMMAND = 12  # on the narrowest terminal
_SURVIVES = "no: logind may end it later (KillUserProcesses, user services without lingering)."
_HUNG_UP = "hangup: usually ends, by the SIGHUP of its shell or its terminal."
_UNKNOWN = "?: cannot be told; some can be told by root, some by nobody."
_UNREAD = "-: could not be read, or not in time."
NOT_READ = "Its processes could not be read in time."
NONE_SEEN = "None of its processes can be seen."


def lines_of(found: ShownProcesses | None, kill: str, glyphs: Glyphs, width: int | None) -> list[str]:
    """The table, a sentence above it, and what needs explaining below it; `width` None: commands are not cut."""
    if found is None:
        return [NOT_READ]
    if not found.shown:
        return [NONE_SEEN]
    rows = [_cells(each, glyphs) for each in found.shown]
    notes = [_left_out(found.left_out)] if found.left_out else []
    outcomes = {*(each.outcome for each in found.shown), *found.left_out}
    notes += [_SURVIVES] if ProcessOutcome.SURVIVES in outcomes else []
    notes += [_HUNG_UP] if ProcessOutcome.HUNG_UP in outcomes else []
    notes += [_UNKNOWN] if ProcessOutcome.UNKNOWN in outcomes and kill not in ("none", "unknown") else []
    notes += [_UNREAD] if any("-" in row for row in rows) else []
    return [_headline(found, kill), *_table(rows, glyphs, width), *notes]


def _headline(found: ShownProcesses, kill: str) -> str:
    number = len(found.shown) + len(found.left_out)
    its, each = ("Its process", "it") if number == 1 else (f"Its {number} processes", "each")
    if kill == "unknown":
        return f"{its} (this reaperd is older than reaperctl, and does not say what ends):"
    if kill == "none":
        return f"{its}; without a policy nothing ends:"
    return f"{its}, and what the end of the session does to {each} (kill: {kill}):"


def _left_out(outcomes: tuple[ProcessOutcome, ...]) -> str:
    counts = [(_ENDS[each], outcomes.count(each)) for each in ProcessOutcome]
    told = ", ".join(f"{word}: {count}" for word, count in counts if count)
    return f"And {len(outcomes)} more ({told})."


def _cells(process: ShownProcess, glyphs: Glyphs) -> tuple[str, ...]:
    details = process.details
    return (
        _ENDS[process.outcome],
        str(process.pid),
        "-" if process.since_usec is None else short(process.since_usec),
        "-" if details.cpu_usec is None else short(details.cpu_usec),
        "-" if details.memory_bytes is None else _amount(details.memory_bytes),
        "-" if details.command is None else tell(details.command, glyphs),
    )


def _amount(octets: int) -> str:
    """An amount of memory in the unit that people compare it in: 8.4 MiB."""
    return f"{octets / KIB**2:.1f} MiB" if octets < KIB**3 else f"{octets / KIB**3:.1f} GiB"


def _table(rows: list[tuple[str, ...]], glyphs: Glyphs, width: int | None) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, _TITLES)]
    before = sum(widths[:-1]) + len(widths) - 1
    last = widths[-1] if width is None else max(_LEAST_COMMAND, width - before)
    lines = []
    for row in (_TITLES, *rows):
        cells = [pad(cell, wide, is_right=right) for cell, wide, right in zip(row[:-1], widths, _IS_RIGHT)]
        lines.append(" ".join([*cells, cut(row[-1], last, glyphs)]))
    return lines


def documents_of(found: ShownProcesses) -> list[dict[str, Any]]:
    """The processes as programs read them."""
    return [
        {
            "pid": each.pid,
            "command": each.details.command,
            "since_usec": each.since_usec,
            "cpu_usec": each.details.cpu_usec,
            "memory_bytes": each.details.memory_bytes,
            "ends": {ProcessOutcome.ENDS: True, ProcessOutcome.SURVIVES: False}.get(each.outcome),
            "hung_up": each.outcome is ProcessOutcome.HUNG_UP,
        }
        for each in found.shown
    ]
