"""Make journal events of what happened to sessions and to the daemon: the sentence and the fields of each. Pure."""

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
    """Return an event about one session. `text` continues "Session 3 of alice from 10.0.0.1 on pts/0 "."""
    common = common_fields(tracked, policy_id)
    common.update(fields)
    return Event(kind, f"Session {_who(tracked)} {text}.", common)


def common_fields(tracked: TrackedSession, policy_id: str) -> dict[str, str]:
    """Return the fields that every event about a session has."""
    limits = tracked.limits
    common = {**_identity(tracked), "terminals": " ".join(tracked.terminals), "rule": tracked.rule}
    common |= {"policy": policy_id, "evidence": tracked.life.evidence.value}
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
    """Return the event of a session that was not known before."""
    session = tracked.session
    login = f" as {plain(session.login)}" if session.login else ""
    text = f"opened{login} ({plain(session.service)}, {tracked.origin.value})"
    return of_session(EventKind.OPENED, tracked, policy_id, text)


def reauthenticated(tracked: TrackedSession, policy_id: str, followed: PastTermination) -> Event:
    """Return the event of a login that follows an ended session of the same user."""
    gap_usec = tracked.session.opened_usec - followed.ended_usec
    previous = plain(followed.session)
    text = f"follows session {previous} of the same user, which was ended {span(gap_usec)} earlier ({followed.reason})"
    return of_session(
        EventKind.REAUTHENTICATED, tracked, policy_id, text,
        previous=previous, reason=followed.reason, idle_usec=str(gap_usec),
    )  # fmt: skip


def tampered(tracked: TrackedSession, policy_id: str, terminal: str) -> Event:
    """Return the event of a terminal whose times were set by hand."""
    text = f"had the times of {terminal} set by hand: this does not count as activity"
    return of_session(
        EventKind.TAMPERED, tracked, policy_id, text, why=f"ctime of {terminal} moved; mode and owner did not"
    )


def held(tracked: TrackedSession, policy_id: str, now_usec: int) -> Event:
    """Return the event of a session that is held."""
    hold = tracked.hold
    assert hold is not None
    left = hold.until_usec - now_usec
    text = f"is held for {span(left)} by {plain(hold.by)}: {plain(hold.why)}"
    return of_session(
        EventKind.HELD, tracked, policy_id, text, by=plain(hold.by), why=plain(hold.why), left_usec=str(max(0, left))
    )


def released(tracked: TrackedSession, policy_id: str, by: str, why: str) -> Event:
    """Return the event of a hold that ends; `by` is who released it, "" if nobody. `tracked` still has the hold."""
    assert tracked.hold is not None
    what = f"is released by {plain(by)}" if by else "is no longer held"
    text = f"{what}: {plain(why)} (held by {plain(tracked.hold.by)}: {plain(tracked.hold.why)})"
    return of_session(EventKind.RELEASED, tracked, policy_id, text, by=plain(by), why=plain(why))


def lock_fields(tracked: TrackedSession, policy_id: str, by: str, now_usec: int) -> dict[str, str]:
    """Return the fields that all events about a lock have, for reaper-lock, which knows nothing else of the session."""
    fields = common_fields(tracked, policy_id)
    idle_usec = max(0, now_usec - tracked.life.evidence_usec)
    reason, limit_usec = ("order", 0) if by else ("idle", _limit_usec(Reason.IDLE, tracked))
    fields.update(reason=reason, limit_usec=str(limit_usec), idle_usec=str(idle_usec), by=plain(by))
    return {name: value for name, value in fields.items() if value}


def desktop_locked(tracked: TrackedSession, policy_id: str, by: str, now_usec: int) -> Event:
    """Return the event of a graphical session whose desktop was asked to lock it; reaper-lock logs other locks."""
    fields = lock_fields(tracked, policy_id, by, now_usec)
    cause = f"as {plain(by)} ordered" if by else f"after {span(int(fields['idle_usec']))} without input"
    return of_session(EventKind.LOCKED, tracked, policy_id, f"is locked by its desktop {cause}", **fields)


def desktop_unlocked(tracked: TrackedSession, policy_id: str, now_usec: int) -> Event:
    """Return the event of a graphical session that its desktop has unlocked; `tracked` is still locked."""
    after_usec = max(0, now_usec - tracked.life.locked_usec)
    text = f"is unlocked by its desktop, {span(after_usec)} after it was locked"
    return of_session(EventKind.UNLOCKED, tracked, policy_id, text)


def warned_by(tracked: TrackedSession, policy_id: str, by: str, text: str, terminals: Collection[str]) -> Event:
    """Return the event of a warning by an administrator, whose `text` is "" if it was the session's own warning."""
    where = f"on {', '.join(terminals)}" if terminals else "on no terminal, because none accepts it"
    said = f": {plain(text)}" if text else ""
    return of_session(
        EventKind.WARNED, tracked, policy_id, f"is warned by {plain(by)} {where}{said}", by=plain(by), why=plain(text)
    )


def ungrouped(session: Session) -> str:
    """Return a log line, not an event: the groups of a session's user are not known."""
    user, name = plain(session.user), plain(session.name)
    return (
        f"the groups of {user} are not known yet: session {name} keeps the limits that it has, or is treated"
        " as if the user were in no group"
    )


NO_GROUPS = "The groups of its user are not known yet: until then it is treated as if the user were in no group."


