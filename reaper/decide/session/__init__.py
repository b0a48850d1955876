"""One session: the evidence that it is in use, its life, and what is remembered of it; nothing here writes messages.

Begin with lifecycle.py, which has the rules, and transitions.py, which has the table.

    model.py               the data: sessions, terminals, processes, and what was read of them
    codec.py               a session as JSON values
    state.py               the words of a session's life, and what follows from its state at one moment
    transitions.py         the table: what each event does in each phase
    lifecycle.py           the rules of a session's life, and how one moment leads to the next
    tracked_session.py     a session with everything that is remembered of it
    observation.py         how new readings of a session change it
    operations.py          how everything else changes it: time, holds, orders, locks
    policy_change.py       how it comes under a rule
    step.py                the order of questions when something is due

    terminal_evidence.py   whether a terminal's times show input, and when it was
    ssh_traffic.py         whether somebody typed, by the bytes of an ssh connection
    rhythm.py              regular input, as data
    progression.py         the period of regular input, calculated
    robots.py              whether regular input comes from a robot

    recipients.py          which processes each step of a termination signals
    hold.py                holds, and how long they may last
    brake.py               limits how many sessions are ended within a time
    past_terminations.py   sessions that were ended, and the logins that follow them
    lock_protocol.py       the files by which reaperd and reaper-lock speak
    stuck.py               users whose processes are not read, because one of them blocked the daemon
    snapshot.py            the daemon's saved state
"""
