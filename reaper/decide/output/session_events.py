"""From what happened to a session to the line that an auditor reads: an Event with its sentence and its fields."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from reaper.decide.output.events import Event, EventKind
from reaper.decide.output.terminal_messages import is_silent
from reaper.decide.policy.limits import Action, missing
from reaper.decide.policy.rules import Policy
from reaper.decide.session import transitions
from reaper.decide.session.model import Session, Usage
from reaper.decide.session.past_terminations import PastTermination
from reaper.decide.session.rhythm import describe
from reaper.decide.session.state import LifecycleEvent, LogEvent, Reason, limit_of
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text.duration import span
from reaper.decide.text.escape import plain
from reaper.errors import ReaperError


def of_session(kind: EventKind, tracked: TrackedSession, policy_id: str, text: str, **fields: str) -> Event:
    """An event about one session. `text` goes on from "Session 3 of alice from 10.0.0.1 (pts/0) "."""
    common = common_fields(tracked, policy_id)
    common.update(fields)
    return Event(kind, f"Session {_who(tracked)} {text}.", common)


def common_fields(tracked: TrackedSession, policy_id: str) -> dict[str, str]:
    """What every record about a session has."""
    limits = tracked.limits
    common = _identity(tracked)
    common["terminals"] = " ".join(tracked.terminals)
    common["rule"] = tracked.rule
    common["policy"] = policy_id
    common["evidence"] = tracked.life.evidence.value
    if limits is not None:
        common["action"] = limits.action.value
        if limits.action is Action.OBSERVE:
            common["observed"] = "1"
        if is_silent(tracked):
            common["notify"] = limits.notify.value
    return common


def _identity(tracked: TrackedSession) -> dict[str, str]:
    session = tracked.session
    return {
        "session": plain(session.name),
        "user": plain(session.user),
        "uid": str(session.uid),
        "origin": tracked.origin.value,
        "remote": plain(session.remote),
        "service": plain(session.service),
        "leader": str(session.key.pid),
    }


def _who(tracked: TrackedSession) -> str:
    session = tracked.session
    remote = f" from {plain(session.remote)}" if session.remote else ""
    terminals = f" on {', '.join(tracked.terminals)}" if tracked.readings else ""
    return f"{plain(session.name)} of {plain(session.user)}{remote}{terminals}"


def opened(tracked: TrackedSession, policy_id: str) -> Event:
    """A session that was not known before."""
    session = tracked.session
    login = f" as {plain(session.login)}" if session.login else ""
    text = f"opened{login} ({plain(session.service)}, {tracked.origin.value})"
    return of_session(EventKind.OPENED, tracked, policy_id, text)


def reauthenticated(tracked: TrackedSession, policy_id: str, followed: PastTermination) -> Event:
    """A person has logged in again whose session was ended."""
    gap_usec = tracked.session.opened_usec - followed.ended_usec
    previous = plain(followed.session)
    text = f"follows session {previous} of the same user, which was ended {span(gap_usec)} before ({followed.reason})"
    return of_session(
        EventKind.REAUTHENTICATED, tracked, policy_id, text,
        previous=previous, reason=followed.reason, idle_usec=str(gap_usec),
    )  # fmt: skip


def tampered(tracked: TrackedSession, policy_id: str, terminal: str) -> Event:
    """A terminal's times were set by hand."""
    text = f"had the times of {terminal} set by hand: that does not count as activity"
    return of_session(
        EventKind.TAMPERED, tracked, policy_id, text, why=f"ctime of {terminal} moved; mode and owner did not"
    )


def held(tracked: TrackedSession, policy_id: str, now_usec: int) -> Event:
    """Somebody holds a session."""
    hold = tracked.hold
    assert hold is not None
    left = hold.until_usec - now_usec
    text = f"is held for {span(left)} by {plain(hold.by)}: {plain(hold.why)}"
    return of_session(
        EventKind.HELD, tracked, policy_id, text, by=plain(hold.by), why=plain(hold.why), left_usec=str(max(0, left))
    )


def released(tracked: TrackedSession, policy_id: str, by: str, why: str) -> Event:
    """A hold is over; `by` is who released the session, "" where nobody did, and `tracked` still has its hold."""
    assert tracked.hold is not None
    agent = f" by {plain(by)}" if by else ""
    text = f"is not held any more{agent}: {plain(why)} (held by {plain(tracked.hold.by)}: {plain(tracked.hold.why)})"
    return of_session(EventKind.RELEASED, tracked, policy_id, text, by=plain(by), why=plain(why))


def lock_fields(tracked: TrackedSession, policy_id: str, by: str, now_usec: int) -> dict[str, str]:
    """What the records about a lock have in common; reaper-lock writes them, and knows no more of the session."""
    fields = common_fields(tracked, policy_id)
    idle_usec = max(0, now_usec - tracked.life.evidence_usec)
    reason, limit_usec = ("order", 0) if by else ("idle", _limit_usec(Reason.IDLE, tracked))
    fields.update(reason=reason, limit_usec=str(limit_usec), idle_usec=str(idle_usec), by=plain(by))
    return {name: value for name, value in fields.items() if value}


