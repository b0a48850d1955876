"""What no host can know

Keys that come over the connection are keys, no matter who pressed them. Shown, but not judged.
"""

from __future__ import annotations

from ..person import Person
from ..scenario import SHOWN, scenario

TIOCSTI = """\
import fcntl, termios, time
while True:
    for key in b"date\\n":
        fcntl.ioctl(0, termios.TIOCSTI, bytes([key]))
    time.sleep(5)
"""


@scenario(SHOWN, "a robot on the person's own machine presses keys")
def client_robot(person: Person) -> None:
    window = person.login()
    person.every(5, lambda: window.terminal.send("x"))


@scenario(SHOWN, "a program asks the terminal for the cursor's place; the person's terminal answers by itself")
def cursor_query(person: Person) -> None:
    window = person.login()
    window.answers[b"\x1b[6n"] = b"\x1b[1;1R"
    person.start(window, "while sleep 5; do printf '\\e[6n'; done &")


@scenario(SHOWN, "a program puts keys into its own terminal with TIOCSTI, where the kernel still allows that")
def tiocsti(person: Person) -> None:
    window = person.login()
    path = person.put("robot.py", TIOCSTI)
    person.start(window, f"{path} 2> /dev/null &")
