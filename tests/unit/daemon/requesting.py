"""What is asked of the daemon about a session of a test, as the Varlink methods ask it."""

from __future__ import annotations

from reaper.daemon.requests import Requests
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Order
from tests.unit.bench import Bench
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import MINUTE

HOUR = 60 * MINUTE
HINT = "reaper: To keep it: reaperctl hold 100 1h --reason TEXT"
WARNED = f"reaper: This session on host1 is idle and ends in {{}}. Press any key to stay.\r\n{HINT}"
ROOT, ALICE = 0, 1000
# Without evidence a session here is due 68 s after its login; 5 s are a poll.
DUE = 68
MANUAL = Order("root", "maintenance")
# Users may hold their sessions for two hours.
HOLDING = make_policy(make_limits(hold_max_usec=2 * HOUR))


def requests(bench: Bench) -> Requests:
    return Requests(bench.daemon, bench.journal)  # type: ignore[arg-type]


def hold(bench: Bench, login: FakeLogin, usec: int, uid: int = ROOT) -> str:
    """Requests a hold, and returns what made it shorter."""
    now = bench.host.clock()
    wanted = Hold(now.boot_usec, now.boot_usec + usec, uid, {ROOT: "root", ALICE: "alice"}[uid], "a build")
    return requests(bench).hold(login.session.key, wanted, now)


def release(bench: Bench, login: FakeLogin, uid: int = ROOT) -> None:
    requests(bench).release(login.session.key, uid, "somebody", "", bench.host.clock())


def terminate(bench: Bench, login: FakeLogin, *, force: bool = False) -> None:
    requests(bench).terminate(login.session.key, MANUAL, bench.host.clock(), force=force)


def warn(bench: Bench, login: FakeLogin, text: str = "") -> list[str]:
    """Requests a warning, and returns the terminals that show it."""
    return requests(bench).warn(login.session.key, "root", text, bench.host.clock())


def lock(bench: Bench, login: FakeLogin, by: str = "root") -> None:
    requests(bench).lock(login.session.key, by, bench.host.clock())
