"""A session as plain JSON, and back."""

from __future__ import annotations

import json

import pytest

from reaper.decide.policy.match import Origin
from reaper.decide.session import codec
from tests.unit.fakes import make_session


@pytest.mark.parametrize("origin", Origin)
def test_session_comes_back_as_it_was(origin):
    session = make_session(100, origin=origin, login="ALICE", tty="pts/1", remote="192.0.2.7\x00")
    assert codec.decode_session(json.loads(json.dumps(codec.encode_session(session)))) == session


def test_session_of_0_1_0_has_no_login_name():
    value = codec.encode_session(make_session(100, login="ALICE"))
    del value["login"]
    assert codec.decode_session(value).login == ""


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("uid", "0"),
        ("uid", True),
        ("uid", None),
        ("user", 7),
        ("origin", "moon"),
        ("leader", [1]),
        ("leader", ["1", 2]),
    ],
)
def test_field_of_another_type_is_refused(field, wrong):
    value = {**codec.encode_session(make_session(100)), field: wrong}
    with pytest.raises((TypeError, ValueError)):
        codec.decode_session(value)


def test_field_that_is_missing_is_refused():
    value = codec.encode_session(make_session(100))
    for field in value.keys() - {"login"}:
        with pytest.raises(KeyError):
            codec.decode_session({name: each for name, each in value.items() if name != field})
