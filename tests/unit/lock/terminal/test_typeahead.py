"""Input typed ahead: what fits into the kernel's buffer, and the keys that restore it. On real ptys: see test_tty."""

from __future__ import annotations

import json

import pytest

from reaper.lock.terminal.typeahead import MOST, End, Piece, RetypedKeys, from_plain, retype, shorten, to_plain


def test_input_that_fits_is_kept():
    pieces = (Piece(b"one\n", End.LINE), Piece(b"two", End.FILE), Piece(b"x" * (MOST - 8), End.NOTHING))
    assert shorten(pieces) == pieces


def test_input_that_does_not_fit_is_cut():
    line = Piece(b"x" * (MOST - 3) + b"\n", End.LINE)
    assert shorten([line, Piece(b"abc\n", End.LINE), Piece(b"d\n", End.LINE)]) == (line, Piece(b"ab", End.NOTHING))


def test_end_of_file_takes_a_byte_of_room():
    line = Piece(b"x" * (MOST - 1) + b"\n", End.LINE)
    assert shorten([line, Piece(b"", End.FILE)]) == (line,)


def test_special_bytes_are_typed_literally():
    pieces = [Piece(b"a\nb\n", End.LINE), Piece(b"c", End.FILE), Piece(b"d\x1d", End.NOTHING)]
    literal, end = b"\x01", b"\x02"
    assert retype(pieces, [0x1D]) == RetypedKeys(
        b"a" + literal + b"\nb\nc" + end + b"d" + literal + b"\x1d", literal[0], end[0]
    )


def test_keys_that_occur_in_the_input_are_used_only_if_no_other_is_free():
    free = retype([Piece(bytes([1, 2, 4]), End.NOTHING)], [])
    assert (free.literal, free.end) == (3, 5)
    everything = retype([Piece(bytes(range(256)), End.NOTHING)], [])
    assert (everything.literal, everything.end) == (1, 2)
    assert everything.data[:6] == bytes([0, 1, 1, 1, 2, 3])


@pytest.mark.parametrize("value", [None, [[b"".hex()]], [["zz", "line"]], [["61", "never"]], [[7, "line"]]])
def test_broken_value_raises(value):
    with pytest.raises((TypeError, ValueError)):
        from_plain(value)


def test_pieces_survive_as_json():
    pieces = (Piece(b"a\n", End.LINE), Piece(b"", End.FILE), Piece(b"\xff", End.NOTHING))
    assert from_plain(json.loads(json.dumps(to_plain(pieces)))) == pieces
