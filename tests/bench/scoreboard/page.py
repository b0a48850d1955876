"""The tables: the long page, and the short summary for the README."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .enforcers import AUTOLOG, ENFORCERS, LOGIND, REAL, REAPER, SSHD, TMOUT
from .play import Cell
from .results import Column, Results
from .scenario import ALL, ENDED, GAP, KEPT, LATEST, LIMIT, OBSERVED, SHOWN, WATCHED, Scenario

HEAD = f"""\
# The scoreboard

Made by `make scoreboard`; see `tests/bench/scoreboard/`. Every cell is a real session of a real client on a booted
Debian host, under one enforcer with a limit of {LIMIT:.0f} s.

In a session that must be kept, there is input from its user, or work, about every {GAP:.0f} s; it was watched for
{OBSERVED:.0f} s. In one that must be ended, there is none; it must be gone from the host within {LATEST:.0f} s, and was
watched for {WATCHED:.0f} s. The seconds in a cell are from the last sign of the user (if the session must be kept: from
its begin) to the end of the session.

Cells in **bold** are wrong. Cells in *italics* are not judged, because nothing on the host shows what is right, or
because only reaper can be configured to do what the scenario requires. *lost*: the session stayed, but a program in it
that the user needed was ended. *warned*: at least 3 s before the end, a terminal of the session showed a warning.
"""


def judged(scenario: Scenario, enforcer: str) -> bool:
    """Whether this cell is judged right or wrong."""
    return scenario.expect != SHOWN and (enforcer == "reaper" or not scenario.asked)


def words(cell: Cell | None, *, judge: bool = True) -> str:
    """Returns one cell of the long table."""
    if cell is None:
        return ""
    if cell.error:
        return "**error**"
    text = "lost" if cell.lost else "kept" if cell.ended is None else f"{cell.ended:.0f} s"
    if cell.warned:
        text += ", warned"
    if not judge:
        return f"*{text}*"
    return f"**{text}**" if cell.right is False else text


def row(fields: Iterable[str]) -> str:
    return "| " + " | ".join(fields) + " |"


def of(expect: str) -> list[Scenario]:
    return [scenario for scenario in ALL.values() if scenario.expect == expect]


def counts(enforcer: str, column: Column) -> dict[str, str]:
    """Returns the totals of a column, the most serious first."""
    kept, ended = (
        [column.cells[each.name] for each in of(expect) if each.name in column.cells and judged(each, enforcer)]
        for expect in (KEPT, ENDED)
    )
    gone = [cell for cell in ended if cell.right and cell.warned is not None]
    totals = {
        "active sessions ended": f"{sum(cell.right is False for cell in kept)} of {len(kept)}",
        "idle sessions not ended in time": f"{sum(cell.right is False for cell in ended)} of {len(ended)}",
        "warned, of those ended at a terminal": f"{sum(bool(cell.warned) for cell in gone)} of {len(gone)}",
    }
    errors = sum(bool(cell.error) for cell in column.cells.values())
    return {**totals, "errors": str(errors)} if errors else totals


def summary(results: Results) -> str:
    """Returns the short table, with a row for every enforcer and suite."""
    lines = [
        row(["", "Debian", "active sessions ended", "idle sessions left", "warned before the end"]),
        row(["---"] * 5),
    ]
    for enforcer in ENFORCERS:
        for suite, columns in sorted(results.items()):
            if enforcer in columns and (enforcer in REAL):
                totals = list(counts(enforcer, columns[enforcer]).values())
                lines.append(row([ENFORCERS[enforcer].title, suite, *totals[:3]]))
    return "\n".join(lines)


def table(columns: Mapping[str, Column]) -> Iterator[str]:
    """Returns the lines of a suite's tables, by expectation and theme."""
    names = [name for name in ENFORCERS if name in columns and name in REAL]
    for expect, title in (
        (KEPT, "Must be kept"),
        (ENDED, "Must be ended"),
        (SHOWN, "Shown, but not judged: nothing on the host shows which is right"),
    ):
        yield f"\n### {title}\n"
        yield row(["", *names])
        yield row(["---"] * (len(names) + 1))
        theme = ""
        for scenario in of(expect):
            if scenario.theme != theme:
                theme = scenario.theme
                yield row([f"*{theme}*", *[""] * len(names)])
            cells = [(name, columns[name].cells.get(scenario.name)) for name in names]
            yield row([scenario.title, *(words(cell, judge=judged(scenario, name)) for name, cell in cells)])


def page(results: Results) -> str:
    """Returns the text of RESULTS.md."""
    lines = [HEAD, summary(results), ""]
    for suite, columns in sorted(results.items()):
        lines.append(f"\n## Debian {suite}\n")
        lines += [
            f"- {ENFORCERS[name].title}: {column.version}, played {column.date} on Linux {column.kernel}"
            + (f"; {ENFORCERS[name].note}" if ENFORCERS[name].note else "")
            for name, column in sorted(columns.items(), key=lambda item: list(ENFORCERS).index(item[0]))
            if name in REAL
        ]
        lines += control(columns)
        lines += table(columns)
        lines += errors(columns)
    lines += ["\n## Notes on single scenarios\n"]
    lines += [f"- *{scenario.title}*: {scenario.why}" for scenario in ALL.values() if scenario.why]
    lines += ["\n## How each enforcer was set up\n", "All of it is in `enforcers.py`.\n"]
    for title, text in (
        ("reaper.yaml", REAPER),
        ("logind.conf", LOGIND),
        *((f"sshd_config on {suite}", text) for suite, text in SSHD.items()),
        ("/etc/profile.d, bash.bashrc, zshrc", TMOUT),
        ("autolog.conf", AUTOLOG),
    ):
        lines += [f"{title}:\n", "".join(f"    {line}\n" for line in text.splitlines())]
    return "\n".join(lines)


def control(columns: Mapping[str, Column]) -> list[str]:
    """Returns the result of the pass without an enforcer, in which all sessions should stay."""
    if "nobody" not in columns:
        return []
    cells = columns["nobody"].cells
    over = [name for name, cell in cells.items() if cell.error or cell.lost or cell.ended is not None]
    kept = f"{len(cells) - len(over)} of {len(cells)} sessions stayed"
    return [f"- nobody (control): {kept}" + "".join(f", not {name}" for name in over)]


def errors(columns: Mapping[str, Column]) -> list[str]:
    found = [
        f"- {name}, {scenario}: {cell.error.splitlines()[0][:300]}"
        for name, column in columns.items()
        for scenario, cell in column.cells.items()
        if cell.error
    ]
    return ["\n### Errors\n", *found] if found else []
