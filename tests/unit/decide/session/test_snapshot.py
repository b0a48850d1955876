"""The state as text: one line for the daemon and one for each session, read whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from reaper.decide.policy.limits import Action
from reaper.decide.session import operations, snapshot
from reaper.decide.session.brake import Ledger
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Order
from reaper.decide.session.past_terminations import PastTermination
from reaper.decide.session.snapshot import Snapshot
from reaper.errors import ReaperError
from tests.unit.bench import Bench
from tests.unit.fakes import make_limits, make_policy


@pytest.fixture
def state() -> Snapshot:
    """A state with three sessions."""
    bench = Bench(make_policy())
    for pid in (100, 200, 300):
        bench.host.login(pid, f"pts/{pid}")
    bench.run(50)
    return Snapshot("b00t", bench.host.clock(), "poll: 5s\n", Ledger((1, 2)), tuple(bench.daemon.sessions.values()))


def test_each_session_is_one_line(state):
    """Encoded one at a time, so that a thousand sessions need no more memory than one."""
    lines = snapshot.encode_lines(state)
    assert isinstance(lines, Iterator)
    first, *rest = [json.loads(line) for line in lines]
    assert first["sessions"] == 3
    assert len(rest) == 3
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in snapshot.encode_lines(state))
    assert snapshot.encode(state) == "".join(snapshot.encode_lines(state))
    back = snapshot.decode(snapshot.encode(state), "b00t")
    assert [each.session for each in back.sessions] == [each.session for each in state.sessions]


def test_state_without_sessions_is_one_line(state):
    empty = Snapshot("b00t", state.polled, "", Ledger(), ())
    assert snapshot.encode(empty).count("\n") == 1
    assert snapshot.decode(snapshot.encode(empty), "b00t") == empty


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda lines: lines[:-1], "it has 2 sessions and should have 3"),
        (lambda lines: lines[:1], "it has 0 sessions and should have 3"),
        (lambda lines: [*lines, lines[-1]], "it has 4 sessions and should have 3"),
        (lambda lines: [lines[0].replace('"sessions":3', '"sessions":"3"'), *lines[1:]], "TypeError|ValueError"),
        (lambda lines: [lines[0].replace('"sessions":3', '"sessions":[]'), *lines[1:]], "TypeError|ValueError"),
        (lambda lines: [*lines[:-1], lines[-1][:40]], "JSONDecodeError"),
        (lambda lines: [*lines[:-1], "null\n"], "TypeError"),
        (lambda lines: lines[1:], "KeyError"),
    ],
)
def test_incomplete_state_is_refused(state, spoil, why):
    lines = spoil(list(snapshot.encode_lines(state)))
    with pytest.raises(ReaperError, match=why):
        snapshot.decode("".join(lines), "b00t")


@pytest.mark.parametrize("hold", [None, Hold(1, 2, 0, "root", "why \u2603"), Hold(1, 2, 0, "r", "w", Action.TERMINATE)])
@pytest.mark.parametrize("order", [None, Order("root", "why")])
def test_holds_and_orders_outlive_the_daemon(state, hold, order):
    first, *others = state.sessions
    said = replace(state, sessions=(replace(first, hold=hold, order=order), *others))
    back = snapshot.decode(snapshot.encode(said), "b00t")
    assert (back.sessions[0].hold, back.sessions[0].order) == (hold, order)


@pytest.mark.parametrize("groups", [None, (), ((27, "ops"), (100, ""))])
def test_groups_of_a_session_outlive_the_daemon(state, groups):
    first, *others = state.sessions
    kept = replace(state, sessions=(replace(first, membership=groups), *others))
    assert snapshot.decode(snapshot.encode(kept), "b00t").sessions[0].membership == groups


def test_state_of_an_older_daemon_is_read(state):
    first, *rest = snapshot.encode(state).splitlines()
    old = [{key: value for key, value in json.loads(line).items() if key not in ("groups", "login")} for line in rest]
    back = snapshot.decode("\n".join([first, *map(json.dumps, old)]), "b00t")
    assert [(each.membership, each.session.login) for each in back.sessions] == [(None, "")] * 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("groups", 5),
        ("groups", [[27]]),
        ("groups", [["27", "ops"]]),
        ("groups", [[27, None]]),
        ("hold", [1, 2, 0, "root"]),
        ("hold", [1, "2", 0, "root", "", None]),
        ("hold", [1, 2, 0, "root", "", "no"]),
        ("hold", 7),
        ("order", ["root"]),
        ("order", [1, 2]),
    ],
)
def test_impossible_holds_and_orders_are_refused(state, name, value):
    first, *rest = snapshot.encode(state).splitlines()
    spoiled = json.dumps({**json.loads(rest[0]), name: value})
    with pytest.raises(ReaperError):
        snapshot.decode("\n".join([first, spoiled, *rest[1:]]), "b00t")


def test_locked_session_keeps_its_limits(state):
    limits = make_limits(action=Action.LOCK, lock_for_usec=None, idle_usec=77_000_000)
    kept = operations.lock(replace(state.sessions[0], limits=limits), state.polled.boot_usec).tracked
    back = snapshot.decode(snapshot.encode(replace(state, sessions=(kept,))), "b00t").sessions[0]
    assert (back.life, back.limits) == (kept.life, limits)
    assert back.life.locked_usec == state.polled.boot_usec
    assert snapshot.decode(snapshot.encode(state), "b00t").sessions[0].limits is None


def test_past_terminations_outlive_the_daemon(state):
    past = (PastTermination(1000, "3", "idle", 5), PastTermination(1001, "\u2603", "order", 6))
    kept = replace(state, past=past)
    assert snapshot.decode(snapshot.encode(kept), "b00t").past == past


@pytest.mark.parametrize(
    "spoilt", ["null", '[[1000,"3","idle"]]', '[["1000","3","idle",5]]', '[[1000,3,"idle",5]]', "5"]
)
def test_broken_past_terminations_are_refused(state, spoilt):
    lines = list(snapshot.encode_lines(state))
    text = "".join([lines[0].replace('"past":[]', f'"past":{spoilt}'), *lines[1:]])
    with pytest.raises(ReaperError):
        snapshot.decode(text, "b00t")


def test_typed_login_name_outlives_the_daemon(state):
    first, *others = state.sessions
    kept = replace(state, sessions=(replace(first, session=replace(first.session, login="ALICE")), *others))
    assert snapshot.decode(snapshot.encode(kept), "b00t").sessions[0].session.login == "ALICE"
