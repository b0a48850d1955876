"""reaper-lock: holds the terminals of one locked session, and returns them once its user has authenticated.

A separate program, one process for each locked session (reaper-lock@NAME.service), so that a restart of reaperd neither
opens nor loses a lock. It must not decide that a session is locked or ends: reaperd does. Modules and folders:

__main__.py        the command line: reaper-lock NAME, and reaper-lock --died NAME
keeper.py          the main loop: takes the terminals, handles authentication attempts, gives everything back
held_terminal.py   one terminal that the keeper holds: its saved state, its screen, its authentication attempt
release.py         the two ways a lock ends: everything is given back, or the session is hung up
store.py           the files of one lock: order, state, failure count
wakeup.py          the keeper's signals and its watchdog notifications
aftermath.py       what systemd runs after a keeper has ended: gives up step by step if keepers keep failing
bounded.py         runs a search of a user's open files in a thread, with a time limit
freeze/            finds the processes that can read the terminals, and freezes and thaws them
prompt/            the process that asks for the password: line editing, PAM conversation, dialogue
terminal/          one tty: saved, made private and raw, restored; and what the lock screen shows on it

What must hold: while the state says `locked`, until it says `unlocking`, no process of the user can read what is typed
on these terminals. Whatever happens to this program, in the end the session is given back, ended or locked again; it
is never open without authentication, and never stays frozen.
"""
