"""Who may ask the daemon for what: every method, by root, by the user of the session, and by other users."""

from __future__ import annotations

import inspect
from typing import Any, Callable

import pytest

from reaper.control import methods
from reaper.control.methods import Backend, Peer, reply_to
from reaper.daemon.api import Api
from reaper.decide.policy.limits import LONGEST_HOLD_USEC, Action
from reaper.decide.policy.match import Origin
from reaper.decide.session.hold import LONGEST_REASON
from reaper.sense import terminals
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import MINUTE

ROOT, ALICE, BOB, NOBODY = Peer(1, 0), Peer(1, 1000), Peer(1, 1001), Peer(1, 65534)
PARAMETERS: dict[str, dict[str, Any]] = {
    "Explain": {"session": "100"},
    "Hold": {"session": "100", "duration_usec": MINUTE, "why": "a build"},
    "Release": {"session": "100"},
    "Warn": {"session": "100"},
    "Lock": {"session": "c3"},
    "Terminate": {"session": "100", "why": "maintenance"},
    "List": {},
    "Watch": {},
    "Reload": {},
}
NO_SUCH, NOT_ALLOWED = "io.reaper.NoSuchSession", "io.reaper.NotAllowed"
# For each verb what root is told, whose session it is, and anybody else; "" where it is done.
WHO_MAY = {
    "List": ("", "", ""),
    "Watch": ("", "", ""),
    "Explain": ("", "", NO_SUCH),
    "Hold": ("", "", NO_SUCH),
    "Release": ("", "", NO_SUCH),
    "Warn": ("", NOT_ALLOWED, NOT_ALLOWED),
    "Lock": ("", "", NO_SUCH),
    "Terminate": ("", NOT_ALLOWED, NOT_ALLOWED),
    "Reload": ("", NOT_ALLOWED, NOT_ALLOWED),
}


