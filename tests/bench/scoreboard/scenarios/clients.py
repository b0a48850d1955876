"""Clients of all kinds

The bytes on the connection differ with each client: keepalives of five kinds, chaff, compression, new keys by time,
ciphers that hide lengths. The persons do the same with each. The clients of those who left send keepalives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..clients import CLIENTS, Client
from ..person import Person, Window
from ..scenario import ENDED, GAP, KEPT, Scenario, enter

THEME = __doc__.partition("\n")[0]
DELAYS = (2.0, 5.0, 10.0)  # seconds from a warning to the letter; each client has one of them


def login(person: Person, client: Client, *, away: bool) -> Window:
    return person.at_prompt(client.shell(person, away=away), on=client.suite)


def keys(person: Person, client: Client) -> None:
    """No program reads the letters and only their echo comes back, but the person is there."""
    window = login(person, client, away=False)
    person.start(window, "sleep 100000")
    person.types(window, "x", GAP)


def letter(person: Person, client: Client, delay: float) -> None:
    """Presses only the key for which a warning asks; judged only for enforcers with such a warning."""
    window = login(person, client, away=False)
    person.start(window, "tail -f /dev/null")
    person.answers_warnings(window, "x", delay)


def lists(person: Person, client: Client) -> None:
    window = sftp_prompt(person, client)
    person.types(window, "ls /etc\n", GAP)


def prompt(person: Person, client: Client) -> None:
    login(person, client, away=True)


def forward(person: Person, client: Client) -> None:
    person.run(*client.forward(person), on=client.suite)


def sftp(person: Person, client: Client) -> None:
    sftp_prompt(person, client)


def sftp_prompt(person: Person, client: Client) -> Window:
    window = person.run(*client.sftp(person), on=client.suite)
    window.terminal.expect("sftp> ", 60)
    return window


Act = Callable[[Person, Client], None]


@dataclass(frozen=True)
class Situation:
    """One use of a client, to be played with each client."""

    name: str  # ends the names of its scenarios
    title: str
    expect: str
    act: Act
    asked: bool = False


SITUATIONS = (
    Situation("keys", "single keys while a silent program runs in the foreground", KEPT, keys),
    *(
        Situation(
            f"letter{each:.0f}", f"one letter, {each:.0f} s after each warning", KEPT, partial(letter, delay=each), True
        )
        for each in DELAYS
    ),
    Situation("lists", "lists a directory in sftp now and then", KEPT, lists),
    Situation("prompt", "leaves a shell at its prompt", ENDED, prompt),
    Situation("forward", "leaves a forwarded port", ENDED, forward),
    Situation("sftp", "leaves sftp at its prompt", ENDED, sftp),
)
LISTING = ("ssh10-c", "putty", "dropbear", "paramiko", "asyncssh")  # the others do not differ in this situation


def fits(number: int, client: Client, situation: Situation) -> bool:
    """Whether this client is played in this situation: all are, except for the letters and the listings."""
    if situation.name.startswith("letter"):
        return situation.name == f"letter{DELAYS[number % len(DELAYS)]:.0f}"
    return situation.name != "lists" or client.name in LISTING


def scenario_of(client: Client, situation: Situation) -> Scenario:
    name, title = f"{client.name}-{situation.name}", f"{client.title}: {situation.title}"
    play = partial(situation.act, client=client)
    return Scenario(name, title, THEME, situation.expect, "", play, asked=situation.asked)


for situation in SITUATIONS:
    for number, client in enumerate(CLIENTS):
        if fits(number, client, situation):
            enter(scenario_of(client, situation))
