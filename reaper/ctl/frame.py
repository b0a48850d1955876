"""Lays out the screen of `reaperctl watch` from the daemon's last answer and its age. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from reaper.ctl import table
from reaper.ctl.selection import SessionSelection, select
from reaper.ctl.style import Glyphs, Ink, Span, trimmed, width_of
from reaper.ctl.table import Cell, Column
from reaper.decide.output.view_aging import aged

Line = tuple[Span, ...]

# Times change every second. Their columns have a fixed least width, or the whole table would move.
_BAR = Column("LEFT", floor=6)
_STEADY = {"IDLE": 8, "NEXT": 16}
_COLUMNS = tuple(each._replace(floor=_STEADY.get(each.title, 0)) for each in table.USUAL)
_WIDEST_BAR = 30


class WatchView(NamedTuple):
    """The last answer (None before the first), its age, and what the user has chosen by keys."""

    answer: dict[str, Any] | None
    age_usec: int
    wanted: SessionSelection
    top: int = 0
    notice: str = ""


class Frame(NamedTuple):
    """The lines of the screen, the number of the first session on it, and the number of sessions in all."""

    lines: list[Line]
    top: int
    total: int


def frame_of(view: WatchView, width: int, height: int, glyphs: Glyphs) -> Frame:
    """Returns the screen, with at most `width` columns and `height` lines."""
    if view.answer is None:
        lines = _head([], view) if view.notice else [(Span("Waiting for reaperd."),)]
        return Frame([trimmed(each, width) for each in lines[:height]], 0, 0)
    answer = aged(view.answer, view.age_usec)
    sessions = select(answer["sessions"], view.wanted)
    head = _head(sessions, view, table.notes_of(answer))
    room = max(0, height - len(head) - 2)  # less the lines of the titles and the keys
    top = max(0, min(view.top, len(sessions) - room))
    rows = [{**table.cells_of(each, glyphs), "LEFT": Cell("")} for each in sessions]
    fitted, bar = _fit(rows, width)
    lines = [*head, (Span(table.header(fitted, glyphs), Ink.BOLD),)]
    for session, row in list(zip(sessions, rows))[top : top + room]:
        row["LEFT"] = Cell(bar_of(session, bar, glyphs), ink=table.ink_of(session))
        lines.append(table.line(row, fitted, glyphs))
    lines = lines[: max(0, height - 1)]
    lines += [()] * (height - 1 - len(lines))
    lines.append((Span(_keys(view.wanted, top, room, len(sessions)), Ink.DIM),))
    return Frame([trimmed(each, width) for each in lines], top, len(sessions))


def _head(sessions: list[dict[str, Any]], view: WatchView, notes: list[str] | None = None) -> list[Line]:
    found: list[Line] = []
    if view.answer is not None:
        total = len(view.answer["sessions"])
        of_all = f" of {total}" if len(sessions) != total else ""
        title = f"{len(sessions)}{of_all} session{'' if total == 1 else 's'}"
        counts = [sum(1 for each in sessions if each["phase"] == phase) for phase in ("warned", "ending")]
        for count, word in zip(counts, ("warned", "being ended")):
            title += f", {count} {word}" if count else ""
        found.append((Span("reaper", Ink.BOLD), Span(f"  {title}")))
    if view.notice:
        found.append((Span(view.notice, Ink.REVERSE),))
    return found + [(Span(note, Ink.BOLD),) for note in notes or ()]


def _fit(rows: list[table.Row], width: int) -> tuple[table.Fitted, int]:
    """Returns the columns that fit, and the width of the bar, which is the last and takes the rest of the line."""
    fitted = table.fit(rows, (*_COLUMNS, _BAR), table.MORE, width)
    rest = width - sum(each for _, each in fitted) - len(fitted) + 1
    shown = [(column, wide) for column, wide in fitted if column is not _BAR]
    if len(shown) == len(fitted):
        return shown, 0
    bar = max(0, min(_WIDEST_BAR, _BAR.floor + rest))
    return [*shown, (_BAR, bar)], bar


def bar_of(session: dict[str, Any], width: int, glyphs: Glyphs) -> str:
    """Returns a bar of the time that a session has left: full while it is in use, empty at the limit; or ""."""
    left: int | None = session["left_usec"]
    limit: int | None = session["limit_usec"]
    if left is None or not limit or session.get("hold") or width <= 0:
        return ""
    # Rounded up, so that the bar is empty only at the limit.
    full = min(width, -(-left * width // limit))
    return glyphs.full * full + glyphs.empty * (width - full)


def _keys(wanted: SessionSelection, top: int, room: int, total: int) -> str:
    order = f"{','.join(wanted.sort)}{', reversed' if wanted.is_reversed else ''}"
    text = f"q quit  s sort: {order}  r reverse"
    below = total - top - room
    if top or below > 0:
        text += f"  up/down scroll: {top} above, {max(0, below)} below"
    return text


def visible_width(line: Line) -> int:
    """Returns how many columns a line takes."""
    return sum(width_of(each.text) for each in line)
