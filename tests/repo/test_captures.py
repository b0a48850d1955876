"""The screens of reaperctl in the README are there, as `make captures` lays them out, and can be read at a glance."""

from __future__ import annotations

import re

from reaper.ctl.style import width_of
from tests.host.captures import BEGIN, COLUMNS, END, KEYS, PROMPT, captures_of, replaced, section

from .tree import read

MOST_README_LINES = 200
MOST_LINES = 60
INDENT = "    "


def blocks() -> list[list[str]]:
    """The screens between the marks, each as its lines."""
    made = read("README.md").partition(BEGIN)[2].partition(END)[0]
    found = re.findall(rf"(?:^{INDENT}.*\n|^\n(?={INDENT}))+", made, re.MULTILINE)
    return [[line[len(INDENT) :] for line in block.strip("\n").split("\n")] for block in found]


def test_the_readme_has_every_screen():
    firsts = [lines[0] for lines in blocks()]
    (session,) = (first.split()[-1] for first in firsts if " explain " in first)
    typed = [f"{PROMPT}{each.command}" for each in captures_of(session)]
    assert [first if first.startswith(PROMPT) else "" for first in firsts] == [
        "" if KEYS in each.shows else line for each, line in zip(captures_of(session), typed)
    ]


def test_each_shows_what_it_is_there_for():
    for each, lines in zip(captures_of("any"), blocks()):
        assert [word for word in each.shows if word not in "\n".join(lines)] == [], each.command
        assert each.caption in read("README.md")


def test_they_fit():
    lines = [line for block in blocks() for line in block]
    assert max(map(width_of, lines)) <= COLUMNS
    assert read("README.md").partition(BEGIN)[2].partition(END)[0].count("\n") <= MOST_LINES
    assert read("README.md").count("\n") < MOST_README_LINES


def test_make_captures_puts_back_what_is_there():
    """What is between the marks is what the program makes of its screens, and the rest of the README stays."""
    readme = read("README.md")
    shown = list(zip((each.caption for each in captures_of("any")), blocks()))
    assert replaced(readme, section(shown)) == readme


def test_the_target_is_known():
    assert re.search(r"^captures: ## ", read("Makefile"), re.MULTILINE)
    assert "-m tests.host.captures\n" in read("Makefile")
    assert "`make captures`" in read("CONTRIBUTING.md")
