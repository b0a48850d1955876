"""The tables of keys: each fills a field that there is, once."""

from __future__ import annotations

from dataclasses import fields

import pytest

from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.files import keys
from reaper.decide.policy.limits import Limits
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Brake, Policy


@pytest.mark.parametrize(
    ("table", "filled"), [(keys.LIMITS, Limits), (keys.MATCH, Match), (keys.CEILING, Ceiling), (keys.BRAKE, Brake)]
)
def test_a_table_fills_every_field_once(table, filled):
    assert sorted(field for field, _ in table.values()) == sorted(field.name for field in fields(filled))


def test_the_keys_of_a_policy_and_its_sections_fill_all_but_its_sources():
    filled = {field for field, _ in keys.TOP.values()} | set(keys.SECTIONS)
    assert filled == {field.name for field in fields(Policy)} - {"sources"}


@pytest.mark.parametrize("table", [keys.TOP, keys.LIMITS, keys.MATCH, keys.CEILING, keys.BRAKE])
def test_every_value_is_a_function_of_a_node(table):
    assert all(callable(value) for _, value in table.values())
