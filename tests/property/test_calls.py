"""The daemon answers or refuses whatever a user sends to the control socket, without an internal error."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from reaper.control.methods import Peer, is_watch, reply_to
from reaper.daemon.api import Api
from reaper.decide.policy.limits import LONGEST_HOLD_USEC
from tests.unit.bench import Bench
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import MINUTE

TEXT = st.text(st.characters(codec=None), max_size=40) | st.builds(
    lambda text, times: text * times, st.text(st.characters(codec=None), min_size=1, max_size=8), st.integers(1, 8192)
)
NUMBERS = st.integers() | st.integers(1, 3000).map(lambda digits: 10**digits) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
# Names that are taken, and what looks like them.
NAMES = st.sampled_from(
    ["100", "200", "100.700", "pts/1", "/dev/pts/1", "pts/2", "self", "pts/", "/dev/", "tty1", "../dev/shm/x", ".", "/"]
)
SESSIONS = NAMES | TEXT | st.builds(str.__add__, NAMES, TEXT) | st.builds(str.__add__, TEXT, NAMES) | JSON
PARAMETERS = st.fixed_dictionaries(
    {"session": SESSIONS},
    optional={
        "why": st.just("a build") | TEXT | JSON,
        "text": st.just("hello") | TEXT | JSON,
        "force": JSON,
        "duration_usec": st.integers(1, LONGEST_HOLD_USEC) | JSON,
        "interface": TEXT | JSON,
    },
)
VERBS = ["List", "Watch", "Explain", "Hold", "Release", "Warn", "Lock", "Terminate", "Reload"]
METHODS = st.sampled_from([*(f"io.reaper.{verb}" for verb in VERBS), "org.varlink.service.GetInterfaceDescription"])
PEERS = st.sampled_from([Peer(1, 0), Peer(101, 1000), Peer(201, 0), Peer(1, 65534), Peer(2**22, 2**32 - 2)])


def make_answers() -> tuple[Bench, Api]:
    """Alice's session and bob's, of a daemon that has just started."""
    bench = Bench(make_policy(make_limits(hold_max_usec=60 * MINUTE)))
    bench.host.login(100, "pts/1")
    bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(1)
    return bench, Api(bench.host, bench.daemon, bench.journal, lambda: "")  # type: ignore[arg-type]


def answer(answers: Api, message: Any, peer: Peer) -> dict[str, Any]:
    """Returns the reply to a message, both in JSON."""
    received = json.loads(json.dumps(message))
    is_watch(received)
    reply: dict[str, Any] = json.loads(json.dumps(reply_to(received, peer, answers)))
    return reply


@given(METHODS, PARAMETERS | JSON, PEERS)
@example("io.reaper.Explain", {"session": "x" * 256}, Peer(1, 65534))
@example("io.reaper.Explain", {"session": "pts/1\0"}, Peer(1, 65534))
@example("io.reaper.Explain", {"session": "\ud800"}, Peer(1, 65534))
@example("io.reaper.Terminate", {"session": "100", "why": "\ud800"}, Peer(1, 0))
def test_no_parameters_cause_an_internal_error(method, parameters, peer):
    bench, answers = make_answers()
    reply = answer(answers, {"method": method, "parameters": parameters}, peer)
    assert isinstance(reply["parameters"], dict)
    assert reply.get("error", "io.reaper.").startswith(("io.reaper.", "org.varlink.service."))
    bench.run(120)
    assert not [each for each in bench.warnings() if "internal error" in each]


@given(JSON | st.dictionaries(st.sampled_from(["method", "parameters", "more", "oneway", "upgrade"]), METHODS | JSON))
def test_no_message_causes_an_internal_error(message):
    _, answers = make_answers()
    assert isinstance(answer(answers, message, Peer(1, 1000))["parameters"], dict)
