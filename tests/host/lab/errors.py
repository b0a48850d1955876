"""The one exception of the lab: what went wrong, and what may help."""

from __future__ import annotations


class LabError(Exception):
    """The lab could not do what was asked. `hint` is what to try, or the output that explains it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n{hint}" if hint else message)
