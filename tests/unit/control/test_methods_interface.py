"""io.reaper.varlink says what the daemon really replies: every field, type and word of an enum, in both directions."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from reaper.control import methods
from reaper.control.methods import CallError, Peer, describe_interface, reply_to
from reaper.decide.output import session_view
from reaper.decide.policy.limits import Action
from reaper.decide.policy.match import Match, Origin
from reaper.decide.policy.rules import Rule
from reaper.decide.session import observation, operations, policy_change, tracked_session
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Order
from reaper.decide.session.state import Phase, Reason
from reaper.decide.session.tracked_session import TrackedSession
from tests.unit.fakes import FakeHost, make_limits, make_policy
from tests.unit.simulated import MINUTE, SECOND

# A small reader of the varlink interface definition language (https://varlink.org/Interface-Definition).

TOKEN = re.compile(r"\s+|#[^\n]*|(?P<token>\[\]|->|[A-Za-z_][A-Za-z0-9_.]*|[():,?])")


class Interface(NamedTuple):
    name: str
    types: dict[str, Any]
    methods: dict[str, tuple[Any, Any]]
    errors: dict[str, Any]


class Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            assert match, f"cannot read {text[at : at + 20]!r}"
            if match["token"]:
                self.tokens.append(match["token"])
            at = match.end()

    def take(self, expected: str = "") -> str:
        token = self.tokens.pop(0)
        assert not expected or token == expected, f"{token!r} where {expected!r} should be"
        return token

    def read(self) -> Interface:
        self.take("interface")
        found = Interface(self.take(), {}, {}, {})
        while self.tokens:
            kind, name = self.take(), self.take()
            if kind == "type":
                found.types[name] = self.read_struct()
            elif kind == "error":
                found.errors[name] = self.read_struct()
            else:
                assert kind == "method"
                parameters = self.read_struct()
                self.take("->")
                found.methods[name] = parameters, self.read_struct()
        return found

    def read_struct(self) -> Any:
        """Returns a struct as a dict of types, or an enum as a set of words."""
        self.take("(")
        fields: dict[str, Any] = {}
        while self.tokens[0] != ")":
            name = self.take()
            if self.tokens[0] == ":":
                self.take(":")
                fields[name] = self.read_type()
            else:
                fields[name] = None
            if self.tokens[0] != ")":
                self.take(",")
        self.take(")")
        return set(fields) if fields and None in fields.values() else fields

    def read_type(self) -> Any:
        if self.tokens[0] in ("?", "[]"):
            return self.take(), self.read_type()
        return self.read_struct() if self.tokens[0] == "(" else self.take()


INTERFACE = Reader(describe_interface()).read()
PLAIN = {"string": str, "int": int, "bool": bool, "float": float}


def conforms(value: Any, wanted: Any, where: str) -> None:
    """Checks that a value is of a type: no field is missing, and none is too many."""
    if isinstance(wanted, tuple):
        modifier, inner = wanted
        if modifier == "?":
            assert value is None or conforms(value, inner, where) is None
            return
        assert isinstance(value, list), where
        for each in value:
            conforms(each, inner, f"{where}[]")
    elif isinstance(wanted, set):
        assert value in wanted, f"{where}: {value!r} is not one of {wanted}"
    elif isinstance(wanted, dict):
        assert isinstance(value, dict), where
        assert value.keys() == wanted.keys(), where
        for name, inner in wanted.items():
            conforms(value[name], inner, f"{where}.{name}")
    elif wanted in PLAIN:
        assert type(value) is PLAIN[wanted], f"{where}: {value!r} is no {wanted}"
    else:
        conforms(value, INTERFACE.types[wanted], where)


# Sessions of every kind.

NOW = 1000 * SECOND
HOLD = Hold(NOW, NOW + 60 * MINUTE, 1000, "alice", "a build")
JOBS = Rule("jobs", Match(user=("nobody-else",)), make_limits(), ())


def make(origin: Origin, limits, seconds: int, terminals: int = 1, **life: object) -> tuple[TrackedSession, int]:
    host = FakeHost()
    names = [f"pts/{number}" for number in range(terminals)]
    login = host.login(100, *names, origin=origin)
    found = observation.start_tracking(login.session, host.read_terminals(names), host.clock(), is_new=True)
    if limits is not None:
        found = policy_change.apply_policy(found, make_policy(limits, rules=(JOBS,)), frozenset(), NOW).tracked
    found = replace(found, life=replace(found.life, **life))  # type: ignore[arg-type]
    return tracked_session.scheduled(found), NOW + seconds * SECOND


def every_session() -> list[tuple[TrackedSession, int]]:
    found = [make(origin, make_limits(), 0) for origin in Origin]
    found += [make(Origin.SSH, make_limits(action=action), 0, phase=phase) for action in Action for phase in Phase]
    found += [
        make(Origin.SSH, None, 0),
        (tracked_session.elevate(make(Origin.SSH, make_limits(), 0)[0], is_marked=True), NOW),
        make(Origin.SSH, make_limits(), 0, terminals=0),
        make(Origin.SSH, make_limits(idle_usec=None), 0),
        make(Origin.SSH, make_limits(max_usec=20 * SECOND, idle_usec=10 * MINUTE), 5),
        make(Origin.SSH, make_limits(warn_usec=()), 0),
        make(Origin.SSH, make_limits(warn_usec=(), action=Action.OBSERVE), 0),
        make(Origin.SSH, make_limits(warn_usec=(), action=Action.LOCK), 0),
        make(Origin.SSH, make_limits(action=Action.LOCK, lock_for_usec=None), 0, phase=Phase.LOCKED, locked_usec=NOW),
        make(Origin.SSH, make_limits(), 10**6),
        make(Origin.SSH, make_limits(), 55, phase=Phase.WARNED, stages=2, first_warned_usec=NOW),
        (operations.hold(make(Origin.SSH, make_limits(), 0)[0], HOLD, NOW).tracked, NOW),
        (operations.hold(make(Origin.SSH, None, 0)[0], HOLD, NOW).tracked, NOW),
        (operations.terminate(make(Origin.SSH, None, 0)[0], Order("root", "why"), NOW).tracked, NOW),
    ]
    return found


SESSIONS = every_session()


def test_interface_is_io_reaper():
    assert INTERFACE.name == methods.INTERFACE
    assert set(INTERFACE.types) == {"Hold", "Session", "PassedOver", "Explanation"}
    assert set(INTERFACE.errors) == {"NoSuchSession", "NotAllowed", "Refused", "PolicyRejected"}


@pytest.mark.parametrize("number", range(len(SESSIONS)))
def test_session_is_as_described(number):
    tracked, now = SESSIONS[number]
    conforms(session_view.of_session(tracked, now), "Session", "Session")


@pytest.mark.parametrize("number", range(len(SESSIONS)))
@pytest.mark.parametrize("policy", [None, make_policy(rules=(JOBS,))], ids=["no-policy", "policy"])
def test_explanation_is_as_described(number, policy):
    tracked, now = SESSIONS[number]
    conforms(session_view.explain(tracked, policy, frozenset(), now), "Explanation", "Explanation")


@pytest.mark.parametrize("field", ["origin", "phase", "action", "next", "reason"])
def test_every_word_of_an_enum_can_occur(field):
    """The other direction: nothing is described that no session ever shows."""
    shown = {session_view.of_session(tracked, now)[field] for tracked, now in SESSIONS}
    assert shown == INTERFACE.types["Session"][field]


def test_enums_are_those_of_the_code():
    assert INTERFACE.types["Session"]["origin"] == {each.value for each in Origin}
    assert INTERFACE.types["Session"]["phase"] == {"held", *(each.value for each in Phase)}


def test_enums_with_a_none_word_are_those_of_the_code():
    session = INTERFACE.types["Session"]
    assert session["action"] == {"none", *(each.value for each in Action)}
    assert session["reason"] == {"none", *(each.value for each in Reason)}


def test_elevated_is_shown():
    shown = {session_view.of_session(tracked, now)["elevated"] for tracked, now in SESSIONS}
    assert shown == {True, False}


NULLABLE = [name for name, kind in INTERFACE.types["Session"].items() if isinstance(kind, tuple) and kind[0] == "?"]


@pytest.mark.parametrize("field", NULLABLE)
def test_nullable_fields_are_null_sometimes(field):
    shown = [session_view.of_session(tracked, now)[field] for tracked, now in SESSIONS]
    assert None in shown
    assert any(each is not None for each in shown)


class FakeBackend:
    is_policy_broken = False

    def list_sessions(self, uid: int) -> dict[str, Any]:
        return {
            "sessions": [session_view.of_session(*each) for each in SESSIONS],
            "policy": "p0l1cy",
            "brake_usec": None,
            "unknown_groups": ["ops"],
        }

    def watch_sessions(self, uid: int) -> tuple[dict[str, Any], Any]:
        return {**self.list_sessions(uid), "brake_usec": 5 * SECOND}, None

    def explain_session(self, peer: Peer, name: str) -> dict[str, Any]:
        if name == "none":
            raise CallError("io.reaper.NoSuchSession", session=name)
        tracked, now = SESSIONS[0]
        return {"explanation": session_view.explain(tracked, None, frozenset(), now)}

    def hold_session(self, peer: Peer, name: str, duration_usec: int, why: str) -> dict[str, Any]:
        if name == "none":
            raise CallError("io.reaper.Refused", why="why", hint="hint")
        return {"session": "100", "hold": session_view.of_hold(HOLD, NOW), "shortened": "hold_max"}

    def release_session(self, peer: Peer, name: str, why: str) -> None:
        if name == "none":
            raise CallError("io.reaper.NotAllowed", why="why")

    def warn_session(self, peer: Peer, name: str, text: str) -> dict[str, Any]:
        return {"terminals": ["pts/1"]}

    def lock_session(self, peer: Peer, name: str) -> None:
        pass

    def terminate_session(self, peer: Peer, name: str, why: str, *, force: bool) -> None:
        pass

    def reload_policy(self) -> dict[str, Any]:
        if self.is_policy_broken:
            raise CallError("io.reaper.PolicyRejected", problems="line 1", policy="p0l1cy")
        return {"policy": "p0l1cy"}


PARAMETERS: dict[str, dict[str, Any]] = {
    "List": {},
    "Watch": {},
    "Explain": {"session": "100"},
    "Hold": {"session": "100", "duration_usec": MINUTE, "why": "a build"},
    "Release": {"session": "100", "why": "done"},
    "Warn": {"session": "100", "text": "go home"},
    "Lock": {"session": "100"},
    "Terminate": {"session": "100", "why": "maintenance", "force": True},
    "Reload": {},
}


def test_described_methods_are_exactly_those_that_exist():
    ours = {name.rpartition(".")[2] for name in methods._METHODS if name.startswith("io.reaper.")}
    assert ours == set(INTERFACE.methods) == set(PARAMETERS)


@pytest.mark.parametrize("name", sorted(INTERFACE.methods))
def test_method_replies_as_described(name):
    wanted, answered = INTERFACE.methods[name]
    conforms(PARAMETERS[name], wanted, name)
    reply = reply_to({"method": f"io.reaper.{name}", "parameters": PARAMETERS[name]}, Peer(1, 0), FakeBackend())
    conforms(reply["parameters"], answered, name)


@pytest.mark.parametrize("name", sorted(INTERFACE.methods))
def test_nullable_parameters_may_be_left_out(name):
    wanted, _ = INTERFACE.methods[name]
    for spare in (None, ...):
        given = {key: PARAMETERS[name][key] if not isinstance(kind, tuple) else spare for key, kind in wanted.items()}
        sent = {key: value for key, value in given.items() if value is not ...}
        reply = reply_to({"method": f"io.reaper.{name}", "parameters": sent}, Peer(1, 0), FakeBackend())
        assert "error" not in reply


ERRORS = [
    ("Explain", {"session": "none"}, "NoSuchSession"),
    ("Hold", {"session": "none"}, "Refused"),
    ("Release", {"session": "none"}, "NotAllowed"),
    ("Reload", {}, "PolicyRejected"),
]


@pytest.mark.parametrize(("method", "parameters", "error"), ERRORS)
def test_error_is_as_described(method, parameters, error):
    backend = FakeBackend()
    backend.is_policy_broken = True
    call = {"method": f"io.reaper.{method}", "parameters": {**PARAMETERS[method], **parameters}}
    reply = reply_to(call, Peer(1, 0), backend)
    assert reply["error"] == f"io.reaper.{error}"
    conforms(reply["parameters"], INTERFACE.errors[error], error)


def test_all_errors_are_tested():
    assert {error for _, _, error in ERRORS} == set(INTERFACE.errors)


def test_service_describes_itself():
    """org.varlink.service, and both interfaces on request."""
    call = {"method": "org.varlink.service.GetInterfaceDescription"}
    for name in ("io.reaper", "org.varlink.service"):
        reply = reply_to({**call, "parameters": {"interface": name}}, Peer(1, 0), FakeBackend())
        assert Reader(reply["parameters"]["description"]).read().name == name
    reply = reply_to({**call, "parameters": {"interface": "io.other"}}, Peer(1, 0), FakeBackend())
    assert reply["error"] == "org.varlink.service.InterfaceNotFound"
    service = Reader(methods._SERVICE_DESCRIPTION).read()
    info = reply_to({"method": "org.varlink.service.GetInfo"}, Peer(1, 0), FakeBackend())
    conforms(info["parameters"], service.methods["GetInfo"][1], "GetInfo")
