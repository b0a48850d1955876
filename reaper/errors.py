"""The exceptions of reaper: what is wrong, where, and what to do about it."""

from __future__ import annotations


class ReaperError(Exception):
    """A failure that a person can act on.

    `problem` is a short stable word for programs (``policy-invalid``), `message` a sentence for people that names the
    place, `hint` the remedy or an empty string.
    """

    def __init__(self, problem: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message
