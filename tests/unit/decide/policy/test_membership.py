"""A user's groups: their numbers, and their names as far as they are known."""

from __future__ import annotations

from reaper.decide.policy import membership

OPS, USERS, NAMELESS = (27, "ops"), (100, "users"), (6001, "")


def test_name_replaces_an_unknown_one():
    assert membership.make([(27, ""), USERS, OPS]) == (OPS, USERS)
    assert membership.make([NAMELESS, USERS]) == (USERS, NAMELESS)
    assert membership.make([]) == ()


def test_equal_memberships_are_one_object():
    """A thousand sessions belong to few users."""
    assert membership.make([OPS, USERS]) is membership.make(iter([USERS, OPS]))


def test_rules_match_on_names_and_on_numbers_without_a_name():
    assert membership.names_of((OPS, NAMELESS)) == {"ops", "6001"}
    assert membership.unnamed((OPS, NAMELESS)) == {6001}


def test_names_that_are_found_later_are_added():
    before = membership.make([OPS, NAMELESS])
    assert membership.with_names(before, {"dev": 6001, "other": 5}, {}) == (OPS, (6001, "dev"))
    assert membership.with_names(before, {}, {6001: "dev", 5: "other"}) == (OPS, (6001, "dev"))
    assert membership.with_names(before, {"other": 5}, {5: "x"}) is before
    assert membership.with_names(before, {"ops": 27}, {27: "operators"}) is before


def test_number_can_have_a_second_name():
    """getgrgid(3) gives the first of two groups with one number, and a rule can name the second."""
    assert membership.with_names((OPS,), {"operators": 27}, {}) == ((27, "operators"), OPS)
