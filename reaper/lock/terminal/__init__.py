"""One terminal of a locked session: how it is saved, taken over, drawn on and restored.

It must not decide who may read the terminal, and freezes nobody: see freeze.

tty.py          the tty itself: owner, modes, size, hangup, input typed ahead
typeahead.py    input typed before the lock, and the keys that restore it (pure)
probe.py        asks a terminal for its modes, and reads the contents of a console
lock_screen.py  what the lock screen shows, and the sequences that save and restore the screen (pure)
"""
