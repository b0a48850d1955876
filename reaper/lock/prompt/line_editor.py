"""Turns what a terminal sends while a session is locked into one edited line.

Pure, without a clock: bytes go in as they were read, and the line comes out, however the reads split them. A terminal
sends more than what is typed: cursor keys, the mouse, replies to what a program had asked before the lock. Each such
sequence is swallowed whole (its form is ECMA-48's, the list is xterm's ctlseqs), except those that stand for a
character. The line is in one buffer that does not grow, so that wiping it leaves no copy behind.
"""

from __future__ import annotations

import enum
import re

MAX_LINE = 511
"""The longest answer that PAM takes: PAM_MAX_RESP_SIZE of <security/pam_appl.h>, less the terminating byte."""
_MAX_SEQUENCE = 64
_ENTER = b"\r\n"
_ERASE = b"\x08\x7f"
_CLEAR = b"\x03\x15"  # ^C acts like ^U: there is nothing to interrupt here
_WORD = 0x17  # ^W
_TAB, _BELL, _CANCEL, _SUBSTITUTE, _ESC, _SPACE = 0x09, 0x07, 0x18, 0x1A, 0x1B, 0x20
# What the keypad sends after SS3 if a program has switched it to application mode.
_KEYPAD = {**{0x70 + digit: 0x30 + digit for digit in range(10)},
           **dict(zip(b"jklmnoXMI", b"*+,-./=\r\t"))}  # fmt: skip
# A key with its modifiers, in kitty's protocol and in xterm's modifyOtherKeys: `CSI 97;5u`, `CSI 27;5;97~`.
_KITTY = re.compile(rb"([0-9]{1,7})(?::([0-9]{0,7}))?[0-9:]*(?:;([0-9]{0,3})(?::([123]))?(?:;[0-9:]*)?)?u")
_MODIFIED = re.compile(rb"27;([0-9]{1,3});([0-9]{1,7})~")
_SHIFT, _CTRL, _LOCKS = 1, 4, 64 | 128
_RELEASED = 3


class _State(enum.Enum):
    """The position in the terminal's input: in plain text, or inside what kind of sequence."""

    TEXT = enum.auto()
    ESCAPE = enum.auto()  # after ESC
    CONTROL = enum.auto()  # in a control sequence, after ESC [
    KEYPAD = enum.auto()  # after ESC O
    STRING = enum.auto()  # in a control string (OSC, DCS, APC, PM, SOS), until ST or BEL
    STRING_ESCAPE = enum.auto()
    LINUX = enum.auto()  # after ESC [ [: F1 to F5 of the Linux console have one more byte
    MOUSE = enum.auto()  # after ESC [ M: three bytes of any value


