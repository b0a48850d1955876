"""What a policy is, and the limits that it gives to a session; nothing here knows of files or of a session's life.

evidence_kind.py   the kinds of evidence that a session is in use
template.py        the administrator's text of a warning
limits.py          the limits of one session
ceiling.py         caps the limits of every rule
match.py           the conditions of a rule, and the facts of a session that they test
membership.py      the groups of a session's user
rules.py           the policy itself, and judge(), which selects the limits of a session
defaults.py        the built-in policy
hypothetical.py    a session made up to ask which rule would apply
files/             policy files: reading, merging, writing
"""
