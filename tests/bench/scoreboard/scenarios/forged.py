"""Gone, with signs of life forged

A terminal and the processes on it belong to the user, who can set the terminal's times. No such forgery may keep a
session for a second. Only unread input counts, once, when it is noticed.
"""

from __future__ import annotations

from tests.host.robots import CHANNEL, REOPENED, UNREAD

from ..person import Person
from ..scenario import ENDED, scenario


def forges(person: Person, loop: str) -> None:
    """Leaves a loop in the background, in which $T is the terminal."""
    path = person.put("forge", f"#!/bin/bash\nT=$1\nwhile true; do\n{loop}\nsleep 1\ndone\n")
    person.start(person.login(), f"{path} $(tty) > /dev/null 2>&1 &")


@scenario(ENDED, "touch $(tty)")
def touch(person: Person) -> None:
    forges(person, "touch $T")


@scenario(ENDED, "touch -a $(tty)")
def touch_atime(person: Person) -> None:
    forges(person, "touch -a $T")


@scenario(ENDED, "once, a date far in the future")
def future(person: Person) -> None:
    forges(person, "[ $SECONDS -gt 3 ] || touch -a -d '+1 day' $T")


@scenario(ENDED, "always a date a little in the future")
def rolling_future(person: Person) -> None:
    forges(person, "touch -a -d '+30 seconds' $T")


@scenario(ENDED, "whole seconds, as the kernel writes them")
def whole_second(person: Person) -> None:
    forges(person, 'touch -a -d "@$(date +%s)" $T')


@scenario(ENDED, "whole steps of 8 seconds, once each, as the kernel writes them")
def whole_step(person: Person) -> None:
    forges(person, 'S=$(date +%s); [ $((S / 8)) = "$L" ] || touch -a -d @$S $T; L=$((S / 8))')


@scenario(ENDED, "with a chmod after each, as mesg would do")
def touch_chmod(person: Person) -> None:
    forges(person, "touch -a $T; chmod 600 $T; chmod 620 $T")


@scenario(ENDED, "one line that nothing reads, with touch $(tty) and a change of the terminal's mode in a loop")
def touch_unread(person: Person) -> None:
    window = person.login()
    person.start(window, f"{person.put('robot.py', UNREAD)} &", "[$] ")
    person.start(window, "sleep 1000")
    person.type(window, "is there anybody\n")


@scenario(ENDED, "a child of sshd's by clone(CLONE_PARENT) that reads and writes, and keepalives of the client's")
def false_channel(person: Person) -> None:
    window = person.login("-o", "ServerAliveInterval=1", "there")
    person.start(window, f"exec {person.put('robot.py', CHANNEL)}")


@scenario(ENDED, "children of sshd's by clone(CLONE_PARENT) that take the terminal over, one after the other")
def false_terminal(person: Person) -> None:
    person.start(person.login(), f"exec {person.put('robot.py', REOPENED)}")
