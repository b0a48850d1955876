"""The screen of watch, character by character."""

from __future__ import annotations

import pytest

from reaper.ctl.frame import Frame, WatchView, bar_of, frame_of
from reaper.ctl.selection import SessionSelection
from reaper.ctl.style import ASCII, UTF8, Ink, render
from tests.unit.ctl.shown import ANN, BOB, CROWD, answer, session
from tests.unit.simulated import MINUTE, SECOND

SOONEST = SessionSelection(sort=("next",))


def view(reply=CROWD, seconds: float = 0, **fields) -> WatchView:
    return WatchView(reply, round(seconds * SECOND), fields.pop("wanted", SOONEST), **fields)


def text(frame: Frame) -> list[str]:
    return [render(line, is_coloured=False) for line in frame.lines]


def test_a_screen():
    assert text(frame_of(view(seconds=3), 80, 10, ASCII)) == [
        "reaper  5 sessions, 1 warned",
        "SESSION  USER    FROM        TERMIN~     IDLE PHASE  NEXT                 LEFT",
        "15       bob     192.0.2.9   pts/3   14min13s warned ends in 47s          #-----",
        "4711~364 carol~# 2001:~:ffff pts/0    12min3s active would end in 2min57s ##----",
        "12       ann     192.0.2.7   pts/0+1       7s active ends in 14min53s     ######",
        "c3       dave    console     tty1          7s held   held 1h59min more    ",
        "9        erin    192.0.2.7   -             7s active -                    ",
        "",
        "",
        "q quit  s sort: next  r reverse",
    ]


def test_bars_in_a_utf8_locale():
    shown = text(frame_of(view(answer(BOB)), 80, 5, UTF8))[2]
    assert shown == "15      bob  192.0.2.9 pts/3    14min10s warned ends in 50s      \u2588" + "\u2591" * 14


def test_times_count_down_to_zero():
    early, late = (text(frame_of(view(answer(BOB), seconds), 100, 4, UTF8))[2] for seconds in (49, 51))
    assert " ends in 1s " in early
    assert " ends now " in late
    assert "\u2588" in early
    assert "\u2588" not in late


def test_columns_do_not_move_while_time_passes():
    titles = {text(frame_of(view(answer(ANN, BOB), seconds), 90, 5, UTF8))[1] for seconds in range(0, 800, 7)}
    assert len(titles) == 1


def test_notes_and_notices_are_at_the_top():
    shown = text(
        frame_of(view(answer(BOB, brake_usec=5 * SECOND, policy=""), 1, notice="reaperd is away"), 80, 8, UTF8)
    )
    assert shown[:4] == [
        "reaper  1 session, 1 warned",
        "reaperd is away",
        "No policy is in force: nothing happens to any session.",
        "The brake is on: too many sessions would end at once. None ends for 4s.",
    ]


def test_screen_before_the_first_answer():
    assert text(frame_of(view(None), 80, 24, UTF8)) == ["Waiting for reaperd."]
    assert text(frame_of(view(None, notice="reaperd is away"), 9, 24, UTF8)) == ["reaperd i"]


def test_sessions_are_filtered_and_sorted():
    shown = text(
        frame_of(view(wanted=SessionSelection(user=("ann", "bob"), sort=("user",), is_reversed=True)), 80, 8, UTF8)
    )
    assert shown[0] == "reaper  2 of 5 sessions, 1 warned"
    assert [line.split()[1] for line in shown[2:4]] == ["bob", "ann"]
    assert shown[-1] == "q quit  s sort: user, reversed  r reverse"


MANY = answer(*(session(str(number), f"u{number}") for number in range(30)))
BY_NAME = SessionSelection(sort=("session",))


@pytest.mark.parametrize(("top", "first"), [(0, 0), (5, 5), (22, 22), (23, 23), (24, 23), (10**9, 23)])
def test_sessions_scroll(top, first):
    frame = frame_of(view(MANY, top=top, wanted=BY_NAME), 80, 10, UTF8)
    shown = text(frame)
    assert frame.top == first
    assert [line.split()[0] for line in shown[2:9]] == [str(first + index) for index in range(7)]
    assert shown[-1].endswith(f"scroll: {first} above, {23 - first} below")


def test_short_list_does_not_scroll():
    assert frame_of(view(top=7), 80, 24, UTF8).top == 0


@pytest.mark.parametrize("height", range(1, 6))
def test_screen_with_few_lines(height):
    assert len(frame_of(view(), 80, height, UTF8).lines) <= height


@pytest.mark.parametrize(
    ("left", "limit", "bar"),
    [(900, 900, "#####"), (899, 900, "#####"), (450, 900, "###--"), (1, 900, "#----"), (0, 900, "-----"),
     (2000, 900, "#####"), (None, 900, ""), (5, None, ""), (5, 0, "")],
)  # fmt: skip
def test_bar_shows_the_time_left(left, limit, bar):
    assert bar_of({**ANN, "left_usec": left, "limit_usec": limit}, 5, ASCII) == bar


def test_held_session_has_no_bar():
    assert bar_of({**ANN, "hold": {"left_usec": MINUTE, "by": "root", "why": ""}}, 5, ASCII) == ""


def test_next_is_in_colour():
    line = frame_of(view(answer(BOB)), 80, 5, UTF8).lines[2]
    assert {span.ink for span in line if span.text.strip()} == {Ink.PLAIN, Ink.YELLOW}
