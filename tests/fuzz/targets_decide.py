"""Targets for saved state, and for what administrators and users write: policies, durations, hours, templates."""

from __future__ import annotations

from dataclasses import replace

from reaper.audit.times import MomentError, parse_day, parse_moment
from reaper.decide.policy.files.parse import parse
from reaper.decide.policy.files.problems import PolicyError, Problem, Source
from reaper.decide.policy.files.render import describe
from reaper.decide.policy.limits import Action
from reaper.decide.policy.template import TemplateError, parse_template
from reaper.decide.session import lock_protocol, observation, policy_change, snapshot, stuck
from reaper.decide.session.brake import Ledger
from reaper.decide.session.hold import Hold
from reaper.decide.session.lock_protocol import LockOrder, LockState, Stage
from reaper.decide.session.model import ActivitySample, ProcessId
from reaper.decide.session.past_terminations import PastTermination
from reaper.decide.session.snapshot import Snapshot
from reaper.decide.session.state import Phase, Reason
from reaper.decide.session.stuck import Stuck
from reaper.decide.text.duration import DurationError, format_duration, parse_duration
from reaper.decide.text.hours import HoursError, parse_hours, parse_local_time
from reaper.decide.text.size import SizeError, format_size, parse_size
from reaper.errors import ReaperError
from reaper.sense.policy_files import MOST_BYTES
from tests.unit.fakes import FakeHost, make_policy

from .engine import refusing, target


@target(longest=MOST_BYTES)
def policy(data: bytes) -> None:
    """Policy files, one after the other: an accepted policy can be written and is read as the same."""
    sources = [Source(str(rank), part.decode("utf-8", "replace")) for rank, part in enumerate(data.split(b"\0")[:4])]
    with refusing(PolicyError, lambda error: all(map(is_printable, error.problems))):
        made = parse(sources)
        assert parse([Source("x", describe(made))]).id == made.id


def is_printable(problem: Problem) -> bool:
    """Whether a mistake has its place, a remedy, and no control characters."""
    return problem.line >= 1 and problem.column >= 1 and bool(problem.hint) and str(problem).isprintable()


@target(longest=2000)
def value(data: bytes) -> None:
    """Small values of a policy and of the command line: an accepted value can be written and is read as the same."""
    text = data.decode("utf-8", "surrogateescape")
    with refusing(DurationError, lambda error: error.hint):
        usec = parse_duration(text)
        assert parse_duration(format_duration(usec)) == usec
    with refusing(HoursError, lambda error: error.hint):
        assert parse_hours(str(parse_hours(text))) == parse_hours(text)
    with refusing(HoursError, lambda error: error.hint):
        assert str(parse_local_time(str(parse_local_time(text)))) == str(parse_local_time(text))
    with refusing(SizeError):
        assert parse_size(format_size(parse_size(text))) == parse_size(text)
    with refusing(TemplateError, lambda error: all(what.isprintable() and remedy for what, remedy in error.faults)):
        assert parse_template(str(parse_template(text))) == parse_template(text)


@target(longest=2000)
def moment(data: bytes) -> None:
    """The times that a user gives to `reaperctl log`."""
    text = data.decode("utf-8", "surrogateescape")
    for read in (parse_moment, parse_day):
        with refusing(MomentError, lambda error: error.hint):
            read(text, 1_795_435_200_000_000)


def written_state() -> bytes:
    """Returns a state as the daemon writes it: of a session that is held, and of one that is being ended."""
    host = FakeHost()
    login, now = host.login(100, "pts/1"), host.clock()
    tracked = observation.start_tracking(login.session, host.read_terminals(["pts/1"]), now, is_new=True)
    tracked = policy_change.apply_policy(tracked, make_policy(), frozenset(), now.boot_usec).tracked
    held = replace(
        tracked,
        hold=Hold(1, 2, 0, "root", "work", Action.TERMINATE),
        work=ActivitySample(*range(len(ActivitySample._fields))),
    )
    ending = replace(tracked, life=replace(tracked.life, phase=Phase.ENDING, ending=Reason.IDLE))
    past = (PastTermination(1000, "3", "idle", 5),)
    return snapshot.encode(Snapshot("b00t", now, "poll: 5s\n", Ledger((1, 2)), (held, ending), past)).encode()


def written_locks() -> tuple[bytes, bytes]:
    """Returns an order and a state of a lock, as they are written."""
    order = LockOrder(FakeHost().login(100, "pts/1").session, "Locked.", {"user": "ann"}, 5, 9)
    state = LockState(Stage.LOCKED, 5, 2, "", ProcessId(100, 7))
    return lock_protocol.encode_order(order).encode(), lock_protocol.encode_state(
        state, terminals=[["pts/1", {}]]
    ).encode()


@target(written=[written_state()])
def state(data: bytes) -> None:
    """The daemon's saved state: what is accepted is written and read as the same."""
    with refusing(ReaperError, lambda error: error.problem == "state-refused"):
        read = snapshot.decode(data.decode("utf-8", "replace"), "b00t")
        assert snapshot.decode(snapshot.encode(read), "b00t") == read


@target(written=[stuck.encode([Stuck(5, 1000, False, 7), Stuck(6, 0, True, 8, 2, is_over=True)]).encode()])
def stuck_processes(data: bytes) -> None:
    """A daemon's notes of processes that it could not read: what is accepted is written and read as the same."""
    read = stuck.decode(data.decode("utf-8", "replace"))
    assert stuck.decode(stuck.encode(read)) == read
    assert all(each.until_usec >= each.since_usec for each in read)


@target(written=written_locks()[:1])
def lock_order(data: bytes) -> None:
    """The daemon's order for a lock: what is accepted is written and read as the same."""
    with refusing(ReaperError, lambda error: error.problem == "lock-order"):
        read = lock_protocol.decode_order(data.decode("utf-8", "replace"))
        assert lock_protocol.decode_order(lock_protocol.encode_order(read)) == read


@target(written=written_locks()[1:])
def lock_state(data: bytes) -> None:
    """The state that a lock reports: what is accepted is written and read as the same."""
    with refusing(ReaperError, lambda error: error.problem == "lock-state"):
        read, _ = lock_protocol.decode_state(data.decode("utf-8", "replace"))
        assert lock_protocol.decode_state(lock_protocol.encode_state(read))[0] == read
