"""How long the daemon waits for what, and why so long."""

from __future__ import annotations

from reaper.decide.text.duration import USEC_PER_SEC

# How long the processes of a session get to die after its leader has, before what was freed is counted.
SETTLE_USEC = 200_000
# How long a connection gets to close by itself once nobody is on its terminals any more: sshd and PAM take a moment.
# What is left then (a master that persists) should not take in a person who comes back to what is ending.
CLOSING_USEC = 2 * USEC_PER_SEC
# How often to look again at a session that is due and could not be warned.
UNTOLD_USEC = 60 * USEC_PER_SEC
# A record older than this at first sight began before the daemon: its login says nothing of now.
NEW_LOGIN_USEC = 60 * USEC_PER_SEC
# If this much time passes that was neither rest nor work (pace.py), the daemon was stopped or the host suspended. It is
# more than the waits of a busy host that the kernel does not count, and less than the shortest lead that a person can
# answer to.
LAPSE_USEC = 5 * USEC_PER_SEC
DEFAULT_POLL_USEC = 15 * USEC_PER_SEC
# After so long a tick is cut short, so that clients and the watchdog are answered; the rest follows in the next.
TICK_USEC = 500_000
