"""The files of a lock: orders and states as text, both ways, and names that they can have."""

from __future__ import annotations

import json

import pytest

from reaper.decide.policy.match import Origin
from reaper.decide.session.lock_protocol import (
    OVER,
    LockOrder,
    LockState,
    Stage,
    decode_order,
    decode_state,
    encode_order,
    encode_state,
    is_name,
    is_scope,
    is_standing,
)
from reaper.decide.session.model import ProcessId, SessionKey
from reaper.errors import ReaperError
from tests.unit.fakes import make_session

ORDER = LockOrder(
    make_session(100, login="Alice", origin=Origin.SERIAL, remote="a\x1bb\udc80"),
    "Locked after 1min.",
    {"rule": "lab", "idle_usec": "60000000"},
    5,
    None,
)
STATE = LockState(Stage.REFUSED, 5, 3, "too often", ProcessId(7, 8))


@pytest.mark.parametrize("until_usec", [None, 9])
def test_an_order_is_read_back_as_it_was(until_usec):
    order = LockOrder(ORDER.session, ORDER.heading, ORDER.fields, ORDER.locked_usec, until_usec)
    text = encode_order(order)
    assert decode_order(text) == order
    assert text.count("\n") == 1
    assert text.isascii()


@pytest.mark.parametrize("stage", list(Stage))
def test_a_state_is_read_back_with_what_the_keeper_adds(stage):
    state = STATE.__class__(stage, 5, 3, "too often", ProcessId(7, 8))
    found, document = decode_state(encode_state(state, lines=[{"name": "pts/1"}]))
    assert found == state
    assert document["lines"] == [{"name": "pts/1"}]


def test_what_the_keeper_adds_takes_the_place_of_nothing():
    found, _ = decode_state(encode_state(STATE, stage="unlocked", version=99))
    assert found == STATE


def test_an_order_of_0_1_0_names_no_login():
    document = json.loads(encode_order(ORDER))
    del document["login"]
    assert decode_order(json.dumps(document)).session.login == ""


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '"x"', "{}", "[" * 5000, '{"version": 1}'])
def test_text_that_is_no_document_is_refused(text):
    for decode, problem in ((decode_order, "lock-order"), (decode_state, "lock-state")):
        with pytest.raises(ReaperError) as caught:
            decode(text)
        assert caught.value.problem == problem


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", 2), ("version", None), ("leader", [1]), ("leader", [1, 2, 3]), ("leader", [1, "2"]), ("uid", True),
     ("uid", 1.0), ("user", None), ("origin", "moon"), ("fields", [1]), ("fields", {"a": 1}), ("locked_usec", "5"),
     ("until_usec", "x"), ("heading", 5)],
)  # fmt: skip
def test_a_broken_order_is_refused(field, value):
    document = json.loads(encode_order(ORDER))
    with pytest.raises(ReaperError, match="the order of a lock is broken"):
        decode_order(json.dumps({**document, field: value}))
    del document[field]
    with pytest.raises(ReaperError, match="the order of a lock is broken"):
        decode_order(json.dumps(document))


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", 2), ("stage", "open"), ("since_usec", None), ("failures", "3"), ("why", 1), ("keeper", [1])],
)
def test_a_broken_state_is_refused(field, value):
    document = json.loads(encode_state(STATE))
    with pytest.raises(ReaperError, match="the state of a lock is broken"):
        decode_state(json.dumps({**document, field: value}))


@pytest.mark.parametrize("stage", list(Stage))
def test_a_lock_stands_until_it_is_over(stage):
    state = LockState(stage, 5, 0, "", ProcessId(7, 8))
    assert is_standing(ORDER, state, ORDER.session.key) is (stage not in OVER)
    assert not is_standing(ORDER, state, SessionKey(100, 1)), "another session had its name"
    assert is_standing(ORDER, None, ORDER.session.key), "its keeper has said nothing yet"


@pytest.mark.parametrize("name", ["1", "c3", "4711.287364", "a" * 32])
def test_names_of_sessions(name):
    assert is_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a" * 33, "1.", ".1", "1.2.3", "1\n", "a b", "ä", "٣", "-x"])
def test_what_can_be_no_file_name_or_instance_of_a_unit(name):
    assert not is_name(name)


@pytest.mark.parametrize(
    ("group", "is_one"),
    [
        ("/user.slice/user-1000.slice/session-3.scope", True),
        ("/user.slice/user-1000.slice/session-c3.scope", True),
        ("/user.slice/session-3.scope", True),
        ("/system.slice/session-3.scope", False),
        ("/user.slice/user-1000.slice/session-3.scope/x", False),
        ("/user.slice/user-1000.slice/user@1000.service", False),
        ("/user.slice/../system.slice/session-3.scope", False),
        ("/user.slice/user-1000.slice/session-.scope", False),
        ("user.slice/user-1000.slice/session-3.scope", False),
        ("/user.slice//session-3.scope", False),
        ("/user.slice/session-3.scope\n", False),
        ("/", False),
        ("", False),
    ],
)
def test_only_scopes_of_sessions_are_frozen(group, is_one):
    assert is_scope(group) is is_one
