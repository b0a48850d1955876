"""On a console

login(1) on a line of the host; nothing of sshd is there.
"""

from __future__ import annotations

from ..person import Person
from ..scenario import ENDED, GAP, KEPT, scenario


@scenario(KEPT, "types on a console")
def console_typist(person: Person) -> None:
    person.types(person.console("tty8"), "x", GAP)


@scenario(ENDED, "leaves a shell on a console")
def console_idle(person: Person) -> None:
    person.console("tty9")
