"""What an auditor reads: the sentence of each event, and its fields, which are the documented ones and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.output import session_events, terminal_messages
from reaper.decide.output.events import FIELDS, Event, EventKind
from reaper.decide.policy.limits import Action, Notify
from reaper.decide.policy.rules import Brake
from reaper.decide.session import observation, policy_change
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Order, Program, Usage
from reaper.decide.session.state import LifecycleEvent, LogEvent, Reason
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text import escape
from reaper.errors import ReaperError
from tests.unit.fakes import FakeHost, make_limits, make_policy
from tests.unit.simulated import MINUTE, SECOND

POLICY = make_policy(make_limits(idle_usec=15 * MINUTE, max_usec=480 * MINUTE))
ALICE = "Session 100 of alice from 192.0.2.7 on pts/1"
LATER = 1600 * SECOND


def tracked(action: Action = Action.TERMINATE, **fields: object) -> TrackedSession:
    host = FakeHost()
    login = host.login(100, "pts/1", **fields)
    now = host.clock()
    found = observation.start_tracking(login.session, host.read_terminals(["pts/1"]), now, is_new=True)
    limits = replace(POLICY.environments["standard"], action=action)
    return policy_change.apply_policy(found, make_policy(limits), frozenset(), now.boot_usec).tracked


def tell(fact: LifecycleEvent, reason: Reason, usec: int, action: Action = Action.TERMINATE, **more: object) -> Event:
    return session_events.of_log_event(LogEvent(fact, reason, usec), tracked(action), "p0l1cy", LATER, **more)  # type: ignore[arg-type]


COMMON = {
    "session": "100",
    "user": "alice",
    "uid": "1000",
    "origin": "ssh",
    "remote": "192.0.2.7",
    "service": "sshd",
    "terminals": "pts/1",
    "leader": "100",
    "rule": "environment:standard",
    "policy": "p0l1cy",
    "evidence": "login",
    "action": "terminate",
}
IDLE = {"reason": "idle", "limit_usec": str(15 * MINUTE)}
NOW_IDLE = {"idle_usec": str(LATER - 1008 * SECOND)}  # since the end of the login's eight seconds

FACTS = [
    (LifecycleEvent.RESUMED, 20 * MINUTE, "is in use again after 20min", {"idle_usec": str(20 * MINUTE)}),
    (
        LifecycleEvent.WARNED,
        5 * MINUTE,
        "is warned: it ends in 5min, at its limit of 15min (idle, rule environment:standard)",
        {**IDLE, **NOW_IDLE, "left_usec": str(5 * MINUTE)},
    ),
    (
        LifecycleEvent.CANCELLED,
        12 * MINUTE,
        "stays: its warning is withdrawn after 12min",
        {"idle_usec": str(12 * MINUTE)},
    ),
    (LifecycleEvent.CANCELLED, 0, "stays: its warning is withdrawn", {"idle_usec": "0"}),
    (
        LifecycleEvent.DEFERRED,
        240 * MINUTE,
        "stays while a program runs, for 4h at most, past its limit of 15min (idle, rule environment:standard)",
        {**IDLE, **NOW_IDLE, "left_usec": str(240 * MINUTE)},
    ),
    (
        LifecycleEvent.ENDING,
        15 * MINUTE,
        "is being ended after 15min without input, at its limit of 15min (idle, rule environment:standard)",
        {**IDLE, **NOW_IDLE},
    ),
    (LifecycleEvent.CLOSED, 3 * MINUTE, "closed", NOW_IDLE),
    (
        LifecycleEvent.TERMINATE_FAILED,
        16 * MINUTE,
        "could not be ended; the next attempt is in 1min",
        {**IDLE, **NOW_IDLE},
    ),
]


@pytest.mark.parametrize(("fact", "usec", "text", "fields"), FACTS, ids=lambda value: str(value)[:20])
def test_sentence_and_fields_of_each_fact(fact, usec, text, fields):
    event = tell(fact, Reason.IDLE, usec)
    assert event.message == f"{ALICE} {text}."
    assert event.kind.word == fact.value
    assert {name: value for name, value in event.fields.items() if value} == {**COMMON, **fields}


def test_every_fact_has_a_kind_and_a_sentence():
    for fact in LifecycleEvent:
        event = tell(fact, Reason.MAX, MINUTE, freed=Usage(1, 2, 3) if fact is LifecycleEvent.TERMINATED else None)
        assert event.kind is EventKind[fact.name]
        assert event.fields.keys() <= FIELDS
        assert event.message.startswith(f"{ALICE} ")
        assert event.message.endswith(".")
        assert "closed" not in event.message or fact is LifecycleEvent.CLOSED


def test_terminated_session_says_what_was_freed():
    event = tell(LifecycleEvent.TERMINATED, Reason.IDLE, MINUTE, freed=Usage(3, 5 * 1024 * 1024, 61 * SECOND))
    assert event.message == (
        f"{ALICE} is ended, at its limit of 15min (idle, rule environment:standard):"
        " 3 processes, 5120 KiB of memory and 1min 1s of CPU time freed."
    )
    assert event.fields["freed_processes"] == "3"
    assert event.fields["freed_rss"] == "5242880"
    assert event.fields["freed_cpu_usec"] == "61000000"


@pytest.mark.parametrize(
    ("freed", "said"),
    [
        (Usage(0, 0, 0), ""),
        (Usage(2, 1023, SECOND // 2 - 1), ": 2 processes freed"),
        (Usage(2, 2048, 0), ": 2 processes and 2 KiB of memory freed"),
        (Usage(2, 0, SECOND), ": 2 processes and 1s of CPU time freed"),
        (Usage(2, 2048, SECOND), ": 2 processes, 2 KiB of memory and 1s of CPU time freed"),
    ],
)
def test_what_rounds_to_zero_is_not_said_and_stays_a_field(freed, said):
    event = tell(LifecycleEvent.TERMINATED, Reason.IDLE, MINUTE, freed=freed)
    assert event.message == f"{ALICE} is ended, at its limit of 15min (idle, rule environment:standard){said}."
    fields = tuple(int(event.fields[name]) for name in ("freed_processes", "freed_rss", "freed_cpu_usec"))
    assert fields == freed


def test_no_time_is_said_that_rounds_to_zero():
    ending = tell(LifecycleEvent.ENDING, Reason.MAX, SECOND // 3)
    assert " is being ended, at its limit of 8h " in ending.message
    assert tell(LifecycleEvent.CANCELLED, Reason.IDLE, 1).message.endswith("its warning is withdrawn.")


def test_reason_is_in_the_sentence_and_in_a_field():
    event = tell(LifecycleEvent.WARNED, Reason.MAX, MINUTE, why="not shown on pts/1, which does not take output")
    assert event.message == (
        f"{ALICE} is warned: it ends in 1min, at its limit of 8h (max, rule environment:standard);"
        " not shown on pts/1, which does not take output."
    )
    assert event.fields["why"] == "not shown on pts/1, which does not take output"


def test_deferred_session_names_its_program():
    why = terminal_messages.named(Program("/usr/bin/rsync", 123))
    assert why == "rsync (/usr/bin/rsync, pid 123)"
    event = tell(LifecycleEvent.DEFERRED, Reason.MAX, MINUTE, why=why)
    assert event.message == (
        f"{ALICE} stays while rsync (/usr/bin/rsync, pid 123) runs, for 1min at most,"
        " past its limit of 8h (max, rule environment:standard)."
    )
    assert event.fields["why"] == why


def test_observed_session_says_what_would_have_happened():
    warned = tell(LifecycleEvent.WARNED, Reason.IDLE, MINUTE, Action.OBSERVE)
    assert "would be warned (observe): it ends in 1min" in warned.message
    observed = tell(LifecycleEvent.OBSERVED, Reason.IDLE, MINUTE, Action.OBSERVE)
    assert observed.message == (
        f"{ALICE} would end now (observe), at its limit of 15min (idle, rule environment:standard)."
    )
    assert warned.fields["observed"] == observed.fields["observed"] == "1"
    assert observed.fields["action"] == "observe"


def test_warning_that_is_not_shown_is_not_called_shown():
    quiet = with_notify(tracked(), Notify.NONE)
    warned = session_events.of_log_event(LogEvent(LifecycleEvent.WARNED, Reason.IDLE, MINUTE), quiet, "p0l1cy", LATER)
    assert "is not warned: it ends in 1min" in warned.message
    assert warned.fields["notify"] == "none"
    observed = with_notify(tracked(Action.OBSERVE), Notify.NONE)
    assert (
        "would not be warned (observe)"
        in session_events.of_log_event(
            LogEvent(LifecycleEvent.WARNED, Reason.IDLE, MINUTE), observed, "p0l1cy", LATER
        ).message
    )
    cancelled = session_events.of_log_event(
        LogEvent(LifecycleEvent.CANCELLED, Reason.IDLE, MINUTE), quiet, "p0l1cy", LATER
    )
    assert cancelled.message == f"{ALICE} stays: its end is cancelled after 1min."


def with_notify(session: TrackedSession, notify: Notify) -> TrackedSession:
    assert session.limits is not None
    return replace(session, limits=replace(session.limits, notify=notify))


def test_session_without_a_policy_names_no_limits():
    bare = replace(tracked(), limits=None, rule="")
    event = session_events.of_log_event(LogEvent(LifecycleEvent.CLOSED, Reason.IDLE, 0), bare, "", LATER)
    assert event.message == f"{ALICE} closed."
    assert "action" not in event.fields


def test_hostile_strings_are_escaped():
    hostile = tracked(user="al\x1b[2Jice", remote="evil\nREAPER_USER=root", service="ss\x07hd")
    event = session_events.opened(hostile, "p0l1cy")
    assert event.message == (
        "Session 100 of al\\x1b[2Jice from evil\\nREAPER_USER=root on pts/1 opened (ss\\x07hd, ssh)."
    )
    assert event.fields["user"] == "al\\x1b[2Jice"
    assert event.fields["remote"] == "evil\\nREAPER_USER=root"


def test_hostile_session_id_is_escaped():
    """It comes from PAM's environment, which a program before the module in the stack may have set."""
    event = session_events.opened(tracked(session_id="7\nREAPER_USER=root\x1b[2J"), "p0l1cy")
    assert event.fields["session"] == "7\\nREAPER_USER=root\\x1b[2J"
    assert event.message.startswith("Session 7\\nREAPER_USER=root\\x1b[2J of alice ")


