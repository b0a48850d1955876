"""The daemon: the only place that joins sense, decide and act.

A tick looks at every session (at the poll) or at those whose moment has come (between polls), lets the lifecycle
decide, and has carried out what comes back. Before a session's end is begun it is looked at once more, afresh: if it is
not there any more, or not idle any more, nothing is done.

core.py has the tick, pace.py how the time that it takes is told from a stop and shared out, looks.py what a look at a
session takes in, unread.py what lies unread on its terminals, sharing.py what counts in a user's other sessions,
deferrals.py which programs a session waits for, endings.py how a session ends, returns.py who comes back after. The
loop that calls tick() is in service.py.
"""
