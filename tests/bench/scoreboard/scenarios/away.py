"""Gone, with something left on the terminal

Nobody presses a key. Nothing that the terminal shows, runs or refuses is a sign of a person.
"""

from __future__ import annotations

import signal
import struct
import termios
from fcntl import ioctl

from ..person import Person
from ..scenario import ENDED, scenario
from .typing import mosh, nested


def leaves(person: Person, line: str, wait: str = "") -> None:
    """Logs in, starts a program, and leaves."""
    person.start(person.login(), line, wait)


@scenario(ENDED, "leaves a shell at its prompt")
def bash_idle(person: Person) -> None:
    person.login()


@scenario(ENDED, "leaves half a command at the prompt")
def half_command(person: Person) -> None:
    person.type(person.login(), "rm -rf ")


@scenario(ENDED, "leaves zsh at its prompt")
def zsh_idle(person: Person) -> None:
    person.login()


@scenario(ENDED, "leaves dash at its prompt")
def dash_idle(person: Person) -> None:
    person.login()


@scenario(ENDED, "leaves vim")
def vim_idle(person: Person) -> None:
    leaves(person, "vi notes", "~")


@scenario(ENDED, "leaves less")
def less_idle(person: Person) -> None:
    leaves(person, "less /usr/share/common-licenses/GPL-3", "GNU GENERAL")


@scenario(ENDED, "leaves top running")
def top_idle(person: Person) -> None:
    leaves(person, "top", "load average")


@scenario(ENDED, "leaves watch running")
def watch_idle(person: Person) -> None:
    leaves(person, "watch -n 1 date", "Every 1")


@scenario(ENDED, "leaves a loop that prints the date")
def date_loop(person: Person) -> None:
    leaves(person, "while true; do date; sleep 1; done")


@scenario(ENDED, "leaves a stream of output")
def stream(person: Person) -> None:
    leaves(person, "while true; do yes | head -n 200; sleep 0.1; done")


@scenario(ENDED, "leaves a background job that prints")
def background_printer(person: Person) -> None:
    leaves(person, "while true; do echo tick; sleep 2; done &")


@scenario(ENDED, "leaves a loop under nohup that writes to the terminal")
def nohup_writer(person: Person) -> None:
    path = person.put("writer", "#!/bin/sh\nwhile true; do echo tick > $1; sleep 2; done\n")
    leaves(person, f"nohup {path} $(tty) > /dev/null 2>&1 &")


@scenario(ENDED, "leaves a stopped job")
def stopped_job(person: Person) -> None:
    window = person.login()
    person.start(window, "vi notes", "~")
    person.type(window, "\x1a")
    window.terminal.expect("Stopped")


@scenario(ENDED, "leaves a computation in the foreground")
def cpu_burner(person: Person) -> None:
    """A program is no person. For computations that should continue, use tmux, or `busy` or `activity: [cpu]`."""
    leaves(person, "while true; do python3 -c 'sum(range(2000000))'; sleep 0.2; done")


@scenario(ENDED, "leaves a root shell of sudo -i")
def sudo_idle(person: Person) -> None:
    leaves(person, "sudo -i", "# ")


@scenario(ENDED, "leaves tmux attached")
def tmux_idle(person: Person) -> None:
    leaves(person, "tmux", r"\[0\]")


@scenario(ENDED, "leaves screen attached")
def screen_idle(person: Person) -> None:
    leaves(person, "screen -q", "[$] ")


@scenario(ENDED, "leaves a nested ssh, to the host itself")
def nested_idle(person: Person) -> None:
    nested(person)


@scenario(ENDED, "ssh -t host less FILE, and leaves")
def command_idle(person: Person) -> None:
    person.login("-t", "there", "less /usr/share/common-licenses/GPL-3", wait="GNU GENERAL")


@scenario(ENDED, "leaves a shell over mosh")
def mosh_idle(person: Person) -> None:
    mosh(person)


@scenario(ENDED, "gets out of TMOUT with exec env TMOUT=0 bash, and leaves")
def tmout_bypass(person: Person) -> None:
    leaves(person, "exec env -i HOME=$HOME TERM=$TERM PATH=$PATH TMOUT=0 bash --norc --noprofile", "[$] ")


@scenario(ENDED, "ignores SIGHUP and SIGTERM, and leaves")
def stubborn(person: Person) -> None:
    leaves(person, "trap '' HUP TERM; while true; do sleep 1; done")


@scenario(ENDED, "stopped the output with Ctrl-S, and leaves", deaf=True)
def flow_stopped(person: Person) -> None:
    person.type(person.login(), "\x13")


@scenario(ENDED, "stops sshd's own process, which runs as the user, so that it cannot end", deaf=True)
def stopped_sshd(person: Person) -> None:
    leaves(person, "sleep 1; kill -STOP $PPID")


@scenario(ENDED, "leaves a program that looks for keys every second, and waits for none")
def keyboard_poller(person: Person) -> None:
    poller = "stty -icanon min 0 time 0; while true; do dd bs=1 count=1 status=none; sleep 1; done"
    leaves(person, poller)


@scenario(ENDED, "closes the laptop's lid while top runs", deaf=True)
def lid_closed(person: Person) -> None:
    """The connection stays and nobody answers: keys may still come, but none have."""
    window = person.login()
    person.start(window, "top", "load average")
    window.terminal.process.send_signal(signal.SIGSTOP)


@scenario(ENDED, "is sent messages by others")
def written_to(person: Person) -> None:
    person.login()
    send = f"for line in $(find /dev/pts -user {person.name}); do echo 'lunch?' > $line; done"
    person.every(10, lambda: print(person.root(f"{send} || true"), end=""))


@scenario(ENDED, "resizes the window now and then, and presses no key")
def resizer(person: Person) -> None:
    """Debatable: somebody may be there. But window managers resize by themselves, and a person can press a key."""
    window = person.login()
    sizes = [24, 30]

    def resize() -> None:
        sizes.reverse()
        ioctl(window.terminal.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", sizes[0], 200, 0, 0))

    person.every(15, resize)


@scenario(ENDED, "calls a program of their own rsync, where the policy calls rsync busy")
def busy_impostor(person: Person) -> None:
    """Anybody can copy a program under another name; the policy means the system's program."""
    leaves(person, "cp /bin/sleep rsync; ./rsync 100000")