def unnamed_groups(gids: Iterable[int]) -> str:
    """Return a sentence for `explain`: the groups whose names are not known, so that a rule may fail to match."""
    numbers = ", ".join(map(str, sorted(gids)))
    return f"The names of some groups of its user are not known ({numbers}): a rule may name one of them."


def unknown_groups(names: Iterable[str]) -> str:
    """Return a log line, not an event: no name service that answers knows these groups, which rules name."""
    return (
        f"no name service that reaperd can reach knows group {', '.join(map(plain, names))}: a rule for it matches only"
        " if the login record has the name"
    )


def started(version: str) -> Event:
    """Return the event of the daemon's start."""
    return Event(EventKind.STARTED, f"reaperd {version} watches the sessions of this host.", {})


def stopped(sessions: int) -> Event:
    """Return the event of the daemon's regular stop."""
    return Event(EventKind.STOPPED, f"reaperd stops; {sessions} sessions are not watched until it is back.", {})


def clock_stepped(step_usec: int) -> Event:
    """Return the event of a change of the wall clock; `step_usec` is negative if it was set back."""
    way = "forward" if step_usec > 0 else "back"
    message = (
        f"The time of day was set {way} by {span(abs(step_usec))}; no session ends earlier or later because of this."
    )
    return Event(EventKind.CLOCK_STEPPED, message, {})


def policy_loaded(policy: Policy) -> Event:
    """Return the event of a policy that comes into force."""
    sources = ", ".join(policy.sources) or "no file: the built-in policy"
    message = f"Policy {policy.id} is in force, environment {policy.environment} ({sources})."
    return Event(EventKind.POLICY_LOADED, message, {"policy": policy.id})


def policy_rejected(error: ReaperError, current: Policy | None) -> Event:
    """Return the event of invalid policy files; `current` is the policy that stays in force, if any."""
    stays = f"Policy {current.id} stays in force" if current else "There is no policy, and no session is touched"
    message = (
        f"The policy files are not used. {stays} until they are corrected and reaper.service is reloaded.\n{error}"
    )
    return Event(EventKind.POLICY_REJECTED, message, {"policy": current.id if current else "", "why": str(error)})


def braked(tracked: TrackedSession, policy: Policy) -> Event:
    """Return the event of a session that the brake holds back; logged once until the brake is released."""
    text = (
        f"waits, and others may too: {policy.brake.sessions} sessions were ended within {span(policy.brake.per_usec)},"
        " the most that the brake allows"
    )
    return of_session(EventKind.BRAKE, tracked, policy.id, text, reason="brake")


def of_log_event(
    logged: LogEvent, tracked: TrackedSession, policy_id: str, now_usec: int, why: str = "", freed: Usage | None = None
) -> Event:
    """Return the event of a session's life as a journal event.

    `why` is what the daemon adds: how a warning was delivered, what is still running, or which program delays the end.
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
    """Return "is warned" or "would be warned" without its first word, negated if its terminals are not written to."""
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
        return f"gets input from a robot, {why}, for {span(logged.usec)}: this does not count as input"
    if logged.event is LifecycleEvent.WARNED:
        verb = f"would {_warned('be', tracked)} ({exception})" if observing else _warned("is", tracked)
        locks = tracked.limits is not None and tracked.limits.action is Action.LOCK and logged.reason is Reason.IDLE
        return f"{verb}: it {'is locked' if locks else 'ends'} in {span(logged.usec)}, {cause}{also}"
    if logged.event is LifecycleEvent.CANCELLED:
        what = "its end is cancelled" if is_silent(tracked) else "its warning is withdrawn"
        return f"stays: {what}{_after(logged.usec)}"
    if logged.event is LifecycleEvent.DEFERRED:
        past = cause.replace("at ", "past ", 1)
        return f"stays while {why or 'a program'} runs, for {span(logged.usec)} at most, {past}"
    if logged.event is LifecycleEvent.OBSERVED:
        return f"would end now ({exception}), {cause}"
    if logged.event is LifecycleEvent.ENDING:
        without = missing(tracked.limits, bool(tracked.readings))
        idle = "" if tracked.order else _after(logged.usec, f" without {without}")
        return f"is being ended{idle}, {cause}{also}"
    if logged.event is LifecycleEvent.TERMINATED and freed is not None:
        return f"is ended, {cause}{_freed(freed)}{also}"
    if logged.event is LifecycleEvent.TERMINATE_FAILED:
        return f"could not be ended; the next attempt is in {span(transitions.RETRY_USEC)}{also}"
    return "closed"


def _after(usec: int, what: str = "") -> str:
    """Return how long after, as a part of a sentence; "" if that rounds to zero."""
    return f" after {span(usec)}{what}" if span(usec) != span(0) else ""


def _freed(freed: Usage) -> str:
    """Return what was freed, as the end of a sentence; "" if nothing was. Leaves out what rounds to zero."""
    parts = [f"{freed.processes} process{'es' * (freed.processes > 1)}"] if freed.processes else []
    parts += [f"{freed.rss_bytes // 1024} KiB of memory"] if freed.rss_bytes >= 1024 else []
    parts += [f"{span(freed.cpu_usec)} of CPU time"] if span(freed.cpu_usec) != span(0) else []
    last = " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)
    return f": {last} freed" if parts else ""