def desktop_locked(tracked: TrackedSession, policy_id: str, by: str, now_usec: int) -> Event:
    """The desktop of a graphical session was asked to lock it; what reaper-lock has taken, it tells itself."""
    fields = lock_fields(tracked, policy_id, by, now_usec)
    cause = f"as {plain(by)} ordered" if by else f"after {span(int(fields['idle_usec']))} without input"
    return of_session(EventKind.LOCKED, tracked, policy_id, f"is locked by its desktop {cause}", **fields)


def desktop_unlocked(tracked: TrackedSession, policy_id: str, now_usec: int) -> Event:
    """The desktop of a graphical session tells that it is not locked any more; `tracked` still is."""
    after_usec = max(0, now_usec - tracked.life.locked_usec)
    text = f"is unlocked by its desktop, {span(after_usec)} after it was locked"
    return of_session(EventKind.UNLOCKED, tracked, policy_id, text)


def warned_by(tracked: TrackedSession, policy_id: str, by: str, text: str, terminals: Collection[str]) -> Event:
    """An administrator had the person warned, with a text of theirs or the session's own warning."""
    where = f"on {', '.join(terminals)}" if terminals else "on no terminal, as none takes it"
    said = f": {plain(text)}" if text else ""
    return of_session(
        EventKind.WARNED, tracked, policy_id, f"is warned by {plain(by)} {where}{said}", by=plain(by), why=plain(text)
    )


def ungrouped(session: Session) -> str:
    """A line, no event: nothing tells in which groups the user of a session is."""
    user, name = plain(session.user), plain(session.name)
    return (
        f"the groups of {user} cannot be told yet: session {name} keeps the limits that it has, or is treated"
        " as if the user were in no group"
    )


NO_GROUPS = "The groups of its user cannot be told yet: until then it is treated as if the user were in no group."


def unnamed_groups(gids: Iterable[int]) -> str:
    """A sentence for explain: what rules by group may not see."""
    numbers = ", ".join(map(str, sorted(gids)))
    return f"Nothing has told the names of all groups of its user (not {numbers}): a rule may name one of them."


def unknown_groups(names: Iterable[str]) -> str:
    """A line, no event: groups that rules name are known to no name service, or to none that answers."""
    return (
        f"no name service that reaperd can reach knows group {', '.join(map(plain, names))}: a rule for it matches only"
        " where the record of the login has the name"
    )


def started(version: str) -> Event:
    """The daemon is up."""
    return Event(EventKind.STARTED, f"reaperd {version} watches the sessions of this host.", {})


def stopped(sessions: int) -> Event:
    """The daemon ends, at somebody's wish."""
    return Event(EventKind.STOPPED, f"reaperd stops; {sessions} sessions are not watched until it is back.", {})


def clock_stepped(step_usec: int) -> Event:
    """Somebody set the wall clock."""
    way = "forth" if step_usec > 0 else "back"
    message = f"The time of day was set {way} by {span(abs(step_usec))}; no session ends earlier or later by it."
    return Event(EventKind.CLOCK_STEPPED, message, {})


def policy_loaded(policy: Policy) -> Event:
    """A policy is in force."""
    sources = ", ".join(policy.sources) or "no file: the built-in policy"
    message = f"Policy {policy.id} is in force, environment {policy.environment} ({sources})."
    return Event(EventKind.POLICY_LOADED, message, {"policy": policy.id})


def policy_rejected(error: ReaperError, current: Policy | None) -> Event:
    """The policy files do not parse."""
    stays = f"Policy {current.id} stays in force" if current else "There is no policy, and nobody is touched"
    message = f"The policy files are not used. {stays} until they are mended and reaper.service is reloaded.\n{error}"
    return Event(EventKind.POLICY_REJECTED, message, {"policy": current.id if current else "", "why": str(error)})


def braked(tracked: TrackedSession, policy: Policy) -> Event:
    """More sessions are due than the brake lets go; told once until it lets go again."""
    text = (
        f"and maybe others wait: {policy.brake.sessions} sessions were ended within {span(policy.brake.per_usec)},"
        " which is all that the brake allows"
    )
    return of_session(EventKind.BRAKE, tracked, policy.id, text, reason="brake")


