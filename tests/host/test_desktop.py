"""A graphical session on a booted host: one by its PAM service and type, with a desktop that says when it is idle."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import ENDED, events, quick, rule, wait_event

STACK = """\
session required pam_systemd.so class=user type=x11
session required pam_reaper.so
"""


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def test_desktop(host: Host, person: str) -> None:
    """Left alone by a rule for everybody; ended by one for graphical sessions, when the desktop says that it idles."""
    host.write("/etc/pam.d/gdm-lab", STACK)
    unit = f"desktop-{person}"
    words = ["systemd-run", "--quiet", f"--unit={unit}", "--property=PAMName=gdm-lab", f"--property=User={person}"]
    with rule(host, person):
        host.run([*words, "sleep", "1000"])
        session = wait_event(host, person, "opened")["REAPER_SESSION"]
        login1 = "org.freedesktop.login1"
        path = f"/org/freedesktop/login1/session/_{ord(session[0]):02x}{session[1:]}"
        host.run(["busctl", "call", login1, path, f"{login1}.Session", "SetIdleHint", "b", "1"])
        host.run(["sleep", str(ENDED)])
        assert events(host, person) == ["opened"]
    with rule(host, person, match=f"{{user: {person}, origin: graphical}}"):
        told = wait_event(host, person, "terminated")
        assert (told["REAPER_ORIGIN"], told["REAPER_EVIDENCE"]) == ("graphical", "desktop")
    host.run(["systemctl", "reset-failed", f"{unit}.service"], check=False)
    host.run(["rm", "/etc/pam.d/gdm-lab"])
