"""Sessions as a table: the content of the columns, and which columns fit. Pure.

Columns are as wide as their content. If the table is too wide, the widest column that can be cut is cut first, FROM
before USER; then whole columns are left out. NEXT is never cut before all others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from reaper.ctl.style import Glyphs, Ink, Span, cut, pad, tell, trimmed, width_of
from reaper.decide.text.duration import USEC_PER_SEC, format_duration


class Cell(NamedTuple):
    """The content of one column for one session; `tail` is kept when `text` is cut."""

    text: str
    tail: str = ""
    ink: Ink = Ink.PLAIN


class Column(NamedTuple):
    """A column: the width it can be cut to, where it is cut, and its least width.

    `least` 0: it is never cut. `floor` prevents a column that changes every second from moving the others.
    """

    title: str
    least: int = 0
    is_middle: bool = False
    is_right: bool = False
    floor: int = 0


SESSION = Column("SESSION", least=5, is_middle=True)
USER = Column("USER", least=6)
FROM = Column("FROM", least=11, is_middle=True)
TERMINAL = Column("TERMINAL", least=6)
IDLE = Column("IDLE", is_right=True)
PHASE = Column("PHASE")
NEXT = Column("NEXT")
RULE = Column("RULE", least=8)
OPENED = Column("OPENED", is_right=True)
ORIGIN = Column("ORIGIN")
SERVICE = Column("SERVICE", least=8)
EVIDENCE = Column("EVIDENCE")
HELD = Column("HELD BY", least=12)
COMMAND = Column("COMMAND", least=12)

USUAL = (SESSION, USER, FROM, TERMINAL, IDLE, PHASE, NEXT)
# The columns that a wider terminal adds, in this order, as far as they fit.
MORE = (RULE, HELD, OPENED, EVIDENCE, SERVICE, ORIGIN)
# The columns that are read from the sessions' processes, if all columns are asked for.
READ = (COMMAND,)
# The columns that a narrow terminal leaves out, in this order.
DISPENSABLE = ("PHASE", "TERMINAL", "FROM", "IDLE", "SESSION")

_INKS = {
    "warned": Ink.YELLOW,
    "ending": Ink.RED,
    "deferred": Ink.CYAN,
    "held": Ink.CYAN,
    "locked": Ink.CYAN,
    "observed": Ink.DIM,
}


def short(usec: int) -> str:
    """Formats a time in its two largest units: 14min56s, 1h30min."""
    seconds = max(0, (usec + USEC_PER_SEC // 2) // USEC_PER_SEC)
    return "".join(format_duration(seconds * USEC_PER_SEC).split(" ")[:2])


def next_of(session: dict[str, Any]) -> str:
    """Returns what happens to a session next, and when: "ends in 3min"."""
    hold = session.get("hold")
    if hold is not None:
        return f"held {short(hold['left_usec'])} more" if hold.get("left_usec") is not None else "held"
    if session["phase"] == "ending":
        return "is being ended"
    if session["phase"] == "observed":
        return "would have ended"
    if session["left_usec"] is None:
        return "-"
    locks = session["action"] == "lock" and session["phase"] != "locked" and session["reason"] == "idle"
    verb = "locks" if locks else "would end" if session["action"] == "observe" else "ends"
    if not session["left_usec"]:
        return f"{verb} now"
    left_usec: int = session["left_usec"]
    if session["phase"] == "deferred":
        return f"{verb} within {short(left_usec)}"
    # The last key may be dated a few seconds in the future: see terminal_evidence. Never show more than the limit.
    return f"{verb} in {short(min(left_usec, session['limit_usec'] or left_usec))}"


def ink_of(session: dict[str, Any]) -> Ink:
    """Returns the colour of a session's phase."""
    return _INKS.get("held" if session.get("hold") else session["phase"], Ink.PLAIN)


def command_of(command: str | None, glyphs: Glyphs) -> Cell:
    """What is in the foreground of a session's terminal; "" is nothing, None could not be read."""
    return Cell("?" if command is None else tell(command, glyphs) or "-")


