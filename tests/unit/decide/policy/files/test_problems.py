"""Mistakes in policy files, as people read them."""

from __future__ import annotations

import pytest

from reaper.decide.policy.files.problems import PolicyError, Problem

FIRST = Problem("a.yaml", 3, 7, "'x' is not known here", "did you mean y?")


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (FIRST, "a.yaml:3:7: 'x' is not known here (did you mean y?)"),
        (Problem("a.yaml", 3, 7, "nested too deeply"), "a.yaml:3:7: nested too deeply"),
        (Problem("a.yaml", 0, 0, "it cannot be read", "look"), "a.yaml: it cannot be read (look)"),
    ],
)
def test_a_problem_says_where_it_is_and_what_to_do(problem, text):
    assert str(problem) == text


@pytest.mark.parametrize(("count", "more"), [(1, ""), (2, ", and 1 more mistake"), (3, ", and 2 more mistakes")])
def test_an_error_tells_the_first_mistake_and_how_many_more_there_are(count, more):
    error = PolicyError([FIRST] * count)
    assert error.problem == "policy-invalid"
    assert error.message == f"{FIRST}{more}"
    assert error.problems == (FIRST,) * count


def test_an_error_as_text_has_a_mistake_a_line():
    assert str(PolicyError([FIRST, FIRST])).split("\n") == [str(FIRST)] * 2
