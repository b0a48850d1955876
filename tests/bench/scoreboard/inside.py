"""Runs in the host: prints the process table once a second as one line of JSON, until its reader is gone.

A line is a list of [pid, start time, parent, uid, name]: the users' processes, and those that hold sessions.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator

FIRST_USER = 2000
HOLDERS = {"sshd", "sshd-session", "sshd-auth", "login"}


def processes() -> Iterator[tuple[int, int, int, int, str]]:
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            uid = os.stat(f"/proc/{entry}").st_uid
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stream:
                head, _, tail = stream.read().rpartition(")")
        except OSError:
            continue
        fields = tail.split()
        name = head.partition("(")[2]
        if fields[0] not in "ZX" and (uid >= FIRST_USER or name in HOLDERS):
            yield int(entry), int(fields[19]), int(fields[1]), uid, name


def main() -> None:
    due = time.monotonic()
    while True:
        print(json.dumps(list(processes())), flush=True)
        due += 1.0
        time.sleep(max(0.0, due - time.monotonic()))


try:
    main()
except (BrokenPipeError, KeyboardInterrupt):
    sys.exit(0)
