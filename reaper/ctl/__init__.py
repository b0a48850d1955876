"""The program reaperctl: shows sessions and policies, and passes requests to the daemon. It enforces nothing itself.

__main__.py           parses the command line and runs a subcommand
commands/             a module for each subcommand
frame.py              the screen of watch
policy_options.py     the arguments of check and policy, and how they report mistakes
screen.py             takes over the terminal, and restores it
selection.py          chooses and sorts sessions, for list and watch
session_argument.py   the argument that names a session
style.py              widths, cutting, characters and colours of text
table.py              sessions as a table
"""
