"""reaper ends or locks login sessions that people have walked away from.

Three rooms that know nothing of each other's work, and three programs that join them:

sense/              reads the host, changes nothing
decide/             decides, from what it is given; pure
act/                changes the host, decides nothing
daemon/             PROGRAM reaperd
lock/               PROGRAM reaper-lock: holds the terminals of one locked session
ctl/                PROGRAM reaperctl, with control/ (the socket), audit/ (the journal read back) and doctor/ (checks)

And leaves, which everything may import and which import only each other:

errors.py           ReaperError, the one exception family
kernel_text.py      the only reader of /proc and cgroupfs, as bytes
procparse.py        parses lines of /proc; procfs.py: one process, held by a pidfd
statx.py            statx(2), which Python does not have
pam_stack.py        PAM's service files, as libpam puts them together
system_commands.py  runs loginctl and systemctl with a time limit
"""

__version__ = "0.1.0"
