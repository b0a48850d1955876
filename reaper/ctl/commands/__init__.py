"""The subcommands of reaperctl. Each module has HELP, add_arguments() and run(), which returns the exit status.

check.py       checks the policy files and prints the merged policy
doctor.py      finds what keeps a limit from being enforced
explain.py     explains one session
hold.py        keeps a session for a limited time
list.py        lists the sessions
lock.py        locks a session
log.py         shows from the journal what happened to sessions
policy.py      prints the policy with the file and line of each value
release.py     ends a hold
reload.py      makes the daemon read the policy files again
terminate.py   ends a session
warn.py        shows a warning, or a text, on a session's terminals
watch.py       shows the sessions live
"""
