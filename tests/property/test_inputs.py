"""Whatever comes from outside is read or refused with the one error that is meant for it.

Login records, the saved state, loginctl's output and calls on the control socket. And what goes out to a terminal or
to the journal says what was meant and nothing else.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from reaper.act import journal
from reaper.control.methods import CallError, Peer, reply_to
from reaper.decide.output import terminal_messages
from reaper.decide.output.events import FIELDS, Event, EventKind
from reaper.decide.output.terminal_messages import Outlook
from reaper.decide.policy.limits import Kill
from reaper.decide.policy.template import PLACEHOLDERS, TemplateError, parse_template
from reaper.decide.session import observation, policy_change, snapshot
from reaper.decide.session.brake import Ledger
from reaper.decide.session.model import SessionKey
from reaper.decide.session.snapshot import Snapshot
from reaper.decide.session.state import Reason
from reaper.decide.text import escape
from reaper.errors import ReaperError
from reaper.sense.login_records import LoginRecord, parse_name, parse_record
from reaper.sense.logind import LogindSession, parse_sessions
from tests.unit.fakes import FakeHost, make_policy
from tests.unit.native import parse_datagram

KEY = SessionKey(123, 456)
TEXT = st.text(st.characters(codec=None), max_size=200)  # surrogates, too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def outcome(read: Callable[[], object], problem: str) -> object:
    """Returns what was read, or None if it was refused with that problem."""
    try:
        return read()
    except ReaperError as error:
        if error.problem == problem and error.message and error.hint:
            return None
        raise


# Login records.

GOOD_RECORD = {
    "VERSION": "1",
    "USER": "alice",
    "UID": "1000",
    "SERVICE": "sshd",
    "TTY": "ssh",
    "RHOST": "192.0.2.7",
    "RUSER": "",
    "XDG_SESSION_ID": "3",
    "LEADER": "123",
    "START_TICKS": "456",
    "OPENED_USEC": "1000000",
    "AUTH": "publickey",
}


def as_record(values: dict[str, str]) -> bytes:
    return "".join(f"{name}={value}\n" for name, value in values.items()).encode("utf-8", "surrogatepass")


def escaped(text: str) -> str:
    """Escapes a string as pam_reaper.so does: all but printable ASCII, and the backslash, as \\xNN."""
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in text.encode("utf-8")
    )


def holds_record(data: bytes) -> None:
    record = outcome(lambda: parse_record(KEY, data), "record-broken")
    assert record is None or (isinstance(record, LoginRecord) and record.key == KEY)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_record_or_refused(data):
    holds_record(data)


@given(
    st.dictionaries(st.sampled_from(sorted(GOOD_RECORD)), TEXT, max_size=4),
    st.sets(st.sampled_from(sorted(GOOD_RECORD))),
)
def test_any_value_in_a_record_is_read_or_refused(changed, missing):
    holds_record(as_record({**{k: v for k, v in GOOD_RECORD.items() if k not in missing}, **changed}))


@given(st.data())
def test_changed_record_is_read_or_refused(data):
    good = bytearray(as_record(GOOD_RECORD))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=5))
        if not good:
            break
    holds_record(bytes(good))


@given(st.text(max_size=100), st.text(max_size=100))
def test_record_of_the_module_is_read_back(user, rhost):
    """With any string, also with line feeds, equals signs and backslashes."""
    values = {**GOOD_RECORD, "USER": escaped(user), "RHOST": escaped(rhost)}
    record = parse_record(KEY, as_record(values))
    assert (record.user, record.rhost) == (user, rhost)


@given(st.text(max_size=40))
@example("0.1")
@example("1.1.new")
@example("1.1\n")
def test_any_file_name_is_a_record_or_passed_over(name):
    key = parse_name(name)
    assert key is None or str(key) == name


# The saved state.


def good_state() -> str:
    host = FakeHost()
    login = host.login(100, "pts/1")
    now = host.clock()
    readings = host.read_terminals(["pts/1"])
    tracked = observation.start_tracking(login.session, readings, now, is_new=True)
    tracked = policy_change.apply_policy(tracked, make_policy(), frozenset(), now.boot_usec).tracked
    return snapshot.encode(Snapshot("b00t", now, "poll: 5s\n", Ledger((1, 2)), (tracked,)))


GOOD_STATE = good_state()


def holds_state(text: str) -> None:
    state = outcome(lambda: snapshot.decode(text, "b00t"), "state-refused")
    assert state is None or isinstance(state, Snapshot)


@given(TEXT)
@example("[" * 100_000)
@example('{"version":1e999}')
@example("9" * 10_000)
def test_any_text_is_a_state_or_refused(text):
    holds_state(text)


@given(JSON)
def test_any_json_is_a_state_or_refused(value):
    holds_state(json.dumps(value))


def paths(value: object, prefix: tuple = ()) -> list[tuple]:
    """Yields every place in a JSON document."""
    found = [prefix] if prefix else []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found += paths(child, (*prefix, key))
    return found


@given(st.sampled_from(paths(list(map(json.loads, GOOD_STATE.splitlines())))), JSON, st.booleans())
def test_state_with_one_change_is_read_or_refused(path, value, is_taken_out):
    document = list(map(json.loads, GOOD_STATE.splitlines()))
    place = document
    for key in path[:-1]:
        place = place[key]
    if is_taken_out:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    holds_state("".join(json.dumps(line) + "\n" for line in document))


@given(st.integers(0, len(GOOD_STATE) - 1))
def test_state_that_is_cut_off_is_refused(length):
    holds_state(GOOD_STATE[:length])


def test_example_state_is_read():
    state = snapshot.decode(GOOD_STATE, "b00t")
    assert snapshot.encode(state) == GOOD_STATE


# What loginctl prints.

PROPERTIES = ["Id", "User", "Name", "TTY", "RemoteHost", "Service", "Leader", "Class", "Type", "TimestampMonotonic"]


@given(TEXT, st.integers(0, 10**12))
def test_any_output_of_loginctl_is_read_or_refused(text, now):
    assert all(isinstance(each, LogindSession) for each in parse_sessions(text, now))


@given(
    st.lists(st.tuples(st.sampled_from([*PROPERTIES, "", "X"]), TEXT), max_size=20),
    st.integers(0, 10**12),
)
def test_any_properties_are_read_or_refused(properties, now):
    found = parse_sessions("\n".join(f"{name}={value}" for name, value in properties), now)
    for session in found:
        assert session.session_id
        assert session.age_usec >= 0


# loginctl turns a line feed in a value into a space, and leaves everything else.
VALUES = st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=60)


@given(VALUES, VALUES)
@example("host\u2028Leader=1", "")
@example("host\x0bLeader=1\x0bUser=0", "")
@example("host\x85Leader=1", "\rLeader=1")
def test_value_stays_in_its_property(remote, name):
    """A hostile remote host cannot name a leader."""
    values = dict(zip(PROPERTIES, ["3", "1000", name, "", remote, "sshd", "777", "user", "tty", "5"]))
    (session,) = parse_sessions("".join(f"{key}={value}\n" for key, value in values.items()), 9)
    assert session == LogindSession("3", 777, name, 1000, "sshd", "", remote, "tty", 4)


# What goes out to a terminal.


@given(TEXT)
def test_escaped_text_is_printable(text):
    """Without control characters, bidirectional marks and line ends."""
    shown = escape.plain(text)
    assert all(unicodedata.category(char)[0] not in "C" and char not in "\u2028\u2029" for char in shown)
    shown.encode("utf-8")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_ordinary_text_is_not_escaped(text):
    assert escape.plain(text) == text


OUTLOOKS = st.builds(
    Outlook,
    left_usec=st.integers(-(10**6), 2**63),
    deadline=st.just("Wed 2026-11-25 00:04"),
    idle_usec=st.integers(-(10**6), 2**63),
    limit_usec=st.integers(0, 2**63),
    host=TEXT,
    user=TEXT | st.text("\x1b\U000e0041\u540d\U0001f480{}", max_size=400),
    session=TEXT,
    hold=TEXT,
)
TOKENS = st.sampled_from([*map("{{{}}}".format, PLACEHOLDERS), "{", "}", "{{", "}}", "\n", "{x}", "!r", "\x1b", " "])
MESSAGES = TEXT | st.lists(TOKENS | st.text(max_size=5), max_size=60).map("".join)


@given(MESSAGES, st.sampled_from([Reason.IDLE, Reason.MAX]), OUTLOOKS, st.sampled_from(["pts/3", "tty1", "ttyS0"]))
@example("{left}" * 50, Reason.IDLE, Outlook(2**63, "", 0, 0, "", "", "", ""), "pts/3")
@example("{left}" + "\U0001f480" * 390, Reason.MAX, Outlook(1, "", 0, 0, "", "", "", ""), "pts/3")
def test_text_is_refused_or_makes_a_harmless_warning(text, reason, outlook, terminal):
    """A bell, then lines of printable characters with EL as the only escape sequence; less than a page."""
    try:
        template = parse_template(text)
    except TemplateError as error:
        faults = error.faults
        assert faults
        assert all(what.isprintable() and remedy for what, remedy in faults)
        return
    assert parse_template(str(template)) == template
    written = terminal_messages.for_terminal(terminal_messages.warning(template, reason, outlook), terminal)
    assert len(written.replace("\r\n", "\r\r\n").encode()) < 4096
    start, *lines, end = written.split("\r\n")
    assert (start, end) == ("\a", "")
    assert 1 <= len(lines) <= 5
    assert all(line.startswith("reaper: ") for line in lines)
    if terminal != "ttyS0":
        assert all(line.endswith(" \x1b[K") for line in lines)
        lines = [line[: -len(" \x1b[K")] for line in lines]
    assert all(line.isprintable() for line in lines)


@given(st.sampled_from(Reason), st.integers(0, 10**12), TEXT, st.sampled_from(Kill))
def test_farewell_is_one_line(reason, limit, host, kill):
    start, line, end = terminal_messages.farewell(reason, limit, host, kill).split("\r\n")
    assert (start, end) == ("\a", "")
    assert line.isprintable()


# What goes out to the journal.


@given(st.sampled_from(EventKind), TEXT, st.dictionaries(st.sampled_from(sorted(FIELDS)), TEXT))
def test_event_is_read_back_as_it_was(kind, message, fields):
    told = parse_datagram(journal.encode(Event(kind, message, fields)))
    assert told.pop("MESSAGE") == message.encode("utf-8", "backslashreplace")
    assert told.pop("MESSAGE_ID").decode() == kind.message_id
    assert told.pop("PRIORITY").decode() == str(int(kind.priority))
    assert told.pop("REAPER_EVENT").decode() == kind.word
    assert told.pop("SYSLOG_IDENTIFIER") == b"reaperd"
    assert told.pop("SYSLOG_PID").isdigit()
    expected = {f"REAPER_{name.upper()}": value for name, value in fields.items() if value}
    assert told == {name: value.encode("utf-8", "backslashreplace") for name, value in expected.items()}


@given(st.integers(0, 4), st.sampled_from(["a", "é", "\U0001f600", "\n"]), st.integers(32_000, 100_000))
def test_value_that_is_too_long_is_cut_between_characters(offset, char, length):
    told = parse_datagram(journal.encode(Event(EventKind.STARTED, "x" * offset + char * length, {})))
    assert len(told["MESSAGE"]) <= journal.MAX_VALUE_BYTES
    told["MESSAGE"].decode("utf-8")


# Calls on the control socket.


class FakeSubject:
    def list_sessions(self, uid: int) -> dict:
        return {"sessions": [], "policy": ""}

    def explain_session(self, uid: int, name: str) -> dict:
        raise CallError("io.reaper.NoSuchSession", session=name[:200])


METHODS = st.sampled_from(
    [
        "org.varlink.service.GetInfo",
        "org.varlink.service.GetInterfaceDescription",
        "org.varlink.service.Nothing",
        "io.reaper.List",
        "io.reaper.Explain",
        "io.reaper.",
        "",
    ]
)
CALLS = st.fixed_dictionaries(
    {"method": METHODS | TEXT | JSON},
    optional={
        "parameters": JSON
        | st.fixed_dictionaries({}, optional={"session": JSON | TEXT, "interface": JSON | st.just("io.reaper")}),
        "more": JSON,
    },
)


@given(JSON | CALLS)
def test_any_call_is_answered(message):
    """Any JSON gets a reply in JSON, with parameters or an error that has a qualified name."""
    reply = json.loads(json.dumps(reply_to(message, Peer(1, 1000), FakeSubject())))
    assert isinstance(reply["parameters"], dict)
    assert set(reply) <= {"parameters", "error"}
    if "error" in reply:
        assert reply["error"].startswith(("org.varlink.service.", "io.reaper."))


def test_record_is_about_the_process_that_its_name_says():
    """Any other is refused, for the record decides whom a signal reaches."""
    good = as_record(GOOD_RECORD)
    assert parse_record(KEY, good).key == KEY
    for other in (SessionKey(124, 456), SessionKey(123, 457)):
        try:
            parse_record(other, good)
        except ReaperError:
            continue
        raise AssertionError("taken for another's")
