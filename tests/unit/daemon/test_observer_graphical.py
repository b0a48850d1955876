"""Graphical sessions, logins that are graphical at one time and on a console at another, and terminals found late."""

from __future__ import annotations

from reaper.decide.output import session_view
from reaper.decide.policy.limits import Action
from reaper.decide.policy.match import Match, Origin
from reaper.decide.policy.rules import Rule
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import FakeTty, make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND

HOUR = make_limits(idle_usec=3600 * SECOND)


def begin(bench: Bench, **fields: object) -> FakeLogin:
    """Logs in on tty10 through greetd."""
    told = {"tty": "tty10", "origin": Origin.GRAPHICAL, "service": "greetd", **fields}
    return bench.host.login(100, "tty10", **told)


def test_shell_of_a_display_manager_is_a_console_session(bench):
    login = begin(bench)
    bench.run(200)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]
    assert {event.fields["origin"] for event in bench.events()} == {"console"}
    assert bench.events()[0].message.endswith("opened (greetd, console).")
    assert signalled(login)


def test_rules_see_a_console_while_it_shows_text():
    console = Rule("text", Match(origin=(Origin.CONSOLE,)), HOUR)
    bench = Bench(make_policy(rules=(console, Rule("desktops", Match(origin=(Origin.GRAPHICAL,)), make_limits()))))
    login = begin(bench)
    key = login.session.key
    bench.run(10)
    assert bench.daemon.sessions[key].rule == "text"
    bench.host.graphical.add("tty10")  # a compositor takes it over
    bench.run(10)
    tracked = bench.daemon.sessions[key]
    assert (tracked.rule, tracked.origin, tracked.terminals) == ("desktops", Origin.GRAPHICAL, ())
    login.idle_usec = 0
    bench.run(300)
    assert bench.words() == ["opened"], "its desktop says that it is in use"
    bench.host.graphical.clear()
    bench.run(10)
    tracked = bench.daemon.sessions[key]
    assert (tracked.rule, tracked.origin, tracked.terminals) == ("text", Origin.CONSOLE, ("tty10",))
    assert session_view.of_session(tracked, bench.host.time.boot_usec)["origin"] == "console"


def test_graphical_session_that_no_rule_names_is_left_alone_whatever_its_console_shows(bench):
    bench.host.graphical.add("tty10")
    login = begin(bench)
    login.idle_usec = 10**12
    bench.run(1000)
    assert bench.words() == ["opened"]
    assert shown(login, "tty10") == []


def test_console_of_a_display_manager_is_locked_by_its_terminal():
    """logind's request to lock would reach no desktop."""
    bench = Bench(make_policy(make_limits(action=Action.LOCK, lock_for_usec=600 * SECOND)))
    begin(bench)
    bench.run(72)
    assert "locked" not in bench.words(), "reaper-lock says so, when it is"
    assert list(bench.host.lock_orders) == ["100"]


def test_terminal_that_a_gateway_makes_after_the_login_is_found(bench):
    """A shell that takes the pty changes neither it nor its times: the daemon looks while there is none."""
    login = bench.host.login(100, origin=Origin.OTHER, service="gateway")
    login.ttys["pts/7"] = FakeTty("pts/7", bench.host.time, 0)
    bench.host.hidden.add("pts/7")
    bench.run(100)
    assert bench.daemon.sessions[login.session.key].terminals == ()
    bench.host.hidden.clear()
    bench.run(20)
    assert bench.daemon.sessions[login.session.key].terminals == ("pts/7",)
    bench.run(100)
    assert bench.words() == ["opened", "resumed", "warned", "warned", "ending", "terminated"]


def test_session_whose_terminal_is_not_known_has_no_limit():
    """Not even `max`: its user could not be warned."""
    bench = Bench(make_policy(make_limits(max_usec=100 * SECOND)))
    login = bench.host.login(100, origin=Origin.CONSOLE, service="login")
    bench.run(1000)
    assert bench.words() == ["opened"]
    assert not signalled(login)
    tracked, now_usec = bench.daemon.sessions[login.session.key], bench.host.time.boot_usec
    why = "its login did not have tty9 when it began"
    text = session_view.explain(tracked, bench.daemon.policy, frozenset(), now_usec, terminal_doubt=why)["text"]
    assert f"Its terminal is not known: {why}." in text
    assert text[-1] == "It has no terminal, and nothing shows whether it is in use: nothing happens to it."


ASKED = make_policy(rules=(Rule("desktops", Match(origin=(Origin.GRAPHICAL,)), make_limits()),))


def log_in(bench: Bench) -> FakeLogin:
    return bench.host.login(100, origin=Origin.GRAPHICAL, service="gdm-password")


def test_desktop_that_no_rule_names_is_left_alone():
    bench = Bench(make_policy(rules=(Rule("all", Match(user=("*",)), make_limits(max_usec=100 * SECOND)),)))
    login = log_in(bench)
    login.idle_usec = 10**12
    bench.run(10_000)
    assert bench.words() == ["opened"]
    assert not signalled(login)


def test_idle_desktop_is_terminated():
    bench = Bench(ASKED)
    login = log_in(bench)
    login.idle_usec = 0
    bench.run(100)
    began = bench.host.time.boot_usec
    for _ in range(70):
        login.idle_usec = bench.host.time.boot_usec - began
        bench.run(1)
    assert bench.words()[-2:] == ["ending", "terminated"]
    assert bench.events(word="ending")[0].fields["evidence"] == "desktop"


def test_desktop_in_use_or_without_an_answer_is_left_alone():
    for idle_usec in (0, None, 30 * SECOND):
        bench = Bench(ASKED)
        login = log_in(bench)
        login.idle_usec = idle_usec
        bench.run(10_000)
        assert set(bench.words()) <= {"opened", "resumed"}
        assert not signalled(login)
