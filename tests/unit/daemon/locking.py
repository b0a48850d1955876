"""Locks among fakes: what reaper-lock does."""

from __future__ import annotations

from reaper.decide.policy.limits import Action, Limits
from reaper.decide.session.lock_protocol import Stage
from reaper.decide.session.state import Phase
from tests.unit.bench import Bench
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND

# Without evidence a session here is due 68 s after its login; 5 s are a poll.
DUE = 68
LOCK_FOR = 200
LOCKS = "reaper: This session on host1 is idle and is locked in {}. Press any key to stay."
ENDS = "reaper: This session on host1 is idle and ends in {}. Press any key to stay."
NO_PASSWORD = "its user has no password here"


def make_locking(**fields: object) -> Limits:
    return make_limits(**{"action": Action.LOCK, "lock_for_usec": LOCK_FOR * SECOND, **fields})


def make_bench(**fields: object) -> Bench:
    return Bench(make_policy(make_locking(**fields)))


def keep(bench: Bench, login: FakeLogin, stage: Stage, why: str = "") -> None:
    """Has reaper-lock reach a stage at this moment."""
    bench.host.keep(login.session, stage, bench.host.time.boot_usec, why)


def take(bench: Bench, login: FakeLogin) -> None:
    """Has reaper-lock take the terminals, which then belong to root."""
    for tty in login.ttys.values():
        tty.uid = 0
        tty.chmod(0o600)
    keep(bench, login, Stage.LOCKED)


def give_back(bench: Bench, login: FakeLogin, stage: Stage = Stage.UNLOCKED, why: str = "") -> None:
    """Has reaper-lock give the terminals back."""
    for tty in login.ttys.values():
        tty.uid = login.session.uid
        tty.chmod(0o620)
    keep(bench, login, stage, why)


def lock(bench: Bench, login: FakeLogin) -> None:
    """Runs to the limit, and until the session is locked."""
    bench.run(DUE)
    take(bench, login)
    bench.run(3)
    assert bench.phase() is Phase.LOCKED
