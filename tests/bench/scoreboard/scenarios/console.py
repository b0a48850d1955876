"""On a serial line

login(1) on a serial line of the host, without sshd: in a container logind knows no other consoles.
"""

from __future__ import annotations

from ..person import Person
from ..scenario import ENDED, GAP, KEPT, scenario


@scenario(KEPT, "types on a serial console")
def console_typist(person: Person) -> None:
    person.types(person.console("ttyS8"), "date\n", GAP)


@scenario(ENDED, "leaves a shell on a serial console")
def console_idle(person: Person) -> None:
    person.console("ttyS9")
