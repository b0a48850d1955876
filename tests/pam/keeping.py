"""The parent of the process that asks, as a program: the other side of test_prompt.

Arguments: the descriptor of the terminal, and what there is to ask as JSON. Lines on the standard input: `start`, with
the failures so far and why the last attempt failed; `wait` for the outcome; `pid` of the process, or a `look` at it;
`kill` it, `stop` it, or `leave` without a word. Each but the last is answered with a line of JSON.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys

from reaper.lock.prompt import process
from reaper.lock.prompt.dialogue import Ask
from reaper.lock.terminal.lock_screen import TerminalKind


def look(pid: int) -> dict[str, object]:
    """Returns the limits and open files of the process, and whether only root can read its memory."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as stream:
        core = next(line.split()[4:6] for line in stream if line.startswith("Max core"))
    with open(f"/proc/{pid}/status", encoding="ascii") as stream:
        status = {name: value.strip() for name, _, value in (line.partition(":") for line in stream)}
    return {
        "core": core,
        "fds": len(os.listdir(f"/proc/{pid}/fd")),
        "ignored": int(status["SigIgn"], 16),
        "blocked": int(status["SigBlk"], 16),
        "locked": int(status["VmLck"].split()[0]),
    }


def main() -> None:
    terminal, asked = int(sys.argv[1]), json.loads(sys.argv[2])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    kept = os.open("/dev/null", os.O_RDONLY)
    child = None
    for line in sys.stdin:
        words = line.split(None, 2)
        answer: object = None
        if words[0] == "start":
            more = {"failures": int(words[1]), "last": words[2].strip() if len(words) > 2 else ""}
            child = process.start(terminal, Ask(**{**asked, **more, "kind": TerminalKind(asked["kind"])}))
            answer = child.outcome() is None
        assert child is not None
        if words[0] == "wait":
            select.select([child.fd], [], [])
            answer = vars(child.outcome() or child)
            assert child.fd == -1
        elif words[0] == "look":
            answer = look(child.pid)
        elif words[0] == "kill":
            os.kill(child.pid, signal.SIGKILL)
        elif words[0] == "pid":
            answer = child.pid
        elif words[0] == "stop":
            child.stop()
            child.stop()
            answer = child.outcome() is None
        elif words[0] == "leave":
            os._exit(0)
        print(json.dumps(answer), flush=True)
    os.close(kept)


main()
