"""Changes the host: signals, terminals, locks, sudo tickets, journald and reaper's own files. Decides nothing.

actor.py            every action of the daemon's in one class, which tests replace by a fake
journal.py          sends events and notes to journald; keeps them while journald is away
trouble.py          notes the daemon's own problems in the journal, a bounded number a minute
terminal_output.py  writes a message to a person's terminal without waiting
terminate.py        sends signals, each to exactly the process that is meant
lock_service.py     starts and stops reaper-lock, and asks desktops to lock
sudo_tickets.py     removes what lets sudo and doas skip the password
runtime_files.py    writes the state file; removes left-over records and marks
"""