def test_sentences_of_the_other_events():
    error = ReaperError("policy-invalid", "reaper.yaml:3:5: no such key", "remove it")
    policy = make_policy(brake=Brake(2, MINUTE), sources=("/etc/reaper/reaper.yaml",))
    events = {
        EventKind.OPENED: session_events.opened(tracked(), "p"),
        EventKind.TAMPERED: session_events.tampered(tracked(), "p", "pts/1"),
        EventKind.STARTED: session_events.started("1.2"),
        EventKind.STOPPED: session_events.stopped(7),
        EventKind.CLOCK_STEPPED: session_events.clock_stepped(-3600 * SECOND),
        EventKind.POLICY_LOADED: session_events.policy_loaded(policy),
        EventKind.POLICY_REJECTED: session_events.policy_rejected(error, None),
        EventKind.BRAKE: session_events.braked(tracked(), policy),
    }
    assert all(event.kind is kind and event.fields.keys() <= FIELDS for kind, event in events.items())
    assert {kind: event.message for kind, event in events.items()} == {
        EventKind.OPENED: f"{ALICE} opened (sshd, ssh).",
        EventKind.TAMPERED: f"{ALICE} had the times of pts/1 set by hand: this does not count as activity.",
        EventKind.STARTED: "reaperd 1.2 watches the sessions of this host.",
        EventKind.STOPPED: "reaperd stops; 7 sessions are not watched until it is back.",
        EventKind.CLOCK_STEPPED: (
            "The time of day was set back by 1h; no session ends earlier or later because of this."
        ),
        EventKind.POLICY_LOADED: f"Policy {policy.id} is in force, environment standard (/etc/reaper/reaper.yaml).",
        EventKind.POLICY_REJECTED: (
            "The policy files are not used. There is no policy, and no session is touched until they are corrected and"
            " reaper.service is reloaded.\nreaper.yaml:3:5: no such key (remove it)"
        ),
        EventKind.BRAKE: (
            f"{ALICE} waits, and others may too: 2 sessions were ended within 1min, the most that the brake allows."
        ),
    }
    assert f"Policy {policy.id} stays in force" in session_events.policy_rejected(error, policy).message


