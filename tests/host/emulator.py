"""Makes of a terminal one that tells its modes: runs a program on a pty and answers DA1 and DECRQM in its place.

Runs by itself, between a tmux window and ssh: `emulator.py COMMAND...`. All else passes through as it is.
"""

import fcntl
import os
import pty
import re
import select
import signal
import sys
import termios
import tty

DEVICE, MODE = re.compile(rb"\x1b\[0?c"), re.compile(rb"\x1b\[\?(\d+)\$p")
CHANGE, UNFINISHED = re.compile(rb"\x1b\[\?([0-9;]+)([hl])"), re.compile(rb"\x1b(\[(\?[0-9;]*\$?|0)?)?\Z")
KNOWN = (1, 25, 47, 66, 1000, 1002, 1003, 1004, 1006, 1047, 1049, 2004)


class Emulator:
    """The modes of the terminal, and the answers about them."""

    def __init__(self) -> None:
        self.modes = {25}
        self.rest = b""

    def take(self, data: bytes) -> "tuple[bytes, bytes]":
        """What the program writes, as what is to be shown, and the answers to it."""
        data = self.rest + data
        cut = UNFINISHED.search(data)
        data, self.rest = (data[: cut.start()], cut[0]) if cut else (data, b"")
        answers = b""
        for match in re.finditer(b"|".join((DEVICE.pattern, MODE.pattern, CHANGE.pattern)), data):
            if match[1]:
                mode = int(match[1])
                state = (1 if mode in self.modes else 2) if mode in KNOWN else 0
                answers += b"\x1b[?%d;%d$y" % (mode, state)
            elif match[2]:
                changed = {int(mode) for mode in match[2].split(b";") if mode}
                self.modes = self.modes | changed if match[3] == b"h" else self.modes - changed
            else:
                answers += b"\x1b[?62;22c"
        return MODE.sub(b"", DEVICE.sub(b"", data)), answers


def main() -> None:
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[1], sys.argv[1:])

    def resize(*_: object) -> None:
        fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))

    resize()
    signal.signal(signal.SIGWINCH, resize)
    tty.setraw(0)
    emulator = Emulator()
    while True:
        for ready in select.select([0, master], [], [])[0]:
            try:
                data = os.read(ready, 65536)
            except OSError:  # EIO: the program has ended
                data = b""
            if not data:
                return
            if ready == 0:
                os.write(master, data)
                continue
            shown, answers = emulator.take(data)
            while shown:
                shown = shown[os.write(1, shown) :]
            if answers:
                os.write(master, answers)


if __name__ == "__main__":
    main()