def of_log_event(
    logged: LogEvent, tracked: TrackedSession, policy_id: str, now_usec: int, why: str = "", freed: Usage | None = None
) -> Event:
    """A fact of the lifecycle as an event.

    `why` is what else the daemon knows of it: how a warning was delivered, what is still running, what a session stays
    for.
    """
    kind = EventKind[logged.event.name]
    if logged.event is LifecycleEvent.ROBOT and tracked.rhythm is not None:
        why = describe(tracked.rhythm)
    fields = {"idle_usec": str(max(0, now_usec - tracked.life.evidence_usec)), "why": why}
    if logged.event in (LifecycleEvent.RESUMED, LifecycleEvent.CANCELLED, LifecycleEvent.ROBOT):
        fields["idle_usec"] = str(logged.usec)
    if logged.event not in (LifecycleEvent.RESUMED, LifecycleEvent.CANCELLED, LifecycleEvent.CLOSED):
        fields["reason"] = logged.reason.value
        fields["limit_usec"] = str(_limit_usec(logged.reason, tracked))
    if logged.event in (LifecycleEvent.WARNED, LifecycleEvent.DEFERRED):
        fields["left_usec"] = str(logged.usec)
    if tracked.order is not None and logged.event is not LifecycleEvent.CLOSED:
        fields.update(reason="order", by=plain(tracked.order.by), why=why or plain(tracked.order.why), limit_usec="0")
    if freed is not None:
        fields["freed_processes"] = str(freed.processes)
        fields["freed_rss"] = str(freed.rss_bytes)
        fields["freed_cpu_usec"] = str(freed.cpu_usec)
    return of_session(kind, tracked, policy_id, _sentence(logged, tracked, why, freed), **fields)


def _limit_usec(reason: Reason, tracked: TrackedSession) -> int:
    return 0 if tracked.limits is None else limit_of(tracked.limits, reason)


def _cause(logged: LogEvent, tracked: TrackedSession) -> str:
    if tracked.order is not None:
        return f"as {plain(tracked.order.by)} ordered: {plain(tracked.order.why)}"
    limit = span(_limit_usec(logged.reason, tracked))
    return "at its limit of " + (f"{limit} ({logged.reason.value}, rule {tracked.rule})" if tracked.rule else "")


def _warned(verb: str, tracked: TrackedSession) -> str:
    """That a session is warned, or where its terminals are not written to, that it is not: after "is" or "would be"."""
    negated = "not be" if verb == "be" else f"{verb} not"
    return f"{negated if is_silent(tracked) else verb} warned"


def _sentence(logged: LogEvent, tracked: TrackedSession, why: str, freed: Usage | None) -> str:
    cause = _cause(logged, tracked)
    observing = tracked.limits is not None and tracked.limits.action is Action.OBSERVE
    exception = "held" if tracked.hold is not None else "observe"
    also = f"; {why}" if why else ""
    if logged.event is LifecycleEvent.RESUMED:
        return f"is in use again after {span(logged.usec)}"
    if logged.event is LifecycleEvent.ROBOT:
        return f"is typed to by a robot, {why}, since {span(logged.usec)}: that does not count as input"
    if logged.event is LifecycleEvent.WARNED:
        verb = f"would {_warned('be', tracked)} ({exception})" if observing else _warned("is", tracked)
        locks = tracked.limits is not None and tracked.limits.action is Action.LOCK and logged.reason is Reason.IDLE
        return f"{verb}: it {'is locked' if locks else 'ends'} in {span(logged.usec)}, {cause}{also}"
    if logged.event is LifecycleEvent.CANCELLED:
        what = "its end is called off" if is_silent(tracked) else "its warning is withdrawn"
        return f"stays: {what}{_after(logged.usec)}"
    if logged.event is LifecycleEvent.DEFERRED:
        return (
            f"stays while {why or 'a program'} runs, for {span(logged.usec)} at most,"
            f" {cause.replace('at ', 'past ', 1)}"
        )
    if logged.event is LifecycleEvent.OBSERVED:
        return f"would end now ({exception}), {cause}"
    if logged.event is LifecycleEvent.ENDING:
        without = missing(tracked.limits, bool(tracked.readings))
        idle = "" if tracked.order else _after(logged.usec, f" without {without}")
        return f"is being ended{idle}, {cause}{also}"
    if logged.event is LifecycleEvent.TERMINATED and freed is not None:
        return f"is ended, {cause}{_freed(freed)}{also}"
    if logged.event is LifecycleEvent.TERMINATE_FAILED:
        return f"could not be ended, and will be tried again in {span(transitions.RETRY_USEC)}{also}"
    return "closed"


def _after(usec: int, what: str = "") -> str:
    """How long after, as a part of a sentence; "" if that rounds to zero."""
    return f" after {span(usec)}{what}" if span(usec) != span(0) else ""


def _freed(freed: Usage) -> str:
    """What was freed, as a part of a sentence that ends there; "" if nothing was. Leaves out what rounds to zero."""
    parts = [f"{freed.processes} processes"] if freed.processes else []
    parts += [f"{freed.rss_bytes // 1024} KiB of memory"] if freed.rss_bytes >= 1024 else []
    parts += [f"{span(freed.cpu_usec)} of CPU time"] if span(freed.cpu_usec) != span(0) else []
    last = " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)
    return f": {last} freed" if parts else ""
