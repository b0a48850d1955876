"""The users of the soak: many real ssh sessions from one process, with asyncssh. soak.py starts it.

It runs on a workstation with that machine's python3, and imports nothing of this repository. The argument is JSON (see
Plan). It prints `in` when all users are logged in, plays them until the end of its input, and then prints what happened
to each as a line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from dataclasses import asdict, dataclass, field

import asyncssh

WARNING = b"idle and ends in"
AT_ONCE = 10  # logins under way
# The program in the foreground; "" is the shell's prompt. No program reads the keys with the second one.
FRONTS = ("", "tail -f /dev/null", "cat > /dev/null")
PAUSES = (0.05, 0.6)  # between two keys, as shares of the limit: the warning comes later, at two thirds


@dataclass(frozen=True)
class Plan:
    """The settings that all users share. Times are in seconds."""

    users: list[str]
    key: str
    sessions: int
    limit: float
    leaving: float  # of those who leave, all have pressed their last key this long after the last login


@dataclass
class Person:
    """One session and what happened to it. Times are CLOCK_MONOTONIC."""

    number: int
    types: bool  # to the end; or leaves
    key_at: float = 0.0
    closed_at: float | None = None
    warned_at: list[float] = field(default_factory=list)
    error: str = ""


async def main(plan: Plan) -> None:
    people = [Person(number, number % 3 == 0) for number in range(plan.sessions)]
    everyone_in, over, door = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(AT_ONCE)
    tasks = [asyncio.ensure_future(live(each, plan, door, everyone_in, over)) for each in people]
    while not all(each.key_at or each.error for each in people):
        await asyncio.sleep(0.2)
    print("in", flush=True)
    everyone_in.set()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    over.set()
    await asyncio.gather(*tasks)
    for each in people:
        print(json.dumps(asdict(each)))


async def live(
    person: Person, plan: Plan, door: asyncio.Semaphore, everyone_in: asyncio.Event, over: asyncio.Event
) -> None:
    """Plays one user from the login until the soak or the session is over."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            async with door:
                connection = await stack.enter_async_context(connect(person, plan))
                process = await connection.create_process(term_type="xterm", encoding=None)
                await process.stdout.readuntil(b"$ ")
                process.stdin.write(FRONTS[person.number // 3 % len(FRONTS)].encode() + b"\n")
                person.key_at = time.monotonic()
        except (OSError, asyncssh.Error, asyncio.IncompleteReadError) as error:
            person.error = f"{type(error).__name__}: {error}"
            return
        typing = asyncio.ensure_future(type_on(person, plan, process, everyone_in))
        watching = asyncio.ensure_future(watch(person, process))
        ending = asyncio.ensure_future(over.wait())
        await asyncio.wait({watching, ending}, return_when=asyncio.FIRST_COMPLETED)
        for task in (typing, watching, ending):
            task.cancel()
        await asyncio.gather(typing, watching, ending, return_exceptions=True)


def connect(person: Person, plan: Plan) -> asyncssh.SSHClientConnection:
    """Connects a user; every second connection is compressed, and every second pair has keepalives."""
    return asyncssh.connect(
        "127.0.0.1",
        username=plan.users[person.number % len(plan.users)],
        client_keys=[plan.key],
        known_hosts=None,
        agent_path=None,
        login_timeout=300,
        compression_algs=["zlib@openssh.com" if person.number % 2 else "none"],
        keepalive_interval=5 if person.number % 4 > 1 else 0,
        keepalive_count_max=100,
    )


async def type_on(
    person: Person, plan: Plan, process: asyncssh.SSHClientProcess[bytes], everyone_in: asyncio.Event
) -> None:
    """Presses a letter from time to time; a user who leaves stops at a random time."""
    leaves_at = None
    chance = random.Random(person.number)
    while True:
        pause = chance.uniform(*PAUSES) * plan.limit
        with contextlib.suppress(asyncio.TimeoutError):
            if everyone_in.is_set() or not await asyncio.wait_for(everyone_in.wait(), pause):
                await asyncio.sleep(pause)
        if everyone_in.is_set() and leaves_at is None:
            leaves_at = float("inf") if person.types else time.monotonic() + chance.uniform(0, plan.leaving)
        if leaves_at is not None and time.monotonic() >= leaves_at:
            return
        person.key_at = time.monotonic()
        process.stdin.write(b"x")


async def watch(person: Person, process: asyncssh.SSHClientProcess[bytes]) -> None:
    """Notes warnings, and when the session closes."""
    rest = b""
    while data := await process.stdout.read(4096):
        rest += data
        if WARNING in rest:
            person.warned_at.append(time.monotonic())
            rest = rest.rpartition(WARNING)[2]
        rest = rest[-len(WARNING) :]
    person.closed_at = time.monotonic()


asyncio.run(main(Plan(**json.loads(sys.argv[1]))))
