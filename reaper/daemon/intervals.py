"""How long the daemon waits, and for what, with the reason for each value."""

from __future__ import annotations

from reaper.decide.text.duration import USEC_PER_SEC

# After the leader of a session dies, its other processes have this long to die before what they freed is counted.
SETTLE_USEC = 200_000
# A connection has this long to close by itself once no process uses its terminals any more: sshd and PAM take a moment.
# A connection that is left then (a persistent ControlMaster) must not serve a user who returns while it is being ended.
CLOSING_USEC = 2 * USEC_PER_SEC
# How soon to try again with a session that is due and whose terminals refused the warning.
RETRY_WARNING_USEC = 60 * USEC_PER_SEC
# A login older than this when the daemon first sees its record is not new, so it is no evidence of use now.
NEW_LOGIN_USEC = 60 * USEC_PER_SEC
# If this much time was neither sleep nor work (pace.py), the daemon was stopped or the host was suspended. It is more
# than the waits on a busy host that the kernel does not count, and less than the shortest warning that a user can
# answer.
LAPSE_USEC = 5 * USEC_PER_SEC
DEFAULT_POLL_USEC = 15 * USEC_PER_SEC
# A tick is cut short after this long, so that clients and the watchdog are answered; the next tick does the rest.
TICK_USEC = 500_000
