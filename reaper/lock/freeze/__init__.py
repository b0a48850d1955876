"""Finds, freezes and thaws the processes that can read the terminals of a locked session.

It must not decide whether a session is locked, and shows nothing to the user.

frozen.py       decides which processes of one session are frozen, and when they are put back
apart.py        the same from a separate thread, which is abandoned if the kernel makes it wait for good
readers.py      which processes of the user can read a terminal, and whether another user's can
descriptors.py  what one process has open, and whether it is one of the terminals
mounts.py       the mount a file is on, without asking its file system
io_uring.py     rings, by which a process can read even while it is frozen
freezer.py      the frozen cgroup below the scope of the session: moves processes in, and back where they came from
guard.py        moves a process that left the frozen cgroup back into it, and notices if it has run
tracer.py       holds the threads of frozen processes by ptrace(2)
quiesce.py      freezes all of a user for one search, so that no reader escapes it
other_locks.py  the processes that other locks have frozen
cgroups.py      reads and writes the files of control groups
"""
