"""Programs on a file system of FUSE's, and the phases of the sessions that run them."""

from __future__ import annotations

import json

from .lab import Host

# The device is not among those of a container; umask, as chmod(2) is refused there.
SET_UP = """
test -e /dev/fuse || (umask 0; mknod /dev/fuse c 10 229)
grep -q ^user_allow_other /etc/fuse.conf || echo user_allow_other >> /etc/fuse.conf
mkdir -p /srv/programs /mnt/programs
cp /bin/sleep /srv/programs/simulator
"""


def phases(host: Host) -> dict[str, str]:
    """What the daemon says at once that each user's session is."""
    listed = json.loads(host.run(["reaperctl", "list", "--json"], timeout=10).stdout)["sessions"]
    return {each["user"]: each["phase"] for each in listed}
