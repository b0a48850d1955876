"""On other lines

Logins without an sshd of the usual name: through a program of root that serves a terminal, a second sshd, a web page.
"""

from __future__ import annotations

from ..guest import ADMIN_PORT
from ..person import PROMPT, Person, Window
from ..scenario import ENDED, GAP, KEPT, scenario


@scenario(KEPT, "types after login(1) on a pty that a program of root's serves, as telnetd does")
def served_typist(person: Person) -> None:
    person.types(served(person), "date\n", GAP)


@scenario(ENDED, "leaves a shell of login(1) on a pty that a program of root's serves")
def served_idle(person: Person) -> None:
    served(person)


def served(person: Person) -> Window:
    return person.pass_login(person.inside("serve.py", "getty"))


@scenario(KEPT, "types through an access gateway, which opens the session as sshd and keeps the pty")
def gateway_typist(person: Person) -> None:
    person.types(gateway(person), "date\n", GAP)


@scenario(ENDED, "leaves a shell at an access gateway")
def gateway_idle(person: Person) -> None:
    gateway(person)


def gateway(person: Person) -> Window:
    window = person.inside("serve.py", "gateway", person.name)
    window.terminal.expect(PROMPT, 60)
    person.process("bash")
    return window


@scenario(KEPT, "types on a console where a display manager has begun a text shell")
def greeted_typist(person: Person) -> None:
    person.types(greeted(person, "tty13"), "date\n", GAP)


@scenario(ENDED, "leaves a text shell that a display manager has begun")
def greeted_idle(person: Person) -> None:
    greeted(person, "tty14")


def greeted(person: Person, line: str) -> Window:
    """Starts a service with a PAM session on a console, as greetd does, without its greeter."""
    window = person.inside("serve.py", "console", line)
    person.root(f"timeout 20 sh -c 'until mountpoint -q /dev/{line}; do sleep 0.1; done'")
    settings = f"-p User={person.name} -p PAMName=greetd -p TTYPath=/dev/{line} -p StandardInput=tty"
    person.root(
        f"systemd-run --quiet {settings} -p StandardOutput=tty -p StandardError=tty -p Environment='PS1=$ ' bash --norc"
    )
    window.terminal.expect(r"\$", 60)  # systemd removes the blank after it
    person.process("bash")
    return window


@scenario(KEPT, "runs a service that names another's console as its terminal, and is no login at all")
def false_line(person: Person) -> None:
    person.inside("line.py", "tty15")
    settings = f"-p User={person.name} -p PAMName=login -p TTYPath=/dev/tty15 -p StandardInput=null"
    person.root(f"systemd-run --quiet {settings} sleep 100000")
    person.process("sleep")


@scenario(KEPT, "types in a shell of a second sshd, whose PAM service has another name")
def admin_typist(person: Person) -> None:
    person.types(person.login("-p", str(ADMIN_PORT), "there"), "date\n", GAP)
    person.process("bash")


@scenario(ENDED, "leaves a shell of a second sshd, whose PAM service has another name")
def admin_idle(person: Person) -> None:
    person.login("-p", str(ADMIN_PORT), "there")
    person.process("bash")


@scenario(ENDED, "leaves ssh host sleep 100000, by a second sshd, whose PAM service has another name")
def admin_command(person: Person) -> None:
    person.ssh("-T", "-p", str(ADMIN_PORT), "there", "sleep 100000")
    person.process("sleep")


@scenario(KEPT, "types on the Terminal page of Cockpit")
def cockpit_typist(person: Person) -> None:
    person.types(cockpit(person), "date\n", GAP)


@scenario(ENDED, "leaves the Terminal page of Cockpit")
def cockpit_idle(person: Person) -> None:
    cockpit(person)


def cockpit(person: Person) -> Window:
    person.set_password()
    window = person.inside("browser.py", person.name)
    window.terminal.expect("password:", 60)
    window.terminal.send(f"{person.PASSWORD}\n")
    window.terminal.expect(PROMPT, 60)
    person.process("bash")
    return window
