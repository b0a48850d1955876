"""What pam_reaper.so adds to a login, compared with pam_systemd and with pam_exec and a Python script.

Runs login_cost.py in a host.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.host.lab import Host

HERE = os.path.dirname(__file__)
MODULE = "/usr/lib/x86_64-linux-gnu/security/pam_reaper.so"


def main(host: Host) -> None:
    """Prints the table of login_cost.py; fails if another module costs less than 20 times ours."""
    with tempfile.TemporaryDirectory() as directory:
        driver = os.path.join(directory, "login_cost")
        source = os.path.join(HERE, "login_cost.c")
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", driver, source, "-lpam"], check=True)
        for path in (driver, os.path.join(HERE, "login_cost.py")):
            with open(path, "rb") as stream:
                host.write(f"/opt/{os.path.basename(path)}", stream.read(), mode=0o755)
    host.add_user("bench")
    words = ["python3", "/opt/login_cost.py", "--driver", "/opt/login_cost", "--module", MODULE, "--user", "bench"]
    print(host.output([*words, "--at-least", "20"], timeout=600))
    host.remove_user("bench")
