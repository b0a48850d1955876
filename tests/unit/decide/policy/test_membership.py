"""A user's groups: numbers for certain, names as far as they are known."""

from __future__ import annotations

from reaper.decide.policy import membership

OPS, USERS, NAMELESS = (27, "ops"), (100, "users"), (6001, "")


def test_a_name_takes_the_place_of_none():
    assert membership.make([(27, ""), USERS, OPS]) == (OPS, USERS)
    assert membership.make([NAMELESS, USERS]) == (USERS, NAMELESS)
    assert membership.make([]) == ()


def test_equal_ones_are_one_object():
    """A thousand sessions are of few users."""
    assert membership.make([OPS, USERS]) is membership.make(iter([USERS, OPS]))


def test_rules_match_on_names_and_on_the_number_of_a_group_without():
    assert membership.names_of((OPS, NAMELESS)) == {"ops", "6001"}
    assert membership.unnamed((OPS, NAMELESS)) == {6001}


def test_names_that_are_told_later():
    before = membership.make([OPS, NAMELESS])
    assert membership.with_names(before, {"dev": 6001, "other": 5}, {}) == (OPS, (6001, "dev"))
    assert membership.with_names(before, {}, {6001: "dev", 5: "other"}) == (OPS, (6001, "dev"))
    assert membership.with_names(before, {"other": 5}, {5: "x"}) is before
    assert membership.with_names(before, {"ops": 27}, {27: "operators"}) is before


def test_a_number_can_have_a_second_name():
    """getgrgid(3) tells the first of two groups with one number, and a rule may name the second."""
    assert membership.with_names((OPS,), {"operators": 27}, {}) == ((27, "operators"), OPS)
