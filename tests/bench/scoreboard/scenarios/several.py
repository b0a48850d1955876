"""Several windows

One connection is one session, however many terminals it carries. Two connections are two.
"""

from __future__ import annotations

import os

from ..person import ECHO_PORT, Person, Window
from ..scenario import ENDED, GAP, KEPT, scenario
from .tunnels import talk


def window_of(person: Person, needed: bool = True) -> Window:
    """Opens one more window on the person's one connection."""
    control = os.path.join(person.directory, "control")
    return person.login("-o", "ControlMaster=auto", "-o", f"ControlPath={control}", "there", needed=needed)


@scenario(KEPT, "types in the second window of a connection whose first is idle")
def second_window(person: Person) -> None:
    """The idle window may close or stay; the connection and the window in which the person types must stay."""
    window_of(person, needed=False)
    person.types(window_of(person), "date\n", GAP)


@scenario(KEPT, "types by turns in two windows of one connection")
def by_turns(person: Person) -> None:
    first, second = window_of(person), window_of(person)
    person.types(first, "date\n", 2 * GAP)
    person.types(second, "date\n", 1.5 * GAP)


@scenario(KEPT, "copies a file at 32 KiB/s over the connection of an idle shell")
def shared_transfer(person: Person) -> None:
    """Debatable: nobody types. But for the user who started it, the copy is work, as it is on a separate connection."""
    window_of(person)
    control = os.path.join(person.directory, "control")
    person.shell(f"scp -F {person.config} -o ControlPath={control} -l 256 there:/srv/large {person.directory}/copy")


@scenario(KEPT, "idles here and types in another connection, where the policy says `share_activity: user`", asked=True)
def share_activity(person: Person) -> None:
    """An administrator may let all sessions of a user count as one: only reaper has this option."""
    person.login()
    person.types(person.login(), "date\n", GAP)


@scenario(ENDED, "leaves two windows of one connection")
def two_windows(person: Person) -> None:
    window_of(person)
    window_of(person)


@scenario(ENDED, "leaves a connection that ControlPersist holds open, without a window")
def control_persist(person: Person) -> None:
    control = os.path.join(person.directory, "control")
    person.ssh("-o", "ServerAliveInterval=15", "-M", "-N", "-o", f"ControlPath={control}", "there")
    person.shell(
        f"until $SSH -O check -S {control} there; do sleep 1; done; $SSH -S {control} there true", needed=False
    )
    person.windows[-1].terminal.wait(60)


def shell_with_port(person: Person, port: int) -> None:
    """Leaves a shell while a program uses a forwarded port of its connection."""
    person.login("-L", f"{port}:127.0.0.1:{ECHO_PORT}", "there")
    talk(person, port)


@scenario(ENDED, "leaves a shell while a program uses a port that its connection forwards")
def port_beside_shell(person: Person) -> None:
    """Debatable: a person may be at the far end of the port. But the shell is open to anybody who passes by."""
    shell_with_port(person, 9007)


@scenario(KEPT, "the same, where the policy says `activity: [input, network]`", asked=True)
def port_that_counts(person: Person) -> None:
    shell_with_port(person, 9008)
