"""The built-in policy: in force without any policy file, and the default for what files leave out. Pure."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.limits import Action, Kill, Limits, Notify, Robots, Share
from reaper.decide.policy.rules import Brake, Policy
from reaper.decide.policy.template import Template
from reaper.decide.text.duration import USEC_PER_HOUR, USEC_PER_MIN, USEC_PER_SEC

_STANDARD = Limits(
    idle_usec=15 * USEC_PER_MIN,
    max_usec=None,
    warn_usec=(5 * USEC_PER_MIN, USEC_PER_MIN),
    message=Template(),
    notify=Notify.TERMINAL,
    action=Action.TERMINATE,
    lock_for_usec=30 * USEC_PER_MIN,
    kill=Kill.TERMINAL,
    grace_usec=10 * USEC_PER_SEC,
    activity=(),
    network_floor_bytes=16,  # a few keys; keepalives are not counted at all
    cpu_floor_usec=USEC_PER_SEC,
    share_activity=Share.SESSION,
    robots=Robots.COUNT,  # only an administrator decides that a user's own robot does not keep the session
    busy=(),
    busy_max_usec=4 * USEC_PER_HOUR,
    hold_max_usec=0,  # users hold nothing until an administrator says for how long they may
)
_RESTRICTED = replace(
    _STANDARD,
    idle_usec=10 * USEC_PER_MIN,
    max_usec=8 * USEC_PER_HOUR,
    warn_usec=(2 * USEC_PER_MIN, 30 * USEC_PER_SEC),
    kill=Kill.SESSION,
)
BUILT_IN = Policy(
    environment="standard",
    poll_usec=15 * USEC_PER_SEC,
    environments=MappingProxyType({"standard": _STANDARD, "restricted": _RESTRICTED}),
    rules=(),
    ceiling=Ceiling(),
    brake=Brake(sessions=10, per_usec=USEC_PER_MIN),
    terminal_servers=("mosh-server", "cockpit-bridge"),
    sources=(),
)
"""The policy in force without a file, and the source of what files leave out."""
