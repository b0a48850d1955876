"""The program reaperd: the only place that joins sense, decide and act.

At each poll the daemon observes every session; between polls it handles sessions that are due. decide/session/step.py
decides what to do with a session, and this folder carries it out. A session is observed once more just before it is
warned, locked or ended: if it is in use or gone, nothing is done. Nothing here decides by rules of its own, reads /proc
itself or writes to a terminal itself: that is for decide, sense and act.

    __main__.py             the command line; constructs the daemon
    loop.py                 waits for polls, due sessions, logind, exits of leaders, signals and the socket
    core.py                 Daemon: the tick, the poll, the answers to step.py, policy and saved state
    registry.py             the tracked sessions; remove() is the only way out
    presence.py             finds new sessions, and notices that sessions are gone
    observer.py             the evidence of use that an observation of a session finds
    connection_counter.py   the traffic of ssh connections, counted and compared
    unread.py               unread input on terminals
    shared_activity.py      input that counts in all sessions of a user
    rule_context.py         what else changes a session's rule: elevation and the time of day
    user_groups.py          groups of users, for rules by group
    effects.py              carries out the acts of the lifecycle
    messenger.py            messages on terminals
    hold_notice.py          tells administrators that sessions are held
    termination.py          ends sessions, step by step
    termination_limiter.py  the brake: limits how many sessions end in a time
    deferrals.py            finds busy programs (step.py decides that sessions wait for them)
    locks.py                begins locks, follows them, ends them
    reauthentication.py     logs a user's first login after a termination
    api.py                  answers the calls on the socket
    requests.py             carries out requests of users and administrators
    state_file.py           saves the state over restarts
    pace.py                 detects lapses, and shares a tick between users
    intervals.py            how long the daemon waits, and why
    distrusting.py          processes that cannot be read without blocking
    supervisor.py           ends the daemon when it is stuck in a read of /proc
"""
