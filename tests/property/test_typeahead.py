"""Whatever is typed ahead of a lock, on two real terminals of which one is locked and unlocked."""

from __future__ import annotations

import os
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reaper.lock.terminal.tty import Tty
from tests.unit.act.ptys import Pty
from tests.unit.lock.terminal.real_ptys import LINE_END, reads, set_up, through_json, type_keys

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes terminals from their owner, which only root can")

KEYS = st.one_of(
    st.sampled_from(b"ab\n\r\x04\x16\x7f\x15\x17\x12\x00\xff\x1d\x1e\x13\x11\x01\x02\x03"), st.integers(0, 255)
)
MODES = st.sampled_from([termios.ICANON, 0])


@given(st.lists(KEYS, max_size=60).map(bytes), MODES, st.lists(KEYS, max_size=20).map(bytes))
def test_lock_changes_nothing_that_is_typed_ahead(typed, mode, later):
    """But for a last ^V: only the kernel knows that the next character is to be literal."""
    apart, locked = Pty(), Pty()
    try:
        for pty in (apart, locked):
            os.set_blocking(pty.slave, False)
            set_up(pty, lflag_off=termios.ICANON ^ mode, keys={termios.VEOL: LINE_END, termios.VEOL2: b"\x1e"})
            type_keys(pty, typed + b"x")
        held = Tty(locked.name)
        before = through_json(held.drain(held.look()))
        held.take(before)
        os.write(locked.master, b"a password\r")
        held.restore(before)
        held.close()
        assert termios.tcgetattr(locked.slave) == termios.tcgetattr(apart.slave)
        assert reads(locked) == reads(apart)
        for pty in (apart, locked):
            type_keys(pty, later + b"\n")
        assert reads(locked) == reads(apart)
    finally:
        apart.close()
        locked.close()