class LineEditor:
    """One line while it is typed. The owner must wipe() it after use."""

    def __init__(self) -> None:
        self._line = bytearray(MAX_LINE)
        self._length = 0
        self._state = _State.TEXT
        self._sequence = bytearray()
        self._left = 0
        self.is_too_long = False
        """Whether more was typed than an answer may have. The text is gone; ^U starts a new line."""

    def feed(self, data: bytes | bytearray | memoryview) -> bool:
        """Takes in the bytes of one read; returns whether they ended the line.

        What follows Enter in the same read is dropped: several pasted lines are one answer.
        """
        return any(self._feed_byte(byte) for byte in data)

    def settle(self) -> None:
        """Handles a pause in the input: what looked like the beginning of a sequence was the Escape key."""
        self._sequence.clear()
        self._state = _State.TEXT

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed: no text, and none that was too long."""
        return self._length == 0 and not self.is_too_long

    def line(self) -> bytearray:
        """Returns a copy of the line, which the caller must wipe."""
        return self._line[: self._length]

    def wipe(self) -> None:
        """Forgets the line, and overwrites it with zeros."""
        self._cut(0)
        self.is_too_long = False

    def _feed_byte(self, byte: int) -> bool:
        if self._state is _State.MOUSE:
            self._left -= 1
            if not self._left:
                self._state = _State.TEXT
            return False
        if byte == _ESC:
            is_string = self._state in (_State.STRING, _State.STRING_ESCAPE)
            self._state = _State.STRING_ESCAPE if is_string else _State.ESCAPE
            return False
        if byte < _SPACE:
            return self._control(byte)
        if self._state is _State.TEXT:
            return self._key(byte)
        return self._continue_sequence(byte)

    def _control(self, byte: int) -> bool:
        """Handles a control character, which ends any sequence: so Enter always works, whatever came before it."""
        if self._state in (_State.STRING, _State.STRING_ESCAPE) and byte not in (*_ENTER, *_CLEAR):
            if byte in (_BELL, _CANCEL, _SUBSTITUTE):
                self._state = _State.TEXT
            return False
        is_text = self._state is _State.TEXT
        self._state = _State.TEXT
        if not is_text and byte not in (*_ENTER, *_CLEAR):
            return False  # a key with Alt
        return self._key(byte)

    def _continue_sequence(self, byte: int) -> bool:
        """Handles one more byte of a sequence that is not a control character."""
        state, self._state = self._state, _State.TEXT
        if state is _State.ESCAPE:
            self._sequence.clear()
            if byte in b"]P_^X":
                self._state = _State.STRING
            elif byte in b"[O":
                self._state = _State.CONTROL if byte == ord("[") else _State.KEYPAD
        elif state is _State.STRING:
            self._state = _State.STRING
        elif state is _State.STRING_ESCAPE and byte != ord("\\"):
            self._state = _State.ESCAPE
            return self._continue_sequence(byte)
        elif state is _State.KEYPAD:
            if byte in b"0123456789;":
                self._state = _State.KEYPAD
            elif byte in _KEYPAD:
                return self._key(_KEYPAD[byte])
        elif state is _State.CONTROL:
            return self._control_sequence(byte)
        return False

    def _control_sequence(self, byte: int) -> bool:
        is_first = not self._sequence
        if len(self._sequence) < _MAX_SEQUENCE:
            self._sequence.append(byte)
        if byte < 0x40 or byte > 0x7E:
            self._state = _State.CONTROL
            return False
        if is_first and byte == ord("M"):
            self._state, self._left = _State.MOUSE, 3
        elif is_first and byte == ord("["):
            self._state = _State.LINUX
        sequence = bytes(self._sequence)
        self._sequence.clear()
        return any(self._key(each) for each in _decode_sequence(sequence))

    def _key(self, byte: int) -> bool:
        """Handles a byte that stands for itself; returns whether it ended the line."""
        if byte in _ENTER:
            return True
        if byte in _CLEAR:
            self.wipe()
        elif self.is_too_long:
            pass
        elif byte in _ERASE:
            self._cut(self._before_last())
        elif byte == _WORD:
            self._cut(self._before_word())
        elif byte >= _SPACE or byte == _TAB:
            if self._length == MAX_LINE:
                self._cut(0)
                self.is_too_long = True
            else:
                self._line[self._length] = byte
                self._length += 1
        return False

    def _cut(self, length: int) -> None:
        self._line[length : self._length] = bytes(self._length - length)
        self._length = length

    def _before_last(self) -> int:
        """Returns the length of the line without its last character, in UTF-8 or of one byte."""
        start = end = self._length
        while start and end - start < 4:
            start -= 1
            if self._line[start] & 0xC0 != 0x80:
                break
        return start if end - start == _size_of(self._line[start]) else max(0, end - 1)

    def _before_word(self) -> int:
        """Returns the length of the line without its last word and the spaces after it."""
        end = self._length
        while end and self._line[end - 1] == _SPACE:
            end -= 1
        return self._line.rfind(b" ", 0, end) + 1


def _size_of(lead: int) -> int:
    """Returns the length of the UTF-8 character that begins with this byte; 0 if none does."""
    if lead < 0x80:
        return 1
    return 2 if 0xC2 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4 if 0xF0 <= lead < 0xF5 else 0


def _decode_sequence(sequence: bytes) -> bytes:
    """Returns the bytes that the key of a control sequence stands for; for most sequences none."""
    kitty, modified = _KITTY.fullmatch(sequence), _MODIFIED.fullmatch(sequence)
    if kitty:
        if kitty[4] and int(kitty[4]) == _RELEASED:
            return b""
        return _key_bytes(int(kitty[1]), int(kitty[2] or b"0"), int(kitty[3] or b"1") - 1)
    return _key_bytes(int(modified[2]), 0, int(modified[1]) - 1) if modified else b""


def _key_bytes(code: int, shifted: int, modifiers: int) -> bytes:
    modifiers &= ~_LOCKS
    if modifiers == _CTRL and (ord("a") <= code <= ord("z") or ord("A") <= code <= ord("Z")):
        return bytes([code & 0x1F])
    if modifiers & ~_SHIFT or not (code in (*_ENTER, *_ERASE, _TAB) or _SPACE <= code <= 0xD7FF):
        return b""
    character = chr(shifted if shifted and modifiers and shifted <= 0xD7FF else code)
    return (character.upper() if modifiers else character).encode()