def test_every_kind_of_event_is_sent_by_a_function():
    """No kind is left that nobody can ever see."""
    by_fact = {EventKind[fact.name] for fact in LifecycleEvent}
    others = {
        EventKind.OPENED,
        EventKind.REAUTHENTICATED,
        EventKind.TAMPERED,
        EventKind.STARTED,
        EventKind.STOPPED,
        EventKind.POLICY_LOADED,
        EventKind.POLICY_REJECTED,
        EventKind.BRAKE,
        EventKind.CLOCK_STEPPED,
        EventKind.HELD,
        EventKind.RELEASED,
    }
    of_locks = {EventKind.LOCKED, EventKind.UNLOCKED, EventKind.UNLOCK_FAILED}  # reaper-lock's: lockreport
    assert by_fact | others | of_locks == set(EventKind)
    assert len({kind.message_id for kind in EventKind}) == len(EventKind)


def test_ordered_end_names_no_limit():
    order = Order("root (session 7 of bob)", "maintenance\x1b[2J")
    found = replace(tracked(), order=order)
    ending = session_events.of_log_event(LogEvent(LifecycleEvent.ENDING, Reason.IDLE, MINUTE), found, "p0l1cy", LATER)
    why = "maintenance\\x1b[2J"
    assert ending.message == f"Session {ALICE[8:]} is being ended, as root (session 7 of bob) ordered: {why}."
    assert ending.fields == {
        **COMMON,
        **NOW_IDLE,
        "reason": "order",
        "by": "root (session 7 of bob)",
        "why": why,
        "limit_usec": "0",
    }
    freed = session_events.of_log_event(
        LogEvent(LifecycleEvent.TERMINATED, Reason.IDLE, MINUTE),
        found,
        "p0l1cy",
        LATER,
        freed=Usage(3, 4096, 2 * SECOND),
    )
    assert freed.message.endswith(
        f"is ended, as {order.by} ordered: {why}: 3 processes, 4 KiB of memory and 2s of CPU time freed."
    )


