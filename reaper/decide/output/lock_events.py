"""The journal events of reaper-lock, which knows the session only from the lock's order. Pure."""

from __future__ import annotations

from collections.abc import Collection

from reaper.decide.output.events import Event, EventKind
from reaper.decide.session.lock_protocol import MAX_FAILURES, LockOrder
from reaper.decide.text.duration import format_duration, span
from reaper.decide.text.escape import plain


def locked(order: LockOrder, terminals: Collection[str]) -> Event:
    """Return the event of a session that was locked, on these terminals."""
    by = order.fields.get("by", "")
    if by:
        cause = f"as {by} ordered"
    else:
        cause = f"after {span(int(order.fields.get('idle_usec', '0')))} without input (rule {order.fields['rule']})"
    until = "" if order.until_usec is None else f", for {format_duration(order.until_usec - order.locked_usec)} at most"
    fields = {"terminals": " ".join(terminals)}
    return _event(EventKind.LOCKED, order, f"is locked {cause}{until}", fields)


def unlocked(order: LockOrder, terminal: str, now_usec: int) -> Event:
    """Return the event of a session that its user has unlocked on a terminal."""
    after_usec = max(0, now_usec - order.locked_usec)
    return _event(
        EventKind.UNLOCKED,
        order,
        f"is unlocked on {terminal}, {span(after_usec)} after it was locked",
        {"terminals": terminal},
    )


def unlock_failed(order: LockOrder, terminal: str, failures: int, why: str) -> Event:
    """Return the event of a failed attempt to unlock a session."""
    attempt = f"attempt {failures} of {MAX_FAILURES} on {terminal}: {plain(why)}"
    return _event(
        EventKind.UNLOCK_FAILED, order, f"is not unlocked by {attempt}", {"terminals": terminal, "why": attempt}
    )


def _event(kind: EventKind, order: LockOrder, text: str, more: dict[str, str]) -> Event:
    session = order.session
    remote = f" from {plain(session.remote)}" if session.remote else ""
    who = f"{plain(session.name)} of {plain(session.user)}{remote}"
    return Event(kind, f"Session {who} {text}.", {**order.fields, **more})
