"""There, and typing

Each person presses a key in less than half of the limit, as slow people do, and must keep the session.
"""

from __future__ import annotations

from ..person import Person, Window
from ..scenario import GAP, KEPT, LIMIT, scenario


@scenario(KEPT, "types a letter now and then at the prompt, and never Enter")
def slow_typist(person: Person) -> None:
    person.types(person.login(), "x", GAP)


@scenario(KEPT, "runs a short command now and then")
def commands(person: Person) -> None:
    person.types(person.login(), "date\n", GAP)


@scenario(KEPT, "comes back for one key a while before the limit, after any warning")
def comes_back(person: Person) -> None:
    person.types(person.login(), "\n", 0.8 * LIMIT)


@scenario(KEPT, "types in zsh")
def zsh_typist(person: Person) -> None:
    person.types(person.login(), "x", GAP)


@scenario(KEPT, "writes in vim")
def vim_typist(person: Person) -> None:
    window = person.login()
    person.start(window, "vi notes", "~")
    person.type(window, "i")
    person.types(window, "word ", GAP)


@scenario(KEPT, "pages in less")
def less_reader(person: Person) -> None:
    window = person.login()
    person.start(window, "less /usr/share/common-licenses/GPL-3", "GNU GENERAL")
    person.types(window, " ", GAP)


@scenario(KEPT, "presses a key in top")
def top_watcher(person: Person) -> None:
    window = person.login()
    person.start(window, "top", "load average")
    person.types(window, " ", GAP)


@scenario(KEPT, "tries things in Python's own prompt")
def python_typist(person: Person) -> None:
    window = person.login()
    person.start(window, "python3 -q", ">>> ")
    person.types(window, "1 + 1\n", GAP)


@scenario(KEPT, "types lines into cat > file")
def cat_typist(person: Person) -> None:
    window = person.login()
    person.start(window, "cat > notes")
    person.types(window, "one more line\n", GAP)


@scenario(KEPT, "types the next commands while a silent program runs in the foreground")
def types_ahead(person: Person) -> None:
    window = person.login()
    person.start(window, "sleep 1000")
    person.types(window, "make\n", GAP)


@scenario(KEPT, "presses single keys while a silent program runs in the foreground, as a warning asks for")
def keys_ahead(person: Person) -> None:
    """No program reads the keys, and the kernel counts them as unread only after Enter: but the person is there."""
    window = person.login()
    person.start(window, "sleep 1000")
    person.types(window, "x", GAP)


@scenario(KEPT, "stops and resumes the output of a long job with Ctrl-S and Ctrl-Q, to read it")
def flow_reader(person: Person) -> None:
    """The kernel takes these two keys for itself, and no program ever reads them: but the person is there."""
    window = person.login()
    person.start(window, "while true; do date; sleep 1; done")
    keys = ["\x11", "\x13"]

    def press() -> None:
        keys.reverse()
        person.type(window, keys[0])

    person.every(GAP, press)


@scenario(KEPT, "types while a background job prints")
def over_output(person: Person) -> None:
    window = person.login()
    person.start(window, "while true; do echo tick; sleep 2; done &")
    person.types(window, "date\n", GAP)


@scenario(KEPT, "toggles mesg n and mesg y, and types")
def mesg_toggler(person: Person) -> None:
    """mesg(1) is a chmod of the terminal: the terminal's times look the same as those of a forger."""
    window = person.login()
    person.types(window, "mesg n; mesg y\n", GAP)
    person.types(window, "x", GAP / 2)


@scenario(KEPT, "has mesg y in PROMPT_COMMAND, so that every Enter is followed by a chmod of the terminal")
def mesg_prompt(person: Person) -> None:
    """In the terminal's times, this looks like `touch -a` followed by chmod."""
    window = person.login()
    person.start(window, "PROMPT_COMMAND='mesg n; mesg y'")
    person.types(window, "date\n", GAP)


@scenario(KEPT, "types in a shell of tmux")
def tmux_typist(person: Person) -> None:
    window = person.login()
    person.start(window, "tmux", r"\[0\]")
    person.types(window, "date\n", GAP)


@scenario(KEPT, "types in a shell of screen")
def screen_typist(person: Person) -> None:
    window = person.login()
    person.start(window, "screen -q", "[$] ")
    person.types(window, "date\n", GAP)


@scenario(KEPT, "types in a root shell of sudo -i")
def sudo_typist(person: Person) -> None:
    window = person.login()
    person.start(window, "sudo -i", "# ")
    person.types(window, "date\n", GAP)


@scenario(KEPT, "types in a root shell of su")
def su_typist(person: Person) -> None:
    window = person.login()
    person.start(window, "sudo su -", "# ")
    person.types(window, "date\n", GAP)


@scenario(KEPT, "types under script(1), which records the work")
def script_typist(person: Person) -> None:
    window = person.login()
    person.start(window, "script -q record", "[$] ")
    person.types(window, "date\n", GAP)


@scenario(KEPT, "types in a nested ssh, to the host itself")
def nested_typist(person: Person) -> None:
    person.types(nested(person), "date\n", GAP)


def nested(person: Person) -> Window:
    """Logs in, and from there logs in to the same host once more."""
    person.root(
        f'su {person.name} -c \'cd; ssh-keygen -q -t ed25519 -N "" -f .ssh/id_ed25519; '
        "cat .ssh/id_ed25519.pub >> .ssh/authorized_keys'"
    )
    window = person.login()
    person.start(window, "ssh -o StrictHostKeyChecking=accept-new 127.0.0.1", "[$] ")
    return window


@scenario(KEPT, "ssh -t host less FILE, and pages")
def command_reader(person: Person) -> None:
    window = person.login("-t", "there", "less /usr/share/common-licenses/GPL-3", wait="GNU GENERAL")
    person.types(window, " ", GAP)


@scenario(KEPT, "stopped an editor with Ctrl-Z and types at the prompt")
def stopped_editor(person: Person) -> None:
    window = person.login()
    person.start(window, "vi notes", "~")
    person.type(window, "\x1a")
    window.terminal.expect("Stopped")
    person.types(window, "date\n", GAP)


@scenario(KEPT, "types over mosh")
def mosh_typist(person: Person) -> None:
    person.types(mosh(person), "date\n", GAP)


def mosh(person: Person) -> Window:
    """Logs in over mosh: ssh starts mosh-server and exits."""
    window = person.run("mosh", f"--ssh=ssh -F {person.config}", "127.0.0.1", remote=True)
    window.terminal.expect("[$] ", 60)
    person.process("mosh-server")
    return window


@scenario(KEPT, "is away while rsync copies in the foreground, where the policy calls rsync busy", asked=True)
def busy_rsync(person: Person) -> None:
    """Only the administrator knows which work may continue without its user: here `busy: [rsync, dpkg]`."""
    window = person.login()
    person.start(window, "rsync --bwlimit=32 /srv/large copy")
