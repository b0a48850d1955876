"""The pure core: everything that reaper decides, as functions of values.

Nothing here reads the host, changes it, reads a clock, logs or sleeps. What the host looks like and what time it is
are parameters; what should be done is returned as data. So every decision can be tested and replayed. A test holds
each module to this: no os, time, socket, subprocess or the like, and of reaper only `decide` itself and `errors`.

Each folder may import itself and those before it in this column:

    text/          small values as text, both ways
    policy/        what a policy is, and the limits that it gives to a session
    policy/files/  how policy files are read, merged and written
    session/       one session: its evidence, its life, its locks and holds, and the saved state
    output/        everything that is said of sessions: journal, terminals, answers on the socket
"""
