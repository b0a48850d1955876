"""Gone, with the terminal's times forged

A terminal belongs to its user, who can set its times. None of this may keep a session by a second.
"""

from __future__ import annotations

from ..person import Person
from ..scenario import ENDED, scenario


def forges(person: Person, loop: str) -> None:
    """Leaves a loop in the background that knows the terminal as $T."""
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
