"""The registry's one way out: no part of the daemon remembers a session that is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reaper.daemon.registry import Registry
from reaper.decide.policy.limits import Action, Robots, Share
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from reaper.decide.session.model import SessionKey
from tests.unit.bench import Bench
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND

LIMITS = {
    "ended": make_limits(),
    "locked": make_limits(action=Action.LOCK),
    "deferred": make_limits(busy=("rsync",), busy_max_usec=3600 * SECOND),
    "counted": make_limits(robots=Robots.IGNORE, share_activity=Share.USER),
}


def remembered(part: object, key: SessionKey, path: str, seen: set[int]) -> Iterator[str]:
    """Where, in an object of the daemon's and all that hangs on it, a session is remembered."""
    if id(part) in seen:
        return
    seen.add(id(part))
    if part == key and isinstance(part, tuple):
        yield path
        return
    if isinstance(part, dict):
        for name, value in part.items():
            yield from remembered(name, key, f"{path}[key]", seen)
            yield from remembered(value, key, f"{path}[{name}]", seen)
    elif isinstance(part, (list, tuple, set, frozenset)):
        for value in part:
            yield from remembered(value, key, f"{path}[]", seen)
    elif type(part).__module__.startswith("reaper.daemon"):
        for name, value in vars(part).items():
            yield from remembered(value, key, f"{path}.{name}", seen)


@pytest.fixture
def bench() -> Bench:
    rules = tuple(Rule(name, Match(user=(name,)), limits) for name, limits in LIMITS.items())
    return Bench(make_policy(rules=rules))


def leave(bench: Bench, login: FakeLogin) -> None:
    bench.host.leave(login)
    bench.daemon.presence.leader_died(login.session.key, bench.host.time.boot_usec)


@pytest.mark.parametrize("after_sec", [1, 45, 55, 69, 71])
@pytest.mark.parametrize("user", LIMITS)
def test_no_part_of_the_daemon_remembers_a_session_that_is_gone(bench, user, after_sec):
    """In whatever phase it was: active, warned, deferred, locked, ending."""
    login = bench.host.login(100, "pts/1", user=user)
    bench.host.login(200, "pts/2", user=user)
    if user == "deferred":
        bench.host.start(login, "rsync")
    bench.run(after_sec)
    key = login.session.key
    assert list(remembered(bench.daemon, key, "daemon", set()))
    leave(bench, login)
    bench.run(40)
    assert key not in bench.daemon.sessions
    found = list(remembered(bench.daemon, key, "daemon", set()))
    assert [path for path in found if "past" not in path] == []


def test_part_that_fails_keeps_no_other_from_forgetting():
    registry, told = Registry(), []
    registry.join(told.append, lambda key: 1 // 0, told.append)
    key = SessionKey(1, 2)
    registry[key] = object()  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        registry.remove(key)
    assert (dict(registry), told) == ({}, [key, key])


def test_every_part_is_told_once():
    registry, told = Registry(), []
    registry.join(told.append)
    registry.join(told.append)
    key, other = SessionKey(1, 2), SessionKey(3, 4)
    registry[key] = registry[other] = object()  # type: ignore[assignment]
    registry.remove(key)
    assert told == [key, key]
    assert list(registry) == [other]
    with pytest.raises(KeyError):
        registry.remove(key)
    assert told == [key, key]
