"""The text of a warning in a policy: each mistake in it with its exact message, and how it is filled in."""

from __future__ import annotations

import pytest

from reaper.decide.policy.files.parse import parse
from reaper.decide.policy.files.problems import PolicyError, Source
from reaper.decide.policy.template import MOST_BYTES, PLACEHOLDERS, Slot, Template, TemplateError, parse_template


def rule(line):
    return f"rules:\n- {{name: a, {line}}}"


UNPRINTABLE = "remove it; for several lines, use a | block"
WHEN = 'use {left} or {deadline} in it; "" is the built-in text'
QUOTES = "put a text with braces into quotes"
NAMES = "known: {deadline}, {hold}, {host}, {key}, {left}, {limit}, {reason}, {session}, {stay}, {user}, {what}"
NOT_BLOCK = "not YAML: while parsing a block mapping, expected <block end>, but found '<scalar>'"
NOT_FLOW = "not YAML: while parsing a flow mapping, expected ',' or '}', but got '{'"

MESSAGES = [
    (rule("message: "), "2:21: the value is missing", 'write "" for the built-in text'),
    (rule("message: [a, b]"), "2:22: expected a text, not a list", QUOTES),
    (rule("message: {left}"), "2:22: expected a text, not a mapping", QUOTES),
    (rule("message: ends in {left}"), f"2:30: {NOT_FLOW}", QUOTES),
    ("rules:\n- name: a\n  message: {left} to go", f"3:19: {NOT_BLOCK}", QUOTES),
    (rule(r'message: "{left}\e[2J"'), "2:22: '{left}\\x1b[2J' has a character that does not print", UNPRINTABLE),
    (rule(r'message: "{left}\ta"'), "2:22: '{left}\\ta' has a character that does not print", UNPRINTABLE),
    (rule(r'message: "{left}\r\na"'), "2:22: '{left}\\r' has a character that does not print", UNPRINTABLE),
    (rule(r'message: "{left}\ud800"'), "2:22: '{left}\\ud800' has a character that does not print", UNPRINTABLE),
    (rule(r'message: "{left}\u202e"'), "2:22: '{left}\\u202e' has a character that does not print", UNPRINTABLE),
    (rule(f"message: {'x' * 401}"), "2:22: the message has 401 characters", "400 at most"),
    (rule(r'message: "{left}\n1\n2\n3\n4\n5"'), "2:22: the message has 6 lines", "5 at most"),
    (rule(r'message: "{left} {lefft}"'), "2:22: '{lefft}' is not a placeholder", "did you mean {left}?"),
    (rule(r'message: "{LEFT}"'), "2:22: '{LEFT}' is not a placeholder", "did you mean {left}?"),
    (rule(r'message: "{left} {}"'), "2:22: '{}' is not a placeholder", NAMES),
    (rule(r'message: "{left} {0}"'), "2:22: '{0}' is not a placeholder", NAMES),
    (rule(r'message: "{__class__}"'), "2:22: '{__class__}' is not a placeholder", NAMES),
    (rule(r'message: "{left!r}"'), "2:22: '{left!r}' is more than the name of a placeholder", "write {left}"),
    (rule(r'message: "{left:>9}"'), "2:22: '{left:>9}' is more than the name of a placeholder", "write {left}"),
    (rule(r'message: "{host.x}"'), "2:22: '{host.x}' is more than the name of a placeholder", "write {host}"),
    (rule(r'message: "{host[0]}"'), "2:22: '{host[0]}' is more than the name of a placeholder", "write {host}"),
    (rule(r'message: "{ left }"'), "2:22: '{ left }' is more than the name of a placeholder", "write {left}"),
    (rule(r'message: "{left} {"'), "2:22: a { without a closing }, in '{left} {'", "write {{ for the brace itself"),
    (rule(r'message: "1 {left"'), "2:22: a { without a closing }, in '1 {left'", "write {{ for the brace itself"),
    (rule(r'message: "{left}}"'), "2:22: a } without an opening {, in '{left}}'", "write }} for the brace itself"),
    (rule("message: Good bye."), "2:22: the message 'Good bye.' does not say when the session ends", WHEN),
    (rule('message: "{{left}}"'), "2:22: the message '{{left}}' does not say when the session ends", WHEN),
    (
        rule(f'message: "{"{left}{host}{user}" * 22}"'),
        "2:22: the message can have 6720 bytes with its values",
        "4095 at most: use fewer placeholders",
    ),
]


@pytest.mark.parametrize(("text", "message", "remedy"), MESSAGES)
def test_one_mistake(text, message, remedy):
    with pytest.raises(PolicyError) as caught:
        parse([Source("x", text)])
    assert str(caught.value) == f"x:{message} ({remedy})"


def test_all_mistakes_are_reported():
    with pytest.raises(TemplateError) as caught:
        parse_template("{a}\t{\n}\n{b!r}")
    assert [what for what, _ in caught.value.faults] == [
        "'{a}\\t{' has a character that does not print",
        "'{a}' is not a placeholder",
        "a { without a closing }, in '{a}\\t{'",
        "a } without an opening {, in '}'",
        "'{b!r}' is not a placeholder",
    ]


def test_text_is_split_into_words_and_placeholders():
    assert parse_template("").parts == ()
    assert parse_template("{{left}} {{{left}}} }}{{").parts == ("{left} {", Slot("left"), "} }{")
    assert parse_template("{left}{left}").parts == (Slot("left"), Slot("left"))
    assert str(parse_template("{{a}} in {left}\n")) == "{{a}} in {left}"


VALUES = {name: name.upper() for name in PLACEHOLDERS}


def test_placeholders_are_filled_in():
    template = parse_template("{user}, {{1}}: {left} {hold}\n{stay}")
    assert template.fill(VALUES) == ["USER, {1}: LEFT HOLD", "STAY"]


def test_empty_placeholder_leaves_neither_a_line_nor_a_space():
    template = parse_template("{left} {hold}\n  {hold}\n\n{stay}")
    assert template.fill({**VALUES, "hold": ""}) == ["LEFT", "STAY"]


def test_values_with_braces_are_not_filled_in_again():
    assert parse_template("{user} {left}").fill({**VALUES, "user": "{left}{"}) == ["{left}{ LEFT"]


@pytest.mark.parametrize("name", ["x" * 300, "\u540d" * 100, "\U0001f480" * 100])
def test_name_that_is_too_long_is_cut(name):
    (line,) = parse_template("{user}{left}").fill({**VALUES, "user": name, "left": ""})
    assert line.endswith("...")
    assert name.startswith(line[:-3])
    assert PLACEHOLDERS["user"] - 4 < len(line.encode()) <= PLACEHOLDERS["user"]


def test_built_in_text_is_no_text():
    assert parse_template("\n\n") == Template()
    assert Template().most_bytes < MOST_BYTES
