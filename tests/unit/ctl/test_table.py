"""The table of sessions as text."""

from __future__ import annotations

import pytest

from reaper.ctl import table
from reaper.ctl.style import ASCII, UTF8, Glyphs, render
from reaper.ctl.table import next_of, notes_of, short
from tests.unit.ctl.shown import ANN, BOB, CAROL, CROWD, HOSTILE, answer, session
from tests.unit.simulated import MINUTE, SECOND


def lines(sessions, width: int | None, glyphs: Glyphs = UTF8) -> list[str]:
    rows = [table.cells_of(each, glyphs) for each in sessions]
    fitted = table.fit(rows, table.USUAL, table.MORE, width)
    shown = [render(table.line(row, fitted, glyphs, width), is_coloured=False) for row in rows]
    return [table.header(fitted, glyphs), *shown]


def test_eighty_columns():
    assert lines(CROWD["sessions"], 80) == [
        "SESSION     USER          FROM         TERMIN\u2026     IDLE PHASE  NEXT",
        "12          ann           192.0.2.7    pts/0+1       4s active ends in 14min56s",
        "15          bob           192.0.2.9    pts/3   14min10s warned ends in 50s",
        "4711.287364 carol-of-th\u2026# 2001:d\u2026:ffff pts/0      12min active would end in 3min",
        "c3          dave          console      tty1          4s held   held 2h more",
        "9           erin          192.0.2.7    -             4s active -",
    ]


def test_a_wide_terminal_has_more():
    titles, *shown = lines([ANN], 150)
    assert titles.split()[:7] == ["SESSION", "USER", "FROM", "TERMINAL", "IDLE", "PHASE", "NEXT"]
    assert titles.split()[7:] == ["RULE", "OPENED", "EVIDENCE", "SERVICE", "ORIGIN"]
    assert shown[0].split()[-5:] == ["environment:standard", "1h35min", "input", "sshd", "ssh"]


def test_who_holds_is_shown_where_there_is_room():
    assert "root: migration" in "".join(lines(CROWD["sessions"], 200))


def test_no_terminal_cuts_nothing():
    whole = "\n".join(lines(CROWD["sessions"], None))
    assert "carol-of-the-long-name#" in whole
    assert CAROL["remote"] in whole
    assert "RULE" not in whole


@pytest.mark.parametrize("width", range(1, 200))
def test_no_line_is_too_wide(width):
    assert max(len(each) for each in lines(CROWD["sessions"], width)[1:]) <= width


def test_what_comes_next_is_the_last_to_go():
    assert lines([BOB], 20)[1] == "bob  ends in 50s"


def test_the_mark_of_root_and_the_count_of_terminals_stay():
    (_, shown) = lines([{**CAROL, "terminals": ["pts/1234567", "pts/2"]}], 70)
    assert "\u2026#" in shown
    assert "+1 " in shown


def test_hostile_text_is_escaped():
    odd = session(HOSTILE, HOSTILE, remote=HOSTILE, terminals=[HOSTILE], rule=HOSTILE, phase=HOSTILE, evidence=HOSTILE,
                  service=HOSTILE, origin=HOSTILE, hold={"left_usec": 1, "by": HOSTILE, "why": HOSTILE})  # fmt: skip
    for glyphs in (UTF8, ASCII):
        for each in lines([odd], 1000, glyphs):
            assert each.isprintable()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "ends in 14min56s"),
        ({"action": "observe"}, "would end in 14min56s"),
        ({"left_usec": 15 * MINUTE + 8 * SECOND}, "ends in 15min"),
        ({"left_usec": 240 * MINUTE, "phase": "deferred"}, "ends within 4h"),
        ({"action": "observe", "left_usec": 0}, "would end now"),
        ({"action": "observe", "phase": "deferred"}, "would end within 14min56s"),
        ({"action": "lock"}, "locks in 14min56s"),
        ({"action": "lock", "left_usec": 0}, "locks now"),
        ({"action": "lock", "reason": "max"}, "ends in 14min56s"),
        ({"action": "lock", "reason": "lock", "phase": "locked"}, "ends in 14min56s"),
        ({"action": "lock", "phase": "locked", "left_usec": None}, "-"),
        ({"phase": "deferred"}, "ends within 14min56s"),
        ({"left_usec": 0}, "ends now"),
        ({"left_usec": None}, "-"),
        ({"left_usec": None, "phase": "ending"}, "is being ended"),
        ({"left_usec": None, "phase": "observed"}, "would have ended"),
        ({"phase": "held", "hold": {"left_usec": 90 * MINUTE, "by": "root", "why": ""}}, "held 1h30min more"),
        ({"phase": "held", "hold": {"left_usec": None, "by": "root", "why": ""}}, "held"),
        ({"hold": None}, "ends in 14min56s"),
    ],
)
def test_next_in_words(fields, text):
    assert next_of({**ANN, **fields}) == text


@pytest.mark.parametrize(
    ("usec", "text"), [(0, "0s"), (89 * SECOND, "1min29s"), (3600 * SECOND, "1h"), (3725 * SECOND, "1h2min")]
)
def test_times_have_their_two_largest_units(usec, text):
    assert short(usec) == text


def test_notes_about_policy_and_brake():
    assert notes_of(answer()) == []
    assert notes_of(answer(policy="")) == ["No policy is in force: nothing happens to any session."]
    (brake,) = notes_of(answer(brake_usec=45 * SECOND))
    assert brake == "The brake is on: too many sessions would end at once. None ends for 45s."
