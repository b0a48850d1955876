"""Gone, with a program that types inside

Programs type on terminals that programs have made. Only the outer terminal, at which the connection ends, shows whether
a person types.
"""

from __future__ import annotations

from ..person import Person
from ..scenario import ENDED, scenario

EXPECT = """\
spawn bash
while 1 { sleep 2; send "date\\r"; expect "$ " }
"""
PTY = """\
import os, pty, threading, time
def robot(master):
    while True:
        time.sleep(2)
        os.write(master, b"date\\n")
pid, master = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash"])
threading.Thread(target=robot, args=(master,), daemon=True).start()
while True:
    os.write(1, os.read(master, 4096))
"""


@scenario(ENDED, "a loop of tmux send-keys types into the tmux on the screen")
def tmux_send_keys(person: Person) -> None:
    window = person.login()
    path = person.put("robot", "#!/bin/sh\nwhile sleep 2; do tmux send-keys date Enter; done\n")
    person.start(window, f"{path} > /dev/null 2>&1 & tmux", r"\[0\]")


@scenario(ENDED, "a loop of screen -X stuff types into the screen on the screen")
def screen_stuff(person: Person) -> None:
    window = person.login()
    path = person.put("robot", "#!/bin/sh\nwhile sleep 2; do screen -S it -X stuff 'date^M'; done\n")
    person.start(window, f"{path} > /dev/null 2>&1 & screen -q -S it", "[$] ")


@scenario(ENDED, "expect types into a shell")
def expect_robot(person: Person) -> None:
    window = person.login()
    person.put("robot", EXPECT)
    person.start(window, "expect ./robot", "spawn bash")


@scenario(ENDED, "script(1) is fed commands by a loop")
def script_robot(person: Person) -> None:
    window = person.login()
    person.start(window, "while sleep 2; do echo date; done | script -q record")


@scenario(ENDED, "a Python program types on a pty of its own")
def python_robot(person: Person) -> None:
    window = person.login()
    person.start(window, person.put("robot.py", PTY), "[$] ")
