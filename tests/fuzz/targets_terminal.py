"""Targets for what a terminal sends: keys, replies to queries, and input that was typed before a lock."""

from __future__ import annotations

import contextlib
import json
import re

from reaper.ctl.screen import keys_of
from reaper.decide.text.document import parse_document
from reaper.lock.prompt.line_editor import MAX_LINE, LineEditor
from reaper.lock.terminal.lock_screen import (
    LockView,
    Modes,
    TerminalKind,
    read_replies,
    read_screen,
    render,
    reports_modes,
    restore_sequence,
    save_sequence,
    screen_lines,
)
from reaper.lock.terminal.typeahead import MOST, End, Piece, from_plain, retype, shorten, to_plain

from .engine import target


def typed(*reads: bytes) -> tuple[bytes, bool, bool]:
    """Returns the line after these reads, whether one of them ended it, and whether it is too long."""
    keys = LineEditor()
    ended = any(keys.feed(read) for read in reads)
    return bytes(keys.line()), ended, keys.is_too_long


@target(longest=4096)
def keys(data: bytes) -> None:
    """Input at a locked terminal: the same line however the reads are cut, without control characters."""
    whole = typed(data)
    assert typed(*(data[at : at + 1] for at in range(len(data)))) == whole
    line, _, is_too_long = whole
    assert len(line) <= MAX_LINE
    assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line)
    assert not (line and is_too_long)
    assert isinstance(keys_of(data), list)


@target(longest=65536)
def terminal_reply(data: bytes) -> None:
    """A terminal's replies to the queries of a lock: modes that can be kept as JSON, and what was typed meanwhile."""
    replies = read_replies(data)
    reports_modes(replies.device)
    assert len(replies.typed) <= len(data)
    for modes in (replies.modes, read_screen(data)[0]):
        if modes is not None:
            assert Modes.from_plain(json.loads(json.dumps(modes.to_plain()))) == modes
            for kind in TerminalKind:
                save_sequence(modes, kind)
                restore_sequence(modes, kind)


@target(longest=2000)
def lock_screen(data: bytes) -> None:
    """Texts of PAM modules, and names of hosts and users, on the screen of a lock: no control sequences get through."""
    text = data.decode("utf-8", "surrogateescape")
    view = LockView(text[:40], text[40:80], text[:20], text[20:60], text, 1, (text,), text, text[:50])
    for kind in TerminalKind:
        shown = render(screen_lines(view), kind, 24, len(data) % 90 + 2)
        rest = re.sub(rb"\x1b\\|\x1b\(B\x0f|\x1b\[m|\x1b\[H|\x1b\[2J|\x1b\[\d+;1H|\r\n", b"", shown).decode()
        assert rest.isprintable()


@target(longest=5000)
def typeahead(data: bytes) -> None:
    """Input that was typed before a lock: the keys that restore it mean the same, and it can be kept as JSON."""
    pieces = [Piece(part, list(End)[len(part) % 3] if part else End.FILE) for part in data.split(b"\0")]
    kept = shorten(pieces)
    assert sum(piece.size for piece in kept) <= MOST
    assert from_plain(json.loads(json.dumps(to_plain(kept)))) == kept
    again = retype(kept, {0x1D, 0x1E})
    assert again.literal != again.end


@target(longest=2000)
def kept_terminal(data: bytes) -> None:
    """What a lock has saved about a terminal."""
    try:
        document = parse_document(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return
    for read in (from_plain, Modes.from_plain):
        with contextlib.suppress(ValueError, TypeError, KeyError):
            read(document)
