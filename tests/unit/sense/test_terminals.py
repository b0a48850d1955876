"""Which terminals are a session's: the ptys whose masters its leader holds, or the line of its console."""

from __future__ import annotations

import os
from dataclasses import replace

from reaper.sense import terminals


def test_an_inner_pty_is_nobodys_terminal(real):
    """tmux, screen, script: the master is held by a process of the session, not by its leader."""
    outer = real.open()
    master, slave = os.openpty()
    inner = os.ttyname(slave)[len("/dev/") :]
    try:
        assert inner in terminals.held_ptys(os.getpid())
        assert real.host.terminal_names(real.session) == {outer.name}
    finally:
        os.close(master)
        os.close(slave)


def test_a_console_session_has_its_line(real):
    assert real.host.terminal_names(replace(real.session, tty="tty1")) == {"tty1"}


def test_held_ptys_of_nobody():
    assert terminals.held_ptys(2**22 - 1) == set()