def cells_of(session: dict[str, Any], glyphs: Glyphs) -> dict[str, Cell]:
    """Returns the content of all columns for a session, by their titles."""
    terminals = [tell(each, glyphs) for each in session["terminals"]]
    hold = session.get("hold") or {}
    held = f"{hold.get('by', '')}: {hold.get('why', '')}" if hold.get("why") else str(hold.get("by", ""))
    ink = ink_of(session)
    return {
        "SESSION": Cell(tell(session["session"], glyphs)),
        # As in root's prompt.
        "USER": Cell(tell(session["user"], glyphs), "#" if session["elevated"] else ""),
        "FROM": Cell(tell(session["remote"] or session["origin"], glyphs)),
        "TERMINAL": Cell(terminals[0] if terminals else "-", f"+{len(terminals) - 1}" if len(terminals) > 1 else ""),
        "IDLE": Cell(short(session["idle_usec"])),
        "PHASE": Cell(tell(session["phase"], glyphs), ink=ink),
        "NEXT": Cell(next_of(session), ink=ink),
        "RULE": Cell(tell(session["rule"] or "-", glyphs)),
        "HELD BY": Cell(tell(held or "-", glyphs)),
        "OPENED": Cell(short(session["opened_usec"])),
        "EVIDENCE": Cell(tell(session["evidence"] or "-", glyphs)),
        "SERVICE": Cell(tell(session["service"] or "-", glyphs)),
        "ORIGIN": Cell(tell(session["origin"], glyphs)),
    }


Row = dict[str, Cell]
Fitted = list[tuple[Column, int]]


def fit(rows: list[Row], columns: tuple[Column, ...], more: tuple[Column, ...], width: int | None) -> Fitted:
    """Returns the columns that fit, each with its width; with `width` None, all of `columns`."""
    chosen = [(column, _natural(column, rows)) for column in columns]
    if width is None:
        return chosen
    for column in more:
        wider = [*chosen, (column, _natural(column, rows))]
        if column is HELD and all(row["HELD BY"].text == "-" for row in rows):
            continue
        if _total(wider) > width:
            break
        chosen = wider
    for title in ("", *DISPENSABLE):
        chosen = [each for each in chosen if each[0].title != title]
        fitted = _shrunk(chosen, rows, width)
        if _total(fitted) <= width:
            return fitted
    return fitted


def cut_last(fitted: Fitted, width: int | None) -> Fitted:
    """The same columns, the last of them cut to what the others leave of `width`, but not to less than it can be."""
    if width is None:
        return fitted
    column, wide = fitted[-1]
    return [*fitted[:-1], (column, min(wide, max(column.least, width - _total(fitted[:-1]) - 1)))]


def _natural(column: Column, rows: list[Row]) -> int:
    return max(column.floor, width_of(column.title), _content(column, rows))


def _content(column: Column, rows: list[Row]) -> int:
    cells = [row[column.title] for row in rows]
    return max((width_of(each.text) + width_of(each.tail) for each in cells), default=0)


def _total(fitted: Fitted) -> int:
    return sum(width for _, width in fitted) + max(0, len(fitted) - 1)


def _shrunk(fitted: Fitted, rows: list[Row], width: int) -> Fitted:
    """Cuts columns to fit: first titles that are wider than their column's content, then the widest column repeatedly.

    Of two columns of the same width, the less important one is cut.
    """
    widths = {column.title: wide for column, wide in fitted}
    order = [column for column in (FROM, TERMINAL, HELD, RULE, SERVICE, USER, SESSION) if column.title in widths]
    excess = _total(fitted) - width
    for column in reversed(order):
        spare = widths[column.title] - max(column.least, _content(column, rows))
        taken = max(0, min(spare, excess))
        widths[column.title] -= taken
        excess -= taken
    for _ in range(max(0, excess)):
        able = [column for column in order if widths[column.title] > column.least]
        if not able:
            break
        widths[max(able, key=lambda column: widths[column.title]).title] -= 1
    return [(column, widths[column.title]) for column, _ in fitted]


def header(fitted: Fitted, glyphs: Glyphs) -> str:
    """Returns the line of titles."""
    titles = [pad(cut(each.title, width, glyphs), width, is_right=each.is_right) for each, width in fitted]
    return " ".join(titles).rstrip()


def line(row: Row, fitted: Fitted, glyphs: Glyphs, width: int | None = None) -> tuple[Span, ...]:
    """Returns the line of a session, at most `width` columns wide, without blanks at its end."""
    spans = []
    for index, (column, wide) in enumerate(fitted):
        cell = row[column.title]
        tail = cell.tail if width_of(cell.tail) < wide else ""
        text = cut(cell.text, wide - width_of(tail), glyphs, is_middle=column.is_middle) + tail
        is_last = index == len(fitted) - 1
        padded = text if is_last and not column.is_right else pad(text, wide, is_right=column.is_right)
        spans.append(Span(padded, cell.ink))
        if not is_last:
            spans.append(Span(" "))
    return tuple(spans) if width is None else trimmed(tuple(spans), width)


def notes_of(answer: dict[str, Any]) -> list[str]:
    """Returns the lines above the table: that no policy is in force, and that the brake delays ends."""
    notes = []
    if not answer["policy"]:
        notes.append("No policy is in force: nothing happens to any session.")
    if answer.get("brake_usec"):
        left = short(answer["brake_usec"])
        notes.append(f"The brake is on: too many sessions would end at once. None ends for {left}.")
    return notes
