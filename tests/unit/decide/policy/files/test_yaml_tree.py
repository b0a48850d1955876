"""YAML text as a tree whose nodes know their place."""

from __future__ import annotations

import sys

import pytest

from reaper.decide.policy.files.problems import PolicyError, Source
from reaper.decide.policy.files.yaml_tree import DEEPEST, ListNode, MappingNode, Place, ScalarNode, kind, read_tree


def tree(text: str):
    return read_tree(Source("a", text))


def test_every_node_knows_its_place():
    found = tree("top:\n  - one\n  - {key: two}\n")
    assert isinstance(found, MappingNode)
    ((key, items),) = found.entries
    assert (key, items.place) == (ScalarNode("top", Place("a", 1, 1)), Place("a", 2, 3))
    assert isinstance(items, ListNode)
    one, pair = items.items
    assert one == ScalarNode("one", Place("a", 2, 5))
    assert isinstance(pair, MappingNode)
    assert pair.entries == [(ScalarNode("key", Place("a", 3, 6)), ScalarNode("two", Place("a", 3, 11)))]


@pytest.mark.parametrize("text", ["no", "15:00", "0x10", "1.5", "2027-01-01", "true"])
def test_scalars_stay_the_text_that_was_written(text):
    found = tree(f"key: {text}")
    assert isinstance(found, MappingNode)
    assert found.entries[0][1] == ScalarNode(text, Place("a", 1, 6))


@pytest.mark.parametrize(("text", "value"), [("", None), ("~", None), ("null", None), ('""', ""), ("'~'", "~")])
def test_a_value_left_out_is_none_and_an_empty_one_is_not(text, value):
    found = tree(f"key: {text}")
    assert isinstance(found, MappingNode)
    node = found.entries[0][1]
    assert isinstance(node, ScalarNode)
    assert node.text == value


@pytest.mark.parametrize("text", ["", "# all comments\n\n  # more\n", "---\n", "~\n"])
def test_a_file_that_says_nothing_is_none(text):
    assert tree(text) is None


def test_a_file_that_is_all_comments_loads_no_yaml(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert tree("# idle: 15min\n") is None
    with pytest.raises(ImportError):
        tree("idle: 15min\n")


def test_a_key_that_is_there_twice_is_still_there_twice():
    found = tree("a: 1\na: 2\n")
    assert isinstance(found, MappingNode)
    assert [key.text for key, _ in found.entries] == ["a", "a"]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: &x 1\nb: *x", (1, 4), "is an anchor"),
        ("a: *x", (1, 4), "is an alias"),
        ("a: *", (1, 5), "starts with *"),
        ("a: !!python/object:os.system x", (1, 4), "is a tag"),
        ("a: 1\n---\nb: 2", (2, 1), "second document"),
        ("[a]: 1", (1, 1), "a key is a list"),
        ("~: 1", (1, 1), "a key is empty"),
        ("a:\n\tb: 1", (2, 1), "a tab indents"),
        ("a: 'b", (1, 6), "not YAML"),
        ("a: \x07", (1, 4), "U+0007"),
        ('a: "\\UFFFFFFFF"', (1, 7), "out of range"),
        ("[" * (DEEPEST + 1), (1, DEEPEST + 1), "nested too deeply"),
    ],
)
def test_what_a_policy_has_no_use_for_is_refused_with_its_place(text, place, message):
    with pytest.raises(PolicyError) as caught:
        tree(text)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.line, problem.column) == place
    assert problem.hint


def test_the_deepest_nesting_is_read():
    assert isinstance(tree("[" * DEEPEST + "]" * DEEPEST), ListNode)


def test_kinds_of_nodes_in_words():
    here = Place("a", 1, 1)
    nodes = [ScalarNode("x\x1b", here), ScalarNode(None, here), ListNode([], here), MappingNode([], here)]
    assert [kind(node) for node in nodes] == ["'x\\x1b'", "empty", "a list", "a mapping"]
