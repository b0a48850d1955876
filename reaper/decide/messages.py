"""What the person reads on the terminal: the words of warnings, of their withdrawal, and of the end.

Pure text. A terminal obeys control characters, and a host name or an administrator's line comes from outside: whatever
is not ours goes through plain() first. Lines end in CR LF, for a full-screen program has put the terminal in raw mode.
"""

from __future__ import annotations

from reaper.decide.duration import USEC_PER_SEC, format_duration
from reaper.decide.lifecycle import Defer, Reason, Warn
from reaper.decide.model import Program
from reaper.decide.policy import Limits
from reaper.decide.tracking import Tracked

_BELL = "\a"


def plain(text: str) -> str:
    """`text` with everything that a terminal could obey, or an eye mistake, written as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def span(usec: int) -> str:
    """A time as people say it, in whole seconds: "1min 30s"."""
    seconds = max(0, (usec + USEC_PER_SEC // 2) // USEC_PER_SEC)
    return format_duration(seconds * USEC_PER_SEC) if seconds else "0s"


def warning_for(tracked: Tracked, act: Warn, host: str) -> str:
    """The warning of a session."""
    assert tracked.limits is not None
    return warning(act.reason, act.left_usec, _limit(tracked.limits, act.reason), host, tracked.limits.message)


def deferral_for(tracked: Tracked, act: Defer, program: Program, host: str) -> str:
    """What is said where a session stays for a program."""
    assert tracked.limits is not None
    return deferral(act.reason, act.left_usec, _limit(tracked.limits, act.reason), host, program.name)


def farewell_for(tracked: Tracked, reason: Reason, host: str) -> str:
    """The last message of a session."""
    assert tracked.limits is not None
    return farewell(reason, _limit(tracked.limits, reason), host)


def _limit(limits: Limits, reason: Reason) -> int:
    return (limits.idle_usec if reason is Reason.IDLE else limits.max_usec) or 0


def warning(reason: Reason, left_usec: int, limit_usec: int, host: str, line: str) -> str:
    """A warning. `line` is the administrator's own, or ""."""
    left = span(left_usec)
    if reason is Reason.IDLE:
        what = f"This session on {plain(host)} is idle and ends in {left}. Press any key to stay."
    else:
        what = (
            f"This session on {plain(host)} ends in {left}: sessions here last at most {span(limit_usec)}."
            " Save your work and log in again."
        )
    return _framed(_BELL, what, line)


def deferral(reason: Reason, left_usec: int, limit_usec: int, host: str, program: str) -> str:
    """That a session stays while a program runs, instead of its end."""
    while_it_runs = f"stays while {plain(program)} runs, {span(left_usec)} at most"
    if reason is Reason.IDLE:
        what = f"This session on {plain(host)} is idle, and {while_it_runs}. Press any key to stay."
    else:
        what = (
            f"This session on {plain(host)} is past the {span(limit_usec)} that sessions here last, and"
            f" {while_it_runs}. Save your work and log in again."
        )
    return _framed("", what, "")


def named(program: Program) -> str:
    """A program as the journal has it."""
    return f"{plain(program.name)} ({plain(program.path)}, pid {program.pid})"


def spared() -> str:
    """The withdrawal of a warning, or of what was said instead of one."""
    return _framed("", "Thank you, this session stays.", "")


def farewell(reason: Reason, limit_usec: int, host: str) -> str:
    """The last message of a session."""
    if reason is Reason.IDLE:
        why = f"nobody has typed for {span(limit_usec)}"
    else:
        why = f"it has lasted {span(limit_usec)}, the longest that is allowed"
    return _framed(_BELL, f"This session on {plain(host)} ends now: {why}. Log in again to go on.", "")


def _framed(start: str, text: str, line: str) -> str:
    lines = [f"reaper: {text}"] + ([f"reaper: {plain(line)}"] if line else [])
    return start + "\r\n" + "".join(f"{each}\r\n" for each in lines)
