"""Makes new inputs from existing ones, with the words in them and with input that parsers often handle wrongly."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

# Malformed and too large numbers, digits and letters of other scripts that Python takes for ASCII ones, ends of lines
# and of words, halves of characters and of escapes, and the syntax of the formats that the targets read.
NUMBERS = b"0 1 -1 +1 1_0 1.5 1e999 0x1f 18446744073709551615 18446744073709551616 -9223372036854775809 NaN -Infinity"
CHARACTERS = "²٣Ⅷſıİµ\u2028\u2029\x85\u200f\U000e0041\ufffd"
ODD = (
    rb"\ \x \x00 \xff \ud800 \u0000 % %s { } [ ] ( ) ' : ; , . .."
    rb" = - -- / ../ # ! &a *a < > | @ $ * ? ~ null true [] {}"
)
ENDS = (b"\0", b"\n", b"\r", b"\r\n", b"\v", b"\f", b"\x1c", b"\t", b" ", b"\n\n", b"\x1b", b"\x1b[", b"\x1b]", b"")
TOKENS = (*NUMBERS.split(), b"9" * 20, b"9" * 5000, *(char.encode() for char in CHARACTERS), b"\xff", b"\xed\xa0\x80",
          b"\xc3", *ODD.split(), *ENDS, b'"', b"root", b"yes", b"no", b"never")  # fmt: skip
_WORD = re.compile(rb"\x1b[^\x1b\r\n]{1,12}|[\w./-]{1,32}[=:]?[ \t]?")
_USUAL = 1024  # the most bytes of usual inputs: a thousand small ones run in the time of a large one
_LARGE = 0.01  # this share may be as large as the target takes, to find input that takes too much time or memory


class Mutator:
    """Makes inputs, the same ones for the same seed and corpus."""

    def __init__(self, seed: str, corpus: Sequence[bytes], longest: int) -> None:
        words = sorted({word for data in corpus for word in _WORD.findall(data)})
        self._random, self._longest = random.Random(seed), longest
        self._tokens = [*TOKENS, *words, *words] if len(words) < len(TOKENS) else [*TOKENS, *words]
        self._changes = (self._insert, self._replace_word, self._replace_word, self._overwrite, self._cut, self._copy,
                         self._flip, self._join)  # fmt: skip

    def mutate(self, corpus: Sequence[bytes]) -> bytes:
        """Returns one input of the corpus with some changes; it chooses later inputs more often."""
        choose, last = self._random, len(corpus) - 1
        data = bytearray(corpus[max(choose.randint(0, last), choose.randint(0, last))])
        for _ in range(choose.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            choose.choice(self._changes)(data, corpus)
        if choose.random() < _LARGE:
            self._repeat(data)
            return bytes(data[: self._longest])
        return bytes(data[: min(self._longest, _USUAL)])

    def _place(self, data: bytearray) -> int:
        return self._random.randint(0, len(data))

    def _range(self, data: bytearray) -> slice:
        start = self._place(data)
        return slice(start, min(len(data), start + self._random.choice((1, 1, 2, 4, 16, 64, 1024))))

    def _insert(self, data: bytearray, _corpus: Sequence[bytes]) -> None:
        at = self._place(data)
        data[at:at] = self._random.choice(self._tokens)

    def _overwrite(self, data: bytearray, _corpus: Sequence[bytes]) -> None:
        data[self._range(data)] = self._random.choice(self._tokens)

    def _replace_word(self, data: bytearray, _corpus: Sequence[bytes]) -> None:
        """Replaces consecutive letters and digits by a token."""
        start = end = self._place(data)
        while start and data[start - 1 : start].isalnum():
            start -= 1
        while end < len(data) and data[end : end + 1].isalnum():
            end += 1
        data[start:end] = self._random.choice(self._tokens)

    def _cut(self, data: bytearray, _corpus: Sequence[bytes]) -> None:
        del data[self._range(data)]

    def _copy(self, data: bytearray, _corpus: Sequence[bytes]) -> None:
        at = self._place(data)
        data[at:at] = data[self._range(data)]

    def _flip(self, data: bytearray, _corpus: Sequence[bytes]) -> None:
        if data:
            at = self._random.randrange(len(data))
            data[at] ^= 1 << self._random.randrange(8)

    def _join(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        other = self._random.choice(corpus)
        data[self._place(data) :] = other[self._random.randint(0, len(other)) :]

    def _repeat(self, data: bytearray) -> None:
        at = self._range(data)
        piece = bytes(data[at]) or self._random.choice(self._tokens) or b" "
        most = self._random.choice((_USUAL, self._longest)) // len(piece)
        data[at] = piece * self._random.randint(1, max(1, most))