def test_hold_and_its_release_name_who_asked():
    found = replace(tracked(), hold=Hold(LATER, LATER + 2 * 60 * MINUTE, 1000, "alice", "a long\nbuild"))
    held = session_events.held(found, "p0l1cy", LATER)
    assert held.message == f"{ALICE} is held for 2h by alice: a long\\nbuild."
    assert held.fields == {**COMMON, "by": "alice", "why": "a long\\nbuild", "left_usec": str(2 * 60 * MINUTE)}
    released = session_events.released(found, "p0l1cy", "root", "done\a")
    assert released.message == f"{ALICE} is released by root: done\\x07 (held by alice: a long\\nbuild)."
    assert released.fields == {**COMMON, "by": "root", "why": "done\\x07"}
    assert session_events.released(found, "", "", "its time is over").message.startswith(
        f"{ALICE} is no longer held: its time"
    )


@pytest.mark.parametrize(
    ("text", "terminals", "told"),
    [
        ("", ["pts/1"], "is warned by root on pts/1"),
        ("go\x1b home", ["pts/1", "pts/2"], "is warned by root on pts/1, pts/2: go\\x1b home"),
        ("", [], "is warned by root on no terminal, because none accepts it"),
    ],
)
def test_requested_warning_names_the_administrator(text, terminals, told):
    event = session_events.warned_by(tracked(), "p0l1cy", "root", text, terminals)
    assert (event.kind, event.message) == (EventKind.WARNED, f"{ALICE} {told}.")
    assert event.fields == {**COMMON, "by": "root", "why": escape.plain(text)}


@pytest.mark.parametrize("fact", [LifecycleEvent.WARNED, LifecycleEvent.OBSERVED])
def test_held_session_says_what_would_have_happened(fact):
    found = replace(tracked(Action.OBSERVE), hold=Hold(LATER, LATER + MINUTE, 0, "root", "x"))
    event = session_events.of_log_event(LogEvent(fact, Reason.IDLE, MINUTE), found, "p0l1cy", LATER)
    assert "(held)" in event.message
    assert event.fields["observed"] == "1"


# Locks.


def test_warning_says_whether_the_session_ends_or_is_locked():
    assert (
        "is warned: it is locked in 1min, at" in tell(LifecycleEvent.WARNED, Reason.IDLE, MINUTE, Action.LOCK).message
    )
    assert "is warned: it ends in 1min, at" in tell(LifecycleEvent.WARNED, Reason.MAX, MINUTE, Action.LOCK).message


def test_end_of_a_session_that_was_not_unlocked():
    event = tell(LifecycleEvent.ENDING, Reason.LOCK, 45 * MINUTE, Action.LOCK, why="5 attempts failed")
    assert event.message == (
        f"{ALICE} is being ended after 45min without input,"
        " at its limit of 30min (lock, rule environment:standard); 5 attempts failed."
    )
    assert (event.fields["reason"], event.fields["limit_usec"]) == ("lock", str(30 * MINUTE))


def test_records_of_a_lock_have_the_fields_of_its_session():
    fields = session_events.lock_fields(tracked(Action.LOCK), "p0l1cy", "", LATER)
    assert fields == {**COMMON, **IDLE, **NOW_IDLE, "action": "lock"}
    ordered = session_events.lock_fields(tracked(Action.LOCK), "p0l1cy", "ro\not", LATER)
    assert ordered == {**fields, "reason": "order", "limit_usec": "0", "by": "ro\\not"}
    assert fields.keys() | ordered.keys() <= FIELDS


def test_typed_login_name_is_shown_if_it_differs():
    event = session_events.opened(tracked(login="ALICE\n"), "p0l1cy")
    assert event.message == f"{ALICE} opened as ALICE\\n (sshd, ssh)."
    assert event.fields["user"] == "alice"
