"""A graphical session on a booted host: one by its PAM service and type, with a desktop that says when it is idle."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import ENDED, events, quick, rule, wait_event

LOGIN1 = "org.freedesktop.login1"
STACK = """\
session required pam_systemd.so class=user type=x11
session required pam_reaper.so
"""


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


@contextlib.contextmanager
def desktop(host: Host, person: str) -> Iterator[str]:
    """A graphical session by its PAM service and type; its name."""
    host.write("/etc/pam.d/gdm-lab", STACK)
    unit = f"desktop-{person}"
    words = ["systemd-run", "--quiet", f"--unit={unit}", "--property=PAMName=gdm-lab", f"--property=User={person}"]
    host.run([*words, "sleep", "1000"])
    try:
        yield wait_event(host, person, "opened")["REAPER_SESSION"]
    finally:
        host.run(["systemctl", "stop", f"{unit}.service"], check=False)
        host.run(["systemctl", "reset-failed", f"{unit}.service"], check=False)
        host.run(["rm", "/etc/pam.d/gdm-lab"])


def path_of(session: str) -> str:
    """The session's object on the bus."""
    name = session if session[0].isalpha() else f"_{ord(session[0]):02x}{session[1:]}"
    return f"/org/freedesktop/login1/session/{name}"


def test_desktop(host: Host, person: str) -> None:
    """Left alone by a rule for everybody; ended by one for graphical sessions, when the desktop says that it idles."""
    with contextlib.ExitStack() as stack:
        with rule(host, person):
            session = stack.enter_context(desktop(host, person))
            host.run(["busctl", "call", LOGIN1, path_of(session), f"{LOGIN1}.Session", "SetIdleHint", "b", "1"])
            host.run(["sleep", str(ENDED)])
            assert events(host, person) == ["opened"]
        with rule(host, person, match=f"{{user: {person}, origin: graphical}}"):
            told = wait_event(host, person, "terminated")
            assert (told["REAPER_ORIGIN"], told["REAPER_EVIDENCE"]) == ("graphical", "desktop")


def test_lock(host: Host, person: str) -> None:
    """Whoever draws the screen hears from logind that it is to be locked, and tells when it is and when no more."""
    heard, unit = f"/run/heard-{person}", f"listen-{person}"
    match = ["--match=type='signal',path_namespace='/org/freedesktop/login1/session'", "--match=member='GetAll'"]
    listen = ["systemd-run", "--quiet", f"--unit={unit}", f"--property=StandardOutput=file:{heard}"]
    with rule(host, person, idle="1h"), desktop(host, person) as session:
        host.run([*listen, "stdbuf", "-oL", "busctl", *match, "monitor"])
        hint = f"busctl call {LOGIN1} {path_of(session)} {LOGIN1}.Session"
        # It is not told when busctl has begun to listen.
        host.shell(
            f"timeout 30 sh -c 'until grep -q PropertiesChanged {heard}; do {hint} SetIdleHint b 1;"
            f" {hint} SetIdleHint b 0; sleep 0.2; done'"
        )
        assert host.run(["reaperctl", "lock", session]).stdout == "the session is being locked\n"
        host.shell(f"timeout 30 sh -c 'until grep -q Member=Lock {heard}; do sleep 0.2; done'")
        host.shell(f"{hint} SetLockedHint b 1")
        # The daemon has read the hint when it asks once more.
        wait = 'was=$(grep -c "$1" "$2"); until test "$(grep -c "$1" "$2")" -ge $((was + 2)); do sleep 0.2; done'
        host.run(["timeout", "50", "sh", "-c", wait, "sh", f"Path={path_of(session)} .*Member=GetAll", heard])
        host.shell(f"{hint} SetLockedHint b 0")
        wait_event(host, person, "unlocked")
        assert [event for event in events(host, person) if event != "resumed"] == ["opened", "locked", "unlocked"]
    host.run(["systemctl", "stop", f"{unit}.service"], check=False)
    host.run(["rm", "-f", heard])