class Stand:
    """Alice's session and bob's, and a desktop of alice's."""

    def __init__(self) -> None:
        self.bench = Bench(make_policy(make_limits(hold_max_usec=60 * MINUTE)))
        self.alice = self.bench.host.login(100, "pts/1")
        self.bob = self.bench.host.login(200, "pts/2", user="bob", uid=1001)
        self.bench.host.login(300, origin=Origin.GRAPHICAL, session_id="c3")
        self.bench.run(1)
        self.rejected = ""
        self.reloads = 0
        bench = self.bench
        self.answers = Api(bench.host, bench.daemon, bench.journal, self.reload)  # type: ignore[arg-type]

    def reload(self) -> str:
        self.reloads += 1
        return self.rejected

    def ask(self, verb: str, peer: Peer, **parameters: Any) -> dict[str, Any]:
        """The answer; {"error": ...} for one that says no."""
        call = {"method": f"io.reaper.{verb}", "parameters": {**PARAMETERS[verb], **parameters}}
        return reply_to(call, peer, self.answers)


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_every_method_is_covered():
    ours = {name.rpartition(".")[2] for name in methods._METHODS if name.startswith("io.reaper.")}
    assert ours == set(WHO_MAY) == set(PARAMETERS)
    for name, method in inspect.getmembers(Backend, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(method) == inspect.signature(getattr(Api, name))


@pytest.mark.parametrize("verb", sorted(WHO_MAY))
@pytest.mark.parametrize(("peer", "column"), [(ROOT, 0), (ALICE, 1), (BOB, 2), (NOBODY, 2)])
def test_only_root_and_the_user_of_a_session_may_ask(stand, verb, peer, column):
    if verb == "Release":
        stand.ask("Hold", ALICE)
    before = stand.bench.words()
    reply = stand.ask(verb, peer)
    assert reply.get("error", "") == WHO_MAY[verb][column]
    if "error" in reply:
        assert stand.bench.words() == before
        assert stand.bench.actor.locked == []
        assert stand.reloads == 0


@pytest.mark.parametrize("verb", ["Explain", "Hold", "Release", "Warn", "Lock", "Terminate"])
def test_session_that_does_not_exist_is_reported_with_its_name_cut(stand, verb):
    reply = stand.ask(verb, ROOT, session="x" * 5000)
    assert reply == {"error": NO_SUCH, "parameters": {"session": "x" * 200}}


NAMES = {
    "longer than a file's": "x" * 256,
    "longer than a path": "x/" * 5000,
    "of 64 KiB": "x" * 65536,
    "with a NUL": "pts/1\0",
    "with a lone surrogate": "pts/\ud800",
    "with one that stands for a byte": "pts/\udcff",
    "with a line feed": "pts/1\n",
    "a path out of /dev": "../dev/shm/x/y",
    "a path out of /dev, in full": "/dev/../tmp/x",
    "a roundabout path": "pts/../pts/1",
    "a directory": "pts",
    "nothing in /dev": "/dev/",
    "a device that is no terminal": "/dev/null",
    "a terminal with a slash more": "pts//1",
    "a number in other digits": "pts/\u0661",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("peer", [ROOT, ALICE, NOBODY])
@pytest.mark.parametrize("verb", ["Explain", "Hold", "Release", "Lock"])
def test_name_is_matched_and_never_looked_up(stand, verb, peer, name, monkeypatch):
    """The daemon opens no path that a user names: it may be on a file system that does not answer."""
    asked: list[str] = []
    host = stand.bench.host
    read = host.read_terminals
    monkeypatch.setattr(host, "read_terminals", lambda names: (asked.extend(names), read(names))[1])
    assert stand.ask(verb, peer, session=name) == {"error": NO_SUCH, "parameters": {"session": name[:200]}}
    assert set(asked) <= {"pts/1", "pts/2"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_terminal_is_matched_against_those_of_this_host(stand, name, monkeypatch):
    """The same with real terminals."""
    monkeypatch.setattr(stand.bench.host, "read_terminals", terminals.read_all)
    monkeypatch.setattr(stand.bench.host, "other_ptys", terminals.other_ptys)
    assert stand.ask("Explain", ROOT, session=name)["error"] == NO_SUCH


def test_search_for_a_terminal_looks_at_the_sessions_of_its_owner_alone(stand, monkeypatch):
    """Finding a session's terminals takes many reads, and a host can have a thousand sessions."""
    looked: list[str] = []
    host = stand.bench.host
    find = host.terminal_names
    monkeypatch.setattr(host, "terminal_names", lambda session: (looked.append(session.user), find(session))[1])
    assert "error" not in stand.ask("Explain", ROOT, session="/dev/pts/2")
    assert set(looked) == {"bob"}
    looked.clear()
    assert stand.ask("Explain", ALICE, session="pts/2")["error"] == NO_SUCH
    assert "bob" not in looked


WRONG = [
    ("Hold", {"duration_usec": 0}),
    ("Hold", {"duration_usec": -1}),
    ("Hold", {"duration_usec": LONGEST_HOLD_USEC + 1}),
    ("Hold", {"duration_usec": 1.5}),
    ("Hold", {"duration_usec": True}),
    ("Hold", {"duration_usec": "1h"}),
    ("Hold", {"duration_usec": None}),
    ("Hold", {"why": ""}),
    ("Hold", {"why": "  "}),
    ("Hold", {"why": None}),
    ("Hold", {"why": "x" * (LONGEST_REASON + 1)}),
    ("Hold", {"why": "a\nb"}),
    ("Hold", {"why": 7}),
    ("Hold", {"session": ""}),
    ("Hold", {"session": 100}),
    ("Release", {"why": "a\x1b[2J"}),
    ("Warn", {"text": "x" * (LONGEST_REASON + 1)}),
    ("Warn", {"text": ["x"]}),
    ("Terminate", {"why": ""}),
    ("Terminate", {"force": "yes"}),
    ("Terminate", {"force": 2}),
    ("Terminate", {"force": 1}),
    ("Terminate", {"why": "a\ud800"}),
    ("Warn", {"text": "a\0b"}),
    ("Release", {"why": "x" * 65536}),
    ("Hold", {"duration_usec": 10**4000}),
    ("Hold", {"duration_usec": float("inf")}),
]


@pytest.mark.parametrize(("verb", "parameters"), WRONG)
def test_parameters_out_of_bounds_are_refused(stand, verb, parameters):
    before = stand.bench.words()
    reply = stand.ask(verb, ROOT, **parameters)
    assert reply["error"] == "org.varlink.service.InvalidParameter"
    assert reply["parameters"] == {"parameter": next(iter(parameters))}
    assert stand.bench.words() == before


def test_refusal_says_why_and_what_to_do(stand):
    stand.bench.host.obstacles[stand.alice.session.key] = "its user has no password here"
    reply = stand.ask("Lock", ROOT, session="100")
    assert reply["error"] == "io.reaper.Refused"
    why = "the session cannot be locked: its user has no password here"
    assert reply["parameters"] == {"why": why, "hint": "warn or terminate it"}
    assert stand.bench.actor.orders == {}


def test_hold_that_the_policy_does_not_allow_is_refused(stand):
    stand.bench.adopt(make_policy())
    reply = stand.ask("Hold", ALICE)
    assert reply["error"] == NOT_ALLOWED
    assert "lets its users hold no session any longer (ask an administrator)" in reply["parameters"]["why"]


def test_hold_reply_says_for_how_long(stand):
    reply = stand.ask("Hold", ALICE, duration_usec=2 * 60 * MINUTE)["parameters"]
    assert reply["hold"]["by"] == "alice"
    assert reply["hold"]["why"] == "a build"
    assert 0 < reply["hold"]["left_usec"] < 2 * 60 * MINUTE
    assert reply["shortened"] == "hold_max"
    shown = stand.ask("Explain", ALICE)["parameters"]["explanation"]
    assert shown["session"]["phase"] == "held"
    assert any("It is held for" in line and "by alice: a build" in line for line in shown["text"])


@pytest.mark.parametrize(
    ("peer", "by"),
    [
        (Peer(1, 0), "root"),
        (Peer(201, 0), "root (session 200 of bob)"),
        (Peer(101, 1000), "alice"),
        (Peer(1, 1000), "alice"),
    ],
)
def test_record_names_who_asked(stand, peer, by):
    """Root's request is attributed to the user in whose session root made it."""
    stand.ask("Hold", peer)
    assert [event.fields["by"] for event in stand.bench.events(100, "held")] == [by]


def test_reload_of_a_policy_that_does_not_parse_is_an_error(stand):
    stand.rejected = "reaper.yaml:3:5: no such key"
    reply = stand.ask("Reload", ROOT)
    assert reply["error"] == "io.reaper.PolicyRejected"
    assert reply["parameters"] == {"problems": stand.rejected, "policy": stand.bench.daemon.policy_id}
    stand.rejected = ""
    assert stand.ask("Reload", ROOT)["parameters"] == {"policy": stand.bench.daemon.policy_id}


def test_ordered_end_is_shown_on_the_terminal(stand):
    stand.ask("Terminate", Peer(201, 0))
    (text,) = shown(stand.alice)
    assert "root (session 200 of bob) ended it: maintenance." in text
    assert shown(stand.bob, "pts/2") == []


def test_session_opened_since_the_last_poll_is_found(stand):
    stand.bench.host.login(400, "pts/4", user="carol", uid=1003)
    assert "error" not in stand.ask("Explain", Peer(1, 1003), session="pts/4")
    assert stand.ask("Explain", BOB, session="400")["error"] == NO_SUCH


def test_own_session_is_that_of_the_calling_process(stand):
    """A process that runs in another user's session is not told which."""
    assert (
        stand.ask("Explain", Peer(101, 1000), session="self")["parameters"]["explanation"]["session"]["session"]
        == "100"
    )
    assert (
        stand.ask("Explain", Peer(201, 0), session="self")["parameters"]["explanation"]["session"]["session"] == "200"
    )
    assert stand.ask("Explain", Peer(201, 1000), session="self")["error"] == NO_SUCH
    assert stand.ask("Explain", Peer(9999, 0), session="self")["error"] == NO_SUCH


# Sessions that nobody has.


def test_user_makes_the_daemon_look_for_sessions_once_a_second_at_most(stand):
    """An unknown name costs the user nothing, and each look reads a directory and may ask logind."""
    looks = count_looks(stand)
    for _ in range(50):
        assert stand.ask("Explain", ALICE, session="x")["error"] == NO_SUCH
    assert looks() == 1
    stand.bench.sleep(1)
    stand.ask("Explain", ALICE, session="x")
    assert looks() == 2


def test_requests_of_one_user_do_not_hide_the_login_of_another(stand):
    stand.ask("Explain", BOB, session="x")
    stand.bench.host.login(400, "pts/9")
    assert stand.ask("Explain", BOB, session="400")["error"] == NO_SUCH
    assert "explanation" in stand.ask("Explain", ALICE, session="400")["parameters"]


def count_looks(stand: Stand) -> Callable[[], int]:
    """Counts the looks for new sessions from here on."""
    discover, looks = stand.bench.host.discover, []

    def counted(*words: Any) -> Any:
        looks.append(words)
        return discover(*words)

    stand.bench.host.discover = counted
    return lambda: len(looks)


def test_terminal_number_reused_by_another_user_names_their_session(stand):
    """Between two polls pts/1 is closed, and the next login gets its number."""
    tty = stand.alice.ttys.pop("pts/1")
    stand.alice.ttys["pts/9"] = tty
    carol = stand.bench.host.login(400, "pts/1", user="carol", uid=1003)
    reply = stand.ask("Terminate", ROOT, session="pts/1")
    assert "error" not in reply
    stand.bench.run(10)
    assert stand.alice.leader.is_alive
    assert not carol.leader.is_alive


def test_names_are_escaped_in_replies(stand):
    stand.bench.host.login(400, "pts/4", user="ma\x1b[2Jllory", uid=1003)
    stand.ask("Hold", Peer(1, 1003), session="pts/4")
    reply = stand.ask("Terminate", ROOT, session="pts/4")
    assert reply["parameters"]["why"] == "ma\\x1b[2Jllory holds the session"


def test_refused_lock_says_why(stand):
    """The reason is that of the moment of the request, not of the last evaluation."""
    key = next(key for key, each in stand.bench.daemon.sessions.items() if each.session.name == "100")
    stand.bench.adopt(make_policy(make_limits(action=Action.LOCK)))
    assert stand.ask("Explain", ALICE)["parameters"]["explanation"]["unlockable"] == ""
    stand.bench.host.obstacles[key] = "its user has no password here"
    told = stand.ask("Explain", ALICE)["parameters"]["explanation"]
    assert told["unlockable"] == "its user has no password here"
    assert "It cannot be locked, and will be ended instead: its user has no password here." in told["text"]
