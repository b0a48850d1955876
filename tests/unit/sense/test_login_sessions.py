"""Sessions made of login records and of what logind says: their origin, and what is no login of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reaper.decide.policy.match import Origin
from reaper.decide.session.model import ProcessId
from reaper.sense import login_sessions, terminals
from reaper.sense.belonging import NestedSession
from reaper.sense.discovery import RECORD_DUE_USEC
from reaper.sense.logind import LogindSession
from tests.unit.sense.trees import START_TICKS, Tree
from tests.unit.sense.worlds import RealWorld, in_logind


@pytest.mark.parametrize(
    ("service", "tty", "kind", "origin"),
    [
        ("sshd", "", "tty", Origin.SSH),
        ("login", "tty1", "tty", Origin.CONSOLE),
        ("login", "/dev/tty63", "tty", Origin.CONSOLE),
        ("login", "ttyS0", "tty", Origin.SERIAL),
        ("login", "hvc0", "tty", Origin.SERIAL),
        ("gdm-password", "tty2", "wayland", Origin.GRAPHICAL),
        ("lightdm", "", "unspecified", Origin.GRAPHICAL),
        ("telnetd", "pts/3", "tty", Origin.OTHER),
    ],
)
def test_origin_follows_from_service_terminal_and_type(scoped, monkeypatch, service, tty, kind, origin):
    """A name alone does not make a serial line: the kernel's drivers decide that (test_tty_drivers.py)."""
    monkeypatch.setattr(terminals, "is_serial", lambda name: name in ("ttyS0", "hvc0"))
    scoped.logind.known["c7"] = in_logind(scoped)._replace(service=service, tty=tty, kind=kind)
    (session,) = scoped.host.discover([], []).sessions
    assert session.origin is origin


# su, sudo and run0 within a login.


def su(world: RealWorld, tree: Tree, service: str, *, login: int | None) -> None:
    """logind has made a session of a su."""
    tree.add(800, 1, "su", tree.scope("c9", 0), uid=0)
    if login is not None:
        tree.log_in(800, login)
    world.logind.known["c9"] = LogindSession("c9", 800, "root", 0, service, "pts/3", "", "tty", RECORD_DUE_USEC)


@pytest.mark.parametrize("service", login_sessions.CHANGING)
def test_su_within_a_login_is_a_nested_session(real, tree, service):
    """In a pane of tmux logind makes one of it. It is asked for once, and forgotten when logind forgets it."""
    su(real, tree, service, login=71)
    found = real.host.discover([], [])
    assert (found.sessions, found.problems) == ([], [])
    assert real.host._finder.nested == {"c9": NestedSession(ProcessId(800, START_TICKS), tree.scope("c9", 0))}
    assert real.host.discover([], []).sessions == []
    assert real.logind.asked == ["c9"]
    del real.logind.known["c9"]
    real.host.discover([], [])
    assert real.host._finder.nested == {}


@pytest.mark.parametrize(("service", "login"), [("su", None), ("login", 71), ("su-like", 71)])
def test_su_outside_of_any_login_is_a_session(real, tree, service, login):
    """su in a service of the host's is a session."""
    su(real, tree, service, login=login)
    assert [session.session_id for session in real.host.discover([], []).sessions] == ["c9"]
    assert real.host._finder.nested == {}


def test_services_that_change_the_user_are_those_of_the_module():
    source = (Path(login_sessions.__file__).parents[2] / "pam_hook" / "services.c").read_text()
    elevates = set(re.findall(r'^ +\{"([^"]+)", SERVICE_ELEVATES\},$', source, re.MULTILINE))
    assert elevates == set(login_sessions.CHANGING) - {"runuser", "runuser-l"}
