"""Asks the host's name services about groups, in a child process.

A name service may take a minute to answer, hang for good, or crash. The daemon's loop must not wait for it: a child
process asks, and its answers are taken at a later poll. The child has a time limit, which is generous as nothing waits
for it, and only one child runs at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reaper import system_commands

# The file beside this one: neither the environment nor the caller's directory changes what Python imports (-I), and it
# needs nothing that site adds (-S). Starts in 15 ms.
PROGRAM = (sys.executable, "-I", "-S", os.path.join(os.path.dirname(os.path.abspath(__file__)), "accounts.py"))
# One lookup in a name service whose server is down takes 30 to 70 s, once for each server and each retry.
MOST_SEC = 120.0
# One batch of questions fits into the pipe (64 KiB), whether the child reads it or not. JSON needs up to 12 bytes for a
# character of a name.
MOST_QUESTIONS, MOST_BYTES = 128, 65536
# useradd(8) allows 32 characters for a group's name; directories allow more. A longer name than this is not asked for.
MOST_NAME = 256
_CHUNK = 65536
# A killed process ends at once, unless it waits for a file system that does not answer.
_DYING_SEC = 0.1


class GroupsAnswer(NamedTuple):
    """What name services have answered: numbers of groups by name, and names by number; None for an unknown group."""

    gids: dict[str, int | None]
    names: dict[int, str | None]


class NameService:
    """The waiting questions, and the process that asks those before them."""

    def __init__(self, program: Sequence[str] = PROGRAM, most_sec: float = MOST_SEC) -> None:
        self._program, self._most_sec = program, most_sec
        self._waiting: list[str | int] = []
        self._asked: set[str | int] = set()  # the questions of the running process
        self._process: subprocess.Popen[bytes] | None = None
        self._killed: subprocess.Popen[bytes] | None = None  # until it has ended, which may take time
        self._until_sec = 0.0  # when the process's time is over, or the killed one is no longer waited for
        self._rest = b""
        self._answers = GroupsAnswer({}, {})

    def ask(self, names: Iterable[str], gids: Iterable[int], *, discard: bool = False) -> None:
        """Asks for the numbers of groups by name and the names by number; each once until it is answered.

        `discard`: drops the questions asked before.
        """
        if discard:
            self.close()
        questions: list[str | int] = [*sorted(names), *sorted(gids)]
        known = {*self._waiting, *self._asked}
        self._waiting += [each for each in dict.fromkeys(questions) if each not in known]
        self._start()

    def take(self, patience_sec: float = 0.0) -> GroupsAnswer:
        """Returns the answers since the last call; waits up to `patience_sec` for the missing ones.

        A question that is not answered in time, or whose process has crashed, is answered with None; so is one that
        waits for the end of a killed process that does not end, as it is in a call to a file system that does not
        answer.
        """
        until = time.monotonic() + patience_sec
        self._start()  # if the previous process could not be ended at once
        while self._process is not None:
            self._read(self._process, max(0.0, until - time.monotonic()))
            if self._process is not None and time.monotonic() >= until:
                break
        answers, self._answers = self._answers, GroupsAnswer({}, {})
        return answers

    def close(self) -> None:
        """Ends the process, if one runs, and drops all questions and answers."""
        self._waiting.clear()
        if self._process is not None:
            self._finish(self._process)
        self._answers = GroupsAnswer({}, {})

    def _start(self) -> None:
        if self._killed is not None and self._killed.poll() is not None:
            self._killed = None
        if self._process is not None or not self._waiting:
            return
        if self._killed is not None:
            if time.monotonic() >= self._until_sec:
                self._asked.update(self._waiting)
                self._waiting.clear()
                self._give_up()
            return
        batch = self._next_batch()
        self._asked, self._rest = set(batch), b""
        self._until_sec = time.monotonic() + self._most_sec
        try:
            process = subprocess.Popen(
                self._program,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            )
        except OSError:
            self._give_up()
            return
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        self._process = process
        with contextlib.suppress(OSError):  # it has ended already: noticed at the next read
            process.stdin.write(json.dumps([each for each in batch if _is_short(each)]).encode())
            process.stdin.close()

    def _next_batch(self) -> list[str | int]:
        """Takes as many of the waiting questions as one process is asked."""
        batch: list[str | int] = []
        size = len("[]")
        for each in self._waiting[:MOST_QUESTIONS]:
            size += len(json.dumps(each)) + len(", ") if _is_short(each) else 0
            if size > MOST_BYTES:
                break
            batch.append(each)
        del self._waiting[: len(batch)]
        return batch

    def _read(self, process: subprocess.Popen[bytes], patience_sec: float) -> None:
        """Takes in what the process has written; ends it when it closes its output or its time is over."""
        assert process.stdout is not None
        left_sec = max(0.0, self._until_sec - time.monotonic())
        poll = select.poll()  # select() takes no descriptor beyond 1023
        poll.register(process.stdout, select.POLLIN)
        wait_sec = min(patience_sec, left_sec)
        with system_commands.waiting(wait_sec):
            is_ready = bool(poll.poll(wait_sec * 1000))
        data = os.read(process.stdout.fileno(), _CHUNK) if is_ready else b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        is_sane = len(self._rest) < _CHUNK and all(self._note(line) for line in lines)
        if (is_ready and not data) or not is_sane or time.monotonic() >= self._until_sec:
            self._finish(process)
            self._start()

    def _note(self, line: bytes) -> bool:
        """Takes in one answer. Returns whether it answers a question that was asked."""
        try:
            question, answer = json.loads(line)
            self._asked.remove(question)
        except (ValueError, TypeError, KeyError, RecursionError):
            return False
        if isinstance(question, int) and isinstance(answer, (str, type(None))):
            self._answers.names[question] = answer
        elif isinstance(question, str) and isinstance(answer, (int, type(None))):
            self._answers.gids[question] = answer
        return True

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        assert process.stdout is not None
        process.stdout.close()
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired), system_commands.waiting(_DYING_SEC):
            process.wait(_DYING_SEC)
        self._killed = process if process.returncode is None else None
        self._until_sec = time.monotonic() + self._most_sec
        self._give_up()

    def _give_up(self) -> None:
        """Answers the open questions with None."""
        self._answers.gids.update((each, None) for each in self._asked if isinstance(each, str))
        self._answers.names.update((each, None) for each in self._asked if isinstance(each, int))
        self._asked.clear()


def _is_short(question: str | int) -> bool:
    return isinstance(question, int) or len(question) <= MOST_NAME
