"""Policies as YAML."""

from __future__ import annotations

import pytest
import yaml

from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.files.render import describe, flow
from reaper.decide.policy.rules import document


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("standard", "standard"),
        ("15min", "15min"),
        ("1h 30min", "1h 30min"),
        ("/usr/bin/x", '"/usr/bin/x"'),
        ("no", '"no"'),
        ("Null", '"Null"'),
        ("15", '"15"'),
        ("", '""'),
        ("*", '"*"'),
        ("a: b", '"a: b"'),
        ('say "x"', '"say \\"x\\""'),
        ("grüße", '"grüße"'),
        (15, "15"),
        (True, "true"),
        ([], "[]"),
        (["a", "10.0.0.0/8"], '[a, "10.0.0.0/8"]'),
    ],
)
def test_a_value_is_quoted_where_a_reader_of_yaml_could_take_it_for_something_else(value, text):
    assert flow(value) == text
    assert yaml.safe_load(text) == value


def test_the_built_in_policy_is_written_as_a_file():
    text = describe(BUILT_IN)
    assert text.endswith("\n")
    assert yaml.safe_load(text) == document(BUILT_IN)
