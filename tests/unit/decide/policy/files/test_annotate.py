"""A traced policy as YAML with the place of each value in a comment."""

from __future__ import annotations

import pytest

from reaper.decide.policy.files.annotate import COLUMNS, AnnotatedLine, annotate, lay_out, line_of, place_of
from reaper.decide.policy.files.parse import parse, parse_traced
from reaper.decide.policy.files.problems import Source
from reaper.decide.policy.files.provenance import CEILING, LIMIT, NOTIFY, TERMINAL, Setting, trace


def annotated(*texts: str) -> str:
    sources = [Source(f"/etc/{rank}.yaml", text) for rank, text in enumerate(texts)]
    return annotate(trace(*parse_traced(sources)))


def line(text: str, key: str) -> str:
    return next(each for each in text.split("\n") if each.strip().startswith(f"{key}:"))


def test_comments_stand_in_one_column():
    laid = lay_out([AnnotatedLine("a: 1", ("x",)), AnnotatedLine("rules:"), AnnotatedLine("  b: 2", ("y", "z"))])
    assert laid.split("\n") == [f"{'a: 1':<29}# x", "rules:", f"{'  b: 2':<29}# y z", ""]


def test_a_comment_that_does_not_fit_goes_on_below():
    parts = ("p" * 30, "q" * 30)
    first, second, _ = lay_out([AnnotatedLine("a: 1", parts)]).split("\n")
    assert (first, second) == (f"{'a: 1':<29}# {parts[0]}", f"{'':<29}# {parts[1]}")
    assert len(first) <= COLUMNS


def test_a_comment_after_a_long_value_starts_later_or_goes_below():
    value = "v" * 40
    assert lay_out([AnnotatedLine(value, ("x",))]) == f"{value}  # x\n"
    assert lay_out([AnnotatedLine(value, ("x" * 60,))]) == f"{value}\n{'':<29}# {'x' * 60}\n"


@pytest.mark.parametrize(("path", "line_number", "place"), [("/etc/a", 12, "/etc/a:12"), ("", 0, "built-in")])
def test_places(path, line_number, place):
    assert place_of(Setting("x", path, line_number)) == place


def test_each_value_names_where_it_is_written():
    text = annotated("poll: 7s\n", "environments: {lab: {idle: 21min}}\n")
    assert line(text, "poll").endswith("# /etc/0.yaml:1")
    assert f"{'    idle: 21min':<29}# /etc/1.yaml:1\n" in text
    assert line(text, "environment").endswith("# built-in")


@pytest.mark.parametrize(
    ("changed_by", "words"),
    [
        (CEILING, "ceiling, /etc/c:2; the rule says 2h, /etc/a:9"),
        (LIMIT, "fitted to the limit; the rule says 2h, /etc/a:9"),
        (TERMINAL, "no terminal to warn on; the rule says 2h, /etc/a:9"),
        (NOTIFY, "notify: none cannot lock; the rule says 2h, /etc/a:9"),
    ],
)
def test_a_value_that_was_changed_names_what_it_was_and_why(changed_by, words):
    before = Setting("2h", "/etc/a", 9)
    setting = Setting("1h", "/etc/c", 2, changed_by=changed_by, instead_of=before)
    assert " ".join(line_of("idle", setting, "the rule").comment) == words


def test_what_is_printed_is_the_same_policy():
    text = "environment: restricted\nrules:\n- {name: a, match: {user: [x, y]}, idle: 1h}\nceiling: {idle: 30min}\n"
    again = parse([Source("again", annotated(text))])
    assert again.environment == "restricted"
    assert [rule.name for rule in again.rules] == ["a"]
