"""Everything that is said of sessions: journal events, messages on terminals, and answers on the socket.

Only texts and data: nothing here writes them anywhere, and nothing here decides what happens to a session.

    events.py              the kinds of events in the journal: ids, priorities, fields
    session_events.py      the sentence and the fields of each event
    lock_events.py         the events of reaper-lock
    terminal_messages.py   what the user reads on the terminals
    session_view.py        a session as `reaperctl list` and `explain` show it
    view_aging.py          what of such an answer changes with time alone
"""
