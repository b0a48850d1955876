"""Unlocks through the real libpam with prepared answers: the other side of test_conversation.

Arguments: the user, and the answers as JSON: a text (its bytes as Latin-1), or null for a person who has left.
"""

from __future__ import annotations

import json
import sys
import time
import traceback

from reaper.lock.prompt import pam


def main() -> None:
    user, answers = sys.argv[1], json.loads(sys.argv[2])
    spoken: list[list[object]] = []
    given: list[bytearray] = []

    def ask(prompt: str, shows: bool) -> bytearray | None:
        spoken.append(["prompt", prompt, shows])
        answer = answers.pop(0)
        if answer == "raise":
            raise RuntimeError("on purpose")
        if answer is None:
            return None
        given.append(bytearray(answer.encode("latin-1")))
        return given[-1]

    pam.load()
    start = time.monotonic()
    try:
        result = vars(
            pam.authenticate(
                user, "reaper", "/dev/pts/7", "192.0.2.7", ask, lambda text, bad: spoken.append(["said", text, bad])
            )
        )
    except RuntimeError:
        result = {"raised": traceback.format_exc()}
    seconds = time.monotonic() - start
    wiped = not any(any(answer) for answer in given)
    print(json.dumps({"result": result, "spoken": spoken, "wiped": wiped, "left": answers, "seconds": seconds}))


main()
