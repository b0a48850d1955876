"""Commands and files, without a terminal

Nobody can type here. Traffic on the connection and computation show use; keepalives do not.
"""

from __future__ import annotations

from ..person import Person
from ..scenario import ENDED, GAP, KEPT, SHOWN, scenario

PIPE = "while sleep 1; do head -c 32768 /dev/zero; done"
COMPILE = "while true; do python3 -c 'sum(range(5000000))'; sleep 0.1; done"
EDITOR = """\
import os, sys
while data := os.read(0, 65536):
    os.write(1, b"x" * (8192 if b"complete" in data else 20))
"""


@scenario(KEPT, "lists a directory in sftp now and then")
def sftp_user(person: Person) -> None:
    window = person.run("sftp", "-F", person.config, "there")
    window.terminal.expect("sftp> ", 60)
    person.types(window, "ls -l /etc\n", GAP)


@scenario(KEPT, "scp from the host at 32 KiB/s")
def scp_down(person: Person) -> None:
    person.run("scp", "-F", person.config, "-l", "256", "there:/srv/large", f"{person.directory}/copy")


@scenario(KEPT, "scp to the host at 32 KiB/s")
def scp_up(person: Person) -> None:
    person.shell(
        f"truncate -s 16M {person.directory}/large; "
        f"exec scp -F {person.config} -l 256 {person.directory}/large there:copy"
    )


@scenario(KEPT, "sftp get at 32 KiB/s")
def sftp_get(person: Person) -> None:
    window = person.run("sftp", "-F", person.config, "-l", "256", "there")
    window.terminal.expect("sftp> ", 60)
    person.type(window, f"get /srv/large {person.directory}/copy\n")


@scenario(KEPT, "rsync from the host at 32 KiB/s")
def rsync_down(person: Person) -> None:
    person.shell(f"exec rsync -W --bwlimit=32 -e 'ssh -F {person.config}' there:/srv/large {person.directory}/copy")


@scenario(KEPT, "ssh host 'cat > file', fed 32 KiB/s")
def cat_upload(person: Person) -> None:
    person.shell(f"({PIPE}) | $SSH there 'cat > copy'")


@scenario(KEPT, "ssh host tar, read at 32 KiB/s")
def tar_download(person: Person) -> None:
    person.shell("$SSH there 'tar -c /srv/large' | while head -c 32768 > /dev/null; do sleep 1; done")


@scenario(KEPT, "ssh host make: computes, and says nothing")
def compile_command(person: Person) -> None:
    person.ssh("there", COMPILE)


@scenario(KEPT, "ssh host cp: copies files from place to place on the host, and says nothing")
def disk_command(person: Person) -> None:
    person.ssh("there", "while true; do rm -rf copy; cp -r /usr/share/zoneinfo copy; sleep 1; done")


@scenario(KEPT, "types commands into ssh -T now and then")
def no_tty_typist(person: Person) -> None:
    window = person.ssh("-T", "there")
    person.type(window, "echo ready\n")
    window.terminal.expect("^ready", 60)
    person.types(window, "ls -l /etc\n", GAP)


@scenario(KEPT, "works in an editor whose server runs on the host")
def editor_user(person: Person) -> None:
    person.host.write(f"/home/{person.name}/server.py", EDITOR)
    feed = f"while sleep {GAP:.0f}; do echo complete; done"
    person.shell(f"({feed}) | $SSH -T there python3 server.py > /dev/null")


@scenario(SHOWN, "leaves an editor open, whose server runs on the host and is asked for a sign of life every 5 s")
def editor_idle(person: Person) -> None:
    """A line to a program, and its answer: a person who types slowly at `ssh -T` looks the same. An administrator who
    knows the editor can set `network_floor`."""
    person.host.write(f"/home/{person.name}/server.py", EDITOR)
    person.shell("(while sleep 5; do echo alive; done) | $SSH -T there python3 server.py > /dev/null")


@scenario(ENDED, "leaves sftp at its prompt")
def sftp_idle(person: Person) -> None:
    window = person.run("sftp", "-F", person.config, "there")
    window.terminal.expect("sftp> ", 60)


@scenario(ENDED, "leaves sftp at its prompt, with ServerAliveInterval=1")
def sftp_keepalive(person: Person) -> None:
    window = person.run("sftp", "-F", person.config, "-o", "ServerAliveInterval=1", "there")
    window.terminal.expect("sftp> ", 60)


@scenario(ENDED, "leaves ssh -T")
def no_tty_idle(person: Person) -> None:
    window = person.ssh("-T", "there")
    person.type(window, "echo ready\n")
    window.terminal.expect("^ready", 60)


@scenario(ENDED, "ssh host tail -f, on a log that does not grow")
def quiet_log(person: Person) -> None:
    person.ssh("there", "tail -f /etc/passwd")


@scenario(ENDED, "ssh host sleep 100000")
def sleep_command(person: Person) -> None:
    person.ssh("there", "sleep 100000")


@scenario(ENDED, "ssh host sleep 100000, with ServerAliveInterval=5")
def sleep_keepalive(person: Person) -> None:
    person.ssh("-o", "ServerAliveInterval=5", "there", "sleep 100000")
