"""Runs commands as root in a virtual machine, as it is told over a virtio-serial port.

Runs inside the guest, by its own python3, from its boot on: it is no login, so that what tests do makes no session.
One JSON object a line, in either direction:

    {"id": 1, "command": ["id"], "environment": {}, "input": "…", "timeout": 60}
    {"id": 1, "status": 0, "stdout": "…", "stderr": "…"}

A command that has not ended in time is killed with its process group, and its status is null.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from typing import Any

LOCK = threading.Lock()


def carry_out(port: int, request: dict[str, Any]) -> None:
    try:
        process = subprocess.Popen(
            request["command"],
            stdin=subprocess.DEVNULL if request["input"] is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=request["environment"],
            cwd="/",
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        answer = {"status": 127, "stdout": "", "stderr": str(error)}
    else:
        try:
            stdout, stderr = process.communicate(request["input"], request["timeout"])
            answer = {"status": process.returncode, "stdout": stdout, "stderr": stderr}
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            answer = {"status": None, "stdout": stdout, "stderr": stderr}
    data = json.dumps({"id": request["id"], **answer}).encode() + b"\n"
    with LOCK:
        while data:
            data = data[os.write(port, data) :]


def main() -> None:
    port = os.open(sys.argv[1], os.O_RDWR | os.O_CLOEXEC)
    poll = select.poll()
    poll.register(port, select.POLLIN)
    rest = b""
    while True:
        poll.poll()
        data = os.read(port, 1 << 16)
        if not data:  # nobody is at the other end: systemd starts us again
            sys.exit(1)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            threading.Thread(target=carry_out, args=(port, json.loads(line)), daemon=True).start()


main()
