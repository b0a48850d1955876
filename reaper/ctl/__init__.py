"""The program reaperctl: shows sessions and policies, and passes requests to the daemon. It enforces nothing itself.

__main__.py           parses the command line and runs a subcommand
commands/             a module for each subcommand
frame.py              the screen of watch
policy_options.py     the arguments of check and policy, and how they report mistakes
process_table.py      the processes of a session as a table, and as JSON
screen.py             takes over the terminal, and restores it
selection.py          chooses and sorts sessions, for list and watch
session_argument.py   the argument that names a session
session_processes.py  reads the processes of a session: which would end with it, and what is in the foreground
style.py              widths, cutting, characters and colours of text
table.py              sessions as a table
"""
